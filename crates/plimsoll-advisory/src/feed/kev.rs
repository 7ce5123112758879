//! CISA's catalogue of known exploited vulnerabilities: `kev/known_exploited_vulnerabilities.json` (schema of
//! 2023-12, field names as in the catalogue).

use std::path::Path;

use plimsoll_model::Kev;
use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{How, Remote, Serves, Terms, Upstream};
use super::{Feed, Part, Sink, at};
use crate::error::Error;

/// The feed.
pub static KEV: Feed = Feed { name: "kev", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[Upstream {
    source: "kev",
    terms: Terms::Open,
    serves: Serves::All,
    how: How::Files(|| {
        vec![Remote::new(
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
            "kev/known_exploited_vulnerabilities.json",
        )]
    }),
}];

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    Ok(at(from, "kev", &["kev/known_exploited_vulnerabilities.json"], "CC0-1.0 (CISA)"))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    #[serde(default)]
    catalog_version: String,
    #[serde(default)]
    date_released: String,
    #[serde(default)]
    vulnerabilities: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: String,
    #[serde(default)]
    due_date: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    let mut outcome = Ok(());
    files::each(&part.path, &|_| true, &mut |name, passed| match passed {
        Passed::Unreadable(reason) => sink.rejected(reason, name),
        Passed::Content(content) => match serde_json::from_slice::<Catalogue>(content) {
            Ok(catalogue) => take(catalogue, sink),
            Err(error) => {
                outcome = Err(Error::Container {
                    path: part.path.clone(),
                    form: "KEV catalogue",
                    detail: error.to_string(),
                });
            }
        },
    })?;
    outcome
}

fn take(catalogue: Catalogue, sink: &mut dyn Sink) {
    sink.dated(&catalogue.date_released);
    sink.commit(&catalogue.catalog_version);
    for value in catalogue.vulnerabilities {
        let id = value["cveID"].as_str().unwrap_or("entry without cveID").to_owned();
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) if entry.cve.starts_with("CVE-") => sink.kev(
                &entry.cve,
                Kev {
                    added: entry.date_added,
                    due: entry.due_date,
                    ransomware: entry.known_ransomware_campaign_use.eq_ignore_ascii_case("known"),
                },
            ),
            _ => sink.rejected("the entry lacks cveID or dateAdded", &id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    fn check(text: &str) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("kev")).unwrap();
        std::fs::write(folder.path().join("kev/known_exploited_vulnerabilities.json"), text).unwrap();
        let parts = find(folder.path()).unwrap();
        let mut kept = Kept::default();
        read(&parts[0], &mut kept).unwrap();
        kept
    }

    #[test]
    fn entries() {
        let kept = check(
            r#"{"catalogVersion":"1","dateReleased":"2026-01-01","vulnerabilities":[
                {"cveID":"CVE-1","dateAdded":"2025-01-01","dueDate":"2025-02-01","knownRansomwareCampaignUse":"Known"},
                {"cveID":"CVE-2","dateAdded":"2025-01-01","dueDate":"2025-02-01","knownRansomwareCampaignUse":"Unknown"},
                {"cveID":"CVE-3"}]}"#,
        );
        assert_eq!(
            kept.kev.iter().map(|(cve, kev)| (cve.as_str(), kev.ransomware)).collect::<Vec<_>>(),
            [("CVE-1", true), ("CVE-2", false)]
        );
        assert_eq!((kept.rejected.len(), kept.dates.len()), (1, 1));
    }

    #[test]
    fn the_whole_catalogue() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        assert_eq!((kept.kev.len(), kept.rejected.len()), (1662, 0));
    }
}
