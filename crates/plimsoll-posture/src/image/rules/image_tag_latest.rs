//! The image goes by the tag latest.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-tag-latest",
    title: "the image goes by the tag latest",
    severity: Level::Low,
    what: "The reference of the image ends with `:latest`.",
    why: "The tag moves: nobody can say which build is running, or go back to the one before.",
    fix: "give each build a tag of its own, and deploy by digest",
    references: &[("kube-linter", "latest-tag")],
    needs: &[Input::Configuration],
    bad: "{\"reference\": \"shop:latest\", \"configuration\": {}}",
    good: "{\"reference\": \"shop:1.4.2\", \"configuration\": {}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    if let Some(reference) = facts.reference.as_deref().filter(|reference| reference.ends_with(":latest")) {
        report.part(Part::Configuration("reference"), format!("it is called {reference}"));
    }
}
