//! Flatpak: `flatpak/{app,runtime}/ID/ARCHITECTURE/BRANCH/COMMIT/metadata`.
//!
//! The branch of a runtime is its version (`org.freedesktop.Platform` 23.08). That of an application is `stable`: its version stands
//! in files for software shops only, so it is listed without one.
//!
//! Format: flatpak-metadata(5); docs.flatpak.org, "Under the Hood".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Flatpak's applications and runtimes.
pub static FLATPAK: Extractor = Extractor {
    name: "lang/flatpak",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| place(entry.path).is_some(),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

struct Place<'a> {
    is_runtime: bool,
    id: &'a str,
    architecture: &'a str,
    branch: &'a str,
}

fn place(path: &ImagePath) -> Option<Place<'_>> {
    let path = std::str::from_utf8(path.as_bytes()).ok()?;
    let mut parts = path.strip_suffix("/metadata")?.rsplit('/');
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

/// Reads the metadata of one application or runtime.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
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
