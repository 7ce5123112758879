//! Small reports of all shapes, for laws.

use std::collections::BTreeMap;

use plimsoll_model::ecosystem::ECOSYSTEMS;
use plimsoll_model::functions::Reach;
use plimsoll_model::work::Work;
use plimsoll_model::*;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Text as it comes from outside: mostly plain, sometimes anything.
fn text() -> BoxedStrategy<String> {
    prop_oneof![4 => "[a-z][a-z0-9.+-]{0,8}", 1 => "\\PC{0,6}", 1 => any::<String>().prop_map(|text| text.chars().take(6).collect())]
.boxed()
}

fn word() -> BoxedStrategy<String> {
    "[a-z][a-z0-9.]{0,8}".boxed()
}

fn number() -> BoxedStrategy<u32> {
    prop_oneof![1_u32..200, any::<u32>()].boxed()
}

pub(crate) fn digest() -> BoxedStrategy<Digest> {
    (select(vec![Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512]), any::<u8>())
        .prop_map(|(algorithm, byte)| Digest::from_bytes(algorithm, &vec![byte; algorithm.length()]).unwrap())
        .boxed()
}

/// Only paths of printable text: others are shown escaped and cannot come back.
pub(crate) fn location() -> BoxedStrategy<Location> {
    let path = prop_oneof!["[a-z]{1,4}(/[a-z .@]{1,5}x){0,3}", "[a-zé日]{1,4}(!/[a-z]{1,4}\\.jar)?"];
    (path, option::of(number()), option::of(number()))
        .prop_map(|(path, layer, line)| Location { path: path.as_str().into(), layer, line, column: None })
        .boxed()
}

fn source() -> BoxedStrategy<SourcePackage> {
    (text(), text()).prop_map(|(name, version)| SourcePackage { name, version }).boxed()
}

fn name(ecosystem: Ecosystem) -> BoxedStrategy<String> {
    match ecosystem {
        Ecosystem::Npm => prop_oneof![text(), "@[a-z]{1,4}/[a-z]{1,4}", "[@/a-z]{0,5}"].boxed(),
        Ecosystem::Maven => prop_oneof![text(), "[a-z.]{1,6}:[a-z]{1,5}", "[:a-z]{0,5}"].boxed(),
        _ => prop_oneof![text(), "[a-z.]{1,6}/[a-z]{1,5}", "[/a-z]{0,5}"].boxed(),
    }
}

pub(crate) fn package() -> BoxedStrategy<Package> {
    let ecosystems: Vec<Ecosystem> = ECOSYSTEMS.iter().map(|row| row.ecosystem).collect();
    let first = select(ecosystems).prop_flat_map(|ecosystem| {
        (
            Just(ecosystem),
            name(ecosystem),
            text(),
            option::of(word()),
            option::of(source()),
            option::of(text()),
        )
    });
    let relation = select(vec![Relation::Direct, Relation::Transitive, Relation::Unknown]);
    let scope = select(vec![Scope::Runtime, Scope::Development, Scope::Optional]);
    let presence = select(vec![Presence::Installed, Presence::Declared]);
    let license = prop_oneof![
        text(),
        select(vec![
            "MIT".to_owned(),
            "MIT OR Apache-2.0".to_owned(),
            "GPL-2+".to_owned(),
            "GPL-2.0+".to_owned()
        ])
    ];
    let second = (
        option::of(text()),
        vec(license, 0..3),
        relation,
        scope,
        presence,
        vec(digest(), 0..3),
        btree_set(location(), 0..3),
        option::of(text()),
        btree_map(text(), text(), 0..3),
    );
    (first, second)
        .prop_map(|(first, second)| {
            let (ecosystem, name, version, architecture, source, module) = first;
            let (vendor, licenses, relation, scope, presence, digests, locations, owned_by, properties) =
                second;
            Package {
                purl: format!("pkg:{}/{name}@{version}", ecosystem.name()),
                ecosystem,
                name,
                version,
                architecture,
                source,
                module,
                vendor,
                licenses,
                license_expression: None,
                unknown_licenses: Vec::new(),
                relation,
                scope,
                presence,
                digests,
                locations: locations.into_iter().collect(),
                owned_by,
                properties,
                functions: functions::Functions::default(),
            }
        })
        .boxed()
}

pub(crate) fn problem() -> BoxedStrategy<Problem> {
    let kind = select(vec![
        ProblemKind::Truncated,
        ProblemKind::Corrupt,
        ProblemKind::Unreadable,
        ProblemKind::LimitExceeded,
        ProblemKind::Unsupported,
        ProblemKind::UnreadableVersion,
        ProblemKind::NotCovered,
        ProblemKind::StaleData,
    ]);
    let effect = select(vec![Effect::Incomplete, Effect::Note]);
    (kind, effect, text(), text(), option::of(number()))
        .prop_map(|(kind, effect, subject, detail, layer)| Problem { kind, effect, subject, detail, layer })
        .boxed()
}

pub(crate) fn release() -> BoxedStrategy<Release> {
    let optional = || option::of(text());
    let content_sets = proptest::collection::btree_set("[a-z0-9_-]{1,12}", 0..3);
    (text(), text(), optional(), optional(), text(), optional(), text(), content_sets)
        .prop_map(|(id, version, point, codename, name, cpe, path, content_sets)| Release {
            id,
            version,
            point,
            codename,
            name,
            cpe,
            content_sets: content_sets.into_iter().collect(),
            path,
        })
        .boxed()
}

fn layer() -> BoxedStrategy<Layer> {
    (number(), option::of(digest()), option::of(digest()), any::<u64>(), option::of(text()), any::<bool>())
        .prop_map(|(index, digest, diff_id, size, created_by, from_base)| Layer {
            index,
            digest,
            diff_id,
            size,
            created_by,
            from_base,
        })
        .boxed()
}

fn base() -> BoxedStrategy<Base> {
    let source = select(vec![
        BaseSource::Flag,
        BaseSource::Annotation,
        BaseSource::LayerChain,
        BaseSource::History,
        BaseSource::Unknown,
    ]);
    (option::of(text()), option::of(digest()), number(), source, text())
        .prop_map(|(reference, digest, layers, source, explanation)| Base {
            reference,
            digest,
            layers,
            source,
            explanation,
        })
        .boxed()
}

fn origin() -> BoxedStrategy<Origin> {
    let via = select(vec![Via::Docker, Via::Podman, Via::Containerd, Via::Registry, Via::Process]);
    let container = (text(), option::of(text())).prop_map(|(id, name)| Container { id, name });
    (via, text(), vec(text(), 0..2), option::of(container), vec(text(), 0..2))
        .prop_map(|(via, place, digests, container, decided_by)| Origin {
            via,
            place,
            digests,
            container,
            decided_by,
        })
        .boxed()
}

fn git() -> BoxedStrategy<Git> {
    let optional = || option::of(text());
    let commit = option::of(select(vec!["0".repeat(40), "1f".repeat(32)]));
    (
        optional(),
        commit,
        optional(),
        optional(),
        optional(),
        option::of(any::<bool>()),
        option::of(0..1000_u64),
    )
        .prop_map(|(remote, commit, branch, tag, folder, dirty, untracked)| Git {
            remote,
            commit,
            branch,
            tag,
            folder,
            dirty,
            untracked,
        })
        .boxed()
}

pub(crate) fn target() -> BoxedStrategy<Target> {
    let kind = select(vec![
        TargetKind::Directory,
        TargetKind::Image,
        TargetKind::Sbom,
        TargetKind::Files,
        TargetKind::Cluster,
    ]);
    let optional = || option::of(text());
    (
        (kind, text(), optional(), option::of(digest()), option::of(digest())),
        (optional(), optional(), option::of(release()), vec(layer(), 0..3), option::of(base())),
        option::of(origin()),
        option::of(git()),
    )
        .prop_map(
            |(
                (kind, name, reference, digest, image_id),
                (platform, created, release, layers, base),
                origin,
                git,
            )| {
                Target {
                    kind,
                    name,
                    reference,
                    digest,
                    image_id,
                    platform,
                    created,
                    release,
                    layers,
                    base,
                    files: None,
                    origin,
                    git,
                }
            },
        )
        .boxed()
}

fn party() -> BoxedStrategy<Party> {
    prop_oneof![
        option::of(text()).prop_map(Party::Application),
        option::of(text()).prop_map(Party::BaseImage),
        Just(Party::Platform),
        text().prop_map(Party::Distribution),
        text().prop_map(Party::Provider),
        text().prop_map(Party::Nobody),
        text().prop_map(Party::Unknown),
    ]
    .boxed()
}

fn finding(number: usize) -> BoxedStrategy<Finding> {
    let kind = select(vec![
        FindingKind::Vulnerability,
        FindingKind::Malware,
        FindingKind::EndOfLife,
        FindingKind::Informational,
        FindingKind::Secret,
        FindingKind::Misconfiguration,
        FindingKind::License,
    ]);
    let status = select(vec![
        FixStatus::Affected,
        FixStatus::Fixed,
        FixStatus::NotAffected,
        FixStatus::UnderInvestigation,
        FixStatus::WillNotFix,
        FixStatus::FixDeferred,
        FixStatus::EndOfLife,
        FixStatus::Unknown,
    ]);
    let kev =
        (text(), text(), any::<bool>()).prop_map(|(added, due, ransomware)| Kev { added, due, ransomware });
    let epss = (0_u32..=100_000, 0_u32..=100_000, text()).prop_map(|(probability, percentile, date)| Epss {
        probability,
        percentile,
        date,
    });
    let risk = (
        option::of(kev),
        option::of(epss),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        (
            option::of(select(vec![Reach::Linked, Reach::NotLinked, Reach::CannotTell])),
            option::of(any::<bool>()),
        ),
        (option::of(text()), option::of(text())),
        (0_u32..=400, 0_u32..=2).prop_map(|(sum, age)| Work { sum, age, ..Work::default() }),
    )
        .prop_map(
            |(
                kev,
                epss,
                fixable,
                development,
                not_run,
                (reach, in_use),
                (published, fix_published),
                work,
            )| Risk {
                published,
                fix_published,
                work,
                kev,
                epss,
                fixable,
                development,
                not_run,
                reach,
                in_use,
            },
        );
    let severity = (select(Level::ALL.to_vec()), option::of(0_u8..=100), option::of(text()), text())
        .prop_map(|(level, score_tenths, vector, source)| Severity { level, score_tenths, vector, source });
    let suppression = (text(), text(), text(), option::of(text()))
        .prop_map(|(by, source, reason, expires)| Suppression { by, source, reason, expires });
    let remedy = (text(), option::of(text()), option::of(location()))
        .prop_map(|(action, command, location)| Remedy { action, command, location });
    let place = prop_oneof![location().prop_map(Ok), text().prop_map(Err)];
    (
        (kind, text(), vec(text(), 0..2), text(), package(), severity),
        (risk, status, option::of(text()), party(), remedy, option::of(suppression), option::of(place)),
    )
        .prop_map(
            move |(
                (kind, advisory, aliases, title, package, severity),
                (risk, status, fixed_version, party, remedy, suppressed_by, place),
            )| Finding {
                id: format!("finding-{number}"),
                kind,
                evidence: vec![Evidence {
                    source: "osv".into(),
                    record: advisory.clone(),
                    date: String::new(),
                    range: title.clone(),
                    compared: package.version.clone(),
                    rule: "range".into(),
                }],
                advisory,
                aliases,
                title,
                subject: match place {
                    Some(Ok(location)) => Subject::File(Location { column: location.line, ..location }),
                    Some(Err(part)) => Subject::Configuration(ConfigurationSubject { part, layer: Some(1) }),
                    None => Subject::package(
                        package.ecosystem,
                        SourcePackage { name: package.name, version: package.version },
                        vec![package.purl],
                    ),
                },
                severity,
                risk,
                status,
                fixed_version,
                party,
                remedy,
                object: (number % 2 == 1).then(|| {
                    Box::new(ObjectRef {
                        group: "apps".into(),
                        kind: "Deployment".into(),
                        name: "web".into(),
                        ..ObjectRef::default()
                    })
                }),
                suppressed_by,
            },
        )
        .boxed()
}

fn change() -> BoxedStrategy<Change> {
    (
        (party(), text(), text(), text(), option::of(text()), option::of(location())),
        (
            option::of(text()),
            btree_set(0_usize..6, 0..4),
            select(Level::ALL.to_vec()),
            any::<bool>(),
            any::<bool>(),
        ),
        0_u32..=100_000,
    )
        .prop_map(
            |(
                (party, subject, action, from, to, location),
                (command, removes, worst, exploited, malware),
                epss,
            )| {
                Change {
                    party,
                    subject,
                    action,
                    from,
                    to,
                    location,
                    command,
                    removes: removes.iter().map(|number| format!("finding-{number}")).collect(),
                    worst,
                    exploited,
                    malware,
                    epss,
                }
            },
        )
        .boxed()
}

/// A report with few of everything; packages have different package URLs and stand in their order.
pub(crate) fn report() -> BoxedStrategy<Report> {
    let findings = (0_usize..5).prop_flat_map(|number| (0..number).map(finding).collect::<Vec<_>>());
    let coverage = select(vec![Coverage::Database, Coverage::IncidentPack, Coverage::None]);
    let outcome = select(vec![Outcome::Met, Outcome::NotMet, Outcome::Unknown]);
    (
        (target(), vec(package(), 0..4), findings, vec(change(), 0..3), vec(problem(), 0..6)),
        (coverage, text(), outcome, text(), vec(text(), 0..2), vec(text(), 0..2)),
    )
        .prop_map(
            |(
                (target, packages, findings, changes, problems),
                (coverage, date, outcome, line, reasons, inputs_missing),
            )| {
                let packages: BTreeMap<String, Package> =
                    packages.into_iter().map(|package| (package.purl.clone(), package)).collect();
                Report {
                    schema_version: plimsoll_model::report::SCHEMA_VERSION.into(),
                    plimsoll: "0.1.0".into(),
                    target,
                    database: DatabaseInfo {
                        coverage,
                        date: date.clone(),
                        digest: None,
                        sources: vec![FeedInfo {
                            name: "osv".into(),
                            date,
                            commit: String::new(),
                            records: 7,
                            licence: String::new(),
                        }],
                    },
                    verdict: Verdict { outcome, line, reasons, inputs_missing },
                    packages: packages.into_values().collect(),
                    findings,
                    changes,
                    vex: Vec::new(),
                    framework: None,
                    since: None,
                    problems,
                }
            },
        )
        .boxed()
}
