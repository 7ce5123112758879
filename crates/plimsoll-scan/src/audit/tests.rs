//! Audits of objects that are written here, without a network. With a real API server: `crates/plimsoll/tests/blackbox/audit.rs`.

use std::collections::BTreeSet;
use std::io::BufReader;

use plimsoll_model::audit::{Audit, ClusterInfo, Missing};
use plimsoll_model::workload::Kinds;
use plimsoll_policy::Policies;
use serde_json_borrow::Value;

use super::snapshot::{self, Writer};
use super::{Collector, Evidence, Happened, Settings, audit, changes};
use crate::gate::Gate;
use crate::{NoProgress, Options};

const POLICIES: &str = "
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {name: production}
spec:
  match: {namespaces: [shop]}
  requirements:
  - registries: {allow: ['ghcr.io/acme/**']}
  - pinDigest: true
---
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {name: anywhere}
spec:
  requirements: [{registries: {deny: ['docker.io/evil/**']}}]
---
apiVersion: plimsoll.dev/v1
kind: Policy
metadata: {name: front}
spec:
  match: {labels: {tier: front}}
  requirements: [{podSecurity: {level: baseline}}]
";

const CLUSTER: &str = include_str!("../../fixtures/audit/cluster.yaml");

fn gate(policies: &str) -> Gate {
    let mut all = Policies::default();
    all.add("policies.yaml", policies).expect("policies");
    Gate::new(all, Vec::new(), &std::sync::Arc::default()).expect("a gate")
}

fn settings() -> Settings {
    Settings { threads: 2, provenance: false, policies: vec!["my policies".into()], again: 60 }
}

fn collected(gate: &Gate, text: &str) -> (Collector, snapshot::Told) {
    let mut collector = Collector::new(Kinds::default(), gate.policies().standards());
    let told =
        snapshot::read("a file", &mut BufReader::new(text.as_bytes()), &mut collector).expect("objects");
    (collector, told)
}

fn judged(policies: &str, cluster: &str, missing: Vec<Missing>) -> Audit {
    let gate = gate(policies);
    let (mut collector, told) = collected(&gate, cluster);
    let mut all = told.missing;
    all.extend(missing);
    let info = told.cluster.unwrap_or_default();
    audit(
        &mut collector,
        info,
        all,
        &gate,
        &mut Evidence::default(),
        &settings(),
        &Options::default(),
        &NoProgress,
    )
}

/// The results, one a line.
fn lines(audit: &Audit) -> Vec<String> {
    let line = |result: &plimsoll_model::audit::AuditResult| {
        let uses: Vec<String> = result
            .uses
            .iter()
            .map(|used| {
                let owner = used.owner.as_deref().unwrap_or("-");
                format!(
                    "{}/{} {} x{} [{}] {owner}",
                    used.namespace,
                    used.kind,
                    used.name,
                    used.pods,
                    used.places.join(", ")
                )
            })
            .collect();
        let decision = &result.decision;
        let digest = decision.digest.as_deref().map_or("-", |digest| &digest[7..11]);
        format!("{:?} {} {digest}: {}", decision.effect, decision.image, uses.join("; "))
    };
    audit.results.iter().map(line).collect()
}

#[test]
fn every_image_of_every_workload_by_the_policies_of_its_namespace() {
    let audit = judged(POLICIES, CLUSTER, Vec::new());
    let pinned = format!("ghcr.io/acme/web@sha256:{}", "a".repeat(64));
    assert_eq!(
        lines(&audit),
        [
            // A name without a digest, of which the node says what runs: the digest is told, and the name still refused.
            "Deny docker.io/evil/miner:1 bbbb: shop/Pod loose x1 [ephemeral container debug] platform"
                .to_owned(),
            "Deny ghcr.io/acme/migrate:3 -: shop/Deployment web x2 [init container migrate] blue".into(),
            "Deny ghcr.io/acme/privileged:1 -: edge/DaemonSet agent x0 [container a] -".into(),
            "Allow ghcr.io/acme/web:2 -: other/Pod lonely x1 [container a] -".into(),
            format!(
                "Allow {pinned} aaaa: shop/CronJob nightly x0 [container a] platform; \
                 shop/Deployment web x2 [container web] blue"
            ),
        ]
    );
    assert_eq!(audit.verdict, plimsoll_model::Outcome::NotMet);
    let summary = &audit.summary;
    assert_eq!((summary.workloads, summary.pods, summary.images), (5, 4, 5));
    assert_eq!((summary.denied, summary.allowed, summary.unknown), (3, 2, 0));
    let next = audit.results[1].next.as_deref().unwrap();
    assert_eq!(next, "plimsoll verify ghcr.io/acme/migrate:3 --namespace shop --policy 'my policies'");
    let labelled = audit.results[2].next.as_deref().unwrap();
    assert!(labelled.contains("--label tier=front"), "{labelled}");
    // The same objects in another order give the same bytes.
    let mut parts: Vec<&str> = CLUSTER.split("\n---\n").collect();
    parts.reverse();
    let again = judged(POLICIES, &parts.join("\n---\n"), Vec::new());
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&audit).unwrap());
}

#[test]
fn what_the_node_does_not_tell_is_unknown_and_not_the_tag_of_today() {
    let policies = "{apiVersion: plimsoll.dev/v1, kind: Policy, metadata: {name: p}, spec: {requirements: [{maxAge: 30d}]}}";
    let pod = |id: &str| {
        format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: n}}, spec: {{containers: [{{name: a, image: 'a:1'}}]}}, \
             status: {{phase: Running, containerStatuses: [{{name: a, imageID: '{id}'}}]}}}}"
        )
    };
    let audit = judged(policies, &pod("sha256:0123"), Vec::new());
    assert_eq!(audit.verdict, plimsoll_model::Outcome::Unknown);
    assert!(audit.results[0].decision.reasons[0].contains("the node does not say which digest it runs"));
    assert_eq!(audit.results[0].decision.digest, None);
    let told = judged(policies, &pod(&format!("docker.io/library/a@sha256:{}", "c".repeat(64))), Vec::new());
    assert!(told.results[0].decision.digest.as_deref().unwrap().ends_with("ccc"));
    assert!(told.results[0].decision.reasons[0].contains("registries were not asked"));
}

#[test]
fn a_name_that_is_none_is_unknown_whatever_the_policies_ask() {
    let policies = "{apiVersion: plimsoll.dev/v1, kind: Policy, metadata: {name: p}, spec: {requirements: [{podSecurity: {level: baseline}}]}}";
    let pod =
        "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: a, image: 'no name'}]}}";
    let audit = judged(policies, pod, Vec::new());
    assert_eq!(lines(&audit), ["Unknown no name -: /Pod p x1 [container a] -"]);
}

#[test]
fn trusted_because_of_where_it_is() {
    let audit = judged(POLICIES, CLUSTER, Vec::new());
    let told: Vec<String> = audit
        .placed
        .iter()
        .map(|one| {
            let answers: Vec<String> = one
                .standings()
                .iter()
                .map(|(name, standing)| format!("{name} {:?}", standing.answer))
                .collect();
            format!("{}/{} {}: {}", one.namespace, one.kind, one.name, answers.join(", "))
        })
        .collect();
    assert_eq!(
        told,
        [
            // In its node's network, with an account of its own.
            "edge/DaemonSet agent: provenance Unknown, identity Met, network NotMet",
            "other/Pod lonely: provenance Unknown, identity NotMet, network NotMet",
            // Its default account mounts no token, and the policy of the namespace is about what goes out.
            "shop/CronJob nightly: provenance Unknown, identity Met, network NotMet",
            "shop/Deployment web: provenance Unknown, identity Met, network Met",
            "shop/Pod loose: provenance Unknown, identity NotMet, network NotMet",
        ]
    );
    let missing = |resource: &str| Missing {
        resource: resource.into(),
        reason: format!("no right to list `{resource}`"),
        unknown: "something".into(),
        decides: false,
    };
    let rights = vec![missing("serviceaccounts"), missing("networkpolicies.networking.k8s.io")];
    let without = judged(POLICIES, CLUSTER, rights);
    let lonely = without.placed.iter().find(|one| one.name == "lonely").unwrap();
    assert_eq!(lonely.identity.answer, plimsoll_model::Outcome::Unknown);
    assert_eq!(lonely.network.detail, "no right to list `networkpolicies.networking.k8s.io`");
}

#[test]
fn what_could_not_be_read_makes_unknown_what_would_be_met() {
    let good = format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: shop}}, spec: {{containers: [{{name: a, image: 'ghcr.io/acme/a@sha256:{}'}}]}}}}",
        "a".repeat(64)
    );
    assert_eq!(judged(POLICIES, &good, Vec::new()).verdict, plimsoll_model::Outcome::Met);
    let missing = |decides| {
        vec![Missing {
            resource: "jobs.batch".into(),
            reason: "no right".into(),
            unknown: "jobs".into(),
            decides,
        }]
    };
    assert_eq!(judged(POLICIES, &good, missing(true)).verdict, plimsoll_model::Outcome::Unknown);
    assert_eq!(judged(POLICIES, &good, missing(false)).verdict, plimsoll_model::Outcome::Met);
    let broken = good.replace("containers: [{name", "containers: [7, {name");
    assert_eq!(judged(POLICIES, &broken, Vec::new()).verdict, plimsoll_model::Outcome::Unknown);
}

/// The objects of a file as a snapshot.
fn snapshot_of(text: &str) -> String {
    struct Both<'w>(Writer<'w>);
    impl super::live::Sink for Both<'_> {
        fn forget(&mut self, kind: &str) {
            self.0.forget(kind);
        }
        fn object(&mut self, object: &Value<'_>) {
            self.0.object(object);
        }
    }
    let mut out = Vec::new();
    let info = ClusterInfo { name: "here".into(), version: Some("v1.20.2".into()), taken_at: None };
    let mut both = Both(Writer::new(&mut out, info));
    snapshot::read("a file", &mut BufReader::new(text.as_bytes()), &mut both).expect("objects");
    both.0.end(Vec::new(), vec!["pods".into()]).expect("a snapshot");
    String::from_utf8(out).expect("text")
}

#[test]
fn a_snapshot_says_the_same_and_holds_no_secret() {
    let snapshot = snapshot_of(CLUSTER);
    assert!(CLUSTER.matches("s3cret").count() >= 8 && !snapshot.contains("s3cret"), "{snapshot}");
    assert!(snapshot.contains("\"name\":\"PASSWORD\""), "names stay");
    let mut direct = judged(POLICIES, CLUSTER, Vec::new());
    let by_snapshot = judged(POLICIES, &snapshot, Vec::new());
    direct.cluster = by_snapshot.cluster.clone();
    assert_eq!(by_snapshot.cluster.version.as_deref(), Some("v1.20.2"));
    assert_eq!(serde_json::to_string(&by_snapshot).unwrap(), serde_json::to_string(&direct).unwrap());
}

#[test]
fn labels_stay_whatever_they_are_called_and_environments_of_any_form_go() {
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, labels: {data: x, env: kept-label}}, \
               spec: {containers: [{name: a, image: b, env: [A=s3cret]}], env: 's3cret', x: {env: {B: s3cret}}}}";
    let snapshot = snapshot_of(pod);
    assert!(snapshot.contains(r#""labels":{"data":"x","env":"kept-label"}"#), "{snapshot}");
    assert!(!snapshot.contains("s3cret"), "{snapshot}");
}

#[test]
fn a_snapshot_that_was_cut_off_is_no_smaller_cluster() {
    let whole = snapshot_of(CLUSTER);
    let read = |text: &str| {
        let mut collector = Collector::new(Kinds::default(), BTreeSet::new());
        snapshot::read("a file", &mut BufReader::new(text.as_bytes()), &mut collector)
    };
    assert!(read(&whole).is_ok());
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in 1..lines.len() {
        let error = read(&lines[..cut].concat()).expect_err("it is cut off");
        assert!(error.to_string().contains("cut off"), "{error}");
    }
    let mut without = lines.clone();
    without.remove(3);
    assert!(read(&without.concat()).expect_err("an object is gone").to_string().contains("objects"));
    assert!(read(&whole[..whole.len() - 1]).is_err());
    assert!(read(&whole.replacen("plimsoll.dev/v1", "plimsoll.dev/v9", 1)).is_err());
    for bad in ["", "\n\n", "[]", "7", "{\"a\": 1", "a: [", "- 1\n- 2\n", "{} 7", "\u{0}"] {
        assert!(read(bad).is_err(), "{bad:?}");
    }
    // What is listed anew takes the place of what was there.
    let restart = "{\"kind\":\"SnapshotRestart\",\"apiVersion\":\"plimsoll.dev/v1\",\"of\":\"Pod\"}\n";
    let again = [&lines[..lines.len() - 1].concat(), restart, lines[lines.len() - 1]].concat();
    let audit = judged(POLICIES, &again, Vec::new());
    assert!(audit.results.iter().all(|result| result.uses.iter().all(|used| used.kind != "Pod")));
}

#[test]
fn lists_as_kubectl_prints_them() {
    let item = "{\"metadata\":{\"name\":\"p\",\"namespace\":\"shop\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"x\"}]}}";
    let typed = item.replacen('{', "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",", 1);
    for list in [
        format!("{{\"apiVersion\":\"v1\",\"kind\":\"PodList\",\"items\":[{item}]}}"),
        format!("{{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [{typed}]\n}}\n"),
        format!("{typed}\n{typed}"),
    ] {
        assert_eq!(judged(POLICIES, &list, Vec::new()).results.len(), 1, "{list}");
    }
    let gate = gate(POLICIES);
    let (_, told) = collected(&gate, "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":{}}");
    assert_eq!(told.problems.len(), 1);
}

#[test]
fn what_became_different() {
    let now = jiff::Timestamp::UNIX_EPOCH;
    let first = judged(POLICIES, CLUSTER, Vec::new());
    let begin = changes(None, &first, now);
    assert_eq!(begin.len(), 3);
    assert!(begin.iter().all(|change| change.event == Happened::NotMet && change.next.is_some()));
    assert!(changes(Some(&first), &first, now).is_empty());
    let revoked = format!(
        "{POLICIES}\n---\napiVersion: plimsoll.dev/v1\nkind: Revocation\nmetadata: {{name: stolen}}\nspec: {{reason: stolen key, digest: 'sha256:{}'}}\n",
        "a".repeat(64)
    );
    let second = judged(&revoked, CLUSTER, Vec::new());
    let told: Vec<String> = changes(Some(&first), &second, now)
        .iter()
        .map(|change| {
            format!(
                "{:?} {} {}: {}",
                change.event,
                change.kind,
                change.owner.as_deref().unwrap_or("-"),
                change.reasons[0]
            )
        })
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("NoLongerMet CronJob platform: ") && told[0].contains("stolen"), "{told:?}");
    let back = changes(Some(&second), &first, now);
    assert!(back.len() == 2 && back.iter().all(|change| change.event == Happened::MetAgain), "{back:?}");
}

#[test]
fn reports_call_unknown_an_error_and_never_a_pass() {
    use plimsoll_format::audit::{AuditForm, reports};
    let audit = judged(POLICIES, CLUSTER, Vec::new());
    let all = reports(&audit, AuditForm::PolicyReport);
    assert_eq!(all.keys().collect::<Vec<_>>(), ["edge", "other", "shop"]);
    assert_eq!(all["shop"]["apiVersion"], "wgpolicyk8s.io/v1alpha2");
    assert!(all["shop"]["summary"]["fail"].as_u64() > Some(0) && all["shop"]["summary"]["error"] == 0);
    assert_eq!(reports(&audit, AuditForm::OpenReport)["shop"]["kind"], "Report");
    let policies = "{apiVersion: plimsoll.dev/v1, kind: Policy, metadata: {name: p}, spec: {requirements: [{maxAge: 30d}]}}";
    let unknown = judged(policies, CLUSTER, Vec::new());
    let all = reports(&unknown, AuditForm::PolicyReport);
    assert_eq!((&all["other"]["summary"]["error"], &all["other"]["summary"]["pass"]), (&1.into(), &0.into()));
    assert_eq!(all["other"]["results"][0]["result"], "error");
}

/// A live cluster, by exactly the rights that `deploy/` ships, and with each of them missing.
#[test]
fn a_right_that_is_missing_is_told_by_name_with_what_is_unknown() {
    use super::live;
    use plimsoll_kube::{Access, Client, Surroundings};
    struct Machine;
    impl plimsoll_http::Clock for Machine {
        #[expect(clippy::disallowed_methods, reason = "time enters a test here")]
        fn now(&self) -> std::time::SystemTime {
            std::time::SystemTime::now()
        }
        fn sleep(&self, duration: std::time::Duration) {
            std::thread::sleep(duration);
        }
    }
    let Some(server) = plimsoll_testing::ApiServer::shared() else { return };
    server.apply("/api/v1/namespaces/shop", "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
    let pod = "{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: shop}, \
               spec: {containers: [{name: a, image: 'ghcr.io/acme/a:1'}]}}";
    server.apply("/api/v1/namespaces/shop/pods/p", pod);
    let role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/plimsoll-audit";
    let shipped = include_str!("../../../../deploy/kubernetes/audit-cluster-role.yaml");
    let whole: serde_json::Value = serde_saphyr::from_str(shipped).expect("YAML");
    server.apply(role, &whole.to_string());
    server.apply(
        "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/plimsoll-audit",
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, metadata: {name: plimsoll-audit}, \
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: plimsoll-audit}, \
         subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: auditor}]}",
    );
    let network = plimsoll_http::Settings::new("test", 1, std::sync::Arc::new(Machine));
    let surroundings = Surroundings { named: Some(server.kubeconfig("auditor")), ..Surroundings::default() };
    let client = Client::new(Access::find(&surroundings, None, &network).expect("access"));
    let kinds = Kinds::default();
    let readings = live::readings(&client, &kinds, live::Scope::Audit).expect("a server");
    assert!(readings.version.as_deref().is_some_and(|version| version.starts_with("v1.20")));
    // This namespace has no policy that denies: whatever is unknown shows in the verdict.
    let gate = gate(
        "{apiVersion: plimsoll.dev/v1, kind: Policy, metadata: {name: p}, \
                     spec: {requirements: [{registries: {allow: ['ghcr.io/acme/**']}}]}}",
    );
    let read = || {
        let mut collector = Collector::new(kinds.clone(), gate.policies().standards());
        let missing = live::read(&client, &readings, &[], &mut collector);
        (collector, missing)
    };
    // Rights take effect a moment after they are written.
    let until = |wanted: &dyn Fn(&[Missing]) -> bool| {
        for _ in 0..100 {
            let (collector, missing) = read();
            if wanted(&missing) {
                return (collector, missing);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the rights never took effect: {:?}", read().1);
    };
    let judge = |(mut collector, missing): (Collector, Vec<Missing>)| {
        let mut evidence = Evidence::default();
        let options = Options::default();
        let info = ClusterInfo::default();
        audit(&mut collector, info, missing, &gate, &mut evidence, &settings(), &options, &NoProgress)
    };
    let all = judge(until(&|missing| missing.is_empty()));
    assert_eq!(lines(&all), ["Allow ghcr.io/acme/a:1 -: shop/Pod p x1 [container a] -"]);
    assert_eq!(all.verdict, plimsoll_model::Outcome::Met);
    let mut taken = 0;
    for reading in &readings.all {
        let (group, plural) = (reading.resource.group.as_ref(), reading.resource.plural.as_ref());
        let mut less = whole.clone();
        for rule in less["rules"].as_array_mut().expect("rules") {
            if rule["apiGroups"][0] == group
                && let Some(list) = rule["resources"].as_array_mut()
            {
                let before = list.len();
                list.retain(|one| one != plural);
                taken += before - list.len();
                // The server wants a resource in each rule.
                list.push("nothing".into());
            }
        }
        let (status, body) =
            server.request("PUT", role, "application/json", less.to_string().as_bytes(), "admin");
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let name = reading.resource.to_string();
        let audit = judge(until(&|missing| missing.len() == 1 && missing[0].resource == name));
        assert_eq!(audit.missing[0].reason, format!("no right to list `{name}`"));
        assert_eq!(audit.missing[0].unknown, reading.unknown);
        let expected =
            if reading.decides { plimsoll_model::Outcome::Unknown } else { plimsoll_model::Outcome::Met };
        assert_eq!(audit.verdict, expected, "{name}");
    }
    assert_eq!(taken, readings.all.len(), "the role names each that is read");
}

/// Rules of another engine: one that looks at labels of namespaces, one at what snapshots leave out, one that warns.
const RULES: &str = "
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: no-host-network}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations: [{expression: '!object.spec.?hostNetwork.orValue(false)', message: it is in the network of its node}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: argued}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validations: [{expression: 'object.spec.containers.all(one, !has(one.args))', message: it has arguments}]
";

const OBJECTS: &str = "
apiVersion: v1
kind: Pod
metadata: {name: wide, namespace: shop, labels: {team: blue}}
spec: {hostNetwork: true, containers: [{name: a, image: a, args: [x]}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec: {template: {spec: {hostNetwork: true, containers: [{name: a, image: a}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: narrow, namespace: shop}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: over, namespace: shop}
spec: {hostNetwork: true, containers: [{name: a, image: a}]}
status: {phase: Succeeded}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
";

fn by_rules(rules: &str, objects: &str) -> Audit {
    let documents = plimsoll_rules::documents(rules).expect("documents");
    let rules = std::sync::Arc::new(plimsoll_rules::Rules::in_force(&documents).expect("rules"));
    let gate = Gate::new(Policies::default(), Vec::new(), &std::sync::Arc::default()).expect("a gate");
    let mut collector = Collector::new(Kinds::default(), BTreeSet::new()).with_rules(&rules);
    let told =
        snapshot::read("a file", &mut BufReader::new(objects.as_bytes()), &mut collector).expect("objects");
    let mut missing = told.missing;
    if told.cluster.is_some() {
        missing.extend(super::not_in_snapshot(&rules, &told.lists));
    }
    let (options, settings) = (Options::default(), settings());
    let info = ClusterInfo::default();
    audit(&mut collector, info, missing, &gate, &mut Evidence::default(), &settings, &options, &NoProgress)
}

fn said(audit: &Audit) -> Vec<String> {
    let line = |rule: &plimsoll_model::audit::RuleResult| {
        let objects = rule.objects.iter().map(|one| format!("{} {} x{}", one.kind, one.name, one.objects));
        let objects: Vec<String> = objects.collect();
        format!("{:?} {}: {} [{}]", rule.effect, rule.name, rule.reasons.join("; "), objects.join(", "))
    };
    audit.rules.iter().map(line).collect()
}

#[test]
fn objects_are_held_against_rules_of_other_engines() {
    let audit = by_rules(RULES, OBJECTS);
    assert_eq!(
        said(&audit),
        [
            "Deny argued: it has arguments [Pod wide x1]",
            "Deny no-host-network: it is in the network of its node [Deployment web x1, Pod wide x1]",
        ]
    );
    assert_eq!(audit.verdict, plimsoll_model::Outcome::NotMet);
    let summary = &audit.summary;
    assert_eq!((summary.rules, summary.objects, summary.objects_denied, summary.images), (2, 4, 2, 0));
    // What changes is told, also that a rule has nothing against an object any more.
    let better = by_rules(RULES, &OBJECTS.replace("args: [x]", "command: [x]"));
    let told: Vec<String> = changes(Some(&audit), &better, jiff::Timestamp::UNIX_EPOCH)
        .iter()
        .map(|one| format!("{:?} {} {:?}", one.event, one.name, one.rule))
        .collect();
    assert_eq!(told, ["MetAgain wide Some(\"ValidatingAdmissionPolicy argued\")"]);
    let back = changes(Some(&better), &audit, jiff::Timestamp::UNIX_EPOCH);
    assert_eq!(back.iter().map(|one| one.event).collect::<Vec<_>>(), [Happened::NotMet]);
}

#[test]
fn rules_about_what_a_snapshot_leaves_out_cannot_be_told_from_one() {
    let snapshot = snapshot_of(OBJECTS);
    let audit = by_rules(RULES, &snapshot);
    let all = said(&audit);
    assert!(
        all.iter().any(|line| line.starts_with("Unknown argued: not known: `args`")
            && line.contains("Pod narrow x1")
            && line.contains("Pod wide x1")),
        "{all:?}"
    );
    assert!(all.iter().any(|line| line.starts_with("Deny no-host-network")), "{all:?}");
    // A snapshot that lists no pods says so, and no ConfigMaps are ever in one.
    let about = RULES.replace("resources: [pods]", "resources: [configmaps]");
    let audit = by_rules(&about, &snapshot);
    assert_eq!(audit.verdict, plimsoll_model::Outcome::Unknown);
    assert!(
        audit.missing.iter().any(|one| one.resource == "configmaps" && one.decides),
        "{:?}",
        audit.missing
    );
}

#[test]
fn what_namespaces_say_counts_whenever_they_come() {
    let rules = RULES.replace(
        "  matchConstraints:\n",
        "  matchConstraints:\n    namespaceSelector: {matchLabels: {guarded: 'yes'}}\n",
    );
    let namespace =
        "\n---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {guarded: 'yes'}}}\n";
    // Not known: nothing is said to fit.
    let audit = by_rules(&rules, OBJECTS);
    assert!(said(&audit).iter().all(|line| line.starts_with("Unknown")), "{:?}", said(&audit));
    let after = by_rules(&rules, &format!("{OBJECTS}{namespace}"));
    let before = by_rules(&rules, &format!("{namespace}---{OBJECTS}"));
    assert_eq!(said(&after), said(&before));
    assert_eq!(said(&after).len(), 2, "{:?}", said(&after));
    let other = by_rules(&rules, &format!("{OBJECTS}{}", namespace.replace("'yes'", "'no'")));
    assert!(other.rules.is_empty(), "{:?}", said(&other));
}
