//! What a user sees of a cached function.

mod contexts;
mod corners;
