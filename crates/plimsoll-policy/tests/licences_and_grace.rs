//! Requirements about licences, and days of grace for findings over the line.

#![expect(clippy::expect_used, reason = "tests")]

use plimsoll_model::{
    Coverage, DatabaseInfo, Ecosystem, Effect as Seen, Finding, FindingKind, ImagePath, Kev, Level, Location,
    Outcome, Package, Problem, ProblemKind, Report, Target, TargetKind, Verdict,
};
use plimsoll_policy::{Effect, Facts, ImageName, Known, Need, Policies, decide};

/// 2027-01-15T08:00:00Z
const NOW: i64 = 1_800_000_000;

fn policy(requirement: &str) -> Result<Policies, String> {
    let text = format!(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: production}}\nspec:\n  requirements:\n  - {requirement}\n"
    );
    let mut policies = Policies::default();
    policies.add("policy.yaml", &text).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error} {cause}")
    })?;
    Ok(policies)
}

fn report(findings: Vec<Finding>, packages: Vec<Package>) -> Report {
    Report {
        schema_version: "1.0".into(),
        plimsoll: "0".into(),
        target: Target::named(TargetKind::Image, "shop"),
        database: DatabaseInfo {
            coverage: Coverage::Database,
            date: "2027-01-14T00:00:00Z".into(),
            digest: None,
            sources: Vec::new(),
        },
        verdict: Verdict {
            outcome: Outcome::Met,
            line: String::new(),
            reasons: Vec::new(),
            inputs_missing: Vec::new(),
        },
        packages,
        findings,
        changes: Vec::new(),
        problems: Vec::new(),
        vex: Vec::new(),
        framework: None,
        since: None,
    }
}

fn package(ecosystem: Ecosystem, name: &str, licenses: &[&str]) -> Package {
    let mut package = Package::new(ecosystem, name, "1.0.0", Location::new(ImagePath::from("a")));
    package.purl = format!("pkg:npm/{name}@1.0.0");
    package.licenses = licenses.iter().map(|license| (*license).to_owned()).collect();
    package
}

/// What is said, as the proof says it.
#[track_caller]
fn decided(requirement: &str, report: &Report, effect: Effect, said: &[&str]) {
    let name = ImageName { text: "acme/shop".into(), repository: "acme/shop".into(), ..ImageName::default() };
    let facts = Facts { image: name, report: Known::Seen(report), ..Facts::default() };
    let decision = decide(&facts, &policy(requirement).expect("a policy"), NOW);
    assert_eq!(decision.effect, effect, "{decision:#?}");
    let proof = serde_json::to_string(&decision).expect("JSON");
    for said in said {
        assert!(proof.contains(said), "`{said}` is not said in {proof}");
    }
}

fn flaw(advisory: &str, published: Option<&str>, fix: Option<&str>) -> Finding {
    let mut finding = Finding::sample(advisory, Level::High, true);
    finding.risk.published = published.map(str::to_owned);
    finding.risk.fix_published = fix.map(str::to_owned);
    finding
}

const FROM_FIX: &str = "maxSeverity: {severity: high, fixable: true, graceDays: 14, graceFrom: fix}";
const FROM_ADVISORY: &str = "maxSeverity: {severity: high, graceDays: 14, graceFrom: advisory}";

#[test]
fn young_findings_do_not_count_yet() {
    let packages = || vec![package(Ecosystem::Npm, "x", &[])];
    let check = |policy: &str, findings: Vec<Finding>, effect, said: &[&str]| {
        decided(policy, &report(findings, packages()), effect, said);
    };
    // Thirteen days old, and the day on which fourteen are over.
    let young = flaw("CVE-1", Some("2020-01-01"), Some("2027-01-02"));
    let old = flaw("CVE-2", Some("2027-01-14"), Some("2027-01-01"));
    check(FROM_FIX, vec![young.clone()], Effect::Allow, &["CVE-1 in x counts from 2027-01-16 on"]);
    check(FROM_FIX, vec![old.clone()], Effect::Deny, &["1 high finding has a fix"]);
    check(FROM_FIX, vec![young.clone(), old.clone()], Effect::Deny, &["1 high", "CVE-1 in x counts from"]);
    check(FROM_ADVISORY, vec![young], Effect::Deny, &["1 high"]);
    check(FROM_ADVISORY, vec![old], Effect::Allow, &["CVE-2 in x counts from 2027-01-28 on"]);
    check("maxSeverity: {severity: high}", vec![flaw("CVE-1", None, Some("2027-01-14"))], Effect::Deny, &[]);
    // Under the line nothing needs a day.
    let mut low = flaw("CVE-3", None, None);
    low.severity.level = Level::Low;
    check(FROM_FIX, vec![low], Effect::Allow, &["nothing stands over the line"]);
}

#[test]
fn without_a_day_it_cannot_be_told() {
    let check = |findings: Vec<Finding>, effect, said: &[&str]| {
        decided(FROM_FIX, &report(findings, vec![package(Ecosystem::Npm, "x", &[])]), effect, said);
    };
    let missing = "the day on which a fix was published for x (CVE-1)";
    for day in [None, Some("yesterday"), Some("2027-02-31"), Some("2027-01-17"), Some("")] {
        check(vec![flaw("CVE-1", Some("2027-01-14"), day)], Effect::Unknown, &[missing]);
    }
    // One day ahead is a matter of time zones.
    check(vec![flaw("CVE-1", None, Some("2027-01-16"))], Effect::Allow, &["2027-01-30"]);
    // What surely counts does, whatever else cannot be told.
    let old = flaw("CVE-2", None, Some("2026-01-01"));
    check(vec![flaw("CVE-1", None, None), old], Effect::Deny, &["1 high"]);
}

#[test]
fn no_grace_for_what_is_exploited_or_malicious() {
    let young = || flaw("CVE-1", Some("2027-01-14"), Some("2027-01-14"));
    let mut exploited = young();
    exploited.risk.kev = Some(Kev { added: "2027-01-14".into(), due: String::new(), ransomware: false });
    let mut malware = young();
    malware.kind = FindingKind::Malware;
    for finding in [exploited, malware] {
        decided(FROM_FIX, &report(vec![finding], vec![package(Ecosystem::Npm, "x", &[])]), Effect::Deny, &[]);
    }
}

#[test]
fn many_young_findings_are_counted() {
    let findings =
        (0..25).map(|number| flaw(&format!("CVE-{number:02}"), None, Some("2027-01-14"))).collect();
    let report = report(findings, vec![package(Ecosystem::Npm, "x", &[])]);
    decided(
        FROM_FIX,
        &report,
        Effect::Allow,
        &["CVE-09 in x counts from 2027-01-28 on", "and 15 more count later"],
    );
}

#[test]
fn licences() {
    let check = |policy: &str, packages: Vec<Package>, effect, said: &[&str]| {
        decided(policy, &report(Vec::new(), packages), effect, said);
    };
    let free = || package(Ecosystem::Npm, "free", &["MIT", "GPL-3.0-only"]);
    let bound = || package(Ecosystem::PyPi, "bound", &["MIT", "GPL-3.0-only"]);
    let odd = || package(Ecosystem::Npm, "odd", &["Acme EULA"]);
    let silent = || package(Ecosystem::Go, "silent", &[]);
    let allow = "licenses: {allow: [permissive]}";
    check(allow, vec![free()], Effect::Allow, &["the licences of 1 packages are allowed"]);
    check(
        allow,
        vec![free(), bound(), odd()],
        Effect::Deny,
        &["bound 1.0.0 is under GPL-3.0-only, which is not allowed"],
    );
    check(allow, vec![odd()], Effect::Unknown, &["whether odd 1.0.0 is allowed: it declares `Acme EULA`"]);
    check(allow, vec![silent()], Effect::Unknown, &["the licence of silent 1.0.0, which declares none"]);
    check("licenses: {deny: [copyleft]}", vec![bound()], Effect::Deny, &["which is denied"]);
    check("licenses: {allow: [permissive, unknown]}", vec![odd(), silent()], Effect::Allow, &[]);
    check(allow, Vec::new(), Effect::Unknown, &["packages: none was recognised"]);
    let mut owned = bound();
    owned.owned_by = Some("pkg:deb/debian/python3-bound@1".into());
    check(allow, vec![free(), owned], Effect::Allow, &[]);
    let many = (0..30).map(|number| package(Ecosystem::PyPi, &format!("p{number}"), &["GPL-2"])).collect();
    check(allow, many, Effect::Deny, &["and 20 more"]);

    let mut partial = report(Vec::new(), vec![free()]);
    partial.problems.push(Problem {
        kind: ProblemKind::Unreadable,
        subject: "a.jar".into(),
        detail: "truncated".into(),
        layer: None,
        effect: Seen::Incomplete,
    });
    decided(allow, &partial, Effect::Unknown, &["1 things"]);
    let needs = policy(allow).expect("a policy").needs(&Facts::default());
    assert_eq!(needs.into_iter().collect::<Vec<_>>(), [Need::Digest, Need::Scan]);
}

#[test]
fn mistakes_are_named() {
    for (requirement, said) in [
        ("licenses: {}", "neither `allow` nor `deny`"),
        ("licenses: {allow: [MTI]}", "`MTI` is no licence"),
        ("licenses: {only: [MIT]}", "only"),
        ("maxSeverity: {severity: high, graceDays: 3}", "graceFrom is missing"),
        ("maxSeverity: {severity: high, graceFrom: advisory}", "without graceDays"),
        ("maxSeverity: {severity: high, graceFrom: fix, graceDays: 3}", "needs `fixable: true`"),
        ("maxSeverity: {severity: high, graceFrom: advisory, graceDays: 0}", "between 1 and 366"),
        ("maxSeverity: {severity: high, graceFrom: advisory, graceDays: 4000}", "between 1 and 366"),
        ("maxSeverity: {severity: high, graceFrom: build, graceDays: 4}", "build"),
    ] {
        let error = policy(requirement).err().unwrap_or_default();
        assert!(error.contains(said), "{requirement}: {error}");
    }
}
