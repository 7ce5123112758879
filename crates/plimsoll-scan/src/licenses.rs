//! Licences as findings: what packages declare, held against the lists that the user gives.
//!
//! The lists are the line: a licence that they refuse is over every line, and one that they cannot be asked about leaves the verdict unknown.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use plimsoll_model::license::{Answer, Declared, Lists};
use plimsoll_model::{
    Evidence, Finding, FindingKind, FixStatus, Level, Package, Party, Remedy, Risk, Severity, SourcePackage,
    Subject, Suppression,
};

/// A rule about licences.
struct Rule {
    id: &'static str,
    answer: Answer,
    level: Level,
    what: &'static str,
    why: &'static str,
    fix: &'static str,
}

static RULES: &[Rule] = &[
    Rule {
        id: "license-denied",
        answer: Answer::Denied,
        level: Level::High,
        what: "A package declares a licence that `--license-deny` names, and leaves no choice of another one.",
        why: "Whoever ships the image ships the package under that licence, with what it asks for.",
        fix: "Replace the package, or record an exception with a reason and a date (docs/exceptions.md).",
    },
    Rule {
        id: "license-not-allowed",
        answer: Answer::NotAllowed,
        level: Level::Medium,
        what: "A package declares a licence that `--license-allow` does not name, and leaves no choice of one that it names.",
        why: "A list of what is allowed refuses everything that nobody has looked at yet.",
        fix: "Replace the package, allow the licence, or record an exception with a reason and a date (docs/exceptions.md).",
    },
    Rule {
        id: "license-unknown",
        answer: Answer::Unknown,
        level: Level::Unknown,
        what: "A package declares no licence, or words that are no licence of the SPDX list, or a name that several licences have of \
               which the lists treat some one way and some the other. Whether the lists allow it cannot be told, so the verdict is unknown.",
        why: "What is not understood is never taken for allowed.",
        fix: "Look up the licence of the package. Then allow or deny its words by the reference that the finding names \
              (`LicenseRef-...`), accept all such packages with `unknown` in a list, or record an exception.",
    },
];

fn rule(answer: Answer) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.answer == answer)
}

/// What a rule about licences looks for, why, and how to fix it.
pub(crate) fn explain(id: &str) -> Option<String> {
    let rule = RULES.iter().find(|rule| rule.id == id)?;
    let Rule { id, what, why, fix, .. } = rule;
    Some(format!(
        "{id}\n  {what}\n\nWhy\n  {why}\n\nHow to fix it\n  {fix}\n\ndocs/licences.md has the classes, and how words become SPDX ids\n"
    ))
}

/// Writes what the packages declare as SPDX expressions beside their words.
pub(crate) fn normalise(packages: &mut [Package]) {
    type Said = (Option<String>, Vec<String>);
    let mut known: HashMap<(bool, Vec<String>), Said> = HashMap::new();
    for package in packages.iter_mut().filter(|package| !package.licenses.is_empty()) {
        let choice = package.ecosystem.licenses_are_a_choice();
        let said = known.entry((choice, package.licenses.clone())).or_insert_with(|| {
            let declared = Declared::all(&package.licenses, choice);
            let unknown = declared.unknown().into_iter().map(str::to_owned).collect();
            (declared.expression(plimsoll_model::license::reference), unknown)
        });
        package.license_expression.clone_from(&said.0);
        package.unknown_licenses.clone_from(&said.1);
    }
}

/// What a group of packages has in common: source package, declared words, owner.
type Group<'p> = (&'p str, SourcePackage, &'p [String], Option<&'p str>);

/// One finding for each source package and declaration that the lists do not allow.
pub(crate) fn findings(packages: &[Package], lists: &Lists) -> Vec<Finding> {
    let mut groups: BTreeMap<Group<'_>, Vec<&Package>> = BTreeMap::new();
    for package in packages {
        let (name, version) = package.source_or_self();
        let source = SourcePackage { name: name.to_owned(), version: version.to_owned() };
        let group =
            (package.ecosystem.name(), source, package.licenses.as_slice(), package.owned_by.as_deref());
        groups.entry(group).or_default().push(package);
    }
    groups
        .into_iter()
        .filter_map(|((_, source, _, owner), packages)| finding(source, owner, &packages, lists))
        .collect()
}

fn finding(
    source: SourcePackage,
    owner: Option<&str>,
    packages: &[&Package],
    lists: &Lists,
) -> Option<Finding> {
    let first = packages.first()?;
    let declared = Declared::all(&first.licenses, first.ecosystem.licenses_are_a_choice());
    let judged = lists.judge(&declared);
    let rule = rule(judged.answer)?;
    let name = &source.name;
    let mut due = String::new();
    for (index, one) in judged.names.iter().enumerate() {
        const SHOWN: usize = 5;
        if index == SHOWN {
            let _ = write!(due, " and {} more", judged.names.len() - SHOWN);
            break;
        }
        let _ = write!(due, "{}{one}", if index == 0 { "" } else { ", " });
    }
    let (title, action) = match judged.answer {
        Answer::Denied => (
            format!("{name} is under {due}, which the list denies"),
            format!("replace {name}, or record an exception: its licence ({due}) is denied"),
        ),
        Answer::NotAllowed => (
            format!("{name} is under {due}, which is not among the allowed licences"),
            format!("replace {name}, allow its licence ({due}), or record an exception"),
        ),
        Answer::Unknown if declared.is_empty() => (
            format!("{name} declares no licence that could be read"),
            format!("find out the licence of {name}, and record an exception if it may stay"),
        ),
        Answer::Unknown => {
            let references: Vec<String> =
                judged.names.iter().take(5).map(|raw| Declared::read(raw).to_string()).collect();
            (
                format!("{name} declares `{due}`, which does not say whether it is allowed"),
                format!("find out the licence of {name}, then allow or deny {}", references.join(", ")),
            )
        }
        Answer::Allowed => return None,
    };
    let mut purls: Vec<String> = packages.iter().map(|package| package.purl.clone()).collect();
    purls.sort();
    purls.dedup();
    let expression = declared.to_string();
    let evidence = Evidence {
        source: "plimsoll".to_owned(),
        record: rule.id.to_owned(),
        date: String::new(),
        range: if expression.is_empty() { "no licence declared".to_owned() } else { expression },
        compared: first.licenses.join("; "),
        rule: "license".to_owned(),
    };
    Some(Finding {
        id: format!("{}@{}", rule.id, purls.first()?),
        kind: FindingKind::License,
        advisory: rule.id.to_owned(),
        aliases: Vec::new(),
        title,
        subject: Subject::package(first.ecosystem, source, purls),
        severity: Severity { level: rule.level, source: "plimsoll".to_owned(), ..Severity::default() },
        risk: Risk {
            development: packages.iter().all(|package| package.scope == plimsoll_model::Scope::Development),
            ..Risk::default()
        },
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Application(None),
        remedy: Remedy { action, location: first.locations.first().cloned(), ..Remedy::default() },
        evidence: vec![evidence],
        object: None,
        suppressed_by: owner.map(|owner| Suppression {
            by: "owner".to_owned(),
            source: owner.to_owned(),
            reason: format!("its files belong to {owner}, which declares their licence"),
            expires: None,
        }),
    })
}

#[cfg(test)]
mod tests {
    use plimsoll_model::{Ecosystem, ImagePath, Location};

    use super::*;

    fn package(ecosystem: Ecosystem, name: &str, licenses: &[&str]) -> Package {
        let mut package = Package::new(ecosystem, name, "1", Location::new(ImagePath::from("db")));
        package.purl = format!("pkg:{}/{name}@1", ecosystem.name());
        package.licenses = licenses.iter().map(|license| (*license).to_owned()).collect();
        package
    }

    fn lists(allow: &str, deny: &str) -> Lists {
        let split = |text: &str| -> Vec<String> {
            text.split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
        };
        Lists::parse(&split(allow), &split(deny)).unwrap()
    }

    #[test]
    fn expressions_beside_the_words() {
        let mut packages = [
            package(Ecosystem::Deb, "a", &["GPL-2+", "Expat", "custom"]),
            package(Ecosystem::Npm, "b", &["MIT", "Apache-2.0"]),
            package(Ecosystem::Go, "c", &[]),
        ];
        normalise(&mut packages);
        let [a, b, c] = &packages;
        assert_eq!(a.license_expression.as_deref(), Some("GPL-2.0-or-later AND MIT AND LicenseRef-custom"));
        assert_eq!(a.unknown_licenses, ["custom"]);
        assert_eq!(a.licenses, ["GPL-2+", "Expat", "custom"]);
        assert_eq!(b.license_expression.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!((&c.license_expression, c.unknown_licenses.len()), (&None, 0));
    }

    #[test]
    fn one_finding_for_each_source_and_declaration() {
        let mut library = package(Ecosystem::Deb, "libssl3", &["Apache-2.0"]);
        let mut tool = package(Ecosystem::Deb, "openssl", &["Apache-2.0"]);
        let source = SourcePackage { name: "openssl".into(), version: "3".into() };
        library.source = Some(source.clone());
        tool.source = Some(source);
        let packages = [
            library,
            tool,
            package(Ecosystem::Npm, "free", &["MIT", "GPL-3.0-only"]),
            package(Ecosystem::PyPi, "both", &["MIT", "GPL-3.0-only"]),
            package(Ecosystem::Go, "silent", &[]),
            package(Ecosystem::Deb, "odd", &["Acme EULA"]),
        ];
        let found = findings(&packages, &lists("MIT", ""));
        let told: Vec<(&str, &str)> =
            found.iter().map(|finding| (finding.id.as_str(), finding.evidence[0].range.as_str())).collect();
        assert_eq!(
            told,
            [
                ("license-unknown@pkg:deb/odd@1", "LicenseRef-Acme-EULA"),
                ("license-not-allowed@pkg:deb/libssl3@1", "Apache-2.0"),
                ("license-unknown@pkg:golang/silent@1", "no licence declared"),
                ("license-not-allowed@pkg:pypi/both@1", "MIT AND GPL-3.0-only"),
            ]
        );
        assert_eq!(found[1].subject.packages().len(), 2);
        assert!(found[0].remedy.action.contains("LicenseRef-Acme-EULA"), "{}", found[0].remedy.action);
        let denied = findings(&packages, &lists("", "Apache-2.0,unknown"));
        let ids: Vec<&str> = denied.iter().map(|finding| finding.advisory.as_str()).collect();
        assert_eq!(ids, ["license-denied"; 3]);
        assert!(findings(&packages, &lists("permissive,copyleft,unknown", "")).is_empty());
    }

    #[test]
    fn an_owner_speaks_for_what_it_owns() {
        let mut owned = package(Ecosystem::PyPi, "x", &["GPL-3.0-only"]);
        owned.owned_by = Some("pkg:deb/python3-x@1".into());
        let found = findings(&[owned], &lists("MIT", ""));
        assert_eq!(found[0].suppressed_by.as_ref().map(|by| by.source.as_str()), Some("pkg:deb/python3-x@1"));
    }

    #[test]
    fn every_rule_is_explained() {
        for rule in RULES {
            assert!(explain(rule.id).is_some_and(|text| text.starts_with(rule.id)));
        }
        assert_eq!(explain("license"), None);
    }
}
