//! L2 on disk.
