//! What may be stored, the shapes functions return, and the value print.

pub(crate) mod print;
