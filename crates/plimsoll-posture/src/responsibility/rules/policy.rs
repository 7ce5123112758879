//! What is admitted, and what separates those who share the cluster.

use std::collections::{BTreeMap, BTreeSet};

use plimsoll_model::shortened;
use serde_json_borrow::Value;

use super::super::data::Base;
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud};
use super::rights;
use super::support::{About, few, is_system_namespace, judged};
use super::{Scene, shown, text};
use crate::kubernetes::{at, list, texts};

const ADMISSION: &str = "admissionregistration.k8s.io";

pub(super) fn pod_security(scene: &Scene<'_, '_>) -> Decision {
    let open = scene.kind("", "Namespace").map(|namespaces| {
        namespaces
            .iter()
            .filter(|namespace| {
                !is_system_namespace(text(namespace, &["metadata", "name"]).unwrap_or_default())
            })
            .filter_map(|namespace| {
                let level = text(namespace, &["metadata", "labels", "pod-security.kubernetes.io/enforce"]);
                match level {
                    Some("baseline" | "restricted") => None,
                    Some(_) => {
                        Some(format!("namespace {} enforces a level that forbids nothing", shown(namespace)))
                    }
                    None => Some(format!("namespace {} enforces no level", shown(namespace))),
                }
            })
            .collect::<Vec<String>>()
    });
    let labels = Finding::none_of(open, "every namespace of an application enforces a level");
    match scene.base() {
        Base::GkeAutopilot => {
            // The platform refuses what could break out, unless an allowlist lets it in.
            let lists = ["AllowlistSynchronizer", "WorkloadAllowlist"].map(|kind| {
                let found = scene.kind("auto.gke.io", kind);
                Finding::none_of(
                    found.map(|found| {
                        found
                            .iter()
                            .map(|one| format!("{kind} {} lets privileged pods in", shown(one)))
                            .collect()
                    }),
                    format!("no {kind}"),
                )
            });
            let warden = scene.kind(ADMISSION, "ValidatingWebhookConfiguration").map(|all| {
                all.iter()
                    .any(|one| text(one, &["metadata", "name"]).is_some_and(|name| name.contains("warden")))
            });
            let effect = Finding::any([
                Finding::from(
                    warden,
                    "GKE Warden refuses pods that could break out",
                    "GKE Warden was not seen",
                ),
                labels,
            ]);
            Decision::both(Finding::all(lists), effect)
        }
        Base::AksAutomatic => {
            let gatekeeper = scene.kind(ADMISSION, "ValidatingWebhookConfiguration").map(|all| {
                all.iter().any(|one| {
                    text(one, &["metadata", "name"])
                        .is_some_and(|name| name.contains("gatekeeper") || name.contains("azure-policy"))
                })
            });
            let safeguards = Finding::from(
                gatekeeper,
                "the webhook of deployment safeguards is there",
                "the webhook of deployment safeguards was not seen",
            );
            Decision::effect(Finding::all([safeguards, labels]))
        }
        _ => Decision::effect(labels),
    }
}

pub(super) fn quotas(scene: &Scene<'_, '_>) -> Decision {
    let by_namespace = |group: &str, kind: &str| -> Answer<BTreeSet<String>> {
        let objects = scene.kind(group, kind)?;
        Ok(objects
            .iter()
            .filter_map(|one| text(one, &["metadata", "namespace"]))
            .map(str::to_owned)
            .collect())
    };
    let used = scene.workloads().map(|kubernetes| {
        let mut used: BTreeMap<String, u64> = BTreeMap::new();
        for object in kubernetes.objects().iter().filter(|object| !object.pods.is_empty()) {
            if !is_system_namespace(object.name.namespace) {
                let namespace =
                    if object.name.namespace.is_empty() { "default" } else { object.name.namespace };
                *used.entry(namespace.to_owned()).or_default() += 1;
            }
        }
        used
    });
    let without = |kind: &str, have: Answer<BTreeSet<String>>| {
        let wrong = used.clone().and_then(|used| {
            let have = have?;
            let without: Vec<String> =
                used.into_keys().filter(|namespace| !have.contains(namespace)).collect();
            Ok(if without.is_empty() { Vec::new() } else { vec![format!("no {kind} in {}", few(&without))] })
        });
        Finding::none_of(wrong, format!("each namespace in use has a {kind}"))
    };
    let default = used.clone().map(|used| match used.get("default") {
        Some(number) => vec![format!("{number} workloads are in the namespace default")],
        None => Vec::new(),
    });
    Decision::effect(Finding::all([
        without("ResourceQuota", by_namespace("", "ResourceQuota")),
        without("LimitRange", by_namespace("", "LimitRange")),
        Finding::none_of(default, "no workload is in the namespace default"),
    ]))
}

pub(super) fn system_namespaces(scene: &Scene<'_, '_>) -> Decision {
    let make: &'static [&'static str] = &["create", "update", "patch"];
    let read: &'static [&'static str] = &["get", "list", "watch"];
    let rights: &[rights::Right] = &[
        (make, "", "pods"),
        (make, "apps", "deployments"),
        (make, "apps", "daemonsets"),
        (make, "batch", "jobs"),
        (read, "", "secrets"),
    ];
    let who = rights::in_system_namespaces(scene, rights)
        .map(|who| who.into_iter().map(|who| format!("{who}, reaches system namespaces")).collect());
    Decision::effect(Finding::none_of(
        who,
        "only the system makes pods or reads Secrets in system namespaces",
    ))
}

/// Whether a webhook or policy is about pods.
fn is_about_pods(rules: &[Value<'_>]) -> bool {
    rules.iter().any(|rule| {
        let groups: Vec<&str> = texts(at(rule, &["apiGroups"])).collect();
        let resources: Vec<&str> = texts(at(rule, &["resources"])).collect();
        let operations: Vec<&str> = texts(at(rule, &["operations"])).collect();
        let has = |all: &[&str], wanted: &[&str]| all.iter().any(|one| wanted.contains(one));
        has(&groups, &["", "*"])
            && has(&resources, &["pods", "*", "pods/*", "*/*"])
            && has(&operations, &["CREATE", "*"])
    })
}

/// Webhooks of a configuration with their names.
fn webhooks<'v>(configuration: &'v Value<'v>) -> impl Iterator<Item = (String, &'v Value<'v>)> {
    list(at(configuration, &["webhooks"]))
        .iter()
        .map(|webhook| (shortened(text(webhook, &["name"]).unwrap_or_default()), webhook))
}

/// Policies of the API server that are bound to deny.
fn binding_policies<'v>(scene: &Scene<'_, 'v>) -> Answer<Vec<&'v Value<'v>>> {
    let policies = scene.kind(ADMISSION, "ValidatingAdmissionPolicy")?;
    let bindings = scene.kind(ADMISSION, "ValidatingAdmissionPolicyBinding")?;
    let bound: BTreeSet<&str> = bindings
        .iter()
        .filter(|binding| texts(at(binding, &["spec", "validationActions"])).any(|action| action == "Deny"))
        .filter_map(|binding| text(binding, &["spec", "policyName"]))
        .collect();
    Ok(policies
        .into_iter()
        .filter(|policy| text(policy, &["metadata", "name"]).is_some_and(|name| bound.contains(name)))
        .collect())
}

/// The provider's own webhooks fail open by choice; they are not the reader's to change.
fn is_of_provider(configuration: &Value<'_>) -> bool {
    let name = text(configuration, &["metadata", "name"]).unwrap_or_default();
    [
        "gke",
        "warden",
        "gmp",
        "aks-",
        "azure-",
        "eks-",
        "vpc-resource",
        "pod-identity",
        "neg-annotation",
        "flowcontrol",
        "gatekeeper",
    ]
    .iter()
    .any(|part| name.contains(part))
}

pub(super) fn admission(scene: &Scene<'_, '_>) -> Decision {
    let open =
        judged(scene, &[(ADMISSION, "ValidatingWebhookConfiguration")], &["webhook-fails-open"], About::All)
            .map(|wrong| {
                wrong
                    .into_iter()
                    .filter(|line| {
                        !["warden", "gke", "gmp", "azure", "aks-", "eks-", "vpc-"]
                            .iter()
                            .any(|part| line.contains(part))
                    })
                    .collect::<Vec<_>>()
            });
    let some = scene
        .kind(ADMISSION, "ValidatingWebhookConfiguration")
        .map(|all| all.iter().any(|one| !is_of_provider(one) && webhooks(one).next().is_some()));
    let policies = binding_policies(scene).map(|policies| !policies.is_empty());
    let there = Finding::any([
        Finding::from(some, "admission webhooks check what is created", "no validating webhook of yours"),
        Finding::from(
            policies,
            "admission policies are bound to deny",
            "no ValidatingAdmissionPolicy is bound to deny",
        ),
    ]);
    let effect = Finding::all([there, Finding::none_of(open, "every webhook fails closed")]);
    Decision::effect(effect)
}

pub(super) fn image_gate(scene: &Scene<'_, '_>) -> Decision {
    let hooks = scene.kind(ADMISSION, "ValidatingWebhookConfiguration").map(|all| {
        all.iter().filter(|one| !is_of_provider(one)).any(|one| {
            webhooks(one).any(|(_, webhook)| {
                is_about_pods(list(at(webhook, &["rules"])))
                    && text(webhook, &["failurePolicy"]) == Some("Fail")
            })
        })
    });
    let policies = binding_policies(scene).map(|policies| {
        policies
            .iter()
            .any(|policy| is_about_pods(list(at(policy, &["spec", "matchConstraints", "resourceRules"]))))
    });
    let mut ways = vec![
        Finding::from(
            hooks,
            "a webhook about pods fails closed",
            "no webhook of yours about pods fails closed",
        ),
        Finding::from(
            policies,
            "an admission policy about pods denies",
            "no admission policy about pods is bound to deny",
        ),
    ];
    if scene.base().family() == Some(Cloud::Gke) {
        ways.push(super::images::binary_authorization(scene));
    }
    Decision::effect(Finding::any(ways))
}

pub(super) fn budgets(scene: &Scene<'_, '_>) -> Decision {
    let blocked = blocking_budgets(scene);
    Decision::effect(Finding::none_of(blocked, "every disruption budget lets a pod go"))
}

/// Budgets that let no pod go now, or never.
pub(super) fn blocking_budgets(scene: &Scene<'_, '_>) -> Answer<Vec<String>> {
    let mut wrong = judged(scene, &[("policy", "PodDisruptionBudget")], &["eviction-blocked"], About::All)?;
    let budgets = scene.evidence.objects()?.some("policy", "PodDisruptionBudget");
    let number = |budget: &Value<'_>, key: &str| at(budget, &["status", key]).and_then(Value::as_i64);
    for budget in budgets {
        let line = format!("PodDisruptionBudget {}", shown(budget));
        let healthy = number(budget, "currentHealthy");
        let expected = number(budget, "expectedPods");
        if number(budget, "disruptionsAllowed") == Some(0)
            && healthy == expected
            && healthy.is_some_and(|healthy| healthy > 0)
        {
            let told = format!("{line}: all its pods are healthy, and still none may go");
            if !wrong.iter().any(|own| own.starts_with(&line)) {
                wrong.push(told);
            }
        }
    }
    wrong.sort();
    Ok(wrong)
}
