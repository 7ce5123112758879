//! Secrets and the identities of workloads.

use plimsoll_model::shortened;

use super::super::data::{Base, InputKind};
use super::super::decision::{Decision, Finding};
use super::super::evidence::{Answer, Cloud, missing};
use super::support::{About, is_system_namespace, judged, judged_workloads};
use super::{Scene, text};
use crate::kubernetes::{at, list};

/// Names of variables that hold keys of a cloud.
const CLOUD_KEYS: [&str; 8] = [
    "AWS_SECRET_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_KEY",
    "AZURE_STORAGE_CONNECTION_STRING",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CREDENTIALS",
    "GCP_SERVICE_ACCOUNT_KEY",
];

/// Containers of applications that have a key of a cloud in their environment.
fn keys(scene: &Scene<'_, '_>) -> Answer<Vec<String>> {
    let kubernetes = scene.workloads()?;
    let mut found = Vec::new();
    for object in kubernetes.objects().iter() {
        if is_system_namespace(object.name.namespace) {
            continue;
        }
        for container in object.pods.iter().flat_map(|pod| &pod.containers) {
            for variable in list(container.definition.and_then(|definition| at(definition, &["env"]))) {
                let name = text(variable, &["name"]).unwrap_or_default();
                if CLOUD_KEYS.contains(&name) {
                    found.push(format!("{} has {name} in its environment", object.shown()));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

pub(super) fn workload_identity(scene: &Scene<'_, '_>) -> Decision {
    let keys =
        Finding::none_of(keys(scene), "no container of an application has a cloud key in its environment");
    let on = match scene.base().family() {
        Some(Cloud::Gke) => {
            match scene.cloud().and_then(|cluster| cluster.text("workloadIdentityConfig.workloadPool")) {
                Ok(pool) => Finding::met(format!("workload pool {}", shortened(pool))),
                Err(missing) => Finding::unknown(missing),
            }
        }
        Some(Cloud::Eks) => {
            let agent = scene.evidence.exports.add_on("eks-pod-identity-agent").map(|_| true);
            let issuer = scene.cloud().and_then(|cluster| cluster.text("identity.oidc.issuer"));
            // Every cluster has an issuer: that it is trusted shows in accounts that name a role.
            let used = scene.kind("", "ServiceAccount").map(|accounts| {
                accounts.iter().any(|account| {
                    text(account, &["metadata", "annotations", "eks.amazonaws.com/role-arn"]).is_some()
                })
            });
            let roles = match (issuer, used) {
                (Ok(_), Ok(true)) => Finding::met("service accounts name roles"),
                (Ok(_), Ok(false)) => Finding::not_met("no service account names a role"),
                (Err(missing), _) | (_, Err(missing)) => Finding::unknown(missing),
            };
            if scene.base() == Base::EksAuto {
                // The agent is part of Auto Mode.
                Finding::any([
                    roles,
                    Finding::from(
                        scene.cloud().and_then(|cluster| cluster.bool("computeConfig.enabled")),
                        "the Pod Identity agent is part of Auto Mode",
                        "Auto Mode is off",
                    ),
                ])
            } else {
                Finding::any([Finding::from(agent, "the Pod Identity agent is installed", ""), roles])
            }
        }
        Some(Cloud::Aks) => {
            let of = |path: &str| scene.cloud().and_then(|cluster| cluster.bool(path));
            Finding::all([
                Finding::from(
                    of("oidcIssuerProfile.enabled"),
                    "the OIDC issuer is on",
                    "the OIDC issuer is off",
                ),
                Finding::from(
                    of("securityProfile.workloadIdentity.enabled"),
                    "workload identity is on",
                    "workload identity is off",
                ),
            ])
        }
        None => Finding::unknown(missing(InputKind::Attest, "how workloads sign in to what they use")),
    };
    Decision::effect(Finding::all([on, keys]))
}

pub(super) fn tokens(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(scene, &["service-account-token-mounted", "default-service-account"]);
    Decision::effect(Finding::none_of(
        wrong,
        "every pod that mounts a token has an account of its own, or mounts none",
    ))
}

pub(super) fn plain(scene: &Scene<'_, '_>) -> Decision {
    let wrong = judged_workloads(
        scene,
        &["secret-as-environment", "secret-in-environment-value", "secret-in-config-map"],
    );
    let maps = judged(scene, &[("", "ConfigMap")], &["secret-in-config-map"], About::Applications);
    let finding = Finding::all([
        Finding::none_of(wrong, "no environment of an application holds a secret"),
        Finding::none_of(maps, "no ConfigMap of an application holds a secret"),
    ]);
    // Where values were left out, nothing can be said for them.
    let values = scene.evidence.objects().and_then(super::super::evidence::Kubernetes::has_values);
    Decision::effect(match values {
        Ok(()) => finding,
        Err(missing) => Finding::all([finding, Finding::unknown(missing)]),
    })
}

pub(super) fn external(scene: &Scene<'_, '_>) -> Decision {
    let kinds = [
        ("secrets-store.csi.x-k8s.io", "SecretProviderClass"),
        ("external-secrets.io", "ExternalSecret"),
        ("secrets.hashicorp.com", "VaultStaticSecret"),
    ];
    let used = kinds.map(|(group, kind)| {
        let found = scene.kind(group, kind).map(|objects| !objects.is_empty());
        Finding::from(found, format!("{kind} objects bring secrets from outside"), format!("no {kind}"))
    });
    let used = Finding::any(used);
    // The switch without a use of it brings no secret, and a use without the switch cannot be: the use decides.
    let rotation = match scene.base().family() {
        Some(Cloud::Aks) => Some(
            scene
                .cloud()
                .and_then(|cluster| {
                    cluster.text("addonProfiles.azureKeyvaultSecretsProvider.config.enableSecretRotation")
                })
                .map(|rotation| rotation == "true"),
        ),
        _ => None,
    };
    Decision::effect(match rotation {
        Some(Ok(false)) => Finding::all([used, Finding::not_met("secrets from Key Vault are not rotated")]),
        Some(Err(missing)) => Finding::all([used, Finding::unknown(missing)]),
        _ => used,
    })
}
