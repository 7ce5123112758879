//! What of an image's packages ran while its containers were watched: written by `plimsoll watch --in-use`, read by
//! `plimsoll scan --in-use` and `plimsoll plan --in-use`.
//!
//! Seen is certain; not seen is a word about the time of the watch, and only where the watch was whole. Packages that hold
//! neither programs nor shared libraries are not among these: whether they run cannot be seen.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::finding::Subject;
use crate::report::Target;
use crate::{Digest, Finding};

/// Version of the form of [`InUse`]: `docs/schema/in-use-1.0.json`.
pub const IN_USE_VERSION: &str = "1.0";

/// Bytes of a file of records that is read at most.
pub const LARGEST: u64 = 256 << 20;

/// What ran.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InUse {
    /// Version of this form.
    pub schema_version: String,
    /// `inUse`.
    pub kind: String,
    /// When the watch began, RFC 3339.
    pub from: String,
    /// When this was written, RFC 3339.
    pub until: String,
    /// The images whose containers were seen, by name.
    pub images: Vec<ImageInUse>,
}

/// What ran of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageInUse {
    /// Its reference, as the container runtime names it.
    pub name: String,
    /// Its digest, as the container runtime names it: of its manifest or of its configuration. Empty when it tells none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Where its files were read, as `plimsoll scan` takes it; empty where its name says so.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// How many of its containers were seen.
    pub containers: u64,
    /// Whether everything that its containers ran was seen: none was there before the watch, no records were lost, and
    /// all files were judged.
    pub whole: bool,
    /// Its packages that hold programs or libraries, by package URL.
    pub packages: Vec<PackageInUse>,
}

/// A package that holds programs or libraries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PackageInUse {
    /// Its package URL.
    pub purl: String,
    /// Whether a file of it was executed or mapped.
    pub seen: bool,
    /// As what: `program`, `script`, `library`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub roles: BTreeSet<String>,
    /// Some of the files.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub files: BTreeSet<String>,
}

/// Why a document is none.
#[derive(Debug, thiserror::Error)]
pub enum InUseError {
    /// It is no JSON of this form.
    #[error("it is not what `plimsoll watch --in-use` writes")]
    Form(#[from] serde_json::Error),
    /// It is something else.
    #[error("it is not what `plimsoll watch --in-use` writes: kind `{kind}`, version `{version}`")]
    Kind {
        /// What it says it is.
        kind: String,
        /// The version that it says it has.
        version: String,
    },
}

impl InUse {
    /// Reads what [`InUse`] is written as.
    pub fn parse(bytes: &[u8]) -> Result<Self, InUseError> {
        let read: Self = serde_json::from_slice(bytes)?;
        let known = read.kind == "inUse" && read.schema_version.split('.').next() == Some("1");
        if !known {
            let (kind, version) = (crate::shortened(&read.kind), crate::shortened(&read.schema_version));
            return Err(InUseError::Kind { kind, version });
        }
        Ok(read)
    }
}

impl ImageInUse {
    /// Whether it is the image of a scan. A digest decides where the runtime told one; a name alone only where not.
    pub fn is_of(&self, target: &Target) -> bool {
        if !self.digest.is_empty() {
            let is = |digest: &Option<Digest>| {
                digest.as_ref().is_some_and(|digest| digest.to_string() == self.digest)
            };
            return is(&target.digest) || is(&target.image_id);
        }
        let named = |name: &String| {
            !name.is_empty() && (target.name == *name || target.reference.as_ref() == Some(name))
        };
        named(&self.name) || named(&self.target)
    }
}

/// Says of each finding about packages whether they were seen to run; answers how many records are of this target. Without
/// any the findings stay as they are.
pub fn apply(findings: &mut [Finding], target: &Target, records: &[InUse]) -> usize {
    let images: Vec<&ImageInUse> =
        records.iter().flat_map(|records| &records.images).filter(|image| image.is_of(target)).collect();
    if images.is_empty() {
        return 0;
    }
    let mut seen: HashMap<&str, bool> = HashMap::new();
    for image in &images {
        for package in image.packages.iter().filter(|package| package.seen || image.whole) {
            *seen.entry(&package.purl).or_default() |= package.seen;
        }
    }
    // A record that is not whole says nothing of what it did not see, whatever others say.
    for package in images.iter().filter(|image| !image.whole).flat_map(|image| &image.packages) {
        if seen.get(&*package.purl) == Some(&false) {
            seen.remove(&*package.purl);
        }
    }
    for finding in findings.iter_mut() {
        let Subject::Package(subject) = &finding.subject else { continue };
        let told: Vec<Option<bool>> =
            subject.packages.iter().map(|purl| seen.get(&**purl).copied()).collect();
        // One that was seen is enough; not seen is what all of them are.
        finding.risk.in_use = if told.contains(&Some(true)) {
            Some(true)
        } else {
            (!told.is_empty() && !told.contains(&None)).then_some(false)
        };
    }
    images.len()
}

#[cfg(test)]
mod tests {
    use super::{ImageInUse, InUse, PackageInUse, apply};
    use crate::finding::Subject;
    use crate::report::Target;
    use crate::{Finding, Level};

    fn target(name: &str) -> Target {
        serde_json::from_value(serde_json::json!({ "kind": "image", "name": name })).unwrap()
    }

    fn records(whole: bool, packages: &[(&str, bool)]) -> InUse {
        let packages = packages
            .iter()
            .map(|(purl, seen)| PackageInUse {
                purl: (*purl).to_owned(),
                seen: *seen,
                ..PackageInUse::default()
            })
            .collect();
        let image =
            ImageInUse { name: "shop:1".to_owned(), containers: 1, whole, packages, ..ImageInUse::default() };
        InUse {
            schema_version: "1.0".to_owned(),
            kind: "inUse".to_owned(),
            images: vec![image],
            ..InUse::default()
        }
    }

    fn told(purls: &[&str], records: &[InUse], name: &str) -> Option<bool> {
        let mut finding = Finding::sample("CVE-2026-1", Level::High, true);
        let Subject::Package(subject) = &mut finding.subject else { panic!("of a package") };
        subject.packages = purls.iter().map(|purl| (*purl).to_owned()).collect();
        let mut findings = [finding];
        apply(&mut findings, &target(name), records);
        findings[0].risk.in_use
    }

    #[test]
    fn seen_is_certain_and_not_seen_needs_a_whole_watch() {
        let whole = records(true, &[("a", true), ("b", false)]);
        let part = records(false, &[("a", true), ("b", false)]);
        let check = |purls: &[&str], records: &[InUse], expected| {
            assert_eq!(told(purls, records, "shop:1"), expected, "{purls:?} {records:?}");
        };
        check(&["a"], std::slice::from_ref(&whole), Some(true));
        check(&["b"], std::slice::from_ref(&whole), Some(false));
        check(&["c"], std::slice::from_ref(&whole), None);
        check(&["a", "b"], std::slice::from_ref(&whole), Some(true));
        check(&["b", "c"], std::slice::from_ref(&whole), None);
        check(&["a", "c"], std::slice::from_ref(&whole), Some(true));
        check(&[], std::slice::from_ref(&whole), None);
        check(&["a"], std::slice::from_ref(&part), Some(true));
        check(&["b"], std::slice::from_ref(&part), None);
        // The one that is not whole may have missed it.
        check(&["b"], &[whole.clone(), part], None);
        check(&["b"], &[whole.clone(), records(true, &[("b", true)])], Some(true));
        assert_eq!(told(&["a"], &[whole], "shop:2"), None, "another image");
    }

    #[test]
    fn a_digest_decides_where_there_is_one() {
        let mut image = ImageInUse { name: "shop:1".to_owned(), ..ImageInUse::default() };
        assert!(image.is_of(&target("shop:1")));
        image.digest = format!("sha256:{}", "ab".repeat(32));
        assert!(!image.is_of(&target("shop:1")), "the tag may have moved");
        let mut of_digest = target("elsewhere");
        of_digest.image_id = Some(image.digest.parse().unwrap());
        assert!(image.is_of(&of_digest));
        assert!(!ImageInUse::default().is_of(&target("")));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        InUse::parse(b"{}").unwrap_err();
        InUse::parse(b"[1").unwrap_err();
        let mut other = records(true, &[]);
        other.kind = "report".to_owned();
        InUse::parse(&serde_json::to_vec(&other).unwrap()).unwrap_err();
        InUse::parse(&serde_json::to_vec(&records(true, &[])).unwrap()).unwrap();
    }
}
