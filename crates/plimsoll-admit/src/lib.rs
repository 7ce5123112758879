//! The gate of a cluster: an admission webhook that refuses what does not meet the requirements.
//!
//! A review comes in over HTTPS ([`server`]); what the object runs is found ([`engine`]), held against the policies with what
//! is known of its images ([`evidence`]), and answered ([`review`]). Policies are the same and decided by the same function
//! as `plimsoll verify --policy`. Evidence is gathered off the path by workers; admission looks it up and answers in its time,
//! with a reason. What fails is refused, except in the namespaces that are let through so that a cluster cannot lock itself out.

#![forbid(unsafe_code)]

use std::sync::Arc;

/// Seconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

pub mod authority;
pub mod engine;
pub mod event;
pub mod evidence;
pub mod files;
pub mod fuzz;
pub mod manifests;
pub mod metrics;
pub mod namespaces;
pub mod push;
pub mod recorded;
pub mod review;
pub mod server;
pub mod service;
pub mod tls;
