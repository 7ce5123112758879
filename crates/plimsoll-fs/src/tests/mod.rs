//! Whole walks over archives made for the purpose.

mod dialects;
mod hostile;
mod model;
mod trees;
