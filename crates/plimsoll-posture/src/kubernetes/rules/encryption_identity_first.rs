//! Secrets are written in plain text, as the first provider says.

use super::encryption::{is_configuration, writer_of_secrets};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "encryption-identity-first",
    title: "secrets are written in plain text, as the first provider says",
    severity: Level::High,
    what: "An EncryptionConfiguration whose first provider for secrets is `identity`. The first one writes, the others only read.",
    why: "It looks like encryption and is none: every secret that is written goes to etcd as it is.",
    fix: "put kms or secretbox first and identity last, restart the API servers, and write all secrets anew",
    references: &[("CIS Kubernetes", "1.2.29")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{identity: {}}, {kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}]\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}, {identity: {}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !is_configuration(scene) {
        return;
    }
    if let Some(writer) = writer_of_secrets(scene).filter(|writer| writer.name == "identity") {
        report.at(writer.pointer, "identity is the first provider for secrets, so it writes them");
    }
}
