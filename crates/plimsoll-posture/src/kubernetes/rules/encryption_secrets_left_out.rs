//! Encryption at rest leaves secrets out.

use super::encryption::{is_configuration, takes_secrets};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "encryption-secrets-left-out",
    title: "encryption at rest leaves secrets out",
    severity: Level::High,
    what: "An EncryptionConfiguration none of whose entries takes `secrets` (by name, by `*.` or by `*.*`).",
    why: "The flag of the API server is set and the file is there, but secrets lie in etcd and its backups in plain text.",
    fix: "add secrets to the resources of an entry, restart the API servers, and write all secrets anew (kubectl get secrets -A -o json | kubectl replace -f -)",
    references: &[("CIS Kubernetes", "1.2.28")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [configmaps]\n  providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}, {identity: {}}]\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets, configmaps]\n  providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}, {identity: {}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if is_configuration(scene) && !takes_secrets(scene) {
        report.at(scene.pointer(&["resources"]), "no entry takes secrets");
    }
}
