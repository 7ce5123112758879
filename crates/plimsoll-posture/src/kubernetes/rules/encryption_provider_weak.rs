//! Secrets are encrypted in a way that is given up.

use super::encryption::{is_configuration, writer_of_secrets};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "encryption-provider-weak",
    title: "secrets are encrypted in a way that is given up",
    severity: Level::Low,
    what: "An EncryptionConfiguration whose first provider for secrets is aescbc, aesgcm, or kms by the first version of its interface (which is what no `apiVersion` means).",
    why: "Kubernetes itself advises against them: AES-CBC without authentication falls to padding oracles, AES-GCM with random nonces must change its key every 200,000 writes, which nothing does by itself, and kms v1 is off since 1.29.",
    fix: "use kms with apiVersion v2, or secretbox where there is no key management service",
    references: &[("CIS Kubernetes", "1.2.29")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{kms: {name: vault, endpoint: \"unix:///kms.sock\"}}]\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers: [{kms: {apiVersion: v2, name: vault, endpoint: \"unix:///kms.sock\"}}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !is_configuration(scene) {
        return;
    }
    let Some(writer) = writer_of_secrets(scene) else { return };
    let version = at(writer.value, &["apiVersion"]).and_then(Value::as_str).unwrap_or("v1");
    let why = match writer.name {
        "aescbc" => "aescbc has no authentication",
        "aesgcm" => "aesgcm must get another key every 200,000 writes",
        "kms" if version == "v1" => "this is version v1 of the interface",
        _ => return,
    };
    report.at(writer.pointer, why);
}
