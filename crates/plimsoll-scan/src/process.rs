//! The files that a process sees: a running container, without asking its daemon.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use plimsoll_model::{Container, Origin, Target as TargetFacts, TargetKind, Via};

use crate::scan::{Heard, Seen, add_settings, assembled, limits};
use crate::{Options, Progress, ScanError};

/// Most bytes of a process's control groups that are read.
const LARGEST_GROUPS: u64 = 64 * 1024;
/// Hexadecimal digits of a container's id.
const ID: usize = 64;

/// The files below the root of a process.
pub(crate) fn process(
    typed: &str,
    number: u32,
    options: &Options,
    progress: &dyn Progress,
) -> Result<(TargetFacts, Seen), ScanError> {
    let root = format!("/proc/{number}/root");
    let read = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => ScanError::NotFound { target: typed.to_owned(), near: None },
        _ => ScanError::Read { path: root.clone(), source },
    };
    if is_our_own(number).map_err(read)? {
        return Err(ScanError::NoTarget {
            target: typed.to_owned(),
            hint: "this process sees the root of this machine: scan that as dir:/".to_owned(),
        });
    }
    let walk = plimsoll_fs::walk_process(number, &options.extractors(), &limits(options), &Heard(progress))
        .map_err(read)?;
    let mut seen = assembled(walk, Vec::new());
    let origin = Origin { container: container(number), ..Origin::new(Via::Process, root.clone()) };
    let target = TargetFacts {
        release: seen.inventory.release.clone(),
        origin: Some(origin),
        ..TargetFacts::named(TargetKind::Image, typed)
    };
    add_settings(&mut seen, None, &target, options);
    Ok((target, seen))
}

/// Does it see the same files as we do?
fn is_our_own(number: u32) -> io::Result<bool> {
    let theirs = fs::metadata(format!("/proc/{number}/root"))?;
    let ours = fs::metadata("/")?;
    let namespace = |process: &str| fs::read_link(Path::new("/proc").join(process).join("ns/mnt"));
    Ok((theirs.dev(), theirs.ino()) == (ours.dev(), ours.ino())
        && namespace(&number.to_string())? == namespace("self")?)
}

/// The container that a process belongs to, as its control groups are named.
fn container(number: u32) -> Option<Container> {
    let mut groups = String::new();
    let file = fs::File::open(format!("/proc/{number}/cgroup")).ok()?;
    file.take(LARGEST_GROUPS).read_to_string(&mut groups).ok()?;
    Some(Container { id: id(&groups)?.to_owned(), name: None })
}

/// The last id in the text of cgroup(7): `docker-ID.scope`, `libpod-ID.scope`, `cri-containerd-ID.scope`, `/docker/ID`.
fn id(groups: &str) -> Option<&str> {
    groups
        .split(|character: char| !character.is_ascii_hexdigit())
        .rfind(|word| word.len() == ID && word.bytes().all(|byte| !byte.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_names_of_control_groups() {
        let hex = "0123456789abcdef".repeat(4);
        for (groups, expected) in [
            (format!("0::/system.slice/docker-{hex}.scope\n"), true),
            (format!("0::/machine.slice/libpod-{hex}.scope/container\n"), true),
            (format!("12:pids:/docker/{hex}\n11:cpu:/docker/{hex}\n"), true),
            (format!("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{hex}.scope\n"), true),
            ("0::/user.slice/user-1000.slice/session-2.scope\n".to_owned(), false),
            (format!("0::/{hex}0\n"), false),
            (String::new(), false),
        ] {
            assert_eq!(id(&groups), expected.then_some(hex.as_str()), "{groups}");
        }
    }

    #[test]
    fn we_are_our_own() {
        assert!(is_our_own(std::process::id()).unwrap());
        assert_eq!(is_our_own(u32::MAX).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
