//! What happens in running containers: events from the kernel, each with its process and its container.
//!
//! [`Event`] is the one form of an event: the sensor makes it, recordings hold it as JSON lines, rules read it.
//! Everything in an event comes from programs that may be hostile: lengths are bounded where they enter, and bytes that
//! are no text are shown as `\xNN`.

mod call;
pub mod drift;
pub mod event;
pub mod record;
pub mod rules;

pub use call::Call;
pub use event::Event;
