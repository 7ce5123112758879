//! Which of several images is meant.

use std::collections::HashSet;

use plimsoll_model::Digest;

use crate::{Error, ImageSummary, Platform, Selection};

/// An image that could be meant.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// What is shown of it.
    pub(crate) summary: ImageSummary,
    /// Entry of the top-level list that led to it. Entries with the same names belong together.
    pub(crate) root: usize,
    /// Digests by which it can be named: of indexes on the way, of manifest, of configuration.
    pub(crate) digests: Vec<Digest>,
}

/// The place of the image that is meant in `candidates`.
pub(crate) fn choose(place: &str, candidates: &[Candidate], selection: &Selection) -> Result<usize, Error> {
    let summaries = |indices: &[usize]| {
        indices.iter().map(|index| candidates[*index].summary.clone()).collect::<Vec<_>>()
    };
    let all: Vec<usize> = (0..candidates.len()).collect();
    if all.is_empty() {
        return Err(Error::NotAnImage {
            place: place.to_owned(),
            detail: "its index lists no image (attestations and other artifacts do not count)".into(),
        });
    }
    let mut named = all.clone();
    if let Some(wanted) = &selection.reference {
        named.retain(|index| is_named(&candidates[*index], wanted));
        if named.is_empty() {
            return Err(Error::NoReference {
                place: place.to_owned(),
                wanted: wanted.clone(),
                available: summaries(&all),
            });
        }
    }
    // One image under several names is one image.
    let mut seen = HashSet::new();
    let distinct: Vec<usize> =
        named.into_iter().filter(|index| seen.insert(&candidates[*index].summary.digest)).collect();
    let several =
        |indices: &[usize]| Error::Several { place: place.to_owned(), available: summaries(indices) };
    // Images of different names are different things; platforms of one name are not.
    let names = |index: usize| &candidates[index].summary.references;
    if distinct.iter().any(|index| names(*index) != names(distinct[0])) {
        return Err(several(&distinct));
    }
    let for_platform = |wanted: &Platform| -> Vec<usize> {
        let serves = |index: &usize| {
            candidates[*index].summary.platform.as_ref().is_some_and(|platform| platform.serves(wanted))
        };
        let mut fitting: Vec<usize> = distinct.iter().copied().filter(serves).collect();
        // `linux/arm` means the usual one of its variants, where there is a choice.
        let usual = |index: &usize| {
            let has = candidates[*index].summary.platform.as_ref();
            has.is_some_and(|platform| platform.usual_variant() == wanted.usual_variant())
        };
        if wanted.variant.is_none() && fitting.iter().any(usual) {
            fitting.retain(usual);
        }
        fitting
    };
    let no_platform = |wanted: &Platform| Error::NoPlatform {
        place: place.to_owned(),
        wanted: wanted.clone(),
        available: distinct.iter().filter_map(|index| candidates[*index].summary.platform.clone()).collect(),
    };
    let stored: Vec<usize> =
        distinct.iter().copied().filter(|index| candidates[*index].summary.stored).collect();
    let fitting = match &selection.platform {
        Some(wanted) => {
            let fitting = for_platform(wanted);
            if fitting.is_empty() {
                return Err(no_platform(wanted));
            }
            fitting
        }
        None if stored.len() == 1 => stored,
        None if distinct.len() == 1 => distinct.clone(),
        None => {
            let fitting = for_platform(&selection.default_platform);
            if fitting.is_empty() {
                return Err(no_platform(&selection.default_platform));
            }
            fitting
        }
    };
    // Within one index the first of equals is meant (image-index.md); two entries of the top are two images.
    let first = fitting[0];
    if fitting.iter().any(|index| candidates[*index].root != candidates[first].root) {
        return Err(several(&fitting));
    }
    Ok(first)
}

fn is_named(candidate: &Candidate, wanted: &str) -> bool {
    if let Some(digest) = wanted.rsplit('@').next().and_then(|text| Digest::parse(text).ok()) {
        return candidate.digests.contains(&digest);
    }
    let familiar_wanted = familiar(wanted);
    candidate.summary.references.iter().any(|reference| {
        reference == wanted
            || familiar(reference) == familiar_wanted
            || (!wanted.contains([':', '/']) && tag(reference) == Some(wanted))
    })
}

/// A name as Docker shows it: without the default registry and folder, with a tag.
fn familiar(name: &str) -> String {
    let name = ["docker.io/", "index.docker.io/"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let name = name.strip_prefix("library/").unwrap_or(name);
    if tag(name).is_some() { name.to_owned() } else { format!("{name}:latest") }
}

fn tag(name: &str) -> Option<&str> {
    let (_, last) = name.rsplit_once('/').unwrap_or(("", name));
    last.split_once(':').map(|(_, tag)| tag)
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Algorithm;

    use super::*;

    /// `root name platform`, `-` for what is not said; a `!` in front of the platform: not stored.
    fn candidates(lines: &[&str]) -> Vec<Candidate> {
        lines
            .iter()
            .enumerate()
            .map(|(index, line)| {
                let [root, name, platform] = line.split(' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                let digest =
                    Digest::from_bytes(Algorithm::Sha256, &[u8::try_from(index).unwrap(); 32]).unwrap();
                let summary = ImageSummary {
                    references: if name == "-" { vec![] } else { vec![name.to_owned()] },
                    digest: digest.clone(),
                    platform: platform.trim_start_matches('!').parse().ok(),
                    stored: !platform.starts_with('!'),
                };
                Candidate { summary, root: root.parse().unwrap(), digests: vec![digest] }
            })
            .collect()
    }

    fn check(lines: &[&str], reference: Option<&str>, platform: Option<&str>, expected: &str) {
        let selection = Selection {
            reference: reference.map(str::to_owned),
            platform: platform.map(|platform| platform.parse().unwrap()),
            default_platform: Platform::linux("amd64"),
        };
        let result = match choose("place", &candidates(lines), &selection) {
            Ok(index) => index.to_string(),
            Err(Error::Several { .. }) => "several".into(),
            Err(Error::NoPlatform { .. }) => "no platform".into(),
            Err(Error::NoReference { .. }) => "no reference".into(),
            Err(error) => error.to_string(),
        };
        assert_eq!(result, expected, "{lines:?} {reference:?} {platform:?}");
    }

    #[test]
    fn platforms() {
        let two = ["0 a:1 linux/arm64", "0 a:1 linux/amd64"];
        check(&two, None, None, "1");
        check(&two, None, Some("linux/arm64"), "0");
        check(&two, None, Some("linux/s390x"), "no platform");
        check(&["0 a:1 linux/arm64"], None, None, "0");
        check(&["0 a:1 linux/arm64"], None, Some("linux/amd64"), "no platform");
        check(&["0 a:1 linux/arm64", "0 a:1 linux/s390x"], None, None, "no platform");
        // An export of one platform from an index of many.
        check(&["0 a:1 !linux/amd64", "0 a:1 linux/arm64"], None, None, "1");
        // Platforms listed side by side at the top.
        check(&["0 - linux/arm64", "1 - linux/amd64"], None, None, "1");
        check(&["0 - linux/amd64", "1 - linux/amd64"], None, None, "several");
        check(&["0 - linux/amd64", "0 - linux/amd64"], None, None, "0");
        check(&["0 - linux/arm/v6", "0 - linux/arm/v7"], None, Some("linux/arm"), "1");
        check(&["0 - linux/arm/v6", "0 - linux/arm/v5"], None, Some("linux/arm"), "0");
    }

    #[test]
    fn names() {
        let two = ["0 docker.io/library/a:1 linux/amd64", "1 b/c:2 linux/amd64"];
        for (reference, expected) in [
            (None, "several"),
            (Some("a:1"), "0"),
            (Some("1"), "0"),
            (Some("b/c:2"), "1"),
            (Some("b/c"), "no reference"),
            (Some("sha256:0101010101010101010101010101010101010101010101010101010101010101"), "1"),
            (
                Some("x@sha256:0202020202020202020202020202020202020202020202020202020202020202"),
                "no reference",
            ),
        ] {
            check(&two, reference, None, expected);
        }
        check(&["0 latest linux/amd64", "1 stable linux/amd64"], Some("stable"), None, "1");
        check(&["0 a:latest linux/amd64", "1 b:1 linux/amd64"], Some("a"), None, "0");
        check(
            &["0 localhost:5000/a linux/amd64", "1 b:1 linux/amd64"],
            Some("localhost:5000/a:latest"),
            None,
            "0",
        );
    }
}
