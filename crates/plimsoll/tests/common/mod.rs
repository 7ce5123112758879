//! What the black-box tests share: images made in code, a small feed folder, and the program run as users run it.

#![allow(dead_code, reason = "each test program uses its part")]

pub(crate) mod feeds;
pub(crate) mod image;
pub(crate) mod shop;
pub(crate) mod upstream;
