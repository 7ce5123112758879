//! Labels do not say where the image comes from.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-without-origin",
    title: "labels do not say where the image comes from",
    severity: Level::Negligible,
    what: "The labels `org.opencontainers.image.source` and `org.opencontainers.image.revision` are absent.",
    why: "Whoever finds the image running cannot tell which source it was built from.",
    fix: "set both labels in the build",
    references: &[("OCI", "image-spec 1.1 annotations")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {}}",
    good: "{\"configuration\": {\"labels\": {\"org.opencontainers.image.source\": \"https://example.org/x\", \"org.opencontainers.image.revision\": \"1\"}}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let Some(configuration) = &facts.configuration else { return };
    let absent: Vec<String> = ["org.opencontainers.image.source", "org.opencontainers.image.revision"]
        .into_iter()
        .filter(|label| configuration.labels.get(*label).is_none_or(String::is_empty))
        .map(str::to_owned)
        .collect();
    if !absent.is_empty() {
        report.part(Part::Configuration("config.Labels"), format!("without {}", some(&absent)));
    }
}
