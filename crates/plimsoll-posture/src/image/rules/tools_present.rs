//! Shells, compilers and package managers in the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "tools-present",
    title: "shells, compilers and package managers in the image",
    severity: Level::Negligible,
    what: "Programs in the folders for programs that help whoever breaks in: shells, compilers, package managers, downloaders, network tools.",
    why: "An attacker finds what he needs; an image without them gives him only the program that he broke.",
    fix: "start from a distroless or minimal image, and build in a stage of its own",
    references: &[("NIST", "SP 800-190 4.1")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/bash\", \"layer\": 1, \"mode\": 493}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"usr/bin/app\", \"layer\": 1, \"mode\": 493}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let mut kinds: std::collections::BTreeMap<&str, Vec<String>> = std::collections::BTreeMap::default();
    let mut first = None;
    for file in facts.files.iter().flat_map(|files| &files.marked) {
        let Some(kind) =
            tool(file.path.as_bytes()).filter(|kind| !kind.starts_with("SSH") && *kind != "remote login")
        else {
            continue;
        };
        first = first.or(Some(file));
        let name = String::from_utf8_lossy(file.path.file_name()).into_owned();
        kinds.entry(kind).or_default().push(name);
    }
    let Some(first) = first else { return };
    let list: Vec<String> = kinds
        .iter_mut()
        .map(|(kind, names)| {
            names.sort();
            names.dedup();
            format!("{kind}: {}", names.join(", "))
        })
        .collect();
    report.part(Part::File(first.path.clone(), first.layer), list.join("; "));
}
