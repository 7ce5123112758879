//! Exceptions: findings that somebody decided to live with, until a date.
//!
//! A TOML or YAML file with a list `exception` (TOML `[[exception]]`). Each entry has an `id` (advisory, alias, or rule), a
//! `reason`, and optionally `package`, `path`, `target`, `object`, `owner`, `ticket`, `expires` (`YYYY-MM-DD`, the last day it holds)
//! and `until = "fix-available"`. An entry that no longer holds suppresses nothing, and says so; one that matches nothing
//! says so too. One that covers only a part of a finding (one of its packages, one of its places) suppresses nothing
//! either: what it does not name would be hidden with what it names.

use jiff::civil::Date;
use plimsoll_model::{
    Effect, Finding, Location, ObjectRef, Package, Problem, ProblemKind, Subject, Suppression,
    Target as TargetFacts,
};
use serde::Deserialize;

/// One exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Advisory id or alias (`CVE-2021-23337`), a rule's id, or the id of one finding (`private-key@srv/a.pem:1`).
    pub id: String,
    /// Name or package URL (with or without version) of the package; any when absent.
    pub package: Option<String>,
    /// Path of the file that holds the package, or that the finding is about; `*` stands for any characters. Any when
    /// absent.
    pub path: Option<String>,
    /// Name of the target, as typed or as the image calls itself, or its digest; `*` stands for any characters. Any when
    /// absent.
    pub target: Option<String>,
    /// Object of Kubernetes that a rule found it in, as `NAMESPACE/KIND/NAME` or, of the whole cluster, `KIND/NAME`; `*` stands for any
    /// characters. Any when absent. The same in files, in a cluster and at admission.
    pub object: Option<String>,
    /// Why it is accepted.
    pub reason: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where it is discussed.
    pub ticket: Option<String>,
    /// Last day it holds.
    pub expires: Option<Date>,
    /// It holds only as long as no released version or edit removes the finding.
    pub until_fix: bool,
}

/// Days that an exception may hold at most: whoever accepts a risk looks at it again.
pub const LONGEST_DAYS: i32 = 180;

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
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    object: Option<String>,
    reason: String,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    ticket: Option<String>,
    #[serde(default)]
    until: Option<String>,
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
            let until_fix = match written.until.as_deref() {
                None => false,
                Some("fix-available") => true,
                Some(text) => {
                    return Err(refuse(format!(
                        "{place}: `until` is `{text}`; expected `fix-available`, and a date in `expires`"
                    )));
                }
            };
            for (key, value) in [
                ("package", &written.package),
                ("path", &written.path),
                ("target", &written.target),
                ("object", &written.object),
            ] {
                if value.as_ref().is_some_and(|value| value.trim().is_empty()) {
                    return Err(refuse(format!("{place}: `{key}` is empty; leave it out to mean any")));
                }
            }
            entries.push(Exception {
                id: written.id,
                package: written.package,
                path: written.path,
                target: written.target,
                object: written.object,
                reason: written.reason,
                owner: written.owner,
                ticket: written.ticket,
                expires,
                until_fix,
            });
        }
        Ok(Exceptions { file: file.to_owned(), entries })
    }

    /// Refuses entries that hold too long, and those about a rule of ours for which nobody answers or which hold without end: what
    /// such a rule finds goes away by an edit, so nobody waits for a release.
    ///
    /// # Errors
    /// With the entry that does.
    pub fn check(&self, today: Date) -> Result<(), ExceptionsError> {
        for (index, entry) in self.entries.iter().enumerate() {
            // The id of one finding begins with its rule.
            let rule = entry.id.split_once('@').map_or(entry.id.as_str(), |(rule, _)| rule);
            let answers = entry.owner.as_deref().is_some_and(|owner| !owner.trim().is_empty());
            let lacks = match (answers, entry.expires) {
                (true, Some(_)) => continue,
                (false, _) => "`owner` is missing: say who answers for it",
                (true, None) => "`expires` is missing: say until when it holds",
            };
            if plimsoll_posture::find(rule).is_some() {
                let reason = format!("entry {} ({}): {lacks}", index + 1, entry.id);
                return Err(ExceptionsError { file: self.file.clone(), reason });
            }
        }
        let last = today.saturating_add(jiff::Span::new().days(LONGEST_DAYS));
        match self.entries.iter().enumerate().find(|(_, entry)| entry.expires.is_some_and(|date| date > last))
        {
            None => Ok(()),
            Some((index, entry)) => Err(ExceptionsError {
                file: self.file.clone(),
                reason: format!(
                    "entry {} ({}): `expires` is more than {LONGEST_DAYS} days away; the last day it can be is {last}",
                    index + 1,
                    entry.id
                ),
            }),
        }
    }

    /// Marks the findings that an entry covers on `today`, and says which entries have expired or cover nothing.
    pub fn apply(
        &self,
        findings: &mut [Finding],
        packages: &[Package],
        target: &TargetFacts,
        today: Date,
    ) -> Applied {
        let mut applied = Applied::default();
        for entry in self.entries.iter().filter(|entry| entry.is_about(target)) {
            let expired = entry.expires.is_some_and(|expires| expires < today);
            let (mut covered, mut partly, mut mended) = (0_usize, 0_usize, 0_usize);
            for finding in findings.iter_mut() {
                match entry.covers(finding, packages) {
                    Cover::None => continue,
                    Cover::Part => {
                        partly += 1;
                        continue;
                    }
                    Cover::Whole => covered += 1,
                }
                if entry.until_fix && finding.risk.fixable {
                    mended += 1;
                } else if !expired && finding.suppressed_by.is_none() {
                    let words: Vec<String> = [("owner", &entry.owner), ("ticket", &entry.ticket)]
                        .into_iter()
                        .filter_map(|(key, value)| Some(format!("{key}: {}", value.as_ref()?)))
                        .collect();
                    finding.suppressed_by = Some(Suppression {
                        by: "exception".into(),
                        source: self.file.clone(),
                        reason: if words.is_empty() {
                            entry.reason.clone()
                        } else {
                            format!("{} ({})", entry.reason, words.join(", "))
                        },
                        expires: entry.expires.map(|date| date.to_string()),
                    });
                }
            }
            let owner = entry.owner.as_deref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
            let mut note = |detail: String| {
                applied.problems.push(Problem {
                    kind: ProblemKind::StaleData,
                    effect: Effect::Note,
                    subject: entry.id.clone(),
                    detail,
                    layer: None,
                });
            };
            if partly > 0 {
                note(format!(
                    "the exception in {} covers only a part of the packages or places of a finding, which counts: name the source package, or all places",
                    self.file
                ));
            }
            match (covered, expired, entry.expires) {
                (0, _, _) if partly == 0 => {
                    note(format!("the exception in {} matches no finding; remove it", self.file));
                }
                (0, _, _) => {}
                (_, true, Some(date)) => {
                    note(format!(
                        "the exception in {} expired on {date}{owner}: the finding counts again",
                        self.file
                    ));
                    applied.expired.push(format!(
                        "the exception for {} expired on {date}{owner}: it counts again",
                        entry.id
                    ));
                }
                _ if mended > 0 => {
                    note(format!(
                        "the exception in {} held until there is a fix, and there is one{owner}: the finding counts again",
                        self.file
                    ));
                    applied.expired.push(format!(
                        "the exception for {} held until there is a fix{owner}: it counts again",
                        entry.id
                    ));
                }
                _ => {}
            }
        }
        applied
    }
}

/// How much of a finding an entry speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cover {
    None,
    Part,
    Whole,
}

impl Exception {
    fn is_about(&self, target: &TargetFacts) -> bool {
        let Some(pattern) = &self.target else { return true };
        let digest = target.digest.as_ref().map(ToString::to_string);
        [Some(target.name.as_str()), target.reference.as_deref(), digest.as_deref()]
            .into_iter()
            .flatten()
            .any(|name| matches_pattern(pattern, name))
    }

    fn covers(&self, finding: &Finding, packages: &[Package]) -> Cover {
        let named = finding.advisory.eq_ignore_ascii_case(&self.id)
            || finding.id == self.id
            || finding.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(&self.id));
        if !named {
            return Cover::None;
        }
        if let Some(pattern) = &self.object {
            let is = |object: &ObjectRef| matches_pattern(pattern, &object.path());
            if !finding.object.as_deref().is_some_and(is) {
                return Cover::None;
            }
        }
        let at = |location: &Location| {
            self.path.as_ref().is_none_or(|pattern| {
                matches_pattern(
                    pattern.trim_start_matches('/'),
                    location.path.to_string().trim_start_matches('/'),
                )
            })
        };
        let Some(subject) = finding.subject.as_package() else {
            // No package: a file, or a part of the configuration, which is at no path.
            let place = match &finding.subject {
                Subject::File(location) => Some(location),
                _ => finding.remedy.location.as_ref(),
            };
            let there = self.path.is_none() || place.is_some_and(at);
            return if there && self.package.is_none() { Cover::Whole } else { Cover::None };
        };
        if self.package.is_none() && self.path.is_none() {
            return Cover::Whole;
        }
        // Everything that the finding is about must be named: what is not would be hidden with the rest.
        let (mut all, mut inside) = (0_usize, 0_usize);
        for package in packages.iter().filter(|package| subject.packages.contains(&package.purl)) {
            let named = self.package.as_ref().is_none_or(|wanted| names(wanted, package, finding));
            for location in &package.locations {
                all += 1;
                inside += usize::from(named && at(location));
            }
            if package.locations.is_empty() {
                all += 1;
                inside += usize::from(named && self.path.is_none());
            }
        }
        match inside {
            0 => Cover::None,
            _ if inside == all => Cover::Whole,
            _ => Cover::Part,
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

    fn package(name: &str, paths: &[&str]) -> Package {
        let at = |path: &&str| Location::new(plimsoll_model::ImagePath::from(*path));
        let mut package = Package::new(plimsoll_model::Ecosystem::Deb, name, "1.0-1", at(&paths[0]));
        package.locations = paths.iter().map(at).collect();
        package.purl = format!("pkg:deb/debian/{name}@1.0-1?arch=amd64&distro=debian-12");
        package
    }

    /// The finding of openssl with two packages, one of them in two places.
    fn openssl() -> (Finding, Vec<Package>) {
        let packages = vec![package("libssl3", &["a/status"]), package("openssl", &["a/status", "b/status"])];
        let mut finding = plimsoll_model::Finding::sample("CVE-1", plimsoll_model::Level::High, true);
        finding.subject = Subject::package(
            plimsoll_model::Ecosystem::Deb,
            plimsoll_model::SourcePackage { name: "openssl-src".into(), version: "1.0-1".into() },
            packages.iter().map(|package| package.purl.clone()).collect(),
        );
        (finding, packages)
    }

    fn suppressed(entry: &str, finding: &Finding, packages: &[Package], target: &str) -> (bool, Applied) {
        let text = format!("[[exception]]\nid = \"{}\"\nreason = \"x\"\n{entry}", finding.advisory);
        let exceptions = Exceptions::parse("a.toml", &text).unwrap();
        let mut findings = [finding.clone()];
        let target = TargetFacts::named(plimsoll_model::TargetKind::Image, target);
        let applied = exceptions.apply(&mut findings, packages, &target, "2026-11-26".parse().unwrap());
        (findings[0].suppressed_by.is_some(), applied)
    }

    #[test]
    fn nothing_leaks_to_what_is_not_named() {
        let (finding, packages) = openssl();
        for (entry, expected, told) in [
            ("", true, ""),
            ("package = \"openssl-src\"", true, ""),
            ("package = \"libssl3\"", false, "only a part"),
            ("package = \"pkg:deb/debian/openssl\"", false, "only a part"),
            ("package = \"pkg:deb/debian/openssl-src\"", false, "matches no finding"),
            ("package = \"pkg:npm/openssl\"", false, "matches no finding"),
            ("package = \"ssl\"", false, "matches no finding"),
            ("path = \"*/status\"", true, ""),
            ("path = \"/a/status\"", false, "only a part"),
            ("path = \"c/*\"", false, "matches no finding"),
            ("target = \"shop-*\"", true, ""),
            ("target = \"shop\"", false, ""),
            ("target = \"*-other\"", false, ""),
        ] {
            let (is, applied) = suppressed(entry, &finding, &packages, "shop-web");
            assert_eq!(is, expected, "{entry} {applied:?}");
            let details: Vec<&str> = applied.problems.iter().map(|problem| problem.detail.as_str()).collect();
            assert_eq!(details.len(), usize::from(!told.is_empty()), "{entry} {details:?}");
            assert!(details.iter().all(|detail| detail.contains(told)), "{entry} {details:?}");
        }
    }

    #[test]
    fn rules_are_answered_by_their_id_and_place() {
        let mut finding = plimsoll_model::Finding::sample("latest-tag", plimsoll_model::Level::High, true);
        finding.subject = Subject::File(Location::new(plimsoll_model::ImagePath::from("web/Dockerfile")));
        for (entry, expected) in [
            ("", true),
            ("path = \"web/*\"", true),
            ("path = \"jobs/*\"", false),
            ("package = \"web\"", false),
        ] {
            assert_eq!(suppressed(entry, &finding, &[], "x").0, expected, "{entry}");
        }
    }

    #[test]
    fn until_there_is_a_fix_and_not_for_ever() {
        let (mut finding, packages) = openssl();
        let entry = "until = \"fix-available\"\nowner = \"web\"\nticket = \"SHOP-7\"";
        let (is, applied) = suppressed(entry, &finding, &packages, "x");
        assert!(!is && applied.expired.len() == 1, "{applied:?}");
        finding.risk.fixable = false;
        let (is, applied) = suppressed(entry, &finding, &packages, "x");
        assert!(is && applied == Applied::default(), "{applied:?}");
        let exceptions = Exceptions::parse(
            "a.toml",
            "[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\nexpires = 2027-05-25",
        )
        .unwrap();
        exceptions.check("2026-11-26".parse().unwrap()).unwrap();
        let error = exceptions.check("2026-11-25".parse().unwrap()).unwrap_err().to_string();
        assert!(error.contains("entry 1 (CVE-1)") && error.contains("2027-05-24"), "{error}");
        for (entry, part) in [("until = \"later\"", "`until` is `later`"), ("path = \"\"", "`path` is empty")]
        {
            let text = format!("[[exception]]\nid = \"CVE-1\"\nreason = \"x\"\n{entry}");
            let error = Exceptions::parse("a.toml", &text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
