//! What rules can ask that is not in an event: names of users and addresses, and what the image's inventory says.

use std::net::IpAddr;

use crate::event::Container;

/// Answers what is not in an event. Whoever makes it owns where the answers come from; this crate reads no file for it.
///
/// Answers are remembered: [`Engine::forget`](super::Engine::forget) when they change.
pub trait Knowledge: Send + Sync {
    /// The name of a user of a container or the host.
    fn user(&self, container: &Container, uid: u32) -> Option<&str> {
        let _ = container;
        (uid == 0).then_some("root")
    }

    /// The name of a group of a container or the host.
    fn group(&self, container: &Container, gid: u32) -> Option<&str> {
        let _ = container;
        (gid == 0).then_some("root")
    }

    /// Who has to act on what happens in a container; nothing for what its pod says.
    fn owner(&self, container: &Container) -> Option<&str> {
        let _ = container;
        None
    }

    /// Names that were looked up and led to this address.
    fn names(&self, address: IpAddr) -> &[String] {
        let _ = address;
        &[]
    }

    /// What the inventory of the container's image says of a file of it; nothing when there is no inventory.
    fn file(&self, container: &Container, path: &str) -> Option<FileFacts<'_>> {
        let _ = (container, path);
        None
    }
}

/// What an image's inventory says of one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileFacts<'a> {
    /// Whether the image has a file there.
    pub known: bool,
    /// The package that owns it.
    pub package: Option<&'a str>,
    /// The version of that package.
    pub version: Option<&'a str>,
    /// The digest of the layer that it comes from.
    pub layer: Option<&'a str>,
    /// The worst severity among the findings of that package, as in `high`.
    pub severity: Option<&'a str>,
    /// Whose move the worst of those findings is, as in `base image`.
    pub party: Option<&'a str>,
    /// The ids of those findings, as in `CVE-2021-23337`.
    pub ids: &'a [String],
}

/// Knows nothing but that user 0 is root.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Knowledge for Nothing {}
