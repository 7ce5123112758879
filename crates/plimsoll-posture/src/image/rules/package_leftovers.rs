//! Caches of package managers left in the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "package-leftovers",
    title: "caches of package managers left in the image",
    severity: Level::Low,
    what: "Files of package managers that nothing needs when the container runs: package lists, indexes, downloaded archives. Counted for each layer, as visible in the image.",
    why: "They are stale, make the image larger for everybody who pulls it, and show what was built how.",
    fix: "clean up in the RUN that installs, or keep the folder in a cache mount",
    references: &[
        ("hadolint", "DL3009"),
        ("hadolint", "DL3019"),
        ("hadolint", "DL3032"),
        ("hadolint", "DL3036"),
        ("hadolint", "DL3040"),
        ("hadolint", "DL3042"),
    ],
    needs: &[Input::Files],
    bad: "{\"files\": {\"leftovers\": [{\"what\": \"apt package lists\", \"layer\": 2, \"files\": 9, \"bytes\": 19000000, \"path\": \"var/lib/apt/lists/x\"}]}}",
    good: "{\"files\": {}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    // Below this it is a forgotten empty index, not worth a change.
    const WORTH: u64 = 100_000;
    for leftover in facts.files.iter().flat_map(|files| &files.leftovers).filter(|left| left.bytes >= WORTH) {
        let unit = if leftover.files == 1 { "file" } else { "files" };
        let detail = format!("{}: {} in {} {unit}", leftover.what, size(leftover.bytes), leftover.files);
        report.part(Part::File(leftover.path.clone(), leftover.layer), detail);
    }
}
