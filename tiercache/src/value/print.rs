//! The value print.
