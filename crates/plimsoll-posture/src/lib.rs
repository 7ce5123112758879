//! Is it set up securely? Facts go in - a Dockerfile, an image's configuration and files, a pod - and what is wrong with them comes out.
//!
//! One rule is one file: its id, severity, what, why, how to fix, the ids that others give it, a bad and a good example, and
//! the function that decides. The same text becomes the page in `docs/rules/`, SARIF help, and `plimsoll explain`. A rule
//! names the inputs it needs; where one is missing, its answer is "unknown" with that input named, never a pass.
//!
//! Reads no file and asks no clock: whoever calls hands over bytes and facts.

#![forbid(unsafe_code)]

pub mod cluster;
pub mod dockerfile;
pub mod frameworks;
pub mod fuzz;
pub mod image;
pub mod kubernetes;
mod page;
pub mod pod_security;
mod registry;
pub mod responsibility;
mod rule;

pub use page::{page, text};
pub use registry::{RULES, find, known_as};
pub use rule::{
    Area, Breach, BuildContext, Input, Judged, Rule, Support, Surroundings, Undecided, check_dockerfile,
    check_image, check_objects,
};
