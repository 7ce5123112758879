//! Rules of other engines, as they are written for those, in admission.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{
    SIGNED, Scripted, Webhook, annotations, create, fingerprint, gate, pod, policy, refusal, signed, update,
};
use plimsoll_admit::engine::Rules;
use plimsoll_admit::evidence::Limits;
use plimsoll_admit::review::Code;
use plimsoll_model::Level;
use plimsoll_rules::Rules as Objects;
use plimsoll_scan::check::one_object::ObjectRules;
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::gate::Gate;
use plimsoll_scan::policy::Policies;
use serde_json::{Value, json};

const NATIVE: &str = "
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: few-replicas}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [deployments]}]
  validations: [{expression: 'object.spec.replicas <= 5', message: at most five}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: few-replicas}
spec: {policyName: few-replicas, validationActions: [ACTIONS]}
";

const KYVERNO: &str = "
apiVersion: policies.kyverno.io/v1
kind: ValidatingPolicy
metadata: {name: no-host-path}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [''], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}]
    namespaceSelector: {matchLabels: {tier: front}}
  validations: [{expression: \"!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.hostPath))\", message: no host path}]
";

const GATEKEEPER: &str = "
apiVersion: templates.gatekeeper.sh/v1
kind: ConstraintTemplate
metadata: {name: k8srequiredlabels}
spec:
  crd: {spec: {names: {kind: K8sRequiredLabels}}}
  targets:
  - target: admission.k8s.gatekeeper.sh
    rego: |
      package k8srequiredlabels
      violation[{\"msg\": msg}] {
        label := input.parameters.labels[_]
        not input.review.object.metadata.labels[label]
        msg := sprintf(\"label %v is missing\", [label])
      }
---
apiVersion: constraints.gatekeeper.sh/v1beta1
kind: K8sRequiredLabels
metadata: {name: team}
spec: {match: {kinds: [{apiGroups: [''], kinds: [Pod]}]}, parameters: {labels: [team]}}
";

fn objects(yaml: &str) -> Result<Objects, Vec<String>> {
    let documents = plimsoll_rules::documents(yaml).unwrap();
    Objects::in_force(&documents).map_err(|errors| errors.iter().map(ToString::to_string).collect())
}

/// A webhook with these rules about objects, and with these policies about images.
fn webhook(yaml: &str, policies: &str) -> Webhook {
    let mut read = Policies::default();
    read.add("test.yaml", policies).unwrap();
    let mut own = Gate::new(read, Vec::new(), &Arc::default()).unwrap();
    own.rules = Arc::new(objects(yaml).unwrap());
    let key = if policies.is_empty() { String::new() } else { fingerprint(&gate(policies)) };
    let source = Scripted::new(move |reference, _| signed(reference.digest().unwrap(), &key));
    Webhook::new(Rules::new(Arc::new(own)), source, Limits::default(), Duration::from_secs(5))
}

fn of(version: &str, resource: &str, object: &Value) -> Value {
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let mut review = create(object);
    review["request"]["kind"] = json!({"group": group, "version": version, "kind": object["kind"]});
    review["request"]["resource"] = json!({"group": group, "version": version, "resource": resource});
    review
}

fn deployment(replicas: u32) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas,
        "template": {"spec": {"containers": [{"name": "c", "image": "r.io/x:1"}]}}}})
}

fn shop(labels: &Value) -> Value {
    json!({"metadata": {"name": "shop", "labels": labels}})
}

#[test]
fn rules_of_kubernetes_refuse_warn_or_write_down() {
    let ask = |actions: &str, replicas: u32| {
        let webhook = webhook(&NATIVE.replace("ACTIONS", actions), "");
        let answer = webhook.validate(&of("apps/v1", "deployments", &deployment(replicas)));
        (answer, webhook.log.all())
    };
    let (answer, log) = ask("Deny", 9);
    assert_eq!(refusal(&answer), "refused by ValidatingAdmissionPolicy few-replicas: at most five");
    assert_eq!(annotations(&answer)["rules"], "ValidatingAdmissionPolicy few-replicas deny");
    assert_eq!(
        (&log[0]["effect"], &log[0]["rules"][0]["reasons"][0]),
        (&json!("deny"), &json!("at most five"))
    );
    let (answer, _) = ask("Warn", 9);
    assert!(answer.allowed());
    assert_eq!(answer.warnings, ["ValidatingAdmissionPolicy few-replicas: at most five"]);
    let (answer, _) = ask("Audit", 9);
    assert!(answer.allowed() && answer.warnings.is_empty());
    assert_eq!(annotations(&answer)["rules"], "ValidatingAdmissionPolicy few-replicas allow");
    let (answer, _) = ask("Deny", 3);
    assert!(answer.allowed() && !annotations(&answer).contains_key("rules"), "{answer:?}");
}

#[test]
fn what_a_rule_cannot_tell_is_no_pass() {
    let webhook = webhook(&NATIVE.replace("ACTIONS", "Deny"), "");
    let mut object = deployment(1);
    object["spec"].as_object_mut().unwrap().remove("replicas");
    let answer = webhook.validate(&of("apps/v1", "deployments", &object));
    assert!(refusal(&answer).contains("few-replicas cannot be judged: "), "{answer:?}");
    let lenient = NATIVE
        .replace("ACTIONS", "Deny")
        .replace("  validations:", "  failurePolicy: Ignore\n  validations:");
    let answer = self::webhook(&lenient, "").validate(&of("apps/v1", "deployments", &object));
    assert!(answer.allowed() && answer.warnings[0].contains("failurePolicy Ignore"), "{answer:?}");
}

#[test]
fn a_rule_for_namespaces_by_their_labels() {
    let webhook = webhook(KYVERNO, "");
    let mut object = pod(&["r.io/x:1"]);
    object["spec"]["volumes"] = json!([{"name": "v", "hostPath": {"path": "/"}}]);
    let review = of("v1", "pods", &object);
    // Nobody knows the namespace: it cannot be told, and to ask again helps.
    let answer = webhook.validate(&review);
    assert!(refusal(&answer).contains("not known: the labels of the namespace `shop`"), "{answer:?}");
    assert_eq!(answer.refused.as_ref().unwrap().0, Code::TryAgain);
    // What the rule itself says of what cannot be told holds for that too, and the reason is told.
    let lenient =
        self::webhook(&KYVERNO.replace("  validations:", "  failurePolicy: Ignore\n  validations:"), "");
    let answer = lenient.validate(&review);
    assert!(answer.allowed(), "{answer:?}");
    assert!(answer.warnings[0].contains("not known: the labels of the namespace `shop`"), "{answer:?}");
    let audited = KYVERNO.replace("  validations:", "  validationActions: [Audit]\n  validations:");
    let answer = self::webhook(&audited, "").validate(&review);
    assert!(answer.allowed() && answer.warnings.is_empty(), "{answer:?}");
    assert_eq!(annotations(&answer)["rules"], "ValidatingPolicy no-host-path allow");
    webhook.engine.namespaces.replace([shop(&json!({"tier": "back"}))]);
    assert!(webhook.validate(&review).allowed());
    webhook.engine.namespaces.replace([shop(&json!({"tier": "front"}))]);
    let answer = webhook.validate(&review);
    assert_eq!(refusal(&answer), "refused by ValidatingPolicy no-host-path: no host path");
    // Rules see every change, also one that starts nothing.
    let mut later = object.clone();
    later["metadata"]["annotations"] = json!({"a": "b"});
    let mut changed = update(&object, &later);
    changed["request"]["resource"] = review["request"]["resource"].clone();
    changed["request"]["kind"] = review["request"]["kind"].clone();
    assert!(!webhook.validate(&changed).allowed());
    // What is going away is let go.
    let mut leaving = object.clone();
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-23T12:00:00Z");
    changed["request"]["oldObject"] = leaving;
    assert!(webhook.validate(&changed).allowed());
}

#[test]
fn expressions_over_the_namespace() {
    let yaml = policy("n", "  - cel: {expression: \"namespaceObject.metadata.labels.tier == 'front'\"}");
    let webhook = Webhook::simple(&yaml, Scripted::new(|_, _| unreachable!("nobody is asked")));
    let review = create(&pod(&["r.io/x:1"]));
    let answer = webhook.validate(&review);
    assert!(refusal(&answer).contains("the namespace as an object"), "{answer:?}");
    webhook.engine.namespaces.replace([shop(&json!({"tier": "front"}))]);
    assert!(webhook.validate(&review).allowed());
}

#[test]
fn constraints_of_gatekeeper_beside_policies_about_images() {
    let webhook = webhook(GATEKEEPER, &policy("production", SIGNED));
    let pinned = format!("r.io/good@{}", common::digest("11"));
    let mut object = pod(&[&pinned]);
    let answer = webhook.validate(&of("v1", "pods", &object));
    assert_eq!(refusal(&answer), "refused by K8sRequiredLabels team: label team is missing");
    object["metadata"]["labels"] = json!({"team": "blue"});
    let answer = webhook.validate(&of("v1", "pods", &object));
    assert!(answer.allowed(), "{answer:?}");
    assert!(annotations(&answer)["images"].ends_with(" allow"));
}

#[test]
fn what_cannot_run_is_named_when_it_is_loaded() {
    let named = |yaml: &str, expected: &str| {
        let errors = objects(yaml).unwrap_err().join("; ");
        assert!(errors.contains(expected), "{errors}");
    };
    named(
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: old}",
        "ClusterPolicy `old`: of `kyverno.io/v1`: it is no rule",
    );
    named(&GATEKEEPER.replace("input.parameters.labels[_]", "data.inventory.cluster[_]"), "data.inventory");
    named(GATEKEEPER.split("---").last().unwrap(), "there is no template for it");
    named(
        &GATEKEEPER.replace("spec: {match", "spec: {enforcementAction: maybe, match"),
        "`maybe` is none of",
    );
    named(
        &NATIVE.replace("ACTIONS", "Deny").replace("object.spec.replicas", "objekt.spec.replicas"),
        "objekt",
    );
    named(&NATIVE.replace("ACTIONS", "Perhaps"), "`Perhaps` is no validation action");
    named("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}", "nobody's parameters");
    // Without a binding it is in force everywhere: written down to be in force.
    assert_eq!(objects(NATIVE.split("---").next().unwrap()).unwrap().len(), 1);
}

/// Our own rules, as `plimsoll check` and `plimsoll cluster check` have them, with the same annotations and files.
#[test]
fn our_own_rules_by_the_acceptances_of_a_check() {
    let with = |file: &str| {
        let mut own = Gate::new(Policies::default(), Vec::new(), &Arc::default()).unwrap();
        let exceptions = Exceptions::parse("accepted.toml", file).unwrap();
        own.object_rules = Some(ObjectRules { from: Level::High, exceptions });
        let source = Scripted::new(move |reference, _| signed(reference.digest().unwrap(), ""));
        Webhook::new(Rules::new(Arc::new(own)), source, Limits::default(), Duration::from_secs(5))
    };
    let mut object = pod(&["r.io/x:1"]);
    object["spec"]["hostPID"] = json!(true);
    object["metadata"]["namespace"] = json!("shop");
    let name = object["metadata"]["name"].as_str().unwrap().to_owned();
    let answer = with("").validate(&of("v1", "pods", &object));
    assert!(refusal(&answer).starts_with("refused by rule host-pid: "), "{answer:?}");
    // Nothing that rests on other objects is asked, nor what is below.
    assert!(!annotations(&answer)["rules"].contains("no-network-policy"), "{answer:?}");
    assert!(!annotations(&answer)["rules"].contains("cpu-limit-missing"), "{answer:?}");

    let file = |expires: &str| {
        format!(
            "[[exception]]\nid = \"host-pid\"\nobject = \"shop/Pod/{name}\"\nreason = \"agent\"\nowner = \"ops\"\nexpires = {expires}\n"
        )
    };
    let answer = with(&file("2026-12-31")).validate(&of("v1", "pods", &object));
    assert!(answer.allowed(), "{answer:?}");
    assert!(
        answer.warnings.iter().any(|text| text.contains("accepted until 2026-12-31: agent (owner: ops)"))
    );
    let answer = with(&file("2026-11-22")).validate(&of("v1", "pods", &object));
    assert!(refusal(&answer).contains("host-pid"), "{answer:?}");
    assert!(
        answer.warnings.iter().any(|text| text.contains("expired on 2026-11-22, owner ops")),
        "{answer:?}"
    );

    let annotated = |text: &str| {
        let mut object = object.clone();
        object["metadata"]["annotations"] = json!({"plimsoll.dev/ignore": text});
        object
    };
    let good = annotated("ignore=host-pid reason=agent owner=ops until=2026-12-31");
    assert!(with("").validate(&of("v1", "pods", &good)).allowed());
    for (text, says) in [
        ("ignore=host-pid reason=agent owner=ops until=2026-11-22", "ended on 2026-11-22, owner ops"),
        ("ignore=host-pid reason=agent until=2026-12-31", "nobody answers"),
        ("ignore=host-pid reason=agent owner=ops until=2027-12-31", "more than 180 days"),
    ] {
        let answer = with("").validate(&of("v1", "pods", &annotated(text)));
        assert!(refusal(&answer).contains("host-pid"), "{text}: {answer:?}");
        assert!(answer.warnings.iter().any(|one| one.contains(says)), "{text}: {answer:?}");
    }
    // Whoever changes a label is not held up by what was there; whoever takes the acceptance away is.
    let ask = |old: &Value, new: &Value| {
        let mut changed = update(old, new);
        let review = of("v1", "pods", new);
        changed["request"]["resource"] = review["request"]["resource"].clone();
        changed["request"]["kind"] = review["request"]["kind"].clone();
        with("").validate(&changed)
    };
    let mut later = object.clone();
    later["metadata"]["labels"] = json!({"a": "b"});
    assert!(ask(&object, &later).allowed());
    assert!(!ask(&good, &object).allowed());
}
