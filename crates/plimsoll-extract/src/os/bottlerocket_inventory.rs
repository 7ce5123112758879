//! Bottlerocket's list of packages: `usr/share/bottlerocket/application-inventory.json`. Its root file system has no package
//! database.
//!
//! No specification; the fields are those that Bottlerocket's own build writes (twoliter, `rpm2img`).

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package};
use serde::Deserialize;

use super::{MAX_PACKAGES, MAX_VALUE, Problems};
use crate::{Extraction, Extractor, Reader};

/// Bottlerocket's packages.
pub static BOTTLEROCKET_INVENTORY: Extractor = Extractor {
    name: "os/bottlerocket_inventory",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"usr/share/bottlerocket/application-inventory.json",
    read: Reader::Whole { limit: 16 << 20, parse },
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inventory {
    content: Vec<Item>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct Item {
    name: String,
    version: String,
    release: String,
    epoch: String,
    architecture: String,
}

/// Reads the list.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let mut extraction = Extraction::default();
    match serde_json::from_slice::<Inventory>(input) {
        Ok(inventory) => {
            for item in inventory.content {
                let is_sound = |text: &str| !text.is_empty() && text.len() <= MAX_VALUE;
                if !is_sound(&item.name) || !is_sound(&item.version) {
                    problems.corrupt("a package has no name or no version");
                } else if extraction.packages.len() >= MAX_PACKAGES {
                    problems.limit(format!("more than {MAX_PACKAGES} packages"));
                    break;
                } else {
                    let epoch = match item.epoch.as_str() {
                        "" | "0" | "(none)" => String::new(),
                        epoch => format!("{epoch}:"),
                    };
                    let release =
                        if item.release.is_empty() { String::new() } else { format!("-{}", item.release) };
                    let version = format!("{epoch}{}{release}", item.version);
                    let location = Location::new(path.clone());
                    let mut package = Package::new(Ecosystem::Rpm, item.name, version, location);
                    package.architecture = Some(item.architecture).filter(|text| is_sound(text));
                    package.vendor = Some("Bottlerocket".into());
                    extraction.packages.push(package);
                }
            }
        }
        Err(error) => problems.corrupt(format!("is no list of packages: {error}")),
    }
    extraction.problems = problems.finish();
    extraction
}

/// Any bytes as a list. Public for fuzzing.
pub fn fuzz(data: &[u8]) {
    let found = parse(&ImagePath::from("usr/share/bottlerocket/application-inventory.json"), data);
    assert!(found.packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = br#"{"Content":[
        {"Name":"kernel-6.1","Publisher":"Bottlerocket","Version":"6.1.61","Release":"1.1700513487.br1","Epoch":"0",
         "InstalledTime":"2023-11-20T22:14:41Z","ApplicationType":"Unspecified","Architecture":"x86_64","Url":"u","Summary":"s"},
        {"Name":"host-ctr","Version":"0.0","Epoch":"(none)"},{"Name":"shadow","Version":"4.14","Release":"2","Epoch":"2"},
        {"Name":"","Version":"1"}]}"#;

    #[test]
    fn a_list() {
        let path = ImagePath::from("usr/share/bottlerocket/application-inventory.json");
        assert!((BOTTLEROCKET_INVENTORY.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, LIST);
        let shown: Vec<String> =
            found.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect();
        assert_eq!(shown, ["kernel-6.1 6.1.61-1.1700513487.br1", "host-ctr 0.0", "shadow 2:4.14-2"]);
        assert_eq!(found.packages[0].architecture.as_deref(), Some("x86_64"));
        assert_eq!(found.problems.len(), 1);
        for bad in [&b"{"[..], b"[]", b"{\"Content\":7}"] {
            assert_eq!(parse(&path, bad).problems.len(), 1);
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), start in 0_usize..300, word in "[{}\\[\\]\":,a-zA-Z]{0,9}") {
            fuzz(&content);
            let mut text = String::from_utf8(LIST.to_vec()).unwrap();
            text.replace_range(start..start + 4, &word);
            fuzz(text.as_bytes());
        }
    }
}
