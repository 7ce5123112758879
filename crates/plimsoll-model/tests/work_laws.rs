//! Laws of the order of work: the sum is what is shown, and no summand that grows makes a finding less urgent.

use plimsoll_model::functions::Reach;
use plimsoll_model::work::{Work, sort};
use plimsoll_model::{
    Ecosystem, Epss, Finding, FindingKind, FixStatus, Kev, Level, Party, Remedy, Risk, Severity,
    SourcePackage, Subject, Suppression,
};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

const DATE: &str = "2026-11-26T00:00:00Z";

fn finding(id: u8, kind: FindingKind, level: Level, risk: Risk) -> Finding {
    Finding {
        id: format!("CVE-{id}@pkg:npm/x@1.0.0"),
        kind,
        advisory: format!("CVE-{id}"),
        aliases: Vec::new(),
        title: String::new(),
        subject: Subject::package(
            Ecosystem::Npm,
            SourcePackage { name: "x".into(), version: "1.0.0".into() },
            Vec::new(),
        ),
        severity: Severity { level, ..Severity::default() },
        risk,
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Platform,
        remedy: Remedy::default(),
        evidence: Vec::new(),
        object: None,
        suppressed_by: None,
    }
}

prop_compose! {
    fn any_finding()(
        id in 0_u8..20,
        kind in select(vec![FindingKind::Vulnerability, FindingKind::Malware, FindingKind::Secret]),
        level in select(Level::ALL.to_vec()),
        ransomware in option::of(any::<bool>()),
        probability in option::of(0_u32..=200_000),
        fixable: bool,
        development: bool,
        not_run: bool,
        reach in option::of(select(vec![Reach::Linked, Reach::NotLinked, Reach::CannotTell])),
        in_use in option::of(any::<bool>()),
        published in option::of("20[0-3][0-9]-0[1-9]-[0-3][0-9]|[a-z0-9-]{0,12}"),
        answered: bool,
    ) -> Finding {
        let risk = Risk {
            kev: ransomware.map(|ransomware| Kev { added: String::new(), due: String::new(), ransomware }),
            epss: probability.map(|probability| Epss { probability, percentile: 0, date: String::new() }),
            fixable,
            development,
            not_run,
            reach,
            in_use,
            published,
            ..Risk::default()
        };
        let suppressed_by = answered.then(|| Suppression {
            by: "exception".into(),
            source: String::new(),
            reason: String::new(),
            expires: None,
        });
        Finding { suppressed_by, ..finding(id, kind, level, risk) }
    }
}

proptest! {
    #[test]
    fn the_sum_is_the_sum_of_what_is_shown(finding in any_finding()) {
        let work = Work::of(&finding, DATE);
        let sum: i64 = work.summands().iter().map(|(_, points)| points).sum();
        prop_assert_eq!(sum, i64::from(work.sum));
        let told = format!("{} =", work.sum);
        prop_assert!(work.told().starts_with(&told));
        let document = serde_json::to_value(work).unwrap();
        prop_assert_eq!(serde_json::from_value::<Work>(document).unwrap(), work);
    }

    #[test]
    fn worse_is_never_less_urgent(before in any_finding()) {
        let sum = |finding: &Finding| Work::of(finding, DATE).sum;
        let least = sum(&before);
        let mut worse: Vec<(&str, Finding)> = Vec::new();
        let mut with = |name, change: &dyn Fn(&mut Finding)| {
            let mut after = before.clone();
            change(&mut after);
            worse.push((name, after));
        };
        with("malware", &|finding| finding.kind = FindingKind::Malware);
        with("exploited", &|finding| {
            let ransomware = finding.risk.kev.as_ref().is_some_and(|kev| kev.ransomware);
            finding.risk.kev = Some(Kev { added: String::new(), due: String::new(), ransomware });
        });
        with("ransomware", &|finding| {
            finding.risk.kev = Some(Kev { added: String::new(), due: String::new(), ransomware: true });
        });
        with("probability", &|finding| {
            let probability = finding.risk.epss.as_ref().map_or(0, |epss| epss.probability) + 5_000;
            finding.risk.epss = Some(Epss { probability, percentile: 0, date: String::new() });
        });
        with("severity", &|finding| {
            let next = Level::ALL.into_iter().rev().find(|level| *level > finding.severity.level);
            // Unknown is no lower level than the others, only an unknown one.
            if finding.severity.level != Level::Unknown {
                finding.severity.level = next.unwrap_or(Level::Critical);
            }
        });
        with("fixable", &|finding| finding.risk.fixable = true);
        with("age", &|finding| finding.risk.published = Some("1999-01-01".into()));
        with("linked", &|finding| finding.risk.reach = Some(Reach::Linked));
        with("seen", &|finding| finding.risk.in_use = Some(true));
        with("runs", &|finding| finding.risk.not_run = false);
        with("in production", &|finding| finding.risk.development = false);
        for (name, after) in worse {
            prop_assert!(sum(&after) >= least, "{} {:?}", name, after.risk);
        }
    }

    #[test]
    fn order(findings in proptest::collection::vec(any_finding(), 0..12)) {
        let mut sorted = findings.clone();
        sort(&mut sorted, DATE);
        for pair in sorted.windows(2) {
            let key = |finding: &Finding| {
                (finding.suppressed_by.is_some(), std::cmp::Reverse(finding.risk.work.sum), finding.id.clone())
            };
            prop_assert!(key(&pair[0]) <= key(&pair[1]));
        }
        let mut back: Vec<Finding> = findings.into_iter().rev().collect();
        sort(&mut back, DATE);
        let ids = |findings: &[Finding]| findings.iter().map(|finding| finding.id.clone()).collect::<Vec<_>>();
        prop_assert_eq!(ids(&sorted), ids(&back), "whatever order they come in");
    }
}

#[test]
fn in_words() {
    let risk = Risk {
        kev: Some(Kev { added: "2021-12-10".into(), due: String::new(), ransomware: true }),
        epss: Some(Epss { probability: 94_000, percentile: 0, date: String::new() }),
        fixable: true,
        published: Some("2021-12-10".into()),
        ..Risk::default()
    };
    let work = Work::of(&finding(1, FindingKind::Vulnerability, Level::Critical, risk), DATE);
    assert_eq!(work.told(), "299 = exploited 170 + EPSS 47 + severity 40 + fixable 30 + age 12");
    let risk = Risk { not_run: true, ..Risk::default() };
    let work = Work::of(&finding(1, FindingKind::Vulnerability, Level::High, risk), DATE);
    assert_eq!(work.told(), "0 = severity 25 - not in use 25");
    let work = Work::of(&finding(1, FindingKind::Vulnerability, Level::Negligible, Risk::default()), DATE);
    assert_eq!(work.told(), "0 = nothing counts");
}
