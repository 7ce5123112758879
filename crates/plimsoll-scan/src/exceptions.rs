//! Exceptions: findings that somebody decided to live with, until a date.
//!
//! A TOML or YAML file with a list `exception` (TOML `[[exception]]`). Each entry has an `id` (advisory or alias, rule, or the id of one finding), a
//! `reason`, and optionally `package`, `path`, `owner` and `expires` (`YYYY-MM-DD`, the last day it holds). An entry that
//! has expired suppresses nothing, and says so; one that matches nothing says so too.

use jiff::civil::Date;
use plimsoll_model::{Effect, Finding, Package, Problem, ProblemKind, Suppression};
use serde::Deserialize;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Advisory id or alias (`CVE-2021-23337`), a rule's id, or the id of one finding (`private-key@srv/a.pem:1`).
    pub id: String,
    /// Name or package URL (with or without version) of the package; any when absent.
    pub package: Option<String>,
    /// Path of the file that holds the package or that a rule names; `*` stands for any characters. Any when absent.
    pub path: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Last day it holds.
    pub expires: Option<Date>,
}

/// Exceptions of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exceptions {
    /// The file, for people.
    pub file: String,
    /// The entries, in the order of the file.
    pub entries: Vec<Exception>,
}

/// What came of applying exceptions, beside the marks on findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Entries that have expired or cover nothing, as notes.
    pub problems: Vec<Problem>,
    /// Entries that no longer hold and whose findings count again: each a reason for the verdict.
    pub expired: Vec<String>,
}

/// Why an exceptions file was refused. Nothing of it is applied then.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the exceptions in `{file}`: {reason}")]
pub struct ExceptionsError {
    file: String,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    exception: Vec<Written>,
}

/// An entry as written: the date is still text, so that a bad one can be named with its entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    #[serde(default)]
    package: Option<String>,
    #[serde(default)]
    path: Option<String>,
    reason: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default, deserialize_with = "date_text")]
    expires: Option<String>,
}

/// TOML has dates of its own; people write them with and without quotes.
fn date_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Toml(toml::value::Datetime),
    }
    Ok(Some(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Toml(date) => date.to_string(),
    }))
}

impl Exceptions {
    /// Reads a file's text; TOML when the name ends in `.toml`, else YAML.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExceptionsError> {
        let refuse = |reason: String| ExceptionsError { file: file.to_owned(), reason };
        let is_toml = std::path::Path::new(file)
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        let document: Document = if is_toml {
            toml::from_str(text).map_err(|error| refuse(error.to_string()))?
        } else if text.trim().is_empty() {
            Document { exception: Vec::new() }
        } else {
            serde_saphyr::from_str(text).map_err(|error| refuse(error.to_string()))?
        };
        let mut entries = Vec::with_capacity(document.exception.len());
        for (index, written) in document.exception.into_iter().enumerate() {
            let place = format!("entry {} ({})", index + 1, written.id);
            if written.id.trim().is_empty() {
                return Err(refuse(format!("entry {}: `id` is empty", index + 1)));
            }
            if written.reason.trim().is_empty() {
                return Err(refuse(format!("{place}: `reason` is empty; say why this is accepted")));
            }
            let expires = match &written.expires {
                None => None,
                Some(text) => Some(text.parse::<Date>().map_err(|_| {
                    refuse(format!("{place}: `expires` is `{text}`; expected a date as in 2027-01-31"))
                })?),
            };
            entries.push(Exception {
                id: written.id,
                package: written.package,
                path: written.path,
                reason: written.reason,
                owner: written.owner,
                expires,
            });
        }
        Ok(Exceptions { file: file.to_owned(), entries })
    }

    /// Marks the findings that an entry covers on `today`, and says which entries have expired or cover nothing.
    pub fn apply(&self, findings: &mut [Finding], packages: &[Package], today: Date) -> Applied {
        let mut applied = Applied::default();
        for entry in &self.entries {
            let expired = entry.expires.is_some_and(|expires| expires < today);
            let mut covered = 0_usize;
            for finding in findings.iter_mut().filter(|finding| entry.covers(finding, packages)) {
                covered += 1;
                if !expired && finding.suppressed_by.is_none() {
                    finding.suppressed_by = Some(Suppression {
                        by: "exception".into(),
                        source: self.file.clone(),
                        reason: match &entry.owner {
                            Some(owner) => format!("{} (owner: {owner})", entry.reason),
                            None => entry.reason.clone(),
                        },
                        expires: entry.expires.map(|date| date.to_string()),
                    });
                }
            }
            let owner = entry.owner.as_deref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
            let detail = match (covered, expired, entry.expires) {
                (0, _, _) => format!("the exception in {} matches no finding; remove it", self.file),
                (_, true, Some(date)) => {
                    applied.expired.push(format!(
                        "the exception for {} expired on {date}{owner}: it counts again",
                        entry.id
                    ));
                    format!(
                        "the exception in {} expired on {date}{owner}: the finding counts again",
                        self.file
                    )
                }
                _ => continue,
            };
            applied.problems.push(Problem {
                kind: ProblemKind::StaleData,
                effect: Effect::Note,
                subject: entry.id.clone(),
                detail,
                layer: None,
            });
        }
        applied
    }
}

impl Exception {
    fn covers(&self, finding: &Finding, packages: &[Package]) -> bool {
        let named = finding.advisory.eq_ignore_ascii_case(&self.id)
            || finding.id == self.id
            || finding.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(&self.id));
        if !named {
            return false;
        }
        if finding.subject.as_package().is_none() {
            let place = finding.subject.name();
            let covers = |pattern: &String| matches_pattern(pattern.trim_start_matches('/'), &place);
            return self.package.is_none() && self.path.as_ref().is_none_or(covers);
        }
        let mut affected =
            packages.iter().filter(|package| finding.subject.packages().contains(&package.purl));
        match (&self.package, &self.path) {
            (None, None) => true,
            (package, path) => affected.any(|candidate| {
                package.as_ref().is_none_or(|wanted| names(wanted, candidate, finding))
                    && path.as_ref().is_none_or(|pattern| {
                        candidate.locations.iter().any(|location| {
                            matches_pattern(pattern.trim_start_matches('/'), &location.path.to_string())
                        })
                    })
            }),
        }
    }
}

fn names(wanted: &str, package: &Package, finding: &Finding) -> bool {
    let bare = |purl: &str| purl.split(['?', '#']).next().unwrap_or_default().to_owned();
    let unversioned = |purl: &str| purl.rsplit_once('@').map_or(purl.to_owned(), |(name, _)| name.to_owned());
    let purl = bare(&package.purl);
    let normal = package.ecosystem.normalise(wanted);
    wanted == package.purl
        || wanted == purl
        || wanted == unversioned(&purl)
        || normal == package.ecosystem.normalise(&package.name)
        || wanted == finding.subject.name()
}

/// `*` stands for any run of characters, `/` included. Linear in the length of the text for each `*`.
pub(crate) fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toml_and_yaml_say_the_same() {
        let from_toml = Exceptions::parse(
            "a.toml",
            "[[exception]]\nid = \"CVE-1\"\nreason = \"not reached\"\nowner = \"web\"\nexpires = 2027-01-31\n",
        )
        .unwrap();
        let from_yaml = Exceptions::parse(
            "a.yaml",
            "exception:\n- id: CVE-1\n  reason: not reached\n  owner: web\n  expires: \"2027-01-31\"\n",
        )
        .unwrap();
        assert_eq!(from_toml.entries, from_yaml.entries);
        assert_eq!(from_toml.entries[0].expires.unwrap().to_string(), "2027-01-31");
    }

    #[test]
    fn refused() {
        for (text, part) in [
            ("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nexpires = \"2027-13-01\"", "2027-13-01"),
            ("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nexpires = \"soon\"", "soon"),
            ("[[exception]]\nid = \"CVE-1\"\nreason = \" \"", "reason"),
            ("[[exception]]\nid = \"CVE-1\"", "reason"),
            ("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nuntil = \"2027-01-01\"", "until"),
            ("not toml", "a.toml"),
        ] {
            let error = Exceptions::parse("a.toml", text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("srv/web/*", "srv/web/package-lock.json", true),
            ("*/package-lock.json", "srv/web/package-lock.json", true),
            ("srv/*/package*.json", "srv/web/package-lock.json", true),
            ("srv", "srv/web", false),
            ("*", "", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
