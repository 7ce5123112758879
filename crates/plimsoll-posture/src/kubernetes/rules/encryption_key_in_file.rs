//! The key of secrets stands in a file.

use super::encryption::{is_configuration, writer_of_secrets};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "encryption-key-in-file",
    title: "the key that encrypts secrets stands in a file",
    severity: Level::Medium,
    what: "An EncryptionConfiguration whose first provider for secrets has its keys in the file: secretbox, aescbc or aesgcm, not kms.",
    why: "The key lies on the disk of the control plane, mostly beside etcd, and in every place that this file is kept in. It protects backups of etcd, and nothing from whoever reads that disk or this repository.",
    fix: "let a key management service hold the key (provider kms, apiVersion v2), and rotate the key that stands here",
    references: &[("CIS Kubernetes", "1.2.29")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{secretbox: {keys: [{name: one, secret: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVoxMjM0NTY=}]}}]\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !is_configuration(scene) {
        return;
    }
    let local = ["secretbox", "aescbc", "aesgcm"];
    if let Some(writer) = writer_of_secrets(scene).filter(|writer| local.contains(&writer.name)) {
        report.at(writer.pointer, format!("{} takes its keys from this file", writer.name));
    }
}
