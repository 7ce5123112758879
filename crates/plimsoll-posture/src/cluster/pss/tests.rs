use plimsoll_model::Problem;
use serde_json::{Value, json};

use super::*;
use crate::cluster::Builder;
use crate::cluster::reach::tests::cluster;

fn asked() -> Asked {
    Asked { levels: vec![Level::Baseline, Level::Restricted], version: None, namespaces: BTreeSet::new() }
}

fn info() -> ClusterInfo {
    ClusterInfo { name: "here".into(), version: Some("v1.31.2-gke.1".into()), taken_at: None }
}

fn namespace<'p>(pss: &'p Pss, name: &str) -> &'p PssNamespace {
    pss.namespaces.iter().find(|namespace| namespace.name == name).expect(name)
}

fn standing(pss: &Pss, name: &str, level: Level) -> PssStanding {
    let all = &namespace(pss, name).levels;
    all.iter().find(|standing| standing.level == level).expect("a level").clone()
}

fn good() -> Value {
    json!({"securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "c", "image": "i", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]})
}

fn object(kind: &str, namespace: &str, name: &str, spec: &Value) -> Value {
    let version = match kind {
        "Pod" | "Namespace" => "v1",
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    };
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec})
}

fn deployment(namespace: &str, name: &str, replicas: u32, pod: &Value) -> Value {
    object("Deployment", namespace, name, &json!({"replicas": replicas, "template": {"spec": pod}}))
}

fn labelled(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

#[test]
fn every_control_can_be_mended_or_says_who_has_to() {
    assert_eq!(patch::controls_without_a_way(), Vec::<&str>::new());
}

#[test]
fn templates_without_pods_break_too() {
    let plain = json!({"containers": [{"name": "c", "image": "i"}]});
    let privileged =
        json!({"containers": [{"name": "c", "image": "i", "securityContext": {"privileged": true}}]});
    let cron = json!({"jobTemplate": {"spec": {"template": {"spec": privileged}}}});
    let all = cluster(&[
        labelled("empty", &json!({})),
        labelled("shop", &json!({})),
        labelled("night", &json!({})),
        labelled("safe", &json!({"pod-security.kubernetes.io/enforce": "baseline"})),
        deployment("shop", "asleep", 0, &plain),
        object("CronJob", "night", "backup", &cron),
        deployment("safe", "web", 1, &good()),
        object("DaemonSet", "kube-system", "proxy", &json!({"template": {"spec": privileged}})),
    ]);
    let pss = pss(&all, &info(), &asked());
    assert_eq!(pss.version, Version::Minor(31));
    assert_eq!(pss.verdict, Outcome::NotMet);
    let summary = pss.summary;
    assert_eq!(
        (summary.restricted, summary.baseline, summary.neither, summary.unknown),
        (2, 1, 1, 0),
        "{summary:?}"
    );
    assert_eq!(namespace(&pss, "shop").could_have, Some(Level::Baseline));
    let night = standing(&pss, "night", Level::Baseline);
    assert_eq!((night.breaks[0].workload.as_str(), night.breaks[0].pods), ("night/CronJob/backup", 0));
    let place = "/spec/jobTemplate/spec/template/spec/containers/0/securityContext/privileged";
    assert_eq!(night.breaks[0].violations[0].pointer, place);
    assert_eq!(night.breaks[0].patch, [PssChange { op: "remove".into(), path: place.into(), value: None }]);
    let command = night.breaks[0].command.as_deref().expect("a live object");
    assert!(command.starts_with("kubectl patch cronjob backup -n night --type=json -p '[{"), "{command}");
    // The smallest patch: one object for the pod, one for the container.
    let shop = standing(&pss, "shop", Level::Restricted);
    let patch = serde_json::to_value(&shop.breaks[0].patch).expect("JSON");
    assert_eq!(
        patch,
        json!([
            {"op": "add", "path": "/spec/template/spec/containers/0/securityContext", "value": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}},
            {"op": "add", "path": "/spec/template/spec/securityContext", "value": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}},
        ])
    );
    let commands: Vec<&str> = pss.commands.iter().map(|command| command.command.as_str()).collect();
    assert_eq!(
        commands,
        [
            "kubectl label namespace empty pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/enforce-version=v1.31",
            "kubectl label namespace safe pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/enforce-version=v1.31 --overwrite",
            "kubectl label namespace shop pod-security.kubernetes.io/enforce=baseline pod-security.kubernetes.io/enforce-version=v1.31",
        ]
    );
}

#[test]
fn what_is_already_asked_for_and_not_met_is_told() {
    let plain = json!({"containers": [{"name": "c", "image": "i"}]});
    let labels = json!({"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "v1.25", "pod-security.kubernetes.io/warn": "nonsense"});
    let all = cluster(&[labelled("shop", &labels), deployment("shop", "web", 1, &plain)]);
    let pss = pss(&all, &info(), &asked());
    let shop = namespace(&pss, "shop");
    let enforced = shop.enforced.as_ref().expect("broken");
    assert_eq!((enforced.level, enforced.version), (Level::Restricted, Version::Minor(25)));
    assert_eq!(pss.summary.broken, 1);
    let labels = shop.labels.as_ref().expect("labels");
    assert_eq!(labels.enforce.as_deref(), Some("restricted:v1.25"));
    assert_eq!(labels.unread, ["pod-security.kubernetes.io/warn=nonsense"]);
    // It asks for more than nothing breaks at: nothing is proposed that lowers it.
    assert_eq!(pss.commands, []);
}

#[test]
fn pods_that_differ_from_their_template_are_judged_for_themselves() {
    let mut injected = good();
    injected["initContainers"] = json!([{"name": "proxy-init", "image": "i", "securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}]);
    let pod = |name: &str, spec: &Value, more: &str| {
        let mut pod = object("Pod", "shop", name, spec);
        pod["metadata"]["ownerReferences"] =
            json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": true}]);
        pod["spec"]["volumes"] = json!([{"name": format!("kube-api-access-{more}"), "projected": {}}]);
        pod
    };
    let all = cluster(&[
        labelled("shop", &json!({})),
        deployment("shop", "web", 2, &good()),
        pod("web-1", &good(), "a"),
        pod("web-2", &good(), "b"),
        pod("web-3", &injected, "c"),
    ]);
    assert_eq!(all.workloads.len(), 2, "what no standard looks at tells no pods apart");
    let pss = pss(&all, &info(), &asked());
    let baseline = standing(&pss, "shop", Level::Baseline);
    let [one] = baseline.breaks.as_slice() else { panic!("{baseline:?}") };
    assert_eq!((one.template, one.pods, one.command.as_deref()), (false, 1, None));
    assert!(one.mind.iter().any(|mind| mind.contains("not as their template")), "{one:?}");
}

#[test]
fn what_belongs_to_an_unknown_kind_is_judged_by_what_it_made() {
    let mut set = object(
        "ReplicaSet",
        "shop",
        "web-1",
        &json!({"replicas": 0, "template": {"spec": {"hostPID": true, "containers": []}}}),
    );
    set["metadata"]["ownerReferences"] =
        json!([{"apiVersion": "example.com/v1", "kind": "Website", "name": "web", "controller": true}]);
    let all = cluster(&[set]);
    let pss = pss(&all, &info(), &asked());
    let baseline = standing(&pss, "shop", Level::Baseline);
    assert_eq!(baseline.breaks[0].workload, "shop/Website/web");
}

#[test]
fn nothing_is_met_that_was_not_seen() {
    let all = || cluster(&[labelled("shop", &json!({})), deployment("shop", "web", 1, &good())]);
    let whole = pss(&all(), &info(), &asked());
    assert_eq!((whole.verdict, whole.summary.restricted), (Outcome::Met, 1));
    for kind in ["Pod", "CronJob", "Rollout", "apps/v1", "/apis"] {
        let mut without = all();
        without.missing.insert(kind.into(), "forbidden".into());
        let told = pss(&without, &info(), &asked());
        assert_eq!(told.verdict, Outcome::Unknown, "{kind}");
        assert_eq!(standing(&told, "shop", Level::Restricted).answer, Outcome::Unknown, "{kind}");
        assert_eq!((told.commands.len(), told.missing[0].resource.as_str()), (0, kind));
    }
    let mut without = all();
    without.missing.insert("Namespace".into(), "forbidden".into());
    assert_eq!(pss(&without, &info(), &asked()).verdict, Outcome::Unknown);
    // Lists of something else change nothing.
    let mut without = all();
    without.missing.insert("NetworkPolicy".into(), "forbidden".into());
    assert_eq!(pss(&without, &info(), &asked()), whole);
    // A file that cannot be read may hold anything; an object that cannot, what runs in its namespace.
    let mut builder = Builder::new(Origin::Manifests, plimsoll_model::workload::Kinds::default());
    builder.problem(Problem::incomplete(plimsoll_model::ProblemKind::Corrupt, "a.yaml", "it is no YAML"));
    let text = labelled("shop", &json!({})).to_string();
    builder.object(&serde_json::from_str(&text).expect("JSON"), None);
    let told = pss(&builder.finish(), &info(), &asked());
    assert_eq!(standing(&told, "shop", Level::Baseline).unknown, ["a.yaml: it is no YAML"]);
    let odd = object("Deployment", "shop", "odd", &json!({"template": {"spec": 7}}));
    let two = [labelled("shop", &json!({})), labelled("other", &json!({})), odd];
    let told = pss(&cluster(&two), &info(), &asked());
    assert_eq!(standing(&told, "shop", Level::Baseline).answer, Outcome::Unknown);
    assert_eq!(standing(&told, "other", Level::Baseline).answer, Outcome::Met);
    // A field of another form than the API gives it.
    let mut spec = good();
    spec["hostNetwork"] = json!("yes");
    let told = pss(&cluster(&[deployment("shop", "web", 1, &spec)]), &info(), &asked());
    let unknown = standing(&told, "shop", Level::Restricted).unknown;
    assert_eq!(unknown, ["shop/Deployment/web: /spec/template/spec/hostNetwork is neither true nor false"]);
}

#[test]
fn namespaces_that_were_not_looked_at_are_not_told_of() {
    let objects =
        [labelled("shop", &json!({})), labelled("other", &json!({})), deployment("shop", "web", 1, &good())];
    let mut builder = Builder::new(Origin::Cluster, plimsoll_model::workload::Kinds::default());
    for object in &objects {
        builder.object(&serde_json::from_str(&object.to_string()).expect("JSON"), None);
    }
    builder.missing("CronJob", "forbidden");
    builder.only(&["shop".to_owned()], ["Pod", "CronJob", "Deployment"].into_iter());
    let told = pss(&builder.finish(), &info(), &asked());
    assert_eq!(told.namespaces.len(), 1);
    assert_eq!(
        standing(&told, "shop", Level::Baseline).unknown,
        ["what is to run without CronJob: forbidden"]
    );
}

#[test]
fn names_from_outside_are_in_no_command() {
    let plain = json!({"hostPID": true, "containers": [{"name": "c'; rm -rf /", "image": "i"}]});
    let all = cluster(&[
        labelled("a b; reboot", &json!({})),
        labelled("-A", &json!({})),
        deployment("shop", "$(reboot)", 1, &plain),
    ]);
    let told = pss(&all, &info(), &asked());
    assert_eq!(told.commands, []);
    assert_eq!(standing(&told, "shop", Level::Baseline).breaks[0].command, None);
}
