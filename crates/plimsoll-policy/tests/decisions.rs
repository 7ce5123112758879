//! Decisions as users meet them: policies in YAML, facts, and what comes of them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use plimsoll_model::{
    Coverage, DatabaseInfo, Digest, Ecosystem, Effect as Seen, Finding, FindingKind, ImagePath, Level,
    Location, Outcome, Package, Problem, ProblemKind, Report, Target, TargetKind, Verdict,
};
use plimsoll_policy::{
    Certificate, Decision, Effect, Evidence, Facts, ImageName, Kept, Known, Maker, PodSecurity, Policies,
    Statement, Workload, decide, decide_briefly, explain,
};
use proptest::prelude::*;
use serde_json::json;

const NOW: i64 = 1_800_000_000;
const PEM: &str = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n";

fn policies(text: &str) -> Policies {
    let mut policies = Policies::default();
    policies.add("policy.yaml", text).unwrap_or_else(|error| panic!("{error}"));
    policies.know_key(PEM, "aa".repeat(32));
    policies
}

fn policy(requirements: &str) -> String {
    format!(
        "apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {{name: production}}
spec:
  signers:
    key: {{key: {PEM:?}}}
    silent: {{key: {PEM:?}, noTransparencyLog: true}}
    release: {{keyless: {{subject: 'https://github.com/acme/*/.github/workflows/release.yml@refs/tags/**', issuer: 'https://token.actions.githubusercontent.com'}}}}
  requirements:
{requirements}
"
    )
}

fn digest(byte: &str) -> Digest {
    Digest::parse(&format!("sha256:{}", byte.repeat(32))).expect("a digest")
}

fn facts<'a>() -> Facts<'a> {
    Facts {
        image: ImageName {
            text: "ghcr.io/acme/shop:1.4".into(),
            repository: "ghcr.io/acme/shop".into(),
            tag: Some("1.4".into()),
            digest: None,
        },
        digest: Known::Seen(digest("11")),
        created: Known::Seen(NOW - 86_400),
        layers: Known::Seen(vec![digest("01"), digest("02"), digest("03")].into()),
        evidence: Known::Seen(vec![signature("release")].into()),
        workload: Workload { namespace: "shop".into(), labels: BTreeMap::new() },
        ..Facts::default()
    }
}

fn signature(who: &str) -> Evidence {
    let maker = match who {
        "key" => Maker::Key("aa".repeat(32)),
        "other key" => Maker::Key("bb".repeat(32)),
        who => Maker::Certificate {
            certificate: Certificate {
                subject: Some(format!(
                    "https://github.com/acme/shop/.github/workflows/{who}.yml@refs/tags/v1"
                )),
                issuer: Some("https://token.actions.githubusercontent.com".into()),
                claims: BTreeMap::from([(
                    "sourceRepositoryURI".into(),
                    "https://github.com/acme/shop".into(),
                )]),
            },
            root: "sigstore".into(),
        },
    };
    Evidence { statement: None, maker, logged: true }
}

fn provenance(source: &str, who: &str) -> Evidence {
    let builder = format!("https://github.com/acme/shop/.github/workflows/{who}.yml@refs/tags/v1");
    Evidence {
        statement: Some(Statement {
            predicate_type: "https://slsa.dev/provenance/v1".into(),
            predicate: json!({
                "buildDefinition": { "buildType": "x", "externalParameters": { "workflow": { "repository": source, "ref": "refs/heads/main" } } },
                "runDetails": { "builder": { "id": builder } },
            }),
        }),
        ..signature(who)
    }
}

fn report(findings: Vec<Finding>) -> Report {
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
        packages: vec![{
            let mut package = Package::new(Ecosystem::Npm, "x", "1.0.0", Location::new(ImagePath::from("a")));
            package.purl = "pkg:npm/x@1.0.0".into();
            package
        }],
        findings,
        changes: Vec::new(),
        vex: Vec::new(),
        framework: None,
        since: None,
        problems: Vec::new(),
    }
}

#[track_caller]
fn decided(text: &str, facts: &Facts<'_>, effect: Effect, said: &str) -> Decision {
    let decision = decide(facts, &policies(text), NOW);
    assert_eq!(decision.effect, effect, "{decision:#?}");
    let all = format!("{decision:?}");
    assert!(all.contains(said), "`{said}` is not said in {decision:#?}");
    decision
}

#[test]
fn signatures() {
    let by_release = policy("  - signedBy: {signers: [release]}");
    decided(&by_release, &facts(), Effect::Allow, "signed by release");
    let with = |evidence: Vec<Evidence>| Facts { evidence: Known::Seen(evidence.into()), ..facts() };
    decided(&by_release, &with(Vec::new()), Effect::Deny, "not signed by anybody");
    decided(&by_release, &with(vec![signature("evil")]), Effect::Deny, "by none of release");
    decided(&by_release, &with(vec![signature("key")]), Effect::Deny, "by none of release");
    // An attestation is no signature.
    decided(
        &by_release,
        &with(vec![provenance("https://github.com/acme/shop", "release")]),
        Effect::Deny,
        "not signed",
    );
    // Something could not be read: what is missing may be there.
    let unread = Facts { unread_evidence: vec!["a bundle of version 9".into()].into(), ..with(Vec::new()) };
    decided(&by_release, &unread, Effect::Unknown, "a bundle of version 9");
    // But enough is enough.
    decided(
        &by_release,
        &Facts { unread_evidence: vec!["x".into()].into(), ..facts() },
        Effect::Allow,
        "signed by release",
    );
    let gone = Facts { evidence: Known::Missing("the registry answered 503".into()), ..facts() };
    decided(&by_release, &gone, Effect::Unknown, "the registry answered 503");

    let both = policy("  - signedBy: {signers: [release, key], atLeast: 2}");
    decided(&both, &facts(), Effect::Deny, "by 1 of the 2");
    decided(&both, &with(vec![signature("release"), signature("key")]), Effect::Allow, "key, release");
    // The same signer twice is one signer.
    decided(&both, &with(vec![signature("key"), signature("key")]), Effect::Deny, "by 1 of the 2");

    let silent = |logged| with(vec![Evidence { logged, ..signature("key") }]);
    decided(&policy("  - signedBy: {signers: [key]}"), &silent(false), Effect::Deny, "by none of key");
    decided(&policy("  - signedBy: {signers: [silent]}"), &silent(false), Effect::Allow, "signed by silent");
    decided(
        &policy("  - signedBy: {signers: [silent]}"),
        &with(vec![signature("other key")]),
        Effect::Deny,
        "none of silent",
    );
}

#[test]
fn pod_security() {
    let restricted = policy("  - podSecurity: {level: restricted, version: v1.30}");
    let standard = *policies(&restricted).standards().first().expect("a standard");
    assert_eq!(standard.to_string(), "restricted:v1.30");
    let with = |violations: &[&str], unread: &[&str]| {
        let text = |lines: &[&str]| lines.iter().map(ToString::to_string).collect();
        let judged = PodSecurity { violations: text(violations), unread: text(unread) };
        Facts { pod_security: Cow::Owned(BTreeMap::from([(standard, judged)])), ..facts() }
    };
    decided(&restricted, &facts(), Effect::Unknown, "the pod that is to meet restricted:v1.30");
    decided(&restricted, &with(&[], &[]), Effect::Allow, "the pod meets restricted:v1.30");
    decided(&restricted, &with(&["privileged"], &["/spec/x is no text"]), Effect::Deny, "privileged");
    decided(&restricted, &with(&[], &["/spec/x is no text"]), Effect::Unknown, "/spec/x is no text");
    // Judged by another version is not judged.
    let baseline = policy("  - podSecurity: {level: baseline}");
    decided(&baseline, &with(&[], &[]), Effect::Unknown, "baseline:latest");
    for (wrong, said) in [
        ("{level: privileged}", "forbids nothing"),
        ("{level: strict}", "strict"),
        ("{level: baseline, version: '1.30'}", "no version of the Pod Security Standards"),
        ("{level: baseline, versoin: latest}", "versoin"),
    ] {
        let text = policy(&format!("  - podSecurity: {wrong}"));
        let error = Policies::default().add("policy.yaml", &text).expect_err(wrong).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn expressions() {
    let cel = |text: &str| policy(&format!("  - cel: {{expression: {text:?}}}"));
    let check = |text: &str, effect: Effect, said: &str| decided(&cel(text), &facts(), effect, said);
    check("image.repository.startsWith('ghcr.io/acme/') && image.tag != 'latest'", Effect::Allow, "holds");
    check("image.registry == 'docker.io'", Effect::Deny, "does not hold");
    check("image.digest != ''", Effect::Deny, "does not hold");
    check("namespaceName == 'shop' && labels.size() == 0", Effect::Allow, "holds");
    check("now - created < duration('48h')", Effect::Allow, "holds");
    check("layers.size() <= 3 && digest.startsWith('sha256:')", Effect::Allow, "holds");
    check(
        "signatures.exists(s, s.subject.contains('/release.yml@') && s.root == 'sigstore')",
        Effect::Allow,
        "holds",
    );
    check("signatures.all(s, s.key != '')", Effect::Deny, "does not hold");
    check(
        "signatures[0].claims['sourceRepositoryURI'] == 'https://github.com/acme/shop'",
        Effect::Allow,
        "holds",
    );
    // What is missing is unknown, unless it does not matter.
    check("findings.size() == 0", Effect::Unknown, "a scan: nobody looked");
    check("config.user != ''", Effect::Unknown, "the image's configuration");
    check("object.spec.hostNetwork == true", Effect::Unknown, "the object that the image is to run in");
    check("image.tag == '1.4' || findings.size() == 0", Effect::Allow, "holds");
    check("image.tag == 'x' && findings.size() == 0", Effect::Deny, "does not hold");
    check("image.tag == '1.4' && findings.size() == 0", Effect::Unknown, "a scan: nobody looked");
    // An error is no answer.
    check("layers[9] == 'x'", Effect::Unknown, "index 9 is not within the list of 3");
    check("1 / (layers.size() - 3) > 0", Effect::Unknown, "by zero");
    check("lists.range(1000000).all(a, lists.range(1000000).all(b, a >= 0))", Effect::Unknown, "cost more");
}

#[test]
fn expressions_over_evidence_scans_and_objects() {
    let cel = |text: &str| policy(&format!("  - cel: {{expression: {text:?}}}"));
    let built = Facts {
        evidence: Known::Seen(vec![provenance("https://github.com/acme/shop", "release")].into()),
        ..facts()
    };
    let from =
        "provenance.exists(p, p.source == 'https://github.com/acme/shop' && p.ref == 'refs/heads/main')";
    decided(&cel(from), &built, Effect::Allow, "holds");
    let raw = "attestations.exists(a, a.predicateType.startsWith('https://slsa.dev/') && a.predicate.buildDefinition.buildType == 'x')";
    decided(&cel(raw), &built, Effect::Allow, "holds");
    decided(&cel("signatures.size() == 0"), &built, Effect::Allow, "holds");
    let unread = Facts { unread_evidence: vec!["a layer: 503".into()].into(), ..built.clone() };
    decided(&cel(from), &unread, Effect::Unknown, "a layer: 503");
    // A claim that was left out is no claim that is not there.
    let stripped = Facts { kept_claims: Some(std::borrow::Cow::default()), ..built.clone() };
    decided(&cel("!signatures.exists(s, 'x' in s.claims)"), &stripped, Effect::Unknown, "were not kept");
    let by = policy(
        "  - builtBy: {builder: 'https://github.com/acme/**', source: 'https://github.com/acme/**', signers: [release]}",
    );
    decided(&by, &built, Effect::Allow, "built by");
    decided(&by, &stripped, Effect::Unknown, "claims of certificates: they were not kept");

    let found = report(vec![Finding::sample("CVE-1", Level::High, true)]);
    let scanned = Facts { report: Known::Seen(&found), ..facts() };
    let fixable = "findings.filter(f, f.severity in ['critical', 'high'] && f.fixable).size() == 0";
    decided(&cel(fixable), &scanned, Effect::Deny, "does not hold");
    decided(
        &cel("findings.all(f, f.id == 'CVE-1' && f.fixedVersion == '1.0.1' && !f.kev)"),
        &scanned,
        Effect::Allow,
        "holds",
    );
    // Nobody gave a score: it cannot be compared.
    decided(&cel("findings.all(f, f.score < 9.0)"), &scanned, Effect::Unknown, "no such key: score");
    decided(&cel("findings.all(f, !has(f.score))"), &scanned, Effect::Allow, "holds");
    decided(&cel("packages.exists(p, p.purl == 'pkg:npm/x@1.0.0')"), &scanned, Effect::Allow, "holds");
    decided(&cel("now - database.date < duration('48h')"), &scanned, Effect::Allow, "holds");
    decided(&cel("secrets.size() == 0"), &scanned, Effect::Unknown, "looks for secrets");
    let searched = Facts { looked_for: vec![FindingKind::Secret].into(), ..scanned.clone() };
    decided(&cel("secrets.size() == 0"), &searched, Effect::Allow, "holds");
    // What was left out to keep the facts small is no "nothing".
    let slim = Facts { without_packages: true, without_texts: true, ..scanned.clone() };
    decided(&cel("packages.all(p, p.name != 'y')"), &slim, Effect::Unknown, "they were not kept");
    decided(
        &cel("!findings.exists(f, 'GHSA-1' in f.aliases)"),
        &slim,
        Effect::Unknown,
        "no such key: aliases",
    );
    let mut partly = report(Vec::new());
    partly.problems.push(Problem::incomplete(ProblemKind::Unreadable, "layer 2", "a layer is damaged"));
    let partly = Facts { report: Known::Seen(&partly), ..facts() };
    decided(&cel("findings.size() == 0"), &partly, Effect::Unknown, "a layer is damaged");
    decided(&cel("packages.all(p, p.name != 'y')"), &partly, Effect::Unknown, "a layer is damaged");

    let config = plimsoll_policy::Config { user: "1000".into(), ..plimsoll_policy::Config::default() };
    let known = Facts { config: Known::Seen(std::borrow::Cow::Owned(config)), ..facts() };
    decided(&cel("!(config.user in ['', '0', 'root'])"), &known, Effect::Allow, "holds");

    let pod = json!({"spec": {"containers": [{"name": "web", "image": "ghcr.io/acme/shop:1.4"}]}});
    let (pod, space) =
        (serde_json_borrow::Value::from(&pod), json!({"metadata": {"labels": {"tier": "front"}}}));
    let space = serde_json_borrow::Value::from(&space);
    let running = Facts { object: Some(&pod), namespace_object: Some(&space), ..facts() };
    decided(
        &cel("object.spec.containers.exists(c, c.image == image.name)"),
        &running,
        Effect::Allow,
        "holds",
    );
    decided(&cel("namespaceObject.metadata.labels.tier == 'front'"), &running, Effect::Allow, "holds");
}

#[test]
fn what_expressions_look_at_is_told() {
    let cel = |text: &str| policies(&policy(&format!("  - anyOf: [{{cel: {{expression: {text:?}}}}}]")));
    let plain = cel("image.tag != ''");
    assert!(plain.kept() == Kept::default() && plain.label_names().is_some_and(|names| names.is_empty()));
    // Whoever keeps only some labels or leaves packages out must know that these are asked for.
    let nothing = Kept::default();
    assert_eq!(cel("packages.size() > 0").kept(), Kept { packages: true, ..nothing.clone() });
    assert_eq!(cel("findings.all(f, f.title != '')").kept(), Kept { texts: true, ..nothing.clone() });
    assert_eq!(cel("layers.size() < 100").kept(), Kept { layers: true, ..nothing.clone() });
    assert_eq!(cel("config.user != ''").kept(), Kept { config: true, ..nothing.clone() });
    assert_eq!(cel("signatures.exists(s, s.logged)").kept(), Kept { claims: None, ..nothing });
    // Of certificates only the claims that signers are known by.
    let claims = |requirement: &str| {
        let text = policy(&format!("  - {requirement}"));
        let text = text.replace("noTransparencyLog: true}\n", "noTransparencyLog: true}\n    named: {keyless: {subject: a, issuer: b, claims: {runnerEnvironment: c}}}\n");
        policies(&text).kept().claims.map(|names| names.into_iter().collect::<Vec<_>>())
    };
    assert_eq!(claims("signedBy: {signers: [key]}"), Some(vec!["runnerEnvironment".to_owned()]));
    assert_eq!(claims("builtBy: {source: a, signers: [key]}"), None);
    assert!(cel("!('debug' in labels)").label_names().is_none());
}

#[test]
fn expressions_say_what_they_were_told_to_say() {
    let with = |more: &str| policy(&format!("  - cel: {{expression: \"image.tag == '2'\", {more}}}"));
    decided(&with("message: only two"), &facts(), Effect::Deny, "only two");
    let computed = with("message: only two, messageExpression: \"'not ' + image.tag\"");
    decided(&computed, &facts(), Effect::Deny, "not 1.4");
    let failing = with("message: only two, messageExpression: \"layers[9]\"");
    decided(&failing, &facts(), Effect::Deny, "only two");
}

#[test]
fn every_variable_is_documented_with_its_fields() {
    let page = include_str!("../../../docs/policy.md");
    for (name, of) in plimsoll_policy::cel::variables() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/policy.md has no row for `{name}`"));
        let schema = match &of {
            plimsoll_cel::Type::Object(schema) => Some(schema.clone()),
            plimsoll_cel::Type::List(element) => match &**element {
                plimsoll_cel::Type::Object(schema) => Some(schema.clone()),
                _ => None,
            },
            _ => None,
        };
        for field in schema.iter().flat_map(|schema| schema.fields.keys()) {
            let shared = ["key", "subject", "issuer", "root", "claims", "logged"].contains(&field.as_str())
                && ["attestations", "provenance"].contains(&name);
            assert!(
                shared || name == "secrets" || row.contains(&format!("`{field}`")),
                "`{name}.{field}` is not in docs/policy.md"
            );
        }
    }
}

#[test]
fn builds() {
    let built = policy(
        "  - builtBy: {builder: 'https://github.com/acme/shop/.github/workflows/release.yml', source: github.com/acme/shop, branch: main}",
    );
    let with = |evidence: Evidence| Facts { evidence: Known::Seen(vec![evidence].into()), ..facts() };
    decided(&built, &with(provenance("https://github.com/acme/shop", "release")), Effect::Allow, "built by");
    // A workflow signs what it likes, but the certificate says whose it is.
    decided(
        &built,
        &with(provenance("https://github.com/evil/shop", "release")),
        Effect::Deny,
        "certificate was issued to",
    );
    decided(&built, &with(provenance("https://github.com/acme/shop", "evil")), Effect::Deny, "builder");
    // A key may state anything: it counts only when its holder was named.
    let stated = Evidence {
        maker: Maker::Key("aa".repeat(32)),
        ..provenance("https://github.com/acme/shop", "release")
    };
    decided(&built, &with(stated.clone()), Effect::Deny, "nobody who counts");
    let named = built.replace("{builder:", "{signers: [key], builder:");
    decided(&named, &with(stated), Effect::Allow, "built by");
    // Another issuer, such as a person's mail, does not count by itself.
    let mut mail = provenance("https://github.com/acme/shop", "release");
    if let Maker::Certificate { certificate, .. } = &mut mail.maker {
        certificate.issuer = Some("https://accounts.example.test".into());
    }
    decided(&built, &with(mail), Effect::Deny, "nobody who counts");
}

/// Provenance by `release` that names these materials.
fn provenance_of(materials: serde_json::Value) -> Evidence {
    let mut one = provenance("https://github.com/acme/shop", "release");
    if let Some(statement) = &mut one.statement {
        statement.predicate["buildDefinition"]["resolvedDependencies"] = materials;
    }
    one
}

#[test]
fn images_that_went_into_builds() {
    let digest_of = |byte: &str| json!({ "sha256": byte.repeat(32) });
    let debian =
        || json!({ "uri": "pkg:docker/debian@12?platform=linux%2Famd64", "digest": digest_of("11") });
    let alpine =
        || json!({ "uri": "docker-image://docker.io/library/alpine:3.20", "digest": digest_of("22") });
    let source =
        || json!({ "uri": "git+https://github.com/acme/shop", "digest": { "gitCommit": "aa".repeat(20) } });
    let asks = |images: &str| policy(&format!("  - builtFrom: {{signers: [release], images: [{images}]}}"));
    let any = asks("'docker.io/library/debian'");
    let pinned = asks(&format!("'docker.io/library/debian@sha256:{}'", "11".repeat(32)));
    let other = asks(&format!("'docker.io/library/debian@sha256:{}'", "33".repeat(32)));
    let of = |materials: serde_json::Value| vec![provenance_of(materials)];
    let v02 = |materials: serde_json::Value| {
        let predicate = json!({ "builder": { "id": "b" }, "buildType": "x", "materials": materials });
        let statement = Statement { predicate_type: "https://slsa.dev/provenance/v0.2".into(), predicate };
        vec![Evidence { statement: Some(statement), ..signature("release") }]
    };
    let by = |who: &str| vec![Evidence { maker: signature(who).maker, ..provenance_of(json!([debian()])) }];
    let unsigned = vec![Evidence { statement: None, ..signature("release") }];
    let unnamed = json!([debian(), { "name": "alpine", "digest": digest_of("22") }]);
    let many = json!((0..10_001).map(|_| debian()).collect::<Vec<_>>());
    for (evidence, text, effect, said) in [
        (of(json!([source(), debian()])), &any, Effect::Allow, "built from docker.io/library/debian"),
        (v02(json!([source(), debian()])), &any, Effect::Allow, "built from docker.io/library/debian"),
        (of(json!([debian()])), &pinned, Effect::Allow, "built from docker.io/library/debian@sha256:11"),
        (of(json!([debian()])), &other, Effect::Deny, "docker.io/library/debian@sha256:11"),
        // A tag says nothing of what it stood for.
        (of(json!([{ "uri": "pkg:docker/debian@12" }])), &pinned, Effect::Unknown, "names no digest"),
        (of(json!([{ "uri": "pkg:docker/debian@12" }])), &any, Effect::Allow, "built from"),
        (of(json!([debian(), alpine()])), &any, Effect::Deny, "built from docker.io/library/alpine"),
        // What one provenance names another does not take back.
        ([of(json!([debian()])), of(json!([alpine()]))].concat(), &any, Effect::Deny, "alpine"),
        ([of(json!([debian()])), of(json!([source()]))].concat(), &any, Effect::Allow, "debian"),
        // What is not told is unknown, not met.
        (of(json!([source()])), &any, Effect::Unknown, "names none"),
        (of(json!([])), &any, Effect::Unknown, "names none"),
        (of(serde_json::Value::Null), &any, Effect::Unknown, "names none"),
        (of(json!({ "uri": "pkg:docker/debian@12" })), &any, Effect::Unknown, "1 of the materials"),
        (of(unnamed), &any, Effect::Unknown, "1 of the materials"),
        (of(many), &any, Effect::Unknown, "1 of the materials"),
        (of(json!([debian(), { "uri": "pkg:oci/alpine@3" }])), &any, Effect::Unknown, "pkg:oci/alpine@3"),
        (of(json!([debian(), { "uri": "alpine:3" }])), &any, Effect::Unknown, "alpine:3"),
        ([of(json!([debian()])), v02(json!([]))].concat(), &any, Effect::Allow, "debian"),
        // Only what the named signers say counts, for and against.
        (by("key"), &any, Effect::Deny, "nobody who counts"),
        (by("other"), &any, Effect::Deny, "nobody who counts"),
        ([by("key"), of(json!([alpine()]))].concat(), &any, Effect::Deny, "alpine"),
        (unsigned, &any, Effect::Deny, "no provenance that could be verified"),
        (Vec::new(), &any, Effect::Deny, "no provenance that could be verified"),
    ] {
        decided(text, &Facts { evidence: Known::Seen(evidence.into()), ..facts() }, effect, said);
    }
    let with = |evidence: Vec<Evidence>| Facts { evidence: Known::Seen(evidence.into()), ..facts() };
    decided(
        &any,
        &Facts { evidence: Known::default(), ..facts() },
        Effect::Unknown,
        "provenance: nobody looked",
    );
    // Evidence that could not be read may name other images.
    let part = Facts { unread_evidence: vec!["a layer".to_owned()].into(), ..with(of(json!([debian()]))) };
    decided(&any, &part, Effect::Unknown, "a layer");
    let lenient = any.replace("  - builtFrom", "  - onMissing: warn\n    builtFrom");
    decided(&lenient, &with(of(json!([source()]))), Effect::Warn, "names none");
    decided(&lenient, &with(of(json!([alpine()]))), Effect::Deny, "alpine");
    // A builder's provenance that names no builder is none: what it says is not known.
    let mut broken = provenance_of(json!([alpine()]));
    if let Some(statement) = &mut broken.statement {
        statement.predicate["runDetails"] = serde_json::Value::Null;
    }
    decided(&any, &with([of(json!([debian()])), vec![broken]].concat()), Effect::Unknown, "names no builder");
    // A signer who is revoked says nothing.
    let revoked = format!(
        "{any}---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: leak}}\nspec: {{reason: stolen, identity: 'https://github.com/acme/**'}}\n"
    );
    decided(&revoked, &with(of(json!([debian()]))), Effect::Deny, "no provenance");
    let said = explain(&with(of(json!([alpine()]))), &[], &policies(&any), NOW);
    let seen = said.requirements[0].evidence.last().expect("an attestation");
    assert_eq!((seen.kind.as_str(), seen.counts), ("attestation", Some(true)));
    let way = said.to_pass[0].any_of.join("\n");
    assert!(
        way.contains("build it from images of docker.io/library/debian") && way.contains("release ("),
        "{way}"
    );
}

#[test]
fn names_registries_and_bases() {
    decided(&policy("  - pinDigest: true"), &facts(), Effect::Deny, "no digest");
    let pinned = Facts { image: ImageName { digest: Some(digest("11")), ..facts().image }, ..facts() };
    decided(&policy("  - pinDigest: true"), &pinned, Effect::Allow, "pinned");
    decided(&policy("  - registries: {allow: ['ghcr.io/acme/**']}"), &facts(), Effect::Allow, "allowed by");
    decided(&policy("  - registries: {allow: ['ghcr.io/acm/**']}"), &facts(), Effect::Deny, "not among");
    decided(
        &policy("  - registries: {allow: ['**'], deny: ['ghcr.io/**']}"),
        &facts(),
        Effect::Deny,
        "denied by",
    );

    let (one, two, all) = (digest("01"), digest("02"), "  - baseImages: {allow: [{image: 'debian:12'}]}");
    let layers = |list: &[&Digest]| {
        let list: Vec<String> = list.iter().map(ToString::to_string).collect();
        policy(&format!("  - baseImages: {{allow: [{{layers: {list:?}}}]}}"))
    };
    decided(&layers(&[&one, &two]), &facts(), Effect::Allow, "2 layers");
    decided(&layers(&[&two]), &facts(), Effect::Deny, "none of the allowed");
    decided(&policy(all), &facts(), Effect::Unknown, "debian:12");
    let with = |chain: Vec<Digest>| Facts {
        bases: Cow::Owned(BTreeMap::from([("debian:12".to_owned(), Known::Seen(chain))])),
        ..facts()
    };
    decided(&policy(all), &with(vec![one.clone()]), Effect::Allow, "built on debian:12");
    decided(&policy(all), &with(Vec::new()), Effect::Deny, "none of the allowed");
    decided(
        &policy(all),
        &with(vec![digest("01"), digest("02"), digest("03"), digest("04")]),
        Effect::Deny,
        "none of",
    );
}

#[test]
fn one_of_several_and_all_of_several() {
    let none = Facts { evidence: Known::Seen(Vec::new().into()), ..facts() };
    let blind = Facts { evidence: Known::Missing("503".into()), ..facts() };
    let any = policy("  - anyOf: [{signedBy: {signers: [release]}}, {pinDigest: true}]");
    decided(&any, &facts(), Effect::Allow, "signed by release");
    decided(&any, &none, Effect::Deny, "no digest");
    // What is not known may be what is needed.
    decided(&any, &blind, Effect::Unknown, "503");
    let pinned = ImageName { digest: Some(digest("11")), ..facts().image };
    decided(&any, &Facts { image: pinned.clone(), ..blind.clone() }, Effect::Allow, "pinned");
    let all = policy("  - allOf: [{signedBy: {signers: [release]}}, {pinDigest: true}]");
    decided(&all, &facts(), Effect::Deny, "no digest");
    decided(&all, &blind, Effect::Deny, "no digest");
    decided(&all, &Facts { image: pinned.clone(), ..blind }, Effect::Unknown, "503");
    decided(&all, &Facts { image: pinned, ..facts() }, Effect::Allow, "pinned");
    let refused = |requirement: &str, said: &str| {
        let error = Policies::default().add("p", &policy(requirement)).expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
    };
    refused("  - anyOf: []", "anyOf is empty");
    refused("  - anyOf: [{pinDigest: true, onMissing: allow}]", "the outermost");
    refused("  - anyOf: [{allOf: [{anyOf: [{allOf: [{anyOf: [{pinDigest: true}]}]}]}]}]", "more than 4 deep");
}

#[test]
fn ages() {
    decided(&policy("  - maxAge: 90d"), &facts(), Effect::Allow, "within 90d");
    decided(&policy("  - maxAge: 23h"), &facts(), Effect::Deny, "more than 23h ago");
    let future = Facts { created: Known::Seen(NOW + 3600), ..facts() };
    decided(&policy("  - maxAge: 90d"), &future, Effect::Unknown, "in the future");
    decided(
        &policy("  - maxAge: 90d"),
        &Facts { created: Known::default(), ..facts() },
        Effect::Unknown,
        "nobody looked",
    );
    let report = report(Vec::new());
    let scanned = Facts { report: Known::Seen(&report), ..facts() };
    decided(&policy("  - databaseMaxAge: 2d"), &scanned, Effect::Allow, "within 2d");
    decided(&policy("  - databaseMaxAge: 1h"), &scanned, Effect::Deny, "more than 1h");
}

#[test]
fn findings() {
    let line = policy("  - maxSeverity: {severity: high, fixable: true, kev: true}");
    let check = |findings: Vec<Finding>, effect: Effect, said: &str| {
        let report = report(findings);
        decided(&line, &Facts { report: Known::Seen(&report), ..facts() }, effect, said);
    };
    check(Vec::new(), Effect::Allow, "nothing stands over the line");
    check(vec![Finding::sample("CVE-1", Level::High, true)], Effect::Deny, "1 high");
    check(vec![Finding::sample("CVE-1", Level::High, false)], Effect::Allow, "");
    check(vec![Finding::sample("CVE-1", Level::Unknown, true)], Effect::Unknown, "severity");
    decided(&line, &facts(), Effect::Unknown, "a scan: nobody looked");

    let clean = report(Vec::new());
    let blind = Facts { report: Known::Seen(&clean), ..facts() };
    decided(&policy("  - noSecrets: true"), &blind, Effect::Unknown, "looks for secrets");
    let looked = Facts { looked_for: vec![FindingKind::Secret].into(), ..blind.clone() };
    decided(&policy("  - noSecrets: true"), &looked, Effect::Allow, "no secret");
    let secret =
        report(vec![Finding { kind: FindingKind::Secret, ..Finding::sample("aws-key", Level::High, true) }]);
    decided(
        &policy("  - noSecrets: true"),
        &Facts { report: Known::Seen(&secret), ..facts() },
        Effect::Deny,
        "aws-key",
    );
    let mut partial = report(Vec::new());
    partial.problems.push(Problem {
        kind: ProblemKind::Unreadable,
        subject: "a.jar".into(),
        detail: "truncated".into(),
        layer: None,
        effect: Seen::Incomplete,
    });
    decided(
        &policy("  - noMalware: true"),
        &Facts { report: Known::Seen(&partial), ..facts() },
        Effect::Unknown,
        "1 things",
    );
}

#[test]
fn modes_and_missing_facts() {
    let mode =
        |mode: &str| policy("  - pinDigest: true").replace("spec:\n", &format!("spec:\n  mode: {mode}\n"));
    decided(&mode("warn"), &facts(), Effect::Warn, "no digest");
    decided(&mode("audit"), &facts(), Effect::Allow, "no digest");
    let missing = |on: &str| policy(&format!("  - maxAge: 90d\n    onMissing: {on}"));
    let unknown = Facts { created: Known::default(), ..facts() };
    decided(&missing("deny"), &unknown, Effect::Unknown, "not known");
    decided(&missing("warn"), &unknown, Effect::Warn, "not known");
    decided(&missing("allow"), &unknown, Effect::Allow, "not known");
    // `onMissing` is about what is not known, never about what is not met.
    decided(&missing("allow"), &Facts { created: Known::Seen(0), ..facts() }, Effect::Deny, "ago");
    let other =
        policy("  - pinDigest: true").replace("spec:\n", "spec:\n  match: {images: ['docker.io/**']}\n");
    decided(&other, &facts(), Effect::Unknown, "no policy is about this image");
}

const EXCEPTION: &str = "---
apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {name: until-monday}
spec: {policies: [production], requirements: [pinDigest], images: ['ghcr.io/acme/shop'], owner: ada, reason: the build is being moved, ticket: OPS-1, expires: 2027-01-20}
";

#[test]
fn exceptions() {
    let with = |exception: &str| format!("{}{exception}", policy("  - pinDigest: true\n  - maxAge: 1h"));
    let only = |exception: &str| format!("{}{exception}", policy("  - pinDigest: true"));
    decided(
        &only(EXCEPTION),
        &facts(),
        Effect::Warn,
        "`until-monday` of ada: the build is being moved, OPS-1",
    );
    // It excepts from what it names, and from nothing else.
    decided(&with(EXCEPTION), &facts(), Effect::Deny, "production/maxAge");
    for (from, to, said) in [
        ("2027-01-20", "2027-01-14", "has expired"),
        ("2027-01-20", "2028-01-01", "longer than any may"),
        ("'ghcr.io/acme/shop'", "'ghcr.io/acme/shop2'", "no digest"),
        ("[production]", "[staging]", "no digest"),
        ("[pinDigest]", "[maxAge]", "no digest"),
        ("{name: until-monday}", "{name: until-monday, namespace: shop}", "no digest"),
        ("owner:", "namespaces: [other], owner:", "no digest"),
    ] {
        assert!(EXCEPTION.contains(from));
        decided(&only(&EXCEPTION.replace(from, to)), &facts(), Effect::Deny, said);
    }
    // The last day counts whole.
    decided(&only(&EXCEPTION.replace("2027-01-20", "2027-01-15")), &facts(), Effect::Warn, "until-monday");
}

#[test]
fn who_takes_exceptions_of_some_people_only() {
    let guarded =
        policy("  - pinDigest: true").replace("spec:\n", "spec:\n  exceptions: {signedBy: [key]}\n");
    decided(
        &format!("{guarded}{EXCEPTION}"),
        &facts(),
        Effect::Deny,
        "the exception `until-monday` is not signed by key",
    );
    let document = plimsoll_policy::sign_exception(EXCEPTION, &mut |_| Ok(b"a signature".to_vec())).unwrap();
    let signed = serde_saphyr::to_string(&document).unwrap();
    let all = format!("{guarded}---\n{signed}");
    // A signature that nobody checked, or that holds by another key, is none.
    decided(&all, &facts(), Effect::Deny, "is not signed by key");
    let judge = |key: &str| {
        let mut policies = Policies::default();
        policies.add("p.yaml", &all).unwrap();
        let (exceptions, keys) = policies.signed_exceptions();
        assert_eq!(exceptions, [(0, EXCEPTION.as_bytes(), b"a signature".as_slice())]);
        assert_eq!(keys.into_iter().collect::<Vec<_>>(), [PEM]);
        policies.know_signer(0, key);
        policies.know_signer(7, key);
        plimsoll_policy::decide(&facts(), &policies, NOW)
    };
    assert_eq!(judge("another key").effect, Effect::Deny);
    let taken = judge(PEM);
    assert_eq!(taken.effect, Effect::Warn);
    let exception = taken.policies[0].requirements[0].exception.as_deref().unwrap();
    assert!(exception.ends_with("OPS-1, signed by key"), "{exception}");
    // Policies that take everybody's take signed ones too.
    let anybody = format!("{}---\n{signed}", policy("  - pinDigest: true"));
    decided(&anybody, &facts(), Effect::Warn, "`until-monday` of ada");

    let refused = |text: &str, said: &str| {
        let error = Policies::default().add("p.yaml", text).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    };
    refused(&guarded.replace("[key]", "[]"), "signedBy is empty");
    refused(&guarded.replace("[key]", "[others]"), "`others` is none of its signers with a key");
    refused(&guarded.replace("[key]", "[release]"), "`release` is none of its signers with a key");
    refused(&signed.replacen("until-monday", "until-tuesday", 1), "metadata");
    refused(&signed.replace("kind: Exception", "kind: Policy"), "is no Exception");
    refused(&signed.replace("YSBzaWduYXR1cmU=", "'not!'"), "no base64");
    for text in ["", &format!("{EXCEPTION}{EXCEPTION}"), &guarded, &signed] {
        assert!(plimsoll_policy::sign_exception(text, &mut |_| Ok(Vec::new())).is_err(), "{text}");
    }
}

#[test]
fn break_glass_is_narrow_and_short() {
    let glass = format!(
        "---
apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {{name: night}}
spec: {{policies: [production], digests: ['{}'], namespaces: [shop], owner: ada, reason: outage, breakGlass: true, expires: '2027-01-15T12:00:00Z'}}
",
        digest("11")
    );
    let whole = |glass: &str| format!("{}{glass}", policy("  - pinDigest: true\n  - maxAge: 1h"));
    decided(&whole(&glass), &facts(), Effect::Warn, "break-glass `night`");
    decided(
        &whole(&glass.replace("2027-01-15T12", "2027-01-17T12")),
        &facts(),
        Effect::Deny,
        "longer than any may",
    );
    decided(&whole(&glass.replace("[shop]", "[other]")), &facts(), Effect::Deny, "ago");
    let mut policies = Policies::default();
    let wide = glass.replace(&format!("digests: ['{}'], ", digest("11")), "images: ['**'], ");
    let error = policies.add("p.yaml", &wide).expect_err("too wide").to_string();
    assert!(error.contains("break-glass"), "{error}");
}

#[test]
fn revocations() {
    let revoke = |what: &str| {
        format!(
            "{}---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: leak}}\nspec: {{reason: it leaked, {what}}}\n{EXCEPTION}",
            policy("  - signedBy: {signers: [release]}\n  - notRevoked: true")
        )
    };
    let report = report(Vec::new());
    let facts = Facts { report: Known::Seen(&report), ..facts() };
    decided(
        &revoke(&format!("digest: '{}'", digest("99"))),
        &facts,
        Effect::Allow,
        "nothing of it is revoked",
    );
    decided(
        &revoke(&format!("digest: '{}'", digest("11"))),
        &facts,
        Effect::Deny,
        "revoked by `leak`: it leaked",
    );
    decided(&revoke(&format!("layer: '{}'", digest("02"))), &facts, Effect::Deny, "it leaked");
    decided(
        &revoke("package: {purl: 'pkg:npm/x', from: 0.9.0, to: 1.0.0}"),
        &facts,
        Effect::Deny,
        "pkg:npm/x@1.0.0",
    );
    decided(&revoke("package: {purl: 'pkg:npm/x', from: 1.0.1}"), &facts, Effect::Allow, "");
    decided(
        &revoke("package: {purl: 'pkg:npm/x', to: not-a-version}"),
        &facts,
        Effect::Unknown,
        "the order of",
    );
    decided(&revoke("identity: 'https://github.com/acme/**'"), &facts, Effect::Deny, "not signed");
    let two = Facts {
        evidence: Known::Seen(vec![signature("release"), signature("other key")].into()),
        ..facts.clone()
    };
    decided(&revoke(&format!("key: {}", "bb".repeat(32))), &two, Effect::Allow, "`leak` revokes");
    let slim = Facts { without_packages: true, ..facts.clone() };
    decided(&revoke("package: {purl: 'pkg:npm/y'}"), &slim, Effect::Unknown, "they were not kept");
    // Not to know is not to be clean.
    let blind = Facts { layers: Known::default(), ..facts.clone() };
    decided(&revoke(&format!("layer: '{}'", digest("02"))), &blind, Effect::Unknown, "the layers");
}

#[test]
fn tenants_can_only_tighten() {
    let theirs = "---
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {name: own, namespace: shop}
spec: {requirements: [{pinDigest: true}]}
";
    let platform = policy("  - signedBy: {signers: [release]}");
    decided(&format!("{platform}{theirs}"), &facts(), Effect::Deny, "own/pinDigest");
    let elsewhere =
        Facts { workload: Workload { namespace: "other".into(), ..Workload::default() }, ..facts() };
    decided(&format!("{platform}{theirs}"), &elsewhere, Effect::Allow, "signed by release");
    // Their exception holds for their own policy, not for the platform's.
    let own = EXCEPTION
        .replace("{name: until-monday}", "{name: until-monday, namespace: shop}")
        .replace("[production]", "[own, production]");
    decided(&format!("{platform}{theirs}{own}"), &facts(), Effect::Warn, "until-monday");
    let strict = policy("  - pinDigest: true");
    decided(&format!("{strict}{own}"), &facts(), Effect::Deny, "production/pinDigest");
}

#[test]
fn mistakes_are_named_with_file_and_line() {
    let check = |text: &str, parts: &[&str]| {
        let mut policies = Policies::default();
        let error = policies.add("p.yaml", text).expect_err(text).to_string();
        assert!(error.starts_with("p.yaml") && parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(policies.policies().is_empty(), "nothing of a broken file is used");
    };
    let good = policy("  - pinDigest: true");
    check(&good.replace("plimsoll.dev/v1", "v2"), &["line 1", "apiVersion `v2`"]);
    check(&good.replace("kind: Policy", "kind: Polcy"), &["Polcy"]);
    check(&good.replace("pinDigest", "pinDigst"), &["line", "pinDigst"]);
    check(&good.replace("pinDigest: true", "pinDigest: false"), &["production", "asks nothing"]);
    check(&policy("  - {pinDigest: true, maxAge: 3d}"), &["two requirements"]);
    check(&policy("  - {name: x}"), &["asks nothing"]);
    check(&policy("  - maxAge: 3 days"), &["line", "3 days"]);
    check(&policy("  - signedBy: {signers: [nobody]}"), &["`nobody`"]);
    check(&policy("  - signedBy: {signers: [key], atLeast: 2}"), &["atLeast"]);
    check(&policy("  - builtBy: {branch: main}"), &["builtBy.source"]);
    check(&policy("  - builtFrom: {signers: [key], images: []}"), &["builtFrom.images is empty"]);
    check(&policy("  - builtFrom: {images: [a]}"), &["signers"]);
    check(&policy("  - builtFrom: {signers: [], images: [a]}"), &["builtFrom.signers is empty"]);
    check(
        &policy("  - builtFrom: {signers: [key], images: ['debian@12']}"),
        &["builtFrom.images: `debian@12`"],
    );
    check(&policy("  - registries: {allow: ['/(/']}"), &["requirement 1", "regular expression"]);
    check(&format!("{good}---\n{good}"), &["twice"]);
    check(
        "apiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {name: a}\nspec: {requirements: []}\n",
        &["no requirements"],
    );
    check(
        &format!(
            "{good}---\n\n# a remark\napiVersion: plimsoll.dev/v1\nkind: Policy\nmetadata: {{name: b}}\nspec:\n  requirements:\n  - oops: 1\n"
        ),
        &["line 1", "oops"],
    );
    // Expressions are checked when they are loaded: what they name, and what it is.
    let cel = |text: &str| policy(&format!("  - cel: {{expression: {text:?}}}"));
    check(
        &cel("image.repositry == 'x'"),
        &["requirement 1: cel.expression: line 1, column 6", "do you mean `repository`?"],
    );
    check(&cel("findigs.size() == 0"), &["there is no variable `findigs`", "do you mean `findings`?"]);
    check(&cel("findings.all(f, f.severity > 7)"), &["> does not take string and int"]);
    check(&cel("findings.exists(f, f.kev == 'yes')"), &["== does not take bool and string"]);
    check(&cel("image.tag.matches('[')"), &["no regular expression"]);
    check(&cel("image.tag.startWith('1')"), &["do you mean `startsWith`?"]);
    check(&cel("image.tag"), &["the value is of type string, not bool"]);
    check(&cel("object.spec.hostNetwork"), &["compare it with something"]);
    check(&cel("image.tag =="), &["line 1, column 13"]);
    check(&policy("  - cel: {message: x}"), &["expression"]);
    check(
        &policy("  - cel: {expression: 'true', messageExpression: '1'}"),
        &["cel.messageExpression", "of type int"],
    );
}

#[test]
fn only_what_is_needed_is_gathered() {
    use plimsoll_policy::Need;
    let needs =
        |requirement: &str| policies(&policy(requirement)).needs(&facts()).into_iter().collect::<Vec<_>>();
    assert_eq!(needs("  - pinDigest: true"), []);
    assert_eq!(needs("  - registries: {allow: ['**']}"), []);
    assert_eq!(needs("  - signedBy: {signers: [key]}"), [Need::Digest, Need::Evidence]);
    assert_eq!(needs("  - cel: {expression: \"image.tag != 'latest' && namespaceName != ''\"}"), []);
    assert_eq!(needs("  - cel: {expression: 'findings.size() == 0'}"), [Need::Digest, Need::Scan]);
    assert_eq!(
        needs("  - cel: {expression: 'secrets.size() == 0'}"),
        [Need::Digest, Need::Scan, Need::Secrets]
    );
    assert_eq!(needs("  - noSecrets: true"), [Need::Digest, Need::Scan, Need::Secrets]);
}

fn some_policy() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        Just("pinDigest: true"),
        Just("maxAge: 1h"),
        Just("maxAge: 90d"),
        Just("signedBy: {signers: [release]}"),
        Just("signedBy: {signers: [key]}"),
        Just("registries: {allow: ['ghcr.io/**']}"),
        Just("maxSeverity: {severity: high}"),
        Just("noSecrets: true"),
        Just("cel: {expression: \"signatures.exists(s, s.logged) || findings.size() > 0\"}"),
        Just("cel: {expression: \"!(layers.size() > 9) && created < now\"}"),
        Just("cel: {expression: \"!signatures.all(s, s.logged) ? digest == '' : packages.size() >= 0\"}"),
        Just("notRevoked: true"),
        Just("builtFrom: {signers: [release], images: ['docker.io/library/*']}"),
    ];
    (proptest::collection::vec(one, 1..4), prop_oneof![Just("enforce"), Just("warn"), Just("audit")])
        .prop_map(|(all, mode)| {
            let requirements = all.iter().map(|one| format!("  - {one}\n")).collect::<Vec<_>>().concat();
            policy(&requirements).replace("spec:\n", &format!("spec:\n  mode: {mode}\n"))
        })
}

const EXCEPTED: &str = "---
apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {name: old}
spec: {policies: [production], requirements: [pinDigest, maxAge], images: ['ghcr.io/acme/**'], owner: ada, reason: old, expires: 2027-02-01}
";
const REVOKED: &str = "---
apiVersion: plimsoll.dev/v1
kind: Revocation
metadata: {name: bad}
spec: {reason: bad, package: {purl: pkg:npm/x}}
";
const DISOWNED: &str = "---
apiVersion: plimsoll.dev/v1
kind: Revocation
metadata: {name: leak}
spec: {reason: stolen, identity: 'https://github.com/acme/**'}
";

proptest! {
    /// A further policy never lets in what was not let in.
    #[test]
    fn more_policies_only_tighten(first in some_policy(), second in some_policy()) {
        let alone = decide(&facts(), &policies(&first), NOW);
        let both = decide(&facts(), &policies(&format!("{first}---\n{}", second.replace("name: production", "name: second"))), NOW);
        prop_assert!(both.effect >= alone.effect, "{alone:?} {both:?}");
    }

    /// A fact that goes missing never lets in what was not let in, as long as nobody asked for that.
    #[test]
    fn missing_facts_never_allow(text in some_policy(), gone in 0..5_usize) {
        let report = report(Vec::new());
        let whole = Facts { report: Known::Seen(&report), ..facts() };
        let mut less = whole.clone();
        match gone {
            0 => less.evidence = Known::default(),
            1 => less.report = Known::default(),
            2 => less.created = Known::default(),
            3 => less.digest = Known::default(),
            _ => less.layers = Known::default(),
        }
        let (before, after) = (decide(&whole, &policies(&text), NOW), decide(&less, &policies(&text), NOW));
        // From "refused" to "cannot be told" is no way in either: both are refused.
        let refused = |effect: Effect| matches!(effect, Effect::Unknown | Effect::Deny);
        prop_assert!(!refused(before.effect) || refused(after.effect), "{before:?} {after:?}");
    }

    /// Without its proof a decision is the same.
    #[test]
    fn briefly_means_the_same(first in some_policy(), second in some_policy(), gone in 0..5_usize, more in 0..4_usize) {
        let report = report(Vec::new());
        let mut facts = Facts { report: Known::Seen(&report), ..facts() };
        match gone {
            0 => facts.evidence = Known::default(),
            1 => facts.report = Known::default(),
            2 => facts.created = Known::default(),
            3 => facts.image.repository = "docker.io/acme/shop".into(),
            _ => {}
        }
        let mut text = format!("{first}---\n{}", second.replace("name: production", "name: second"));
        text += ["", EXCEPTED, REVOKED, DISOWNED][more];
        let policies = policies(&text);
        let whole = decide(&facts, &policies, NOW);
        let mut observed = Vec::new();
        let brief = decide_briefly(&facts, &policies, NOW, &mut |one| observed.push(one));
        prop_assert_eq!(whole.effect, brief.effect);
        prop_assert_eq!(whole.reasons, brief.reasons);
        prop_assert_eq!(whole.digest, brief.digest);
        prop_assert_eq!(whole.revoked, brief.revoked);
        prop_assert_eq!(!whole.policies.is_empty(), brief.about);
        let exceptions: Vec<String> =
            whole.policies.iter().flat_map(|one| &one.requirements).filter_map(|one| one.exception.clone()).collect();
        prop_assert_eq!(exceptions, brief.exceptions);
        let worst = |answers: Vec<Outcome>| {
            [Outcome::NotMet, Outcome::Unknown].into_iter().find(|one| answers.contains(one)).unwrap_or(Outcome::Met)
        };
        let answers = whole.policies.iter().enumerate().map(|(place, one)| {
            Some((place, worst(one.requirements.iter().map(|one| one.answer).collect())))
        });
        prop_assert_eq!([None].into_iter().chain(answers).collect::<Vec<_>>(), observed);
    }

    /// The same facts, policies and moment give the same bytes.
    #[test]
    fn the_proof_is_the_same_each_time(text in some_policy()) {
        let proof = || serde_json::to_string(&decide(&facts(), &policies(&text), NOW)).expect("JSON");
        prop_assert_eq!(proof(), proof());
    }
}

fn summary(time: &str, change: impl Fn(&mut serde_json::Value)) -> Evidence {
    let mut predicate = json!({
        "verifier": { "id": "https://ci.example.test/shop" }, "timeVerified": time, "resourceUri": "ghcr.io/acme/shop",
        "policy": { "digest": { "sha256": "ab".repeat(32) } }, "verificationResult": "PASSED",
        "verifiedLevels": ["SLSA_BUILD_LEVEL_2"],
    });
    change(&mut predicate);
    let predicate_type = "https://slsa.dev/verification_summary/v1".into();
    Evidence { statement: Some(Statement { predicate_type, predicate }), ..signature("release") }
}

#[test]
fn the_newest_summary_about_the_question_counts() {
    // NOW is 2027-01-15T08:00:00Z.
    let (today, yesterday) = ("2027-01-15T07:00:00Z", "2027-01-14T07:00:00Z");
    let same = |_: &mut serde_json::Value| {};
    let failed = |value: &mut serde_json::Value| value["verificationResult"] = "FAILED".into();
    let other = |value: &mut serde_json::Value| value["policy"]["digest"]["sha256"] = "cd".repeat(32).into();
    let asked = |more: &str| {
        format!("  - verifiedBy: {{signers: [release], policies: ['sha256:{}']{more}}}", "ab".repeat(32))
    };
    let by_verifier =
        "  - verifiedBy: {signers: [release], verifier: 'https://ci.example.test/*'}".to_owned();
    let by_key = "  - verifiedBy: {signers: [key], verifier: '**'}".to_owned();
    for (evidence, requirement, expected) in [
        (vec![summary(today, same)], asked(""), Effect::Allow),
        (vec![summary(today, same)], asked(", maxAge: 2h"), Effect::Allow),
        (vec![summary(yesterday, same)], asked(", maxAge: 2h"), Effect::Deny),
        (vec![summary("2027-02-01T00:00:00Z", same)], asked(", maxAge: 2h"), Effect::Unknown),
        (vec![summary(today, same)], asked(", levels: [SLSA_BUILD_LEVEL_1]"), Effect::Allow),
        (vec![summary(today, same)], asked(", levels: [SLSA_BUILD_LEVEL_3]"), Effect::Deny),
        (vec![summary(today, same)], asked(", resource: 'ghcr.io/acme/**'"), Effect::Allow),
        (vec![summary(today, same)], asked(", resource: 'ghcr.io/other/**'"), Effect::Deny),
        (vec![summary(today, same)], asked(", verifier: 'https://else.example.test'"), Effect::Deny),
        (vec![summary(today, other)], asked(""), Effect::Deny),
        (vec![summary(today, other)], by_verifier.clone(), Effect::Allow),
        (vec![summary(today, same)], by_key, Effect::Deny),
        (vec![], by_verifier, Effect::Deny),
        (vec![signature("release")], asked(""), Effect::Deny),
        (vec![summary(yesterday, same), summary(today, failed)], asked(""), Effect::Deny),
        (vec![summary(today, same), summary(yesterday, failed)], asked(""), Effect::Allow),
        (vec![summary(today, same), summary(today, failed)], asked(""), Effect::Deny),
        (vec![summary(today, failed), summary(today, same)], asked(""), Effect::Deny),
        (
            vec![summary(today, |value| value["verifier"] = json!(7)), summary(yesterday, same)],
            asked(""),
            Effect::Allow,
        ),
    ] {
        let policies = policies(&policy(&requirement));
        let mut facts = Facts { evidence: Known::Seen(evidence.into()), ..facts() };
        let decision = decide(&facts, &policies, NOW);
        assert_eq!(decision.effect, expected, "{requirement}: {decision:?}");
        // What could not be read may be what is missing; it does not spoil what was seen.
        facts.unread_evidence = vec!["something".to_owned()].into();
        let expected = if expected == Effect::Allow { Effect::Allow } else { Effect::Unknown };
        assert_eq!(decide(&facts, &policies, NOW).effect, expected, "{requirement}");
    }
    for (written, said) in [
        ("  - verifiedBy: {signers: [release]}", "any summary would do"),
        ("  - verifiedBy: {signers: [], verifier: a}", "signers is empty"),
        ("  - verifiedBy: {signers: [nobody], verifier: a}", "nobody"),
        ("  - verifiedBy: {signers: [release], policies: ['sha256:ab']}", "verifiedBy.policies"),
    ] {
        let error = Policies::default().add("policy.yaml", &policy(written)).expect_err(written).to_string();
        assert!(error.contains(said), "{error}");
    }
}

/// A document of an exception from requirements of `production`.
fn excepted(name: &str, requirement: &str, expires: &str) -> String {
    format!(
        "---
apiVersion: plimsoll.dev/v1
kind: Exception
metadata: {{name: {name}}}
spec: {{policies: [production], requirements: [{requirement}], images: ['ghcr.io/acme/**'], owner: ada, reason: old, expires: {expires}}}
"
    )
}

#[test]
fn an_explanation_names_what_decided_and_what_would_change_it() {
    let asks = policy(
        "  - signedBy: {signers: [key]}
  - registries: {allow: ['ghcr.io/acme/**']}
  - maxAge: 12h
  - maxSeverity: {severity: high}
    onMissing: warn",
    );
    let places = [Some("ghcr.io/acme/shop@sha256:22".to_owned())];
    // 2027-01-15T08:00:00Z is the moment.
    let text = format!(
        "{asks}{}{}",
        excepted("over", "maxAge", "2027-01-14"),
        excepted("far", "signedBy", "2028-01-01")
    );
    let one = explain(&facts(), &places, &policies(&text), NOW);
    assert_eq!(one.decision, decide(&facts(), &policies(&text), NOW), "the proof is the same");
    let decided: Vec<&str> = one.decided_by.iter().map(|one| one.what.as_str()).collect();
    assert_eq!(decided, ["production/signedBy", "production/maxAge"]);
    let stands = |requirement: usize| one.requirements[requirement].exceptions[0].stands.as_str();
    assert_eq!((stands(0), stands(2)), ("tooLong", "expired"));
    let seen = one.requirements[0].evidence.iter().find(|seen| seen.kind == "signature").expect("looked at");
    assert_eq!((seen.counts, &seen.from), (Some(false), &places[0]), "{seen:?}");
    assert!(seen.detail.contains("release.yml"), "{seen:?}");
    let ways = |at: usize| one.to_pass[at].any_of.join("\n");
    assert!(ways(0).contains("as key (a key, in a transparency log)"), "{}", ways(0));
    assert!(ways(0).contains("an earlier end"), "{}", ways(0));
    assert!(ways(1).contains("renew the exception `over` of ada"), "{}", ways(1));

    // Who signed counts, and what is let in needs nothing.
    let met = explain(&facts(), &places, &policies(&policy("  - signedBy: {signers: [release]}")), NOW);
    assert!(met.decided_by.is_empty() && met.to_pass.is_empty(), "{met:?}");
    assert_eq!(met.requirements[0].evidence.last().expect("a signature").counts, Some(true));

    // A signer who is revoked: the signature is shown, does not count, and by which revocation.
    let revoked = format!(
        "{}---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: leak}}\nspec: {{reason: stolen, identity: 'https://github.com/acme/**'}}\n",
        policy("  - signedBy: {signers: [release]}")
    );
    let one = explain(&facts(), &places, &policies(&revoked), NOW);
    assert_eq!(one.decision.effect, Effect::Deny);
    assert_eq!((one.revocations.len(), one.revocations[0].stands.as_str()), (1, "disowns"));
    assert_eq!(one.requirements[0].evidence.last().expect("a signature").counts, Some(false));

    // Nobody's policy: why each of them is not.
    let elsewhere = asks.replace("spec:", "spec:\n  match: {namespaces: [pay]}");
    let one = explain(&facts(), &places, &policies(&elsewhere), NOW);
    assert_eq!(one.not_about[0].reason, "it is for the namespaces pay; the namespace is shop");
    assert_eq!(one.decided_by[0].what, "no policy is about this image");
}

/// What is said to let the image in does, and nothing less: with an exception from all of it, and from all but one.
#[test]
fn what_would_let_an_image_in_does() {
    let kinds = [
        "signedBy: {signers: [key]}",
        "signedBy: {signers: [release]}",
        "maxAge: 12h",
        "maxAge: 90d",
        "pinDigest: true",
        "maxSeverity: {severity: high}",
        "anyOf: [{pinDigest: true}, {maxAge: 1h}]",
        "allOf: [{pinDigest: true}, {maxAge: 90d}]",
        "notJudged: a moon",
        "registries: {allow: ['docker.io/**']}",
        "builtFrom: {signers: [release], images: ['docker.io/**']}",
    ];
    // Each by itself, and some of the combinations: all of them take minutes.
    let all = (1_u32 << kinds.len()) - 1;
    let alone = (0..kinds.len()).map(|at| 1 << at);
    for chosen in alone.chain((1..all).step_by(89)).chain([all]) {
        let of = |at: &usize| chosen & (1 << at) != 0;
        let lines = (0..kinds.len()).filter(of).map(|at| format!("  - {}\n    name: r{at}\n", kinds[at]));
        let text = policy(&lines.collect::<String>());
        let one = explain(&facts(), &[], &policies(&text), NOW);
        let names: Vec<&str> = one
            .to_pass
            .iter()
            .map(|one| one.what.strip_prefix("production/").expect("a requirement"))
            .collect();
        assert!(one.to_pass.iter().all(|one| one.any_of.len() > 1), "{:?}", one.to_pass);
        let passes = |left_out: usize| {
            let of = |(at, name): (usize, &&str)| {
                (at != left_out).then(|| excepted(&format!("e{at}"), name, "2027-02-01"))
            };
            let text = text.clone() + &names.iter().enumerate().filter_map(of).collect::<String>();
            decide(&facts(), &policies(&text), NOW).effect <= Effect::Warn
        };
        assert!(passes(usize::MAX), "{names:?}");
        assert!((0..names.len()).all(|left_out| !passes(left_out)), "{names:?}");
    }
}
