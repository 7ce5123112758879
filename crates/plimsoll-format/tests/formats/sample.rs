//! Reports to write: one rich, and the edges.

use plimsoll_model::vex::{VexDocument, VexOrigin, VexOutcome, VexSignature, VexStatement};
use plimsoll_model::*;

/// The time at which the samples are shown.
pub(crate) fn now() -> jiff::Timestamp {
    "2026-11-23T18:00:00Z".parse().unwrap()
}

fn digest(seed: u8) -> Digest {
    Digest::from_bytes(Algorithm::Sha256, &[seed; 32]).unwrap()
}

fn location(path: &str, layer: u32, line: Option<u32>) -> Location {
    Location { path: path.into(), layer: Some(layer), line, column: None }
}

fn package(ecosystem: Ecosystem, name: &str, version: &str, location: Location) -> Package {
    let mut package = Package::new(ecosystem, name, version, location);
    let at = if ecosystem == Ecosystem::Deb { "debian/" } else { "" };
    package.purl = format!("pkg:{}/{at}{name}@{version}", ecosystem.name());
    package
}

fn layers() -> Vec<Layer> {
    let commands = [
        "# debian.sh --arch 'amd64' out/ 'bookworm' '@1763942400'",
        "COPY web /web",
        "RUN python -m venv /srv/app/venv && pip install -r requirements.txt",
        "COPY api /usr/local/bin/api",
        "ENTRYPOINT [\"/usr/local/bin/api\"]",
    ];
    let layer = |(index, command): (usize, &&str)| {
        let number = u8::try_from(index).unwrap() + 1;
        Layer {
            index: u32::from(number),
            digest: Some(digest(number)),
            diff_id: Some(digest(100 + number)),
            size: 1_000_000 * u64::from(number),
            created_by: Some((*command).to_owned()),
            from_base: number == 1,
        }
    };
    commands.iter().enumerate().map(layer).collect()
}

fn database() -> DatabaseInfo {
    let source = |number: u32| FeedInfo {
        name: format!("feed/{number:02}"),
        date: "2026-11-23T12:00:00Z".into(),
        commit: String::new(),
        records: 1_000,
        licence: "CC-BY-4.0".into(),
    };
    DatabaseInfo {
        coverage: Coverage::Database,
        date: "2026-11-23T12:00:00Z".into(),
        digest: Some(digest(9)),
        sources: (1..=31).map(source).collect(),
    }
}

/// A finding about one package, with the least that every finding has.
pub(crate) fn finding(advisory: &str, subject: &Package, level: Level) -> Finding {
    let (name, version) = subject.source_or_self();
    Finding {
        id: format!("{advisory}@{}", subject.purl),
        kind: FindingKind::Vulnerability,
        advisory: advisory.to_owned(),
        aliases: Vec::new(),
        title: String::new(),
        subject: Subject::package(
            subject.ecosystem,
            SourcePackage { name: name.to_owned(), version: version.to_owned() },
            vec![subject.purl.clone()],
        ),
        severity: Severity { level, score_tenths: None, vector: None, source: "osv".into() },
        risk: Risk::default(),
        status: FixStatus::Affected,
        fixed_version: None,
        party: Party::Distribution("Debian".into()),
        remedy: Remedy { action: "wait for Debian".into(), command: None, location: None },
        evidence: vec![Evidence {
            source: "debian".into(),
            record: advisory.to_owned(),
            date: "2026-11-20".into(),
            range: "all versions".into(),
            compared: format!("{name} {version} (source)"),
            rule: "range".into(),
        }],
        object: None,
        suppressed_by: None,
    }
}

fn fixed(mut finding: Finding, version: &str, party: Party) -> Finding {
    finding.status = FixStatus::Fixed;
    finding.fixed_version = Some(version.to_owned());
    finding.risk.fixable = true;
    let name = finding.subject.name();
    finding.remedy.action = format!("upgrade {name} to {version}");
    finding.party = party;
    finding
}

/// The example of the house: an image with a base that has updates, three applications' upgrades, and the rest.
pub(crate) fn shop_web() -> Report {
    let application = || Party::Application(None);
    let base = || Party::BaseImage(Some("debian:12.15".into()));
    let mut lodash =
        package(Ecosystem::Npm, "lodash", "4.17.15", location("web/package-lock.json", 2, Some(812)));
    lodash.relation = Relation::Direct;
    lodash.presence = Presence::Declared;
    lodash.licenses = vec!["MIT".into()];
    lodash.digests = vec![digest(77)];
    let mut django = package(Ecosystem::PyPi, "django", "3.2.4", location("srv/app/venv", 3, None));
    django.licenses = vec!["BSD License".into(), "Apache-2.0 OR MIT".into()];
    let jwt = package(
        Ecosystem::Go,
        "github.com/golang-jwt/jwt/v4",
        "v4.4.0",
        location("usr/local/bin/api", 4, None),
    );
    let mut openssl =
        package(Ecosystem::Deb, "libssl3", "3.0.11-1~deb12u2", location("var/lib/dpkg/status", 1, None));
    openssl.source = Some(SourcePackage { name: "openssl".into(), version: "3.0.11-1~deb12u2".into() });
    openssl.architecture = Some("amd64".into());
    let mut eslint =
        package(Ecosystem::Npm, "eslint", "7.0.0", location("web/package-lock.json", 2, Some(40)));
    eslint.scope = Scope::Development;
    let mut packages = vec![lodash.clone(), django.clone(), jwt.clone(), openssl.clone(), eslint.clone()];
    for (ecosystem, number) in
        [(Ecosystem::Deb, 511), (Ecosystem::Npm, 91), (Ecosystem::PyPi, 40), (Ecosystem::Go, 7)]
    {
        for index in 0..number {
            let path = match ecosystem {
                Ecosystem::Deb => location("var/lib/dpkg/status", 1, None),
                Ecosystem::Npm => location("web/package-lock.json", 2, Some(1_000 + index)),
                Ecosystem::PyPi => location("srv/app/venv", 3, None),
                _ => location("usr/local/bin/api", 4, None),
            };
            packages.push(package(ecosystem, &format!("p{index:03}"), "1.0.0", path));
        }
    }
    packages.sort_by(|left, right| left.purl.cmp(&right.purl));

    let mut findings = Vec::new();
    let mut exploited = fixed(finding("CVE-2021-23337", &lodash, Level::Critical), "4.17.21", application());
    exploited.aliases = vec!["GHSA-35jh-r3h4-6jhm".into()];
    exploited.title = "Command injection in lodash".into();
    exploited.severity.score_tenths = Some(91);
    exploited.severity.vector = Some("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:N".into());
    exploited.risk.kev =
        Some(Kev { added: "2026-01-02".into(), due: "2026-01-23".into(), ransomware: false });
    exploited.remedy.command = Some("npm install lodash@4.17.21".into());
    exploited.remedy.location = Some(lodash.locations[0].clone());
    findings.push(exploited);
    for number in 1..=2 {
        let id = format!("CVE-2020-{:04}", 8200 + number);
        findings.push(fixed(finding(&id, &lodash, Level::High), "4.17.21", application()));
    }
    for number in 1..=13 {
        let id = format!("CVE-2021-{:05}", 33000 + number);
        let level = if number <= 3 { Level::Critical } else { Level::High };
        let mut one = fixed(finding(&id, &django, level), "3.2.25", application());
        one.risk.epss = Some(Epss { probability: 94_321, percentile: 99_900, date: "2026-11-22".into() });
        findings.push(one);
    }
    findings.push(fixed(finding("CVE-2025-30204", &jwt, Level::High), "v4.5.2", application()));
    for number in 1..=41 {
        let id = format!("CVE-2024-{:04}", 1000 + number);
        findings.push(fixed(finding(&id, &openssl, Level::Medium), "3.0.15-1~deb12u1", base()));
    }
    for number in 1..=58 {
        let id = format!("CVE-2023-{:04}", 2000 + number);
        let mut one = finding(&id, &openssl, if number <= 10 { Level::Medium } else { Level::Low });
        one.status = match number {
            1..=12 => FixStatus::FixDeferred,
            13..=55 => FixStatus::Affected,
            _ => FixStatus::EndOfLife,
        };
        findings.push(one);
    }
    for number in 1..=9 {
        let id = format!("CVE-2022-{:04}", 3000 + number);
        let mut one = finding(&id, &openssl, Level::High);
        one.suppressed_by = Some(if number == 9 {
            Suppression {
                by: "exception".into(),
                source: "plimsoll-ignore.toml".into(),
                reason: "behind the gateway, ticket SHOP-12".into(),
                expires: Some("2027-01-31".into()),
            }
        } else {
            Suppression {
                by: "vex".into(),
                source: "vendor.openvex.json".into(),
                reason: "vulnerable_code_not_in_execute_path".into(),
                expires: None,
            }
        });
        findings.push(one);
    }
    let ids = |pick: &dyn Fn(&Finding) -> bool| {
        let mut ids: Vec<String> =
            findings.iter().filter(|one| pick(one)).map(|one| one.id.clone()).collect();
        ids.sort();
        ids
    };
    let change = |party: Party, subject: &str, from: &str, to: &str, removes: Vec<String>| Change {
        party,
        subject: subject.to_owned(),
        action: format!("upgrade {subject} to {to}"),
        from: from.to_owned(),
        to: Some(to.to_owned()),
        location: None,
        command: None,
        removes,
        worst: Level::High,
        exploited: false,
        malware: false,
        epss: 0,
    };
    let upgrade = |of: &Package, to: &str, command: &str| Change {
        location: Some(of.locations[0].clone()),
        command: Some(command.to_owned()),
        ..change(application(), &of.name, &of.version, to, ids(&|one| one.subject.packages()[0] == of.purl))
    };
    let changes = vec![
        Change {
            worst: Level::Critical,
            exploited: true,
            epss: 91_000,
            ..upgrade(&lodash, "4.17.21", "npm install lodash@4.17.21")
        },
        Change {
            worst: Level::Critical,
            epss: 94_321,
            ..upgrade(&django, "3.2.25", "pip install 'django>=3.2.25,<4'")
        },
        upgrade(&jwt, "v4.5.2", "go get github.com/golang-jwt/jwt/v4@v4.5.2"),
        Change {
            action: "rebuild FROM debian:12.15 (openssl, perl, expat, and 6 more have security updates)"
                .into(),
            ..change(
                base(),
                "debian:12.15",
                "debian:12.5",
                "debian:12.15",
                ids(&|one| matches!(one.party, Party::BaseImage(_)) && one.suppressed_by.is_none()),
            )
        },
    ];
    Report {
        schema_version: plimsoll_model::report::SCHEMA_VERSION.into(),
        plimsoll: "0.1.0".into(),
        target: Target {
            files: None,
            origin: None,
            git: None,
            kind: TargetKind::Image,
            name: "shop-web".into(),
            reference: None,
            digest: Some(
                Digest::parse("sha256:9f2c000000000000000000000000000000000000000000000000000000aa81ab")
                    .unwrap(),
            ),
            image_id: Some(digest(8)),
            platform: Some("linux/amd64".into()),
            created: Some("2026-11-01T10:00:00Z".into()),
            release: Some(Release {
                id: "debian".into(),
                version: "12".into(),
                point: Some("12.15".into()),
                codename: Some("bookworm".into()),
                name: "Debian GNU/Linux 12 (bookworm)".into(),
                cpe: None,
                content_sets: Vec::new(),
                path: "usr/lib/os-release".into(),
            }),
            layers: layers(),
            base: Some(Base {
                reference: Some("debian:12.15".into()),
                digest: None,
                layers: 1,
                source: BaseSource::History,
                explanation: "image history: layer 1 was made by debootstrap".into(),
            }),
        },
        database: database(),
        verdict: Verdict {
            outcome: Outcome::NotMet,
            line: "--fail-on critical,fixable".into(),
            reasons: vec!["1 known-exploited and 4 critical findings have a fix".into()],
            inputs_missing: vec![],
        },
        packages,
        findings,
        changes,
        vex: vex(),
        framework: None,
        since: None,
        problems: vec![
            Problem::incomplete(ProblemKind::Truncated, "/opt/vendor.jar", "truncated zip"),
            Problem::incomplete(
                ProblemKind::UnreadableVersion,
                "pkg:npm/left-pad@latest",
                "`latest` is not a version that Semver rules can read",
            ),
        ],
    }
}

/// A handful of findings of each class, for the formats that list them all.
pub(crate) fn few() -> Report {
    let mut report = shop_web();
    let keep = [
        "CVE-2021-23337",
        "CVE-2020-8201",
        "CVE-2021-33001",
        "CVE-2024-1001",
        "CVE-2023-2001",
        "CVE-2022-3001",
        "CVE-2022-3009",
    ];
    report.findings.retain(|one| keep.contains(&one.advisory.as_str()));
    let kept: Vec<String> = report.findings.iter().map(|one| one.id.clone()).collect();
    report.changes.retain_mut(|change| {
        change.removes.retain(|id| kept.contains(id));
        !change.removes.is_empty()
    });
    let eslint = report.packages.iter().find(|one| one.name == "eslint").unwrap().clone();
    let openssl = report.packages.iter().find(|one| one.name == "libssl3").unwrap().clone();
    let mut development =
        fixed(finding("GHSA-dev0-dev0-dev0", &eslint, Level::High), "7.1.0", Party::Application(None));
    development.risk.development = true;
    let mut headers = finding("CVE-2024-9999", &openssl, Level::Critical);
    headers.risk.not_run = true;
    let mut left_out = finding("CVE-2024-8888", &openssl, Level::Critical);
    left_out.risk.reach = Some(plimsoll_model::functions::Reach::NotLinked);
    let mut notice = finding("RUSTSEC-2024-0001", &eslint, Level::Unknown);
    notice.kind = FindingKind::Informational;
    notice.title = "eslint 7 is unmaintained".into();
    let mut malware = finding("MAL-2024-0001", &eslint, Level::Critical);
    malware.kind = FindingKind::Malware;
    malware.party = Party::Application(None);
    let mut end = finding("EOL-debian-12", &openssl, Level::Unknown);
    end.kind = FindingKind::EndOfLife;
    end.status = FixStatus::EndOfLife;
    end.party = Party::Unknown("the base image is not known".into());
    report.findings.extend([development, headers, left_out, notice, malware, end]);
    let names: Vec<String> = report.findings.iter().flat_map(|one| one.subject.packages().to_vec()).collect();
    report.packages.retain(|one| names.contains(&one.purl));
    report
}

/// Nothing inside, nothing wrong.
pub(crate) fn empty() -> Report {
    let mut report = shop_web();
    report.target = Target {
        kind: TargetKind::Directory,
        name: "dir:/srv/empty".into(),
        reference: None,
        digest: None,
        image_id: None,
        platform: None,
        created: None,
        release: None,
        layers: vec![],
        base: None,
        files: None,
        origin: None,
        git: None,
    };
    report.packages.clear();
    report.findings.clear();
    report.changes.clear();
    report.vex.clear();
    report.problems.clear();
    report.verdict.outcome = Outcome::Met;
    report.verdict.reasons = vec!["no package was found, and everything could be read".into()];
    report
}

/// Too much could not be read.
pub(crate) fn unknown() -> Report {
    let mut report = empty();
    report.verdict.outcome = Outcome::Unknown;
    report.verdict.reasons = vec!["120 files could not be read".into()];
    report.verdict.inputs_missing = vec!["an advisory source for Plan 9".into(), "layer 3".into()];
    let problem = |number: u32| {
        let kind = if number.is_multiple_of(3) { ProblemKind::Corrupt } else { ProblemKind::Unreadable };
        Problem {
            layer: Some(3),
            ..Problem::incomplete(
                kind,
                format!("/srv/application/very/deep/folder/number/{number:03}/package-lock.json"),
                "permission denied",
            )
        }
    };
    report.problems = (1..=120).map(problem).collect();
    report.problems.push(Problem::note(ProblemKind::StaleData, "osv/PyPI", "data are 40 days old"));
    report
}

/// The first run, without a database.
pub(crate) fn incident_pack() -> Report {
    let mut report = few();
    report.findings.truncate(1);
    report.changes.truncate(1);
    report.changes[0].removes.retain(|id| *id == report.findings[0].id);
    report.database = DatabaseInfo {
        coverage: Coverage::IncidentPack,
        date: String::new(),
        digest: None,
        sources: vec![FeedInfo {
            name: "incidents".into(),
            date: String::new(),
            commit: String::new(),
            records: 104,
            licence: "Apache-2.0".into(),
        }],
    };
    report.verdict.outcome = Outcome::Unknown;
    report.verdict.reasons = vec!["only notable incidents were checked".into()];
    report.verdict.inputs_missing = vec!["an advisory database".into()];
    report.problems.clear();
    report
}

/// A text that tries to get out of every format.
pub(crate) const HOSTILE: &str =
    "x\u{1b}[31m\u{1b}]8;;evil\u{7}\r\n<script>alert(1)</script>|`]](javascript:a)\u{202e}\u{9b}\"'&{{x}}";

/// Every text that comes from outside is hostile.
pub(crate) fn hostile() -> Report {
    let mut report = few();
    report.target.name = HOSTILE.into();
    report.target.reference = Some(HOSTILE.into());
    report.target.platform = Some(HOSTILE.into());
    report.target.created = Some(HOSTILE.into());
    if let Some(release) = &mut report.target.release {
        release.id = HOSTILE.into();
        release.name = HOSTILE.into();
    }
    if let Some(base) = &mut report.target.base {
        base.reference = Some(HOSTILE.into());
        base.explanation = HOSTILE.into();
    }
    for layer in &mut report.target.layers {
        layer.created_by = Some(HOSTILE.into());
    }
    report.database.date = HOSTILE.into();
    report.verdict.line = HOSTILE.into();
    report.verdict.reasons = vec![HOSTILE.into()];
    report.verdict.inputs_missing = vec![HOSTILE.into()];
    for package in &mut report.packages {
        package.name = HOSTILE.into();
        package.version = HOSTILE.into();
        package.licenses = vec![HOSTILE.into()];
        package.vendor = Some(HOSTILE.into());
        package.locations = vec![location(HOSTILE, 1, Some(3)), location(HOSTILE, 2, None)];
    }
    for finding in &mut report.findings {
        finding.advisory = HOSTILE.into();
        finding.title = HOSTILE.into();
        finding.aliases = vec![HOSTILE.into()];
        if let Subject::Package(subject) = &mut finding.subject {
            subject.source = SourcePackage { name: HOSTILE.into(), version: HOSTILE.into() };
        }
        finding.fixed_version = Some(HOSTILE.into());
        finding.severity.source = HOSTILE.into();
        finding.severity.vector = Some(HOSTILE.into());
        finding.remedy = Remedy {
            action: HOSTILE.into(),
            command: Some(HOSTILE.into()),
            location: Some(location(HOSTILE, 1, Some(3))),
        };
        for evidence in &mut finding.evidence {
            evidence.source = HOSTILE.into();
            evidence.record = HOSTILE.into();
            evidence.date = HOSTILE.into();
            evidence.range = HOSTILE.into();
            evidence.compared = HOSTILE.into();
            evidence.rule = HOSTILE.into();
        }
        if let Some(suppression) = &mut finding.suppressed_by {
            suppression.by = HOSTILE.into();
            suppression.reason = HOSTILE.into();
            suppression.source = HOSTILE.into();
            suppression.expires = Some(HOSTILE.into());
        }
    }
    for change in &mut report.changes {
        change.subject = HOSTILE.into();
        change.action = HOSTILE.into();
        change.from = HOSTILE.into();
        change.to = Some(HOSTILE.into());
        change.command = Some(HOSTILE.into());
        change.location = Some(location(HOSTILE, 2, None));
    }
    for document in &mut report.vex {
        document.name = HOSTILE.into();
        document.id = HOSTILE.into();
        document.author = HOSTILE.into();
        if let VexSignature::Untrusted { reason } = &mut document.signature {
            *reason = HOSTILE.into();
        }
        for statement in &mut document.considered {
            statement.reason = HOSTILE.into();
            statement.date = HOSTILE.into();
        }
    }
    report.problems = vec![Problem::incomplete(ProblemKind::Corrupt, HOSTILE, HOSTILE)];
    report
}

/// A document of each kind: believed, and not.
fn vex() -> Vec<VexDocument> {
    let document = |name: &str, origin, signature| VexDocument {
        name: name.into(),
        origin,
        id: "https://example.com/vex/1".into(),
        author: "Vendor".into(),
        digest: digest(9),
        signature,
        used: true,
        statements: 3,
        considered: Vec::new(),
        unlisted: 0,
    };
    let statement = |number, outcome, reason: &str| VexStatement {
        number,
        finding: format!("CVE-2022-{:04}@pkg:deb/debian/openssl@3.0.14-1", 3000 + number),
        status: "not_affected".into(),
        date: "2026-11-20T00:00:00Z".into(),
        outcome,
        reason: reason.into(),
    };
    let by = vec!["vendor.pub (key SHA256:abc)".to_owned()];
    let mut answers = document("vendor.openvex.json", VexOrigin::File, VexSignature::NotAsked);
    answers.considered = vec![
        statement(1, VexOutcome::Applied, "vulnerable_code_not_in_execute_path"),
        statement(2, VexOutcome::NotApplicable, "product pkg:npm/a is no package of the finding"),
        statement(3, VexOutcome::Overruled, "a later statement of this document says affected"),
    ];
    answers.unlisted = 4;
    let mut signed =
        document("example.com/shop@sha256:9f2c", VexOrigin::Attached, VexSignature::Trusted { by });
    signed.considered = vec![
        statement(4, VexOutcome::Partly, "statements clear 1 of the 2 packages of the finding"),
        statement(5, VexOutcome::Stays, "affected takes no finding away"),
    ];
    let mut unsigned = document("example.com/shop@sha256:aa81", VexOrigin::Attached, VexSignature::Unsigned);
    unsigned.used = false;
    let reason = "it was made with a key, and no key was given".to_owned();
    let untrusted = VexSignature::Untrusted { reason };
    let mut untrusted = document("example.com/shop@sha256:bb81", VexOrigin::Attached, untrusted);
    untrusted.used = false;
    let invalid = VexSignature::Invalid { reason: "the statement is about something else".into() };
    let mut invalid = document("example.com/shop@sha256:cc81", VexOrigin::Attached, invalid);
    invalid.used = false;
    let hub = VexDocument {
        id: String::new(),
        author: String::new(),
        ..document("hub/pkg/a.json", VexOrigin::Hub, VexSignature::NotAsked)
    };
    vec![answers, signed, unsigned, untrusted, invalid, hub]
}
