//! Red Hat's record of what an image was built of: `root/buildinfo/content_manifests/*.json` and, since Konflux,
//! `usr/share/buildinfo/content-sets.json`. Its content sets say of which repositories the packages are.
//!
//! No specification; the fields are those of Red Hat's images (`metadata`, `content_sets`, `image_contents`).

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Release};
use serde::Deserialize;

use super::{Problems, release};
use crate::{Extraction, Extractor, Reader};

/// Content sets of an image of Red Hat's.
pub static CONTENT_SETS: Extractor = Extractor {
    name: "os/content_sets",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| is_manifest(entry.path.as_bytes()),
    read: Reader::Whole { limit: 16 << 20, parse },
};

/// Content sets that are kept of one file, and the length of a name.
const MOST: usize = 1_000;
const LONGEST: usize = 200;

fn is_manifest(path: &[u8]) -> bool {
    let inner = path
        .strip_prefix(b"root/buildinfo/content_manifests/")
        .or_else(|| path.strip_prefix(b"usr/share/buildinfo/content_manifests/"));
    path == b"usr/share/buildinfo/content-sets.json"
        || path == b"root/buildinfo/content-sets.json"
        || inner.is_some_and(|name| name.ends_with(b".json") && !name.contains(&b'/'))
}

#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    content_sets: Option<Vec<String>>,
}

/// Reads one manifest.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let mut extraction = Extraction::default();
    match serde_json::from_slice::<Manifest>(input) {
        Ok(manifest) => {
            let mut names = manifest.content_sets.unwrap_or_default();
            names.retain(|name| {
                !name.is_empty() && name.len() <= LONGEST && name.bytes().all(|byte| byte.is_ascii_graphic())
            });
            if names.len() > MOST {
                problems.limit(format!("more than {MOST} content sets: the rest is not read"));
                names.truncate(MOST);
            }
            if !names.is_empty() {
                let found = Release { content_sets: names, path: path.to_string(), ..Release::default() };
                extraction.releases.push((release::CONTENT_SETS, found));
            }
        }
        Err(error) => problems.corrupt(format!("is no record of content sets: {error}")),
    }
    extraction.problems = problems.finish();
    extraction
}

/// Any bytes as a manifest. Public for fuzzing.
pub fn fuzz(data: &[u8]) {
    let extraction = parse(&ImagePath::from("root/buildinfo/content_manifests/a.json"), data);
    assert!(extraction.releases.iter().all(|(_, release)| !release.content_sets.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests() {
        for (path, expected) in [
            ("root/buildinfo/content_manifests/ubi9-9.2.json", true),
            ("usr/share/buildinfo/content-sets.json", true),
            ("root/buildinfo/content_manifests/a/b.json", false),
            ("root/buildinfo/Dockerfile-ubi9", false),
        ] {
            assert_eq!(is_manifest(path.as_bytes()), expected, "{path}");
        }
        let check = |text: &str, sets: &[&str], problems: usize| {
            let found = parse(&ImagePath::from("root/buildinfo/content_manifests/a.json"), text.as_bytes());
            let names: Vec<&str> = found
                .releases
                .iter()
                .flat_map(|(_, release)| &release.content_sets)
                .map(String::as_str)
                .collect();
            assert_eq!((names.as_slice(), found.problems.len()), (sets, problems), "{text}");
        };
        check(
            r#"{"content_sets":["rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2","a b",""],"image_contents":[]}"#,
            &["rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2"],
            0,
        );
        check(r#"{"metadata":{},"content_sets":null}"#, &[], 0);
        check("{}", &[], 0);
        check("[", &[], 1);
        check(r#"{"content_sets":[1]}"#, &[], 1);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), word in "[{}\\[\\]\":,a-z_]{0,60}") {
            fuzz(&content);
            fuzz(format!("{{\"content_sets\":{word}}}").as_bytes());
        }
    }
}
