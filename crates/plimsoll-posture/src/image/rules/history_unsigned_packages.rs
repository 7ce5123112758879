//! Packages without signature were installed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "history-unsigned-packages",
    title: "packages without signature were installed",
    severity: Level::High,
    what: "A step of the history in which a package manager was told to take unsigned packages, or to check no certificates.",
    why: "The signature is the only thing that tells the distribution's packages from those of whoever sat on the way.",
    fix: "leave the check on",
    references: &[("CWE", "347"), ("CWE", "295")],
    needs: &[Input::History],
    bad: "{\"history\": [{\"createdBy\": \"/bin/sh -c apt-get install -y --allow-unauthenticated x\"}]}",
    good: "{\"history\": [{\"createdBy\": \"/bin/sh -c apt-get install -y x\"}]}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for (index, step) in facts.history.iter().flatten().enumerate() {
        let text = as_dockerfile(&step.created_by);
        if breaks(&text, "unsigned-packages-allowed") {
            report.part(Part::History(index, step.layer), "packages without a valid signature were taken");
        } else if breaks(&text, "tls-check-disabled") {
            report.part(Part::History(index, step.layer), "a certificate was not checked");
        }
    }
}
