//! Flatpak: `flatpak/{app,runtime}/ID/ARCHITECTURE/BRANCH/COMMIT/metadata`.
//!
//! The branch of a runtime is its version (`org.freedesktop.Platform` 23.08). That of an application is `stable`: its version is
//! that of the newest release in its file for software shops (`files/share/metainfo/ID.metainfo.xml`), which is the first. An
//! application without one is listed without a version.
//!
//! Format: flatpak-metadata(5); docs.flatpak.org, "Under the Hood"; AppStream 1.0, section 2.1.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};
use quick_xml::events::BytesStart;

use super::{is_plain, tree, xml};
use crate::{Extraction, Extractor, Reader};

/// Flatpak's applications and runtimes.
pub static FLATPAK: Extractor = Extractor {
    name: "lang/flatpak",
    version: 2,
    declares: false,
    wants: |entry: &Entry<'_>| place(entry.path).is_some() || of_shops(entry.path).is_some(),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

struct Place<'a> {
    is_runtime: bool,
    id: &'a str,
    architecture: &'a str,
    branch: &'a str,
}

/// The folder of a commit, with the end of the path of a file for software shops taken off: what belongs together ends with
/// the same. `None` for other files.
pub fn commit_folder(path: &ImagePath) -> Option<&[u8]> {
    let bytes = path.as_bytes();
    match bytes.strip_suffix(b"/metadata") {
        Some(folder) => place(path).map(|_| folder),
        None => of_shops(path).map(|(folder, _)| folder.as_bytes()),
    }
}

/// The folder of the commit, and the place that its metadata names.
fn of_shops(path: &ImagePath) -> Option<(&str, Place<'_>)> {
    const FOLDERS: [&str; 2] = ["/files/share/metainfo/", "/files/share/appdata/"];
    const ENDS: [&str; 2] = [".metainfo.xml", ".appdata.xml"];
    let path = std::str::from_utf8(path.as_bytes()).ok()?;
    let (folder, file) = FOLDERS.iter().find_map(|folder| path.split_once(folder))?;
    let id = ENDS.iter().find_map(|end| file.strip_suffix(end))?;
    let place = of_folder(folder)?;
    // A runtime's version is known, and an application may bring the files of others.
    (!place.is_runtime && place.id == id).then_some((folder, place))
}

fn place(path: &ImagePath) -> Option<Place<'_>> {
    of_folder(std::str::from_utf8(path.as_bytes()).ok()?.strip_suffix("/metadata")?)
}

fn of_folder(folder: &str) -> Option<Place<'_>> {
    let mut parts = folder.rsplit('/');
    let _commit = parts.next()?;
    let (branch, architecture, id, kind) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_runtime = kind == "runtime";
    let is_ours = (is_runtime || kind == "app") && parts.next() == Some("flatpak");
    (is_ours && [id, architecture, branch].into_iter().all(is_plain)).then_some(Place {
        is_runtime,
        id,
        architecture,
        branch,
    })
}

/// The version of the first release.
#[derive(Default)]
struct Releases {
    version: Option<String>,
}

impl xml::Visitor for Releases {
    fn opened(&mut self, names: &[String], _: u32, element: &BytesStart<'_>) {
        let [_, releases, release] = names else { return };
        if releases == "releases" && release == "release" && self.version.is_none() {
            self.version = xml::attribute(element, "version").filter(|version| is_plain(version));
        }
    }

    fn closed(&mut self, _: &[String], _: &str) {}
}

/// Reads the metadata of one application or runtime, or what software shops show of an application.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    if let Some((_, place)) = of_shops(path) {
        let mut releases = Releases::default();
        let mut problems = Vec::new();
        xml::walk(path, &tree::decode(bytes), &mut problems, &mut releases);
        let packages = releases.version.map(|version| {
            let package = Package::new(Ecosystem::Flatpak, place.id, version, Location::new(path.clone()));
            Package { architecture: Some(place.architecture.to_owned()), ..package }
        });
        return Extraction { packages: packages.into_iter().collect(), problems, ..Extraction::default() };
    }
    let Some(place) = place(path) else {
        return Extraction::problem(Problem::corrupt(path, "the folders name no application or runtime"));
    };
    let text = tree::decode(bytes);
    let heads = ["[Application]", "[Runtime]", "[ExtensionOf]"];
    if !text.lines().any(|line| heads.contains(&line.trim())) {
        return Extraction::problem(Problem::corrupt(
            path,
            "neither an application nor a runtime is described",
        ));
    }
    let version = if place.is_runtime { place.branch } else { "" };
    let mut package = Package::new(Ecosystem::Flatpak, place.id, version, Location::new(path.clone()));
    package.architecture = Some(place.architecture.to_owned());
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::expect;

    #[test]
    fn versions_of_applications() {
        let folder = "var/lib/flatpak/app/org.example.Mast/x86_64/stable/0a1b";
        let shown = include_bytes!("../../fixtures/lang/flatpak/metainfo.xml");
        for end in ["metainfo/org.example.Mast.metainfo.xml", "appdata/org.example.Mast.appdata.xml"] {
            let path = ImagePath::from(format!("{folder}/files/share/{end}").as_str());
            assert!((FLATPAK.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
            assert_eq!(commit_folder(&path), Some(folder.as_bytes()));
            expect(&parse(&path, shown), &["org.example.Mast@3.2.1 0 Unknown Runtime"], 0);
            expect(&parse(&path, b"<component><releases/></component>"), &[], 0);
            expect(&parse(&path, &shown[..300]), &["org.example.Mast@3.2.1 0 Unknown Runtime"], 1);
        }
        for other in ["metainfo/org.example.Sail.metainfo.xml", "metainfo/x/org.example.Mast.metainfo.xml"] {
            let path = ImagePath::from(format!("{folder}/files/share/{other}").as_str());
            assert!(!(FLATPAK.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        }
        let runtime = ImagePath::from(
            "var/lib/flatpak/runtime/org.example.P/x86_64/23.08/0a1b/files/share/metainfo/org.example.P.metainfo.xml",
        );
        assert!(!(FLATPAK.wants)(&Entry { path: &runtime, size: 1, mode: 0o644 }));
    }

    #[test]
    fn applications_and_runtimes() {
        let good = include_bytes!("../../fixtures/lang/flatpak/metadata");
        let app = ImagePath::from("var/lib/flatpak/app/org.example.Mast/x86_64/stable/0a1b/metadata");
        assert!((FLATPAK.wants)(&Entry { path: &app, size: 1, mode: 0o644 }));
        expect(&parse(&app, good), &["org.example.Mast@ 0 Unknown Runtime"], 0);
        let runtime =
            ImagePath::from("var/lib/flatpak/runtime/org.example.Platform/x86_64/23.08/0a1b/metadata");
        expect(
            &parse(&runtime, b"[Runtime]\nname=x\n"),
            &["org.example.Platform@23.08 0 Unknown Runtime"],
            0,
        );
        expect(&parse(&app, include_bytes!("../../fixtures/lang/flatpak/bad-metadata")), &[], 1);
        let other = ImagePath::from("srv/app/a/b/c/d/metadata");
        assert!(!(FLATPAK.wants)(&Entry { path: &other, size: 1, mode: 0o644 }));
    }
}
