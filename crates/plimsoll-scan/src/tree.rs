//! All files of an image with their digests and owners: what a sensor holds against what runs.

use std::collections::{BTreeMap, HashMap};

use plimsoll_extract::FileContent;
use plimsoll_fs::DirectoryLink;
use plimsoll_model::{Digest, ImagePath, Inventory, Target as TargetFacts};
use serde::{Deserialize, Serialize};

use crate::assemble::{self, DirectoryLinks, Found};
use crate::scan;
use crate::{Options, Progress, ScanError};

/// Part of the name under which a tree is kept: raised when the same layers would give another one.
pub(crate) const PURPOSE: &str = "tree 1";

/// The files of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tree {
    /// Regular files, sorted by path, each name once.
    pub files: Vec<TreeFile>,
    /// Symbolic links to directories on the way to them and to them, with where they finally lead; sorted.
    pub links: Vec<(ImagePath, ImagePath)>,
}

/// A file of a [`Tree`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeFile {
    /// Where it is, directory links followed.
    pub path: ImagePath,
    /// Layer that wrote it, counted from 1; absent outside of images.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layer: Option<u32>,
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 of its content.
    pub digest: Digest,
    /// It is an ELF file: a program or a library.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub elf: bool,
    /// Packages that it is of, as places in the inventory: the distribution package that owns it first, then packages that were found in
    /// the file itself, as the modules of a Go program.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub packages: Vec<u32>,
}

/// An image, file by file.
#[derive(Debug)]
pub struct Contents {
    /// What was read.
    pub target: TargetFacts,
    /// Its packages, and what could not be read.
    pub inventory: Inventory,
    /// Its files.
    pub tree: Tree,
}

/// Reads all files of what `typed` names, in any form that a scan takes. No advisory is asked.
///
/// # Errors
/// When it cannot be found or read.
pub fn contents(typed: &str, options: &Options, progress: &dyn Progress) -> Result<Contents, ScanError> {
    let options = Options { contents: true, inventory_only: true, ..options.clone() };
    let (target, seen) = scan::read(typed, &options, &mut std::io::empty(), progress)?;
    Ok(Contents { target, inventory: seen.inventory, tree: seen.tree.unwrap_or_default() })
}

/// What a walk told of one file.
pub(crate) struct Walked {
    pub(crate) path: ImagePath,
    pub(crate) layer: Option<u32>,
    pub(crate) content: FileContent,
}

/// The names of the distribution packages that own files, by the real path; nothing where no file was asked about.
pub(crate) fn owned(
    contents: &[Walked],
    found: &[Found],
    links: &DirectoryLinks,
) -> Option<HashMap<Vec<u8>, String>> {
    if contents.is_empty() {
        return None;
    }
    let owners = assemble::owners(contents.iter().map(|content| &content.path), found, links);
    Some(owners.into_iter().map(|(path, (_, package))| (path, package.to_owned())).collect())
}

pub(crate) fn put_together(
    contents: Vec<Walked>,
    owned: &HashMap<Vec<u8>, String>,
    file_links: Vec<DirectoryLink>,
    links: &DirectoryLinks,
    inventory: &Inventory,
) -> Tree {
    let mut distribution: HashMap<&str, u32> = HashMap::new();
    let mut found_in: HashMap<&[u8], Vec<u32>> = HashMap::new();
    for (place, package) in (0_u32..).zip(&inventory.packages) {
        if package.ecosystem.is_distribution() {
            distribution.entry(&package.name).or_insert(place);
        } else {
            for location in &package.locations {
                found_in.entry(assemble::outer_file(location)).or_default().push(place);
            }
        }
    }
    let mut files: Vec<TreeFile> = contents
        .into_iter()
        .map(|Walked { path, layer, content }| {
            let owner = owned.get(&assemble::real_path(path.as_bytes(), links));
            let owner = owner.and_then(|name| distribution.get(name.as_str()).copied());
            let inside = found_in.get(path.as_bytes()).into_iter().flatten().copied();
            let mut packages: Vec<u32> = owner.into_iter().chain(inside).collect();
            packages.dedup();
            let FileContent { mode, digest, elf } = content;
            TreeFile { path, layer, mode, digest, elf, packages }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let mut all: BTreeMap<ImagePath, ImagePath> = links.clone();
    all.extend(file_links.into_iter().map(|link| (link.path, link.target)));
    Tree { files, links: all.into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;
    use crate::NoProgress;

    #[test]
    fn every_file_with_its_digest_its_links_and_its_package() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["usr/bin", "etc", "var/lib/dpkg/info", "srv"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("usr/bin/tool"), b"\x7fELF and more").unwrap();
        std::fs::set_permissions(root.join("usr/bin/tool"), std::fs::Permissions::from_mode(0o4755)).unwrap();
        std::fs::write(root.join("srv/empty"), b"").unwrap();
        // Larger than whoever reads an os-release likes, and read all the same.
        std::fs::write(root.join("srv/package-lock.json"), vec![b' '; 70 << 20]).unwrap();
        symlink("usr/bin", root.join("bin")).unwrap();
        symlink("tool", root.join("usr/bin/alias")).unwrap();
        std::fs::write(root.join("etc/os-release"), "ID=debian\nVERSION_ID=12\n").unwrap();
        let status =
            "Package: tool\nStatus: install ok installed\nArchitecture: all\nVersion: 1.0\nMaintainer: x\n\n";
        std::fs::write(root.join("var/lib/dpkg/status"), status).unwrap();
        std::fs::write(root.join("var/lib/dpkg/info/tool.list"), "/.\n/bin/tool\n").unwrap();
        let typed = format!("dir:{}", root.display());
        let contents = contents(&typed, &Options::default(), &NoProgress).unwrap();
        let file =
            |path: &str| contents.tree.files.iter().find(|file| file.path == ImagePath::from(path)).unwrap();
        let tool = file("usr/bin/tool");
        assert!(tool.elf && tool.mode == 0o4755, "{tool:?}");
        let package = &contents.inventory.packages[tool.packages[0] as usize];
        assert_eq!((package.name.as_str(), package.version.as_str()), ("tool", "1.0"));
        let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(file("srv/empty").digest.to_string(), empty);
        assert!(!file("srv/package-lock.json").elf);
        let links: Vec<String> =
            contents.tree.links.iter().map(|(path, target)| format!("{path}>{target}")).collect();
        assert_eq!(links, ["bin>usr/bin", "usr/bin/alias>usr/bin/tool"]);
        assert_eq!(contents.tree.files.len(), 6, "{:?}", contents.tree.files);
        // As it is kept and read again.
        let text = serde_json::to_string(&contents.tree).unwrap();
        assert_eq!(serde_json::from_str::<Tree>(&text).unwrap(), contents.tree);
    }
}
