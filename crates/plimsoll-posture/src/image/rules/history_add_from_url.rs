//! A file came from an address without a checksum.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "history-add-from-url",
    title: "a file came from an address without a checksum",
    severity: Level::Low,
    what: "A step of the history that added a file from an http or https address.",
    why: "What the address held on the day of the build is in the image, and nothing says whether it was the right thing.",
    fix: "use ADD --checksum, or download and check in a RUN",
    references: &[("trivy", "DS-0005")],
    needs: &[Input::History],
    bad: "{\"history\": [{\"createdBy\": \"ADD https://example.org/x /srv/ # buildkit\"}]}",
    good: "{\"history\": [{\"createdBy\": \"COPY x /srv/ # buildkit\"}]}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for (index, step) in facts.history.iter().flatten().enumerate() {
        if breaks(&as_dockerfile(&step.created_by), "add-from-url") {
            report.part(Part::History(index, step.layer), "a file was added from an address");
        }
    }
}
