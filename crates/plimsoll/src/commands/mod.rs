//! One module per command.

pub(crate) mod admit;
pub(crate) mod attest;
pub(crate) mod audit;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod cluster;
pub(crate) mod db;
pub(crate) mod deeds;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod explain;
pub(crate) mod explained;
pub(crate) mod habits;
pub(crate) mod live;
pub(crate) mod meta;
pub(crate) mod node;
pub(crate) mod notation;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod registry;
pub(crate) mod sbom;
pub(crate) mod scan;
pub(crate) mod screen;
pub(crate) mod trust;
pub(crate) mod verify;
pub(crate) mod watch;
pub(crate) mod whose;

use crate::print::Failure;

/// What a command answers: an exit code.
pub(crate) type Answer = Result<u8, Failure>;
