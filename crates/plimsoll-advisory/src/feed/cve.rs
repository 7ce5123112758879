//! CVE records (CVE JSON 5.1) with CISA's additions: `cve/*.jsonl[.gz]`, one record a line, or an archive or checkout of CISA's
//! repository, `cve/vulnrichment.zip`.
//!
//! Only what a finding needs is taken: a title, the ratings of the assigner (`cna`) and of CISA (`cisa-adp`), and whether
//! the id was rejected. Packages are matched by nobody's CPE.

use std::path::Path;

use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{self, How, Serves, Terms, Upstream};
use super::{CveFacts, Feed, Part, Sink, at, ending_in};
use crate::error::Error;
use crate::record::{Rating, RatingForm};

/// The feed.
pub static CVE: Feed = Feed { name: "cve", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "cve",
    terms: Terms::Open,
    serves: Serves::Extra,
    how: How::Files(|| upstream::repository("cisagov/vulnrichment", "develop", "cve/vulnrichment.zip")),
}];

/// Longest title that is kept, in characters.
const TITLE: usize = 200;

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let licence = "CVE records under the CVE terms of use; CISA vulnrichment CC0-1.0";
    let mut parts = ending_in(from, "cve", &[".jsonl", ".jsonl.gz"], licence);
    parts.extend(at(from, "cve", &["cve/vulnrichment.zip", "cve/vulnrichment"], licence));
    Ok(parts)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    cve_metadata: Metadata,
    containers: Containers,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    cve_id: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    date_updated: String,
}

#[derive(Deserialize)]
struct Containers {
    #[serde(default)]
    cna: Container,
    #[serde(default)]
    adp: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    #[serde(default)]
    title: String,
    #[serde(default)]
    descriptions: Vec<Description>,
    #[serde(default)]
    metrics: Vec<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    provider_metadata: Provider,
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    value: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Provider {
    #[serde(default)]
    short_name: String,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let name = part.path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    if name.contains(".jsonl") { lines(part, sink) } else { documents(part, sink) }
}

/// A checkout or archive of CISA's repository: a document for each CVE, `2024/1xxx/CVE-2024-1234.json`.
fn documents(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut newest = String::new();
    let wanted = |name: &str| {
        let base = name.rsplit('/').next().unwrap_or(name);
        base.starts_with("CVE-") && files::has_extension(base, "json")
    };
    files::each(&part.path, &wanted, &mut |name, passed| match passed {
        Passed::Unreadable(reason) => sink.rejected(reason, name),
        Passed::Content(content) => match serde_json::from_slice::<Document>(content) {
            Ok(document) if document.cve_metadata.cve_id.starts_with("CVE-") => {
                take(document, &mut newest, sink);
            }
            _ => sink.rejected("the document is no CVE record", name),
        },
    })?;
    sink.dated(&newest);
    Ok(())
}

fn take(document: Document, newest: &mut String, sink: &mut dyn Sink) {
    if document.cve_metadata.date_updated > *newest {
        newest.clone_from(&document.cve_metadata.date_updated);
    }
    let id = document.cve_metadata.cve_id.clone();
    sink.cve(&id, facts(document));
}

fn lines(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let broken = |source| Error::Read { path: part.path.clone(), source };
    let mut reader = files::stream(&part.path)?;
    let mut line = Vec::new();
    let mut newest = String::new();
    let mut number = 0_u64;
    while let Some(kept) = files::next_line(&mut *reader, &mut line).map_err(broken)? {
        number += 1;
        if kept && line.trim_ascii().is_empty() {
            continue;
        }
        match serde_json::from_slice::<Document>(&line) {
            Ok(document) if kept && document.cve_metadata.cve_id.starts_with("CVE-") => {
                take(document, &mut newest, sink);
            }
            _ => sink.rejected("the line is no CVE record", &format!("line {number}")),
        }
    }
    sink.dated(&newest);
    Ok(())
}

fn facts(document: Document) -> CveFacts {
    let Containers { cna, adp } = document.containers;
    let mut ratings = ratings(&cna.metrics, "cna");
    for container in &adp {
        let name = if container.provider_metadata.short_name.eq_ignore_ascii_case("CISA-ADP") {
            "cisa-adp"
        } else {
            "adp"
        };
        ratings.extend(self::ratings(&container.metrics, name));
    }
    let title = if cna.title.is_empty() {
        cna.descriptions
            .into_iter()
            .find(|description| description.lang.starts_with("en"))
            .map(|description| first_sentence(&description.value))
            .unwrap_or_default()
    } else {
        cna.title
    };
    CveFacts {
        title: title.chars().take(TITLE).collect(),
        ratings,
        rejected: document.cve_metadata.state.eq_ignore_ascii_case("REJECTED"),
    }
}

fn ratings(metrics: &[serde_json::Map<String, serde_json::Value>], source: &str) -> Vec<Rating> {
    const FORMS: [(&str, RatingForm); 4] = [
        ("cvssV4_0", RatingForm::CvssV4),
        ("cvssV3_1", RatingForm::CvssV3),
        ("cvssV3_0", RatingForm::CvssV3),
        ("cvssV2_0", RatingForm::CvssV2),
    ];
    metrics
        .iter()
        .flat_map(|metric| FORMS.iter().filter_map(|(key, form)| Some((metric.get(*key)?, *form))))
        .filter_map(|(metric, form)| {
            let value = metric.get("vectorString")?.as_str()?.to_owned();
            Some(Rating { form, value, source: source.to_owned() })
        })
        .collect()
}

fn first_sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.find(". ") {
        Some(end) => line[..end].to_owned(),
        None => line.trim_end_matches('.').to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    fn check(text: &str) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("cve")).unwrap();
        std::fs::write(folder.path().join("cve/a.jsonl"), text).unwrap();
        let mut kept = Kept::default();
        read(&find(folder.path()).unwrap()[0], &mut kept).unwrap();
        kept
    }

    #[test]
    fn ratings_of_assigner_and_cisa() {
        let kept = check(
            r#"{"cveMetadata":{"cveId":"CVE-1","state":"PUBLISHED"},"containers":{"cna":{"descriptions":[{"lang":"en","value":"A flaw. More."}],"metrics":[{"cvssV3_1":{"vectorString":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}}]},"adp":[{"providerMetadata":{"shortName":"CISA-ADP"},"metrics":[{"cvssV4_0":{"vectorString":"CVSS:4.0/x"}},{"other":{}}]}]}}
not json
"#,
        );
        let [(id, facts)] = kept.cves.as_slice() else { panic!("{kept:?}") };
        assert_eq!((id.as_str(), facts.title.as_str(), facts.rejected), ("CVE-1", "A flaw", false));
        let sources: Vec<_> =
            facts.ratings.iter().map(|rating| (rating.source.as_str(), rating.form)).collect();
        assert_eq!(sources, [("cna", RatingForm::CvssV3), ("cisa-adp", RatingForm::CvssV4)]);
        assert_eq!(kept.rejected.len(), 1);
    }

    #[test]
    fn the_whole_subset() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        assert_eq!((kept.cves.len(), kept.rejected.len()), (3681, 0));
        assert!(kept.cves.iter().filter(|(_, facts)| !facts.ratings.is_empty()).count() > 2000);
    }
}
