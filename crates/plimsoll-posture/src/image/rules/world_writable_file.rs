//! File that everybody may write.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "world-writable-file",
    title: "file that everybody may write",
    severity: Level::Medium,
    what: "A regular file that all users may write. Folders are not looked at.",
    why: "Any process in the container can replace it, and wait for somebody with more rights to use it.",
    fix: "take the right away (chmod o-w)",
    references: &[("CWE", "732")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"marked\": [{\"path\": \"srv/app.conf\", \"layer\": 2, \"mode\": 438}]}}",
    good: "{\"files\": {\"marked\": [{\"path\": \"srv/app.conf\", \"layer\": 2, \"mode\": 420}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    // Thousands come from one chmod -R: one finding for each layer and top folder.
    let mut groups: std::collections::BTreeMap<(Option<u32>, String), Vec<&plimsoll_model::ImagePath>> =
        std::collections::BTreeMap::default();
    for file in facts.files.iter().flat_map(|files| &files.marked).filter(|file| file.mode & 0o002 != 0) {
        let text = file.path.to_string();
        let folder = text.split('/').take(2).collect::<Vec<_>>().join("/");
        groups.entry((file.layer, folder)).or_default().push(&file.path);
    }
    for ((layer, folder), files) in groups {
        let detail = match files.as_slice() {
            [one] => format!("everybody may write /{one}"),
            many => format!("everybody may write {} files below /{folder}", many.len()),
        };
        report.part(Part::File(files[0].clone(), layer), detail);
    }
}
