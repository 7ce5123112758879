//! Volumes of a storage class are not encrypted.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "storage-class-unencrypted",
    title: "volumes of a storage class are not encrypted",
    severity: Level::Medium,
    what: "A StorageClass of Amazon EBS without `parameters.encrypted: \"true\"`. Disks of Google Cloud and Azure are encrypted always; classes of other provisioners are not judged.",
    why: "Whoever gets a copy of the disk, a snapshot of it or the machine that held it reads everything. EBS encrypts such volumes only where the account is set to do it by default.",
    fix: "set parameters.encrypted to \"true\" in a new class, and move the volumes: parameters of a class cannot be changed",
    references: &[("kubescape", "C-0264")],
    needs: &[],
    bad: "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: ebs.csi.aws.com\nparameters: {type: gp3}\n",
    good: "apiVersion: storage.k8s.io/v1\nkind: StorageClass\nmetadata: {name: fast}\nprovisioner: ebs.csi.aws.com\nparameters: {type: gp3, encrypted: \"true\"}\n",
    check: Check::Object(check),
};

/// What makes volumes of EBS.
pub(crate) const EBS: &[&str] = &["ebs.csi.aws.com", "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs"];

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    let provisioner = scene.at(&["provisioner"]).and_then(|value| value.as_str()).unwrap_or_default();
    if !scene.is("storage.k8s.io", "StorageClass") || !EBS.contains(&provisioner) {
        return;
    }
    match scene.at(&["parameters", "encrypted"]).and_then(|value| value.as_str()) {
        Some("true") => {}
        Some(_) => report.at(scene.pointer(&["parameters", "encrypted"]), "it does not encrypt"),
        None => report.at(
            scene.pointer(&["provisioner"]),
            "it does not say `encrypted`, so that volumes are only where the account does it by default",
        ),
    }
}
