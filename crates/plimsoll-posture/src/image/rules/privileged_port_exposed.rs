//! Port that needs a right of root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "privileged-port-exposed",
    title: "port that needs a right of root",
    severity: Level::Low,
    what: "`config.ExposedPorts` has a TCP or UDP port below 1024.",
    why: "In many clusters only root, or a process with a capability, may open it: the image invites to run it as root.",
    fix: "listen on a port from 1024 and let the service map it",
    references: &[("CIS Docker", "5.7")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {\"exposedPorts\": [\"80/tcp\"]}}",
    good: "{\"configuration\": {\"exposedPorts\": [\"8080/tcp\"]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for port in facts.configuration.iter().flat_map(|configuration| &configuration.exposed_ports) {
        let number = port.split('/').next().unwrap_or_default();
        if number.parse::<u16>().is_ok_and(|number| (1..1024).contains(&number) && number != 22) {
            report.part(Part::Configuration("config.ExposedPorts"), format!("port {port} is exposed"));
        }
    }
}
