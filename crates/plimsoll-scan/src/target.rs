//! What the user named, and what it means.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use plimsoll_model::Via;
use plimsoll_oci::{Detected, Reference};

use crate::ScanError;
use crate::git::Address;

/// A place to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A directory or root file system.
    Directory(PathBuf),
    /// A place that holds images, and which of them is meant.
    Images {
        /// How it is stored.
        form: ImageForm,
        /// Where it is.
        path: PathBuf,
        /// Tag, name or digest of the image that is meant.
        reference: Option<String>,
    },
    /// An image in a registry.
    Registry(Reference),
    /// An image that a daemon has.
    Daemon {
        /// Which daemon.
        via: Via,
        /// Name or id.
        name: String,
    },
    /// An image, wherever it is: daemons and registries are asked in the order of [`crate::Options::from`].
    Named {
        /// As typed: daemons have short names of their own, and ids.
        name: String,
        /// The same for registries.
        reference: Reference,
    },
    /// The files of a container that a daemon has.
    Container(String),
    /// What a process of this machine sees as its root.
    Process(u32),
    /// A repository of git.
    Git(Address),
    /// An image archive on standard input.
    Stdin,
    /// An SBOM document.
    Sbom(PathBuf),
}

/// How images are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageForm {
    /// What the content says.
    Guess,
    /// What `docker save` writes.
    DockerArchive,
    /// An OCI image layout, as a directory or tar.
    Oci,
}

impl Target {
    /// Reads what was typed. Without a prefix the place itself decides: the file system is asked.
    pub fn parse(text: &str) -> Result<Self, ScanError> {
        if text == "-" {
            return Ok(Target::Stdin);
        }
        if let Some(name) = ["registry:", "docker://"].iter().find_map(|prefix| text.strip_prefix(prefix)) {
            return Ok(Target::Registry(Reference::parse(name)?));
        }
        for (prefix, via) in
            [("docker:", Via::Docker), ("podman:", Via::Podman), ("containerd:", Via::Containerd)]
        {
            if let Some(name) = text.strip_prefix(prefix) {
                return Ok(Target::Daemon { via, name: name.to_owned() });
            }
        }
        if let Some(name) = text.strip_prefix("container:") {
            return Ok(Target::Container(name.to_owned()));
        }
        if let Some(number) = text.strip_prefix("pid:") {
            let process = number.parse().ok().filter(|process| *process > 0);
            return process.map(Target::Process).ok_or_else(|| ScanError::NoTarget {
                target: text.to_owned(),
                hint: "expected the number of a process, as in pid:4711".to_owned(),
            });
        }
        if let Some(path) = text.strip_prefix("dir:").or_else(|| text.strip_prefix("rootfs:")) {
            return existing(path, text).map(Target::Directory);
        }
        if let Some(address) = text.strip_prefix("git:").filter(|rest| !rest.starts_with("//")) {
            return Ok(Target::Git(Address::parse(address)?));
        }
        if let Some(path) = text.strip_prefix("sbom:") {
            return existing(path, text).map(Target::Sbom);
        }
        for (prefix, form) in [
            ("docker-archive:", ImageForm::DockerArchive),
            ("oci-archive:", ImageForm::Oci),
            ("oci:", ImageForm::Oci),
        ] {
            if let Some(rest) = text.strip_prefix(prefix) {
                return images(rest, form, text);
            }
        }
        guess(text)
    }
}

fn existing(path: &str, typed: &str) -> Result<PathBuf, ScanError> {
    let path = PathBuf::from(path);
    match path.symlink_metadata() {
        Ok(_) => Ok(path),
        Err(_) => Err(ScanError::NotFound { target: typed.to_owned(), near: near(&path) }),
    }
}

/// `PATH`, `PATH:TAG`, `PATH:NAME:TAG` or `PATH@DIGEST`.
fn images(rest: &str, form: ImageForm, typed: &str) -> Result<Target, ScanError> {
    let (path, reference) = plimsoll_oci::split_reference(rest);
    let path = existing(&path.to_string_lossy(), typed)?;
    Ok(Target::Images { form, path, reference })
}

/// What a text without prefix means, in this order: something that exists, a repository of git, a part of something that exists, a neighbour
/// whose name was mistyped, an image of a daemon or registry.
fn guess(text: &str) -> Result<Target, ScanError> {
    let path = Path::new(text);
    if !path.exists() && Address::is_meant(text) {
        return Ok(Target::Git(Address::parse(text)?));
    }
    if !path.exists() {
        let in_a_place = plimsoll_oci::split_reference(text).1.is_some();
        let bare = !text.contains(['/', ':', '@']);
        let near = if bare { near(path) } else { None };
        return match Reference::parse(text) {
            Ok(reference) if !in_a_place && near.is_none() && !looks_like_a_path(text) => {
                Ok(Target::Named { name: text.to_owned(), reference })
            }
            _ => images(text, ImageForm::Guess, text),
        };
    }
    if path.is_file() && is_text(path) {
        return Ok(Target::Sbom(path.to_owned()));
    }
    Ok(match plimsoll_oci::detect(path)? {
        Detected::Directory => Target::Directory(path.to_owned()),
        Detected::Tar | Detected::Other => {
            if let Some((form, hint)) = uncovered(path) {
                return Err(ScanError::NotCovered { target: text.to_owned(), form, hint });
            }
            let hint = "unpack a root file system and scan it as dir:PATH, or wrap it with `docker import`";
            return Err(ScanError::NoTarget { target: text.to_owned(), hint: hint.to_owned() });
        }
        Detected::Images(_) | Detected::CompressedArchive => {
            Target::Images { form: ImageForm::Guess, path: path.to_owned(), reference: None }
        }
    })
}

/// Names that somebody types for a file, although a registry could have an image called so.
fn looks_like_a_path(text: &str) -> bool {
    const ENDINGS: [&str; 17] = [
        ".tar",
        ".tar.gz",
        ".tgz",
        ".tar.zst",
        ".tar.xz",
        ".json",
        ".xml",
        ".spdx",
        ".cdx",
        ".sif",
        ".qcow2",
        ".vmdk",
        ".vhdx",
        ".vdi",
        ".ova",
        ".iso",
        ".squashfs",
    ];
    text.starts_with(['.', '/', '~']) || ENDINGS.iter().any(|ending| text.ends_with(ending))
}

/// Forms that hold a root file system and are not read: disks of virtual machines, images of file systems, SIF. What it is,
/// and what to do, by the marks that `file(1)` knows.
fn uncovered(path: &Path) -> Option<(&'static str, &'static str)> {
    const DISK: &str =
        "attach it read-only (`guestmount -a FILE -i --ro DIR`, `qemu-nbd --read-only`) and scan dir:DIR";
    const FILES: &str = "mount it read-only (`mount -o ro,loop FILE DIR`) and scan dir:DIR";
    const MARKS: [(usize, &[u8], &str, &str); 16] = [
        (0, b"QFI\xfb", "a disk of a virtual machine (qcow2)", DISK),
        (0, b"KDMV", "a disk of a virtual machine (VMDK)", DISK),
        (0, b"# Disk DescriptorFile", "a disk of a virtual machine (VMDK)", DISK),
        (0, b"vhdxfile", "a disk of a virtual machine (VHDX)", DISK),
        (0, b"conectix", "a disk of a virtual machine (VHD)", DISK),
        (0x40, b"\x7f\x10\xda\xbe", "a disk of a virtual machine (VDI)", DISK),
        (
            32,
            b"SIF_MAGIC\0",
            "an image of Singularity or Apptainer (SIF)",
            "unpack it (`singularity build --sandbox DIR FILE`) and scan dir:DIR",
        ),
        (
            0,
            b"hsqs",
            "an image of a file system (SquashFS)",
            "unpack it (`unsquashfs -d DIR FILE`) and scan dir:DIR",
        ),
        (
            8,
            b"AI\x02",
            "a program with a file system in it (AppImage)",
            "unpack it (`./FILE --appimage-extract`) and scan dir:squashfs-root",
        ),
        (0x8001, b"CD001", "an image of a disc (ISO 9660)", FILES),
        (1024, b"\xe2\xe1\xf5\xe0", "an image of a file system (EROFS)", FILES),
        (0x1_0040, b"_BHRfS_M", "an image of a file system (Btrfs)", FILES),
        (0, b"XFSB", "an image of a file system (XFS)", FILES),
        (1080, b"\x53\xef", "an image of a file system (ext2, ext3 or ext4)", FILES),
        (512, b"EFI PART", "a disk with partitions", DISK),
        (510, b"\x55\xaa", "a disk with partitions", DISK),
    ];
    const LONGEST: u64 = 0x1_0048;
    let mut head = Vec::new();
    File::open(path).ok()?.take(LONGEST).read_to_end(&mut head).ok()?;
    let fits = |(place, mark, ..): &&(usize, &[u8], &str, &str)| {
        head.get(*place..).is_some_and(|rest| rest.starts_with(mark))
    };
    MARKS.iter().find(fits).map(|(_, _, form, hint)| (*form, *hint))
}

/// Archives begin with binary magic or a file name padded with zeros; SBOM documents are text.
fn is_text(path: &Path) -> bool {
    let mut head = [0_u8; 512];
    let Ok(read) = File::open(path).and_then(|mut file| file.read(&mut head)) else { return false };
    let head = &head[..read];
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    matches!(head.first(), Some(b'{' | b'<')) || head.starts_with(b"SPDXVersion:")
}

/// A neighbour whose name is nearly the one that was typed.
fn near(path: &Path) -> Option<String> {
    const ENTRIES: usize = 1000;
    let wanted = path.file_name()?.to_str()?.to_lowercase();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .take(ENTRIES)
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let best =
        names.into_iter().map(|name| (plimsoll_model::edits(&wanted, &name.to_lowercase()), name)).min()?;
    (best.0 <= 1 + wanted.len() / 4).then(|| folder.join(best.1).display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What holds files and is not read is named with what it is.
    #[test]
    fn disks_and_file_systems_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |place: usize, mark: &[u8]| {
            let path = folder.path().join("image");
            let mut content = vec![0xf0; 0x1_1000];
            content[place..place + mark.len()].copy_from_slice(mark);
            std::fs::write(&path, content).unwrap();
            Target::parse(path.to_str().unwrap()).unwrap_err()
        };
        for (place, mark, form) in [
            (0, &b"QFI\xfb"[..], "qcow2"),
            (0, b"KDMV", "VMDK"),
            (0x40, b"\x7f\x10\xda\xbe", "VDI"),
            (32, b"SIF_MAGIC\0", "SIF"),
            (0, b"hsqs", "SquashFS"),
            (0x8001, b"CD001", "ISO 9660"),
            (1080, b"\x53\xef", "ext4"),
            (0x1_0040, b"_BHRfS_M", "Btrfs"),
            (510, b"\x55\xaa", "partitions"),
        ] {
            let error = at(place, mark);
            assert!(error.to_string().contains(form) && error.to_string().contains("not covered"), "{error}");
            assert!(!error.is_usage() && error.hint().unwrap().contains("dir:"), "{error}");
        }
        assert!(matches!(at(3, b"hsqs"), ScanError::NoTarget { .. }));
    }

    #[test]
    fn typed_targets() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display().to_string();
        std::fs::write(folder.path().join("a:b.tar"), b"PK").unwrap();
        std::fs::write(folder.path().join("bom.json"), b" {}").unwrap();
        std::fs::create_dir_all(folder.path().join("layout")).unwrap();
        std::fs::write(folder.path().join("layout/oci-layout"), b"{}").unwrap();
        std::fs::write(folder.path().join("layout/index.json"), b"{}").unwrap();

        assert_eq!(Target::parse("-").unwrap(), Target::Stdin);
        assert_eq!(Target::parse(&root).unwrap(), Target::Directory(folder.path().into()));
        assert_eq!(Target::parse(&format!("dir:{root}")).unwrap(), Target::Directory(folder.path().into()));
        let bom = folder.path().join("bom.json");
        assert_eq!(Target::parse(&bom.display().to_string()).unwrap(), Target::Sbom(bom));
        let check = |text: String, form: ImageForm, path: &str, reference: Option<&str>| {
            let expected = Target::Images {
                form,
                path: folder.path().join(path),
                reference: reference.map(str::to_owned),
            };
            assert_eq!(Target::parse(&text).unwrap(), expected, "{text}");
        };
        check(format!("{root}/layout"), ImageForm::Guess, "layout", None);
        check(format!("oci:{root}/layout:1.2"), ImageForm::Oci, "layout", Some("1.2"));
        check(format!("oci:{root}/layout@sha256:00"), ImageForm::Oci, "layout", Some("sha256:00"));
        check(format!("docker-archive:{root}/a:b.tar"), ImageForm::DockerArchive, "a:b.tar", None);
        check(
            format!("docker-archive:{root}/a:b.tar:web:1"),
            ImageForm::DockerArchive,
            "a:b.tar",
            Some("web:1"),
        );
        check(format!("{root}/a:b.tar:web:1"), ImageForm::Guess, "a:b.tar", Some("web:1"));
    }

    #[test]
    fn what_does_not_exist_is_an_image() {
        for (text, expected) in [
            ("plimsoll-test-absent:12", Some("docker.io/library/plimsoll-test-absent:12")),
            ("registry:debian", Some("docker.io/library/debian:latest")),
            ("docker://ghcr.io/a/b", Some("ghcr.io/a/b:latest")),
            ("localhost:5000/a:1", Some("localhost:5000/a:1")),
            ("./absent", None),
            ("/absent/a:1", None),
            ("absent.tar", None),
            ("absent/bom.json", None),
            ("registry:A b", None),
            ("No Image", None),
        ] {
            match Target::parse(text) {
                Ok(Target::Registry(reference) | Target::Named { reference, .. }) => {
                    assert_eq!(Some(reference.to_string().as_str()), expected);
                }
                other => assert!(expected.is_none() && other.is_err(), "{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn repositories() {
        for (text, expected) in [
            ("git:https://host/a/b#v1:web", Some("https://host/a/b#v1:web")),
            ("git:github.com/a/b", Some("https://github.com/a/b")),
            ("git:git@host:a/b", Some("git@host:a/b")),
            ("github.com/a/b", Some("https://github.com/a/b")),
            ("git@host:a/b.git#main", Some("git@host:a/b.git#main")),
            ("git://host/a", Some("git://host/a")),
            ("git:ext::sh -c id", None),
            ("git:--upload-pack=id", None),
        ] {
            match Target::parse(text) {
                Ok(Target::Git(address)) => assert_eq!(Some(address.to_string().as_str()), expected),
                other => assert!(expected.is_none() && other.is_err(), "{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_not_there_names_a_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("shop-web.tar"), b"").unwrap();
        let error = Target::parse(&format!("{}/shop-wbe.tar", folder.path().display())).unwrap_err();
        assert!(error.hint().unwrap().contains("shop-web.tar"), "{:?}", error.hint());
    }
}
