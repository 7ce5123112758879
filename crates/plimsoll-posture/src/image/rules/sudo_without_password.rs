//! Sudo without password is set up in the image.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sudo-without-password",
    title: "sudo without password is set up in the image",
    severity: Level::High,
    what: "A line with `NOPASSWD` in /etc/sudoers or /etc/sudoers.d.",
    why: "Every process of that user is one word away from root.",
    fix: "take the rule, and sudo, out of the image",
    references: &[("CWE", "250"), ("MITRE ATT&CK", "T1548.003")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"texts\": [{\"path\": \"etc/sudoers.d/app\", \"layer\": 2, \"text\": \"app ALL=(ALL) NOPASSWD: ALL\\n\"}]}}",
    good: "{\"files\": {\"texts\": [{\"path\": \"etc/sudoers\", \"layer\": 2, \"text\": \"# %wheel ALL=(ALL) NOPASSWD: ALL\\n\"}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for text in facts.files.iter().flat_map(|files| &files.texts) {
        if !text.path.as_bytes().starts_with(b"etc/sudoers") {
            continue;
        }
        let rule = text
            .text
            .lines()
            .map(str::trim_start)
            .find(|line| !line.starts_with('#') && line.contains("NOPASSWD"));
        if let Some(rule) = rule {
            let who: String = rule.split_whitespace().next().unwrap_or_default().chars().take(40).collect();
            report
                .part(Part::File(text.path.clone(), text.layer), format!("{who} needs no password for sudo"));
        }
    }
}
