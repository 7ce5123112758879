//! Volume over a path of the host or system.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-sensitive-volume",
    title: "volume over a path of the host or system",
    severity: Level::Medium,
    what: "`config.Volumes` names the socket of a container engine, or a folder of the system.",
    why: "The socket gives root on the host; a volume over system folders hides the image's files and outlives updates.",
    fix: "take it out; keep data in a folder of its own",
    references: &[("CIS Docker", "5.5"), ("CIS Docker", "5.31")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {\"volumes\": [\"/var/run/docker.sock\"]}}",
    good: "{\"configuration\": {\"volumes\": [\"/data\"]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for volume in facts.configuration.iter().flat_map(|configuration| &configuration.volumes) {
        if is_sensitive_volume(volume) {
            report.part(Part::Configuration("config.Volumes"), format!("a volume at {volume}"));
        }
    }
}
