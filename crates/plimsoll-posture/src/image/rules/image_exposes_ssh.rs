//! SSH port exposed by the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-exposes-ssh",
    title: "SSH port exposed by the image",
    severity: Level::Medium,
    what: "`config.ExposedPorts` has port 22.",
    why: "A container with an SSH server has a second way in, with its own keys, users and flaws.",
    fix: "take the SSH server out; use docker exec or kubectl exec",
    references: &[("trivy", "DS-0004"), ("CIS Docker", "5.6")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {\"exposedPorts\": [\"22/tcp\"]}}",
    good: "{\"configuration\": {\"exposedPorts\": [\"8022/tcp\"]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for port in facts.configuration.iter().flat_map(|configuration| &configuration.exposed_ports) {
        if port.split('/').next() == Some("22") {
            report.part(Part::Configuration("config.ExposedPorts"), "port 22 is exposed");
        }
    }
}
