//! The manifests hold together, meet the standard they ask of others, and carry policies and authority unchanged.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_admit::authority::Authority;
use plimsoll_admit::manifests::{Manifests, Trust, is_namespace, names, write};
use plimsoll_model::pod_security::{Level, Standard, Version};
use plimsoll_model::workload::{Kinds, pods};
use plimsoll_scan::policy::Policies;
use serde_json::Value;

fn documents(text: &str) -> Vec<Value> {
    text.split("\n---\n")
        .map(|one| serde_saphyr::from_str(one).unwrap_or_else(|error| panic!("{error}\n{one}")))
        .collect()
}

fn one<'a>(all: &'a [Value], kind: &str) -> &'a Value {
    let mut of_kind = all.iter().filter(|document| document["kind"] == kind);
    let first = of_kind.next().unwrap_or_else(|| panic!("a {kind}"));
    assert!(of_kind.next().is_none(), "one {kind}");
    first
}

fn manifests(trust: Trust) -> Manifests {
    let policy = common::policy("production", common::SIGNED);
    Manifests {
        namespace: "gate".into(),
        image: "ghcr.io/acme/plimsoll:0.1".into(),
        replicas: 2,
        trust,
        policies: BTreeMap::from([
            ("a.yaml".into(), policy.trim_start_matches("---\n").to_owned()),
            ("b.yaml".into(), "# \u{7f}, so it is quoted\n".into()),
        ]),
        exempt: BTreeSet::from(["kube-system".into(), "kube-node-lease".into()]),
        namespaces: false,
        arguments: vec!["--mode=warn".into()],
        further: vec![("tekton.dev".into(), "tasks".into())],
    }
}

fn authority() -> Trust {
    let authority = Authority::new(common::NOW).unwrap();
    Trust::Authority {
        files: BTreeMap::from([
            ("ca.crt".into(), authority.certificate_pem().to_owned()),
            ("ca.key".into(), authority.key_pem().to_owned()),
        ]),
        bundle: authority.certificate_pem().to_owned(),
    }
}

#[test]
fn they_hold_together() {
    let written = manifests(authority());
    let all = documents(&write(&written));
    let kinds: Vec<&str> = all.iter().map(|document| document["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "Namespace",
            "ServiceAccount",
            "ConfigMap",
            "ConfigMap",
            "Role",
            "Secret",
            "Deployment",
            "PodDisruptionBudget",
            "Service",
            "ValidatingWebhookConfiguration",
            "MutatingWebhookConfiguration"
        ]
    );
    for document in &all[1..9] {
        assert_eq!(document["metadata"]["namespace"], "gate");
    }
    // The right over exceptions is a right over the one object that the webhook takes them from.
    let role = &one(&all, "Role")["rules"][0];
    assert_eq!(role["resourceNames"], serde_json::json!([all[3]["metadata"]["name"]]));
    assert_eq!(
        (&role["resources"], role["verbs"].to_string().contains('*')),
        (&serde_json::json!(["configmaps"]), false)
    );
    assert_eq!(all[3].get("data"), None, "who applies this again takes no exception away");
    let deployment = one(&all, "Deployment");
    let template = &deployment["spec"]["template"];
    let labels = &template["metadata"]["labels"];
    assert_eq!(&deployment["spec"]["selector"]["matchLabels"], labels);
    assert_eq!(&one(&all, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"], labels);
    let service = one(&all, "Service");
    assert_eq!(&service["spec"]["selector"], labels);
    let container = &template["spec"]["containers"][0];
    assert_eq!(service["spec"]["ports"][0]["targetPort"], container["ports"][0]["name"]);
    for probe in ["readinessProbe", "livenessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"]);
    }
    let names_of = |list: &Value| -> BTreeSet<String> {
        list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names_of(&container["volumeMounts"]), names_of(&template["spec"]["volumes"]));
    let volume = |name: &str| {
        template["spec"]["volumes"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(volume("certificates")["secret"]["secretName"], one(&all, "Secret")["metadata"]["name"]);
    assert_eq!(volume("policies")["configMap"]["name"], all[2]["metadata"]["name"]);
    assert_eq!(volume("exceptions")["configMap"]["name"], all[3]["metadata"]["name"]);
    assert_eq!(template["spec"]["serviceAccountName"], one(&all, "ServiceAccount")["metadata"]["name"]);

    // What is mounted is what was given.
    let data = &all[2]["data"];
    for (name, text) in &written.policies {
        assert_eq!(data[name].as_str().unwrap(), text);
    }
    Policies::default().add("a.yaml", data["a.yaml"].as_str().unwrap()).unwrap();
    let Trust::Authority { files, bundle } = &written.trust else { unreachable!() };
    let decode =
        |value: &Value| String::from_utf8(STANDARD.decode(value.as_str().unwrap()).unwrap()).unwrap();
    for (name, text) in files {
        assert_eq!(&decode(&one(&all, "Secret")["data"][name]), text);
    }
    for kind in ["ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"] {
        for hook in one(&all, kind)["webhooks"].as_array().unwrap() {
            assert_eq!(&decode(&hook["clientConfig"]["caBundle"]), bundle);
            let asked = &hook["clientConfig"]["service"];
            assert_eq!(
                (&asked["name"], &asked["namespace"]),
                (&service["metadata"]["name"], &Value::from("gate"))
            );
            assert_eq!(asked["port"], service["spec"]["ports"][0]["port"]);
            assert_eq!(hook["admissionReviewVersions"], serde_json::json!(["v1"]));
            assert_eq!(
                (&hook["sideEffects"], &hook["matchPolicy"]),
                (&"NoneOnDryRun".into(), &"Equivalent".into())
            );
            assert!(hook["timeoutSeconds"].as_u64().unwrap() <= 10);
            let exempt = &hook["namespaceSelector"]["matchExpressions"][0]["values"];
            assert_eq!(exempt, &serde_json::json!(["gate", "kube-node-lease", "kube-system"]));
            for rule in hook["rules"].as_array().unwrap() {
                assert_eq!(rule["scope"], "Namespaced");
                assert_eq!(rule["operations"], serde_json::json!(["CREATE", "UPDATE"]));
            }
        }
    }
    let validating = one(&all, "ValidatingWebhookConfiguration")["webhooks"].as_array().unwrap();
    let failure: Vec<&str> = validating.iter().map(|hook| hook["failurePolicy"].as_str().unwrap()).collect();
    assert_eq!(failure, ["Fail", "Ignore"]);
    assert!(validating[1]["rules"].to_string().contains("tekton.dev"));
    let arguments = container["args"].to_string();
    for expected in
        ["--authority=/etc/plimsoll/certificates", "--exempt=kube-system", "--mode=warn", "--namespace=gate"]
    {
        assert!(arguments.contains(expected), "{expected}: {arguments}");
    }
    for name in names("gate") {
        assert!(arguments.contains(&format!("--name={name}")));
    }
}

#[test]
fn our_own_pods_meet_the_restricted_standard() {
    for trust in [authority(), Trust::CertManager { issuer: "internal".into() }] {
        let all = documents(&write(&manifests(trust)));
        let text = one(&all, "Deployment").to_string();
        let value: serde_json_borrow::Value<'_> = serde_json::from_str(&text).unwrap();
        let found = pods(&value, &Kinds::default());
        assert!(found.unread.is_empty() && found.pods.len() == 1);
        let pod = &found.pods[0];
        let judged = plimsoll_posture::pod_security::check(
            plimsoll_posture::pod_security::Pod {
                spec: pod.spec.unwrap(),
                pointer: &pod.pointer,
                annotations: pod.annotations,
            },
            Standard { level: Level::Restricted, version: Version::Latest },
        );
        assert!(judged.violations.is_empty() && judged.unread.is_empty(), "{judged:?}");
        assert_eq!(
            one(&all, "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"],
            "restricted"
        );
    }
}

#[test]
fn with_cert_manager_there_is_no_key_of_ours() {
    let all = documents(&write(&manifests(Trust::CertManager { issuer: "internal: x".into() })));
    assert!(!all.iter().any(|document| document["kind"] == "Secret"));
    let certificate = one(&all, "Certificate");
    assert_eq!(certificate["spec"]["issuerRef"]["name"], "internal: x");
    assert_eq!(certificate["spec"]["dnsNames"], serde_json::json!(names("gate")));
    let hooks = one(&all, "MutatingWebhookConfiguration");
    assert_eq!(hooks["metadata"]["annotations"]["cert-manager.io/inject-ca-from"], "gate/plimsoll-admit");
    assert!(hooks["webhooks"][0]["clientConfig"].get("caBundle").is_none());
    assert_eq!(hooks["webhooks"][0]["reinvocationPolicy"], "IfNeeded");
    let arguments = one(&all, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"].to_string();
    assert!(arguments.contains("--certificate=/etc/plimsoll/certificates/tls.crt"));
}

#[test]
fn names_of_namespaces() {
    for good in ["a", "kube-system", "x1"] {
        assert!(is_namespace(good), "{good}");
    }
    for bad in ["", "-a", "a-", "A", "a b", "a\n", &"a".repeat(64)] {
        assert!(!is_namespace(bad), "{bad:?}");
    }
}

#[test]
fn rights_only_for_policies_that_look_at_namespaces() {
    let without = documents(&write(&manifests(authority())));
    assert!(!without.iter().any(|document| document["kind"].as_str().unwrap().starts_with("ClusterRole")));
    let with = documents(&write(&Manifests { namespaces: true, ..manifests(authority()) }));
    assert_eq!(
        one(&with, "ClusterRole")["rules"],
        serde_json::json!([{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]}])
    );
    assert_eq!(one(&with, "ClusterRoleBinding")["subjects"][0]["namespace"], "gate");
    for (all, token) in [(&without, false), (&with, true)] {
        let spec = &one(all, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(spec["automountServiceAccountToken"], token);
    }
}
