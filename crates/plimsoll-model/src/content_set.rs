//! Red Hat's content sets: the repositories that the packages of an image are from, by name. They say which of Red Hat's
//! advisories are about it: a stream with extended support has fixes of its own.
//!
//! Red Hat's mapping of repositories to products is not needed for the repositories of Enterprise Linux itself, whose
//! names say release, support and minor release: `rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2`. Those of other products
//! are named, and nothing is guessed of them.

use crate::Release;
use crate::distribution::{Distribution, Stream};

/// Kinds of extended support that have fixes of their own, as in CPEs (`rhel_eus`) and names of content sets.
pub const TIERS: &[&str] = &["eus", "aus", "tus", "e4s", "els"];

/// What a content set is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentSet {
    /// The release that everybody has.
    Base,
    /// A stream with extended support.
    Extended(Stream),
    /// Another product.
    Product,
}

impl ContentSet {
    /// What the content set of this name is of, in an image of this release.
    pub fn of(name: &str, release: &Release) -> Self {
        let (name, suffix) = name.split_once("__").unwrap_or((name, ""));
        let mut words = name.split('-');
        let (Some(product), Some(second)) = (words.next(), words.next()) else { return ContentSet::Product };
        let major = match product {
            "rhel" | "ubi" if second.bytes().all(|byte| byte.is_ascii_digit()) => second,
            // `codeready-builder-for-rhel-9-x86_64-rpms`
            "codeready" => {
                let mut words = name.split('-').skip_while(|word| *word != "rhel");
                match (words.next(), words.next()) {
                    (Some(_), Some(major)) => major,
                    _ => return ContentSet::Product,
                }
            }
            _ => return ContentSet::Product,
        };
        let Some(tier) = name.split('-').find_map(|word| TIERS.iter().find(|tier| **tier == word)) else {
            return if is_own(name) { ContentSet::Base } else { ContentSet::Product };
        };
        // `9_DOT_2`, `7_DOT_6__x86_64`; without one the image's own.
        let minor = suffix.split("__").find_map(|part| part.split_once("_DOT_"));
        let version = match (minor, *tier) {
            (_, "els") => major.to_owned(),
            (Some((major, minor)), _) => format!("{major}.{minor}"),
            (None, _) => release.version.clone(),
        };
        Stream::extended(tier, &version).map_or(ContentSet::Product, ContentSet::Extended)
    }
}

/// Is it one of the repositories of Enterprise Linux itself, rather than of a product beside it
/// (`rhel-8-for-x86_64-sap-solutions-rpms` is Enterprise Linux's too, `rhel-7-server-ose-3.11-rpms` is not)?
fn is_own(name: &str) -> bool {
    const OTHERS: &[&str] = &[
        "ose",
        "openstack",
        "rhceph",
        "satellite",
        "sat",
        "ansible",
        "cnv",
        "ocs",
        "odf",
        "rhv",
        "rhvh",
        "jb",
        "jbeap",
        "eap",
        "fuse",
        "amq",
        "sclo",
        "rhscl",
        "dotnet",
        "acm",
        "gitops",
        "pipelines",
        "serverless",
        "rhacs",
    ];
    name.ends_with("rpms") && !name.split('-').any(|word| OTHERS.contains(&word))
}

impl Stream {
    /// The stream of Red Hat Enterprise Linux with this kind of extended support: `redhat-eus:9.2`.
    pub fn extended(tier: &str, version: &str) -> Option<Self> {
        Distribution::by_key("redhat")?;
        let plain = !version.is_empty()
            && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
            && version.starts_with(|first: char| first.is_ascii_digit());
        (plain && TIERS.contains(&tier)).then(|| Stream::from_text(&format!("redhat-{tier}:{version}")))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let release = Release { id: "rhel".into(), version: "8.6".into(), ..Release::default() };
        let check = |name: &str, expected: &str| {
            let shown = match ContentSet::of(name, &release) {
                ContentSet::Base => "base".to_owned(),
                ContentSet::Product => "product".to_owned(),
                ContentSet::Extended(stream) => stream.to_string(),
            };
            assert_eq!(shown, expected, "{name}");
        };
        check("rhel-8-for-x86_64-baseos-rpms", "base");
        check("rhel-8-for-x86_64-baseos-rpms__8", "base");
        check("rhel-9-for-aarch64-appstream-source-rpms", "base");
        check("ubi-9-for-x86_64-baseos-rpms", "base");
        check("codeready-builder-for-rhel-9-x86_64-rpms", "base");
        check("rhel-7-server-optional-rpms", "base");
        check("rhel-9-for-x86_64-baseos-eus-rpms__9_DOT_2", "redhat-eus:9.2");
        check("rhel-8-for-x86_64-appstream-e4s-rpms__8_DOT_1", "redhat-e4s:8.1");
        check("rhel-8-for-x86_64-baseos-eus-rpms", "redhat-eus:8.6");
        check("rhel-7-server-aus-rpms__7_DOT_6__x86_64", "redhat-aus:7.6");
        check("rhel-7-server-els-rpms", "redhat-els:7");
        check("rhocp-4.12-for-rhel-8-x86_64-rpms", "product");
        check("rhel-7-server-ose-3.11-rpms", "product");
        check("jb-eap-7.4-for-rhel-8-x86_64-rpms", "product");
        for odd in ["", "rhel", "rhel-", "-", "codeready", "rhel-x", "rhel-9-eus__x_DOT_"] {
            let _ = ContentSet::of(odd, &release);
        }
        assert_eq!(Stream::extended("eus", "9.2/.."), None);
    }
}
