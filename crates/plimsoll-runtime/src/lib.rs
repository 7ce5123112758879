//! What happens in running containers: events from the kernel, each with its process and its container.
//!
//! [`Event`] is the one form of an event: the sensor makes it, recordings hold it as JSON lines, rules read it.
//! Everything in an event comes from programs that may be hostile: lengths are bounded where they enter, and bytes that
//! are no text are shown as `\xNN`.

#![cfg_attr(
    not(feature = "runtime"),
    allow(dead_code, reason = "parts serve the sensor that the feature brings")
)]

pub mod baseline;
mod call;
pub mod container;
pub mod drift;
pub mod event;
pub mod fuzz;
pub mod record;
pub mod respond;
pub mod rules;
pub mod sensor;

pub use call::Call;
pub use event::Event;
#[cfg(feature = "runtime")]
pub use sensor::Sensor;
