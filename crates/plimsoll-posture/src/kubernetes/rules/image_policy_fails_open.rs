//! Images are let in when nobody answers for them.

use super::admission::{Configuration, of_plugin};
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-policy-fails-open",
    title: "images are let in when the image policy does not answer",
    severity: Level::Medium,
    what: "An AdmissionConfiguration whose plugin ImagePolicyWebhook says `defaultAllow: true`.",
    why: "Who can make the webhook fail, or wait until it does, runs any image.",
    fix: "set defaultAllow to false",
    references: &[("CIS Kubernetes", "5.5.1")],
    needs: &[],
    bad: "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ImagePolicyWebhook\n  configuration: {imagePolicy: {kubeConfigFile: /etc/kubernetes/policy.conf, defaultAllow: true}}\n",
    good: "apiVersion: apiserver.config.k8s.io/v1\nkind: AdmissionConfiguration\nplugins:\n- name: ImagePolicyWebhook\n  configuration: {imagePolicy: {kubeConfigFile: /etc/kubernetes/policy.conf, defaultAllow: false}}\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    match of_plugin(scene, "ImagePolicyWebhook") {
        Some(Configuration::Here(value, pointer)) => {
            if at(value, &["imagePolicy", "defaultAllow"]).and_then(Value::as_bool) == Some(true) {
                report.at(
                    format!("{pointer}/imagePolicy/defaultAllow"),
                    "images are let in when the webhook does not answer",
                );
            }
        }
        Some(Configuration::File(path)) => {
            report.undecided(None, format!("the file {}, which configures ImagePolicyWebhook", short(path)));
        }
        None => {}
    }
}
