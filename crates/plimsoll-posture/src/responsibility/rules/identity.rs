//! Who signs in, and what they may do.

use std::collections::BTreeSet;

use plimsoll_model::{Outcome, shortened};

use super::super::data::Base;
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud};
use super::control_plane::{each_started, flag};
use super::rights::{own_bindings, stranger};
use super::support::{About, judged};
use super::{Scene, text};
use crate::kubernetes::{at, list};

const RBAC: &str = super::rights::RBAC;

/// Bindings of everybody, signed in or not.
fn anonymous(scene: &Scene<'_, '_>) -> Finding {
    let found = own_bindings(scene).map(|bindings| {
        bindings
            .into_iter()
            .filter(|object| {
                list(at(object.value, &["subjects"])).iter().any(|subject| {
                    matches!(text(subject, &["name"]), Some("system:anonymous" | "system:unauthenticated"))
                })
            })
            .map(|object| format!("{} binds those who did not sign in", object.shown()))
            .collect()
    });
    Finding::none_of(found, "no binding for those who did not sign in")
}

pub(super) fn old_authentication(scene: &Scene<'_, '_>) -> Decision {
    let anonymous = anonymous(scene);
    match scene.base() {
        Base::GkeStandard | Base::GkeAutopilot => {
            let export = match scene.cloud() {
                Err(missing) => Finding::unknown(missing),
                Ok(cluster) => {
                    let certificate = match cluster.text("masterAuth.clientCertificate") {
                        Ok(_) => Finding::not_met("a client certificate of an administrator was issued"),
                        // That no certificate stands in the export is no proof that none was asked for.
                        Err(_) => Finding::from(
                            cluster
                                .bool("masterAuth.clientCertificateConfig.issueClientCertificate")
                                .map(|is| !is),
                            "no client certificate is issued",
                            "client certificates are issued",
                        ),
                    };
                    let rules = Finding::from(
                        cluster.bool("legacyAbac.enabled").map(|is| !is),
                        "legacy ABAC is off",
                        "legacy ABAC is on",
                    );
                    Finding::all([certificate, rules])
                }
            };
            Decision::effect(Finding::all([export, anonymous]))
        }
        Base::EksManaged | Base::EksAuto | Base::EksFargate => {
            let mode = scene.cloud().and_then(|cluster| cluster.text("accessConfig.authenticationMode"));
            let toggle = match mode {
                Ok("API") => Finding::met("accessConfig.authenticationMode is API"),
                Ok(mode) => Finding::not_met(format!(
                    "accessConfig.authenticationMode is {}: the ConfigMap aws-auth still lets people in",
                    shortened(mode)
                )),
                Err(missing) => Finding::unknown(missing),
            };
            Decision::both(toggle, anonymous)
        }
        Base::AksStandard | Base::AksAutomatic => {
            let local = Finding::from(
                scene.cloud().and_then(|cluster| cluster.bool("disableLocalAccounts")),
                "local accounts are off",
                "local accounts are on: their certificates cannot be revoked one by one",
            );
            Decision::effect(Finding::all([local, anonymous]))
        }
        Base::Kubeadm => {
            let server = each_started(scene, "kube-apiserver", |flags| {
                Finding::all([
                    match flag(flags, "anonymous-auth") {
                        Some("false") => Finding::met("--anonymous-auth=false"),
                        _ => Finding::not_met("kube-apiserver answers those who did not sign in"),
                    },
                    match flag(flags, "token-auth-file").or_else(|| flag(flags, "basic-auth-file")) {
                        Some(_) => Finding::not_met("kube-apiserver takes tokens from a file"),
                        None => Finding::met("no file of static tokens"),
                    },
                ])
            });
            Decision::effect(Finding::all([server, anonymous]))
        }
    }
}

/// Bindings of single people, who stay when they leave the directory's groups.
fn people(scene: &Scene<'_, '_>) -> Finding {
    let found = own_bindings(scene).map(|bindings| {
        let mut people = BTreeSet::new();
        for object in bindings {
            for subject in list(at(object.value, &["subjects"])) {
                if text(subject, &["kind"]) == Some("User")
                    && let Some(shown) = stranger(subject, "")
                {
                    people.insert(format!("{} binds the {shown} by name", object.shown()));
                }
            }
        }
        people.into_iter().collect()
    });
    Finding::none_of(found, "bindings are for groups and service accounts")
}

pub(super) fn directory(scene: &Scene<'_, '_>) -> Decision {
    let people = people(scene);
    match scene.base().family() {
        Some(Cloud::Gke) => {
            let on = scene.cloud().and_then(|cluster| cluster.bool("authenticatorGroupsConfig.enabled"));
            let toggle = Finding::from(on, "Google Groups for RBAC is on", "Google Groups for RBAC is off");
            Decision::both(toggle, people)
        }
        Some(Cloud::Aks) => {
            let on = |path: &str| scene.cloud().and_then(|cluster| cluster.bool(path));
            let toggle = Finding::all([
                Finding::from(on("aadProfile.managed"), "Entra ID is on", "Entra ID is off"),
                Finding::from(on("aadProfile.enableAzureRbac"), "Azure RBAC is on", "Azure RBAC is off"),
            ]);
            Decision::both(toggle, people)
        }
        Some(Cloud::Eks) => {
            let users = scene.evidence.exports.access_entries().map(|entries| {
                entries
                    .iter()
                    .filter_map(|entry| text(entry, &["principalArn"]))
                    .filter(|principal| principal.contains(":user/"))
                    .map(|principal| format!("access entry of the IAM user {}", shortened(principal)))
                    .collect()
            });
            Decision::effect(Finding::all([Finding::none_of(users, "access entries are for roles"), people]))
        }
        None => Decision::effect(match people.answer {
            Outcome::NotMet => people,
            _ => Finding::all([
                each_started(scene, "kube-apiserver", |flags| {
                    let directory =
                        flag(flags, "oidc-issuer-url").or_else(|| flag(flags, "authentication-config"));
                    match directory {
                        Some(_) => Finding::met("kube-apiserver trusts a directory"),
                        None => Finding::not_met(
                            "kube-apiserver knows no directory: people sign in with certificates",
                        ),
                    }
                }),
                people,
            ]),
        }),
    }
}

const ROLES: &[(&str, &str)] = &[(RBAC, "ClusterRole"), (RBAC, "Role")];
const BINDINGS: &[(&str, &str)] = &[(RBAC, "ClusterRoleBinding"), (RBAC, "RoleBinding")];

pub(super) fn roles(scene: &Scene<'_, '_>) -> Decision {
    let ids = ["rbac-everything", "rbac-wildcard", "rbac-reads-secrets"];
    Decision::effect(Finding::none_of(
        judged(scene, ROLES, &ids, About::Rights),
        "no role of yours has wildcards or reads all secrets",
    ))
}

pub(super) fn escalation(scene: &Scene<'_, '_>) -> Decision {
    let ids = [
        "rbac-everything",
        "rbac-escalates",
        "rbac-makes-tokens",
        "rbac-node-proxy",
        "rbac-approves-certificates",
        "rbac-changes-webhooks",
        "rbac-runs-commands",
        "rbac-creates-workloads",
        "bound-to-everybody",
        "default-account-bound",
    ];
    let kinds: Vec<(&str, &str)> = ROLES.iter().chain(BINDINGS).copied().collect();
    Decision::effect(Finding::none_of(
        judged(scene, &kinds, &ids, About::Rights),
        "no role of yours is a step towards cluster-admin",
    ))
}

pub(super) fn administrators(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged(scene, BINDINGS, &["bound-to-cluster-admin"], About::Rights);
    let entries: Answer<Vec<String>> = match scene.base().family() {
        Some(Cloud::Eks) => scene.cloud().and_then(|cluster| {
            let creator = cluster.bool("accessConfig.bootstrapClusterCreatorAdminPermissions")?;
            Ok(if creator {
                vec!["whoever made the cluster is its administrator".to_owned()]
            } else {
                Vec::new()
            })
        }),
        _ => Ok(Vec::new()),
    };
    let entries = match entries {
        Ok(wrong) if wrong.is_empty() => None,
        entries => Some(Finding::none_of(entries, "")),
    };
    let bindings = Finding::none_of(wrong, "nobody of yours is bound to cluster-admin");
    Decision::effect(Finding::all([bindings].into_iter().chain(entries)))
}
