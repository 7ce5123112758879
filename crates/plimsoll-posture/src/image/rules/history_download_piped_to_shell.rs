//! A download was run without a look at it.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "history-download-piped-to-shell",
    title: "a download was run without a look at it",
    severity: Level::High,
    what: "A step of the history in which what curl or wget brought went straight into an interpreter.",
    why: "Whoever controlled that address, or the way to it, on the day of the build, is in the image.",
    fix: "download to a file, check its digest or signature, then run it",
    references: &[("CWE", "494")],
    needs: &[Input::History],
    bad: "{\"history\": [{\"createdBy\": \"RUN /bin/sh -c curl -fsSL https://example.org/i.sh | sh # buildkit\", \"layer\": 2}]}",
    good: "{\"history\": [{\"createdBy\": \"RUN /bin/sh -c make # buildkit\", \"layer\": 2}]}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for (index, step) in facts.history.iter().flatten().enumerate() {
        if breaks(&as_dockerfile(&step.created_by), "download-piped-to-shell") {
            report.part(Part::History(index, step.layer), "what was downloaded went straight into a shell");
        }
    }
}
