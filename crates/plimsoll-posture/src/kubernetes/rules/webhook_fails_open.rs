//! Admission webhook lets everything through when it fails.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "webhook-fails-open",
    title: "admission webhook lets everything through when it fails",
    severity: Level::Low,
    what: "A validating webhook with `failurePolicy: Ignore`.",
    why: "Who can make it fail, or wait until it does, gets past what it checks. Sometimes that is meant: a check that is down must not stop the cluster.",
    fix: "set failurePolicy to Fail where the check must hold, with the namespaces of the cluster itself left out",
    references: &[("kubescape", "C-0036"), ("checkov", "CKV_K8S_160")],
    needs: &[],
    bad: "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: web}\nwebhooks: [{name: a.example, failurePolicy: Ignore}]\n",
    good: "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: web}\nwebhooks: [{name: a.example, failurePolicy: Fail}]\n",
    check: Check::Object(check),
};

fn check(scene: &Scene<'_, '_>, report: &mut Reporter<'_>) {
    if !scene.is("admissionregistration.k8s.io", "ValidatingWebhookConfiguration") {
        return;
    }
    for (index, webhook) in list(scene.at(&["webhooks"])).iter().enumerate() {
        if at(webhook, &["failurePolicy"]).and_then(|value| value.as_str()) == Some("Ignore") {
            report.at(
                scene.pointer(&["webhooks", &index.to_string(), "failurePolicy"]),
                "what it checks passes when it does not answer",
            );
        }
    }
}
