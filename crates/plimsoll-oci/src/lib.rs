//! Container images as they are stored and passed around: registries, daemons, OCI layouts and archives.
//!
//! Turns a place into images whose layers can be opened, without unpacking anything to disk. Hides indexes, manifests,
//! configurations, media types and their history; checks every document against its digest. Layers are handed out as
//! stored: whoever reads them checks their digest and diff id.
//!
//! Everything here is hostile input. Limits are documented where they stand; a document over its limit is an error, a
//! layer that cannot be had is a problem of the image, so that the others are still read.
//!
//! Paths are [`Location`]s; registries are reached through [`Registries`], which gives the same [`Source`]; daemons through
//! [`Daemons`], whose images pass as a [`stream`].

#![forbid(unsafe_code)]

mod assemble;
mod challenge;
mod choose;
mod content;
mod credentials;
mod daemon;
mod document;
mod error;
pub mod fuzz;
mod image;
mod layout;
mod location;
mod members;
mod places;
mod platform;
mod push;
mod reference;
mod registry;
mod saved;
mod store;
mod stream;
#[cfg(test)]
mod tests;

pub use daemon::{DaemonContainer, DaemonImage, DaemonSettings, DaemonVariables, Daemons};
pub use error::Error;
pub use image::{Blob, Form, History, Image, ImageSummary, Run, Selection, Source};
pub use location::{Detected, Location, detect, list, open, split_reference};
pub use places::RegistryFiles;
pub use platform::{Platform, PlatformError};
pub use push::{Artifact, Descriptor, Part, StoredArtifact, StoredPart};
pub use reference::{Reference, RepositoryName};
pub use registry::{
    Asked, Located, Manifest, Mirror, Referrer, Referring, Registries, RegistrySettings, Repository,
};
pub use stream::{BlobHeader, stream};
