//! Security databases of apk distributions: Alpine's secdb (one JSON per release and repository) and the files of the
//! same shape of Wolfi, Chainguard and MinimOS.
//!
//! They name the source package (origin), the version that brought a fix, and ids. Version `0` says that the package was
//! never affected. They list fixes only: an unfixed flaw is not in them.

use std::collections::BTreeMap;
use std::path::Path;

use plimsoll_model::Stream;
use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;
use crate::record::{Affected, NameKind, Record, Target};

/// The feed.
pub static SECDB: Feed = Feed { name: "secdb", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    Upstream {
        source: "alpine",
        terms: Terms::Open,
        serves: Serves::Distributions(&["alpine"]),
        how: How::Files(alpine),
    },
    Upstream {
        source: "chainguard",
        terms: Terms::Restricted,
        serves: Serves::Distributions(&["chainguard"]),
        how: How::Files(|| {
            let url = "https://packages.cgr.dev/chainguard/security.json";
            vec![Remote::new(url, "chainguard/security.json")]
        }),
    },
    Upstream {
        source: "minimos",
        terms: Terms::NotStated,
        serves: Serves::Distributions(&["minimos"]),
        how: How::Files(|| {
            let url = "https://packages.mini.dev/advisories/secdb/security.json";
            vec![Remote::new(url, "minimos/security.json")]
        }),
    },
    Upstream {
        source: "wolfi",
        terms: Terms::Restricted,
        serves: Serves::Distributions(&["wolfi"]),
        how: How::Files(|| {
            vec![Remote::new("https://packages.wolfi.dev/os/security.json", "wolfi/security.json")]
        }),
    },
];

/// One file a release and repository. Releases that do not exist yet are asked for, so that they are there when they do.
fn alpine() -> Vec<Remote> {
    let file = |make: fn(String, String) -> Remote, release: &str, repository: &str| {
        make(
            format!("https://secdb.alpinelinux.org/{release}/{repository}.json"),
            format!("alpine/secdb/{release}-{repository}.json"),
        )
    };
    let mut files = vec![file(Remote::new, "edge", "main"), file(Remote::new, "edge", "community")];
    for minor in 10..=28 {
        for repository in ["main", "community"] {
            files.push(file(Remote::optional, &format!("v3.{minor}"), repository));
        }
    }
    files
}

const ALPINE_LICENCE: &str = "CC-BY-SA-4.0 (Alpine Linux security database)";
const WOLFI_LICENCE: &str = "CC-BY-NC-ND-4.0 and a licence for commercial scanners (Chainguard): for your own use, not to be passed on";

#[expect(clippy::unnecessary_wraps, reason = "the form of a feed")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let mut parts = Vec::new();
    for (source, places, licence) in [
        ("alpine", &["alpine/secdb.zip", "alpine/secdb"][..], ALPINE_LICENCE),
        ("chainguard", &["chainguard/security.json"], WOLFI_LICENCE),
        ("minimos", &["minimos/security.json"], "see the vendor (MinimOS)"),
        ("wolfi", &["wolfi/security.json"], WOLFI_LICENCE),
    ] {
        parts.extend(at(from, source, places, licence));
    }
    Ok(parts)
}

#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    distroversion: String,
    packages: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    pkg: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    secfixes: Option<BTreeMap<String, Option<Vec<String>>>>,
}

/// What one document after another says: id -> stream and package -> versions and other ids.
type Flaws = BTreeMap<String, (BTreeMap<(Stream, String), Vec<String>>, Vec<String>)>;

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut flaws = Flaws::new();
    files::each(&part.path, &|name| files::has_extension(name, "json"), &mut |name, passed| match passed {
        Passed::Content(content) => document(content, name, &part.source, &mut flaws, sink),
        Passed::Unreadable(reason) => sink.rejected(reason, name),
    })?;
    emit(flaws, sink);
    Ok(())
}

fn document(content: &[u8], name: &str, source: &str, flaws: &mut Flaws, sink: &mut dyn Sink) {
    let document: Document = match serde_json::from_slice(content) {
        Ok(document) => document,
        Err(error) if error.is_data() => return sink.rejected("a field has the wrong form", name),
        Err(_) => return sink.rejected("not a JSON document", name),
    };
    // The rolling distributions name no release.
    let ecosystem = match source {
        "alpine" => format!("Alpine:{}", document.distroversion),
        "chainguard" => "Chainguard".to_owned(),
        "minimos" => "MinimOS".to_owned(),
        _ => "Wolfi".to_owned(),
    };
    let Some(stream) = Stream::from_osv(&ecosystem) else {
        return sink.rejected("the document names no release", name);
    };
    for Entry { pkg } in document.packages {
        for (version, ids) in pkg.secfixes.unwrap_or_default() {
            for text in ids.into_iter().flatten() {
                let found = ids_in(&text);
                if found.misspelt {
                    sink.rejected("an id is misspelt", &text);
                }
                for (index, id) in found.flaws.iter().enumerate() {
                    let (places, related) = flaws.entry(id.clone()).or_default();
                    let versions = places.entry((stream.clone(), pkg.name.clone())).or_default();
                    if !versions.contains(&version) {
                        versions.push(version.clone());
                    }
                    for (other, other_id) in found.flaws.iter().chain(&found.others).enumerate() {
                        if other != index && !related.contains(other_id) {
                            related.push(other_id.clone());
                        }
                    }
                }
            }
        }
    }
}

fn emit(flaws: Flaws, sink: &mut dyn Sink) {
    for (id, (places, related)) in flaws {
        let mut affected = Vec::new();
        for ((stream, package), versions) in places {
            let fixes: Vec<&String> = versions.iter().filter(|version| *version != "0").collect();
            let target = || Target::Stream(stream.clone());
            // `0` beside a fix means that one of the two is out of date: the fix is the safe reading. Fixed, broken and
            // fixed again stands as two fixes, and the higher one counts.
            if fixes.is_empty() {
                affected.push(Affected::never(target(), &package, NameKind::Source));
            }
            affected.extend(
                fixes.iter().map(|fixed| Affected::below(target(), &package, NameKind::Source, *fixed)),
            );
        }
        sink.record(Record { id, related, affected, ..Record::default() });
    }
}

/// The ids in one text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ids {
    /// Ids of flaws.
    flaws: Vec<String>,
    /// Ids of other databases beside a CVE. They may name several flaws (`XSA-198`), so they never join records.
    others: Vec<String>,
    /// A part looks like an id and is none.
    misspelt: bool,
}

/// Ids are separated by spaces; words in brackets are remarks.
fn ids_in(text: &str) -> Ids {
    let mut result = Ids::default();
    let mut others = Vec::new();
    let text = text.split('(').next().unwrap_or_default();
    for word in text.split([' ', ',', '\t']).filter(|word| !word.is_empty()).take(100) {
        if word.starts_with("CVE") {
            match cve(word) {
                Some(cve) if !result.flaws.contains(&cve) => result.flaws.push(cve),
                Some(_) => {}
                // `CVE-????-?????` and `CVE N/A` say that there is none.
                None => result.misspelt |= word.bytes().any(|byte| byte.is_ascii_digit()),
            }
        } else if word.len() <= 60
            && word.bytes().any(|byte| byte.is_ascii_digit())
            && word
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
        {
            others.push(word.to_owned());
        } else {
            result.misspelt |= word != "N/A";
        }
    }
    if result.flaws.is_empty() {
        result.flaws = others;
    } else {
        result.others = others;
    }
    result
}

/// `CVE-2019-2426`, also from `CVE_2019-2426`, `CVE-2021-35940.patch` and `CVE-2017-17434-1`.
fn cve(word: &str) -> Option<String> {
    let rest = word.strip_prefix("CVE")?.strip_prefix(['-', '_'])?;
    let (year, rest) = rest.split_once(['-', '_'])?;
    let end = rest.find(|character: char| !character.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(end);
    let remark = rest.is_empty() || rest.starts_with(['-', '.', ':', ';']);
    let is_year = year.len() == 4 && year.bytes().all(|byte| byte.is_ascii_digit());
    (is_year && (4..=12).contains(&number.len()) && remark).then(|| format!("CVE-{year}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    #[test]
    fn ids() {
        for (text, ids, others, misspelt) in [
            ("CVE-2020-1234", &["CVE-2020-1234"][..], &[][..], false),
            ("CVE-2018-3620 CVE-2018-3646 XSA-273", &["CVE-2018-3620", "CVE-2018-3646"], &["XSA-273"], false),
            ("CVE_2019-2426", &["CVE-2019-2426"], &[], false),
            ("CVE-2021-35940.patch", &["CVE-2021-35940"], &[], false),
            ("CVE-2017-17434-2", &["CVE-2017-17434"], &[], false),
            ("CVE N/A ZBX-11023", &["ZBX-11023"], &[], false),
            ("CVE-????-????? XSA-312", &["XSA-312"], &[], false),
            ("CVE-46838", &[], &[], true),
            ("CVE-2018-10103 (SMB - partially fixed)", &["CVE-2018-10103"], &[], false),
            ("wnpa-sec-2017-18", &["wnpa-sec-2017-18"], &[], false),
            ("GNUTLS-SA-2020-03-31 CVE-2020-11501", &["CVE-2020-11501"], &["GNUTLS-SA-2020-03-31"], false),
            ("", &[], &[], false),
        ] {
            let found = ids_in(text);
            assert_eq!(
                (found.flaws.as_slice(), found.others.as_slice(), found.misspelt),
                (
                    &ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..],
                    &others.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..],
                    misspelt
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn a_document() {
        let mut kept = Kept::default();
        let mut flaws = Flaws::new();
        let text = br#"{"distroversion":"v3.18","reponame":"main","packages":[
            {"pkg":{"name":"busybox","secfixes":{"1.36.1-r1":["CVE-2022-48174"],"0":["CVE-2021-1111"]}}},
            {"pkg":{"name":"jenkins","secfixes":{"2.330-r0":["CVE-2022-20612"],"2.331-r0":["CVE-2022-20612"]}}},
            {"pkg":{"name":"empty","secfixes":null}}]}"#;
        document(text, "v3.18/main.json", "alpine", &mut flaws, &mut kept);
        document(b"[]", "broken.json", "alpine", &mut flaws, &mut kept);
        document(br#"{"distroversion":"","packages":[]}"#, "nowhere.json", "alpine", &mut flaws, &mut kept);
        emit(flaws, &mut kept);
        assert_eq!(kept.rejected.len(), 2);
        let stream = || Target::Stream(Stream::from_osv("Alpine:v3.18").unwrap());
        assert_eq!(kept.records[0].affected, [Affected::never(stream(), "busybox", NameKind::Source)]);
        assert_eq!(
            kept.records[1].affected,
            [
                Affected::below(stream(), "jenkins", NameKind::Source, "2.330-r0"),
                Affected::below(stream(), "jenkins", NameKind::Source, "2.331-r0")
            ]
        );
        assert_eq!(
            kept.records[2].affected,
            [Affected::below(stream(), "busybox", NameKind::Source, "1.36.1-r1")]
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "\\PC*", bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let _ = ids_in(&text);
            document(&bytes, "a", "alpine", &mut Flaws::new(), &mut Kept::default());
        }
    }
}
