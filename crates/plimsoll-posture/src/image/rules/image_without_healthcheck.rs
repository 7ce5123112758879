//! No health check.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-without-healthcheck",
    title: "no health check",
    severity: Level::Negligible,
    what: "`config.Healthcheck` is absent. Kubernetes does not use it.",
    why: "Docker and Swarm cannot tell a process that hangs from one that works.",
    fix: "add a HEALTHCHECK, or leave it to the orchestrator's probes",
    references: &[("trivy", "DS-0026"), ("CIS Docker", "4.6")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {}}",
    good: "{\"configuration\": {\"hasHealthcheck\": true}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    if facts.configuration.as_ref().is_some_and(|configuration| !configuration.has_healthcheck) {
        report.part(Part::Configuration("config.Healthcheck"), "nothing tells whether the process works");
    }
}
