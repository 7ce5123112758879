//! Everybody may write.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "world-writable-mode",
    title: "everybody may write",
    severity: Level::Medium,
    what: "A `chmod`, or `COPY --chmod` and `ADD --chmod`, that lets all users write (777, 666, o+w, a+w). Folders with the sticky bit (1777) do not count.",
    why: "Any process in the container can replace these files, programs among them, and wait for somebody with more rights to run them.",
    fix: "give rights to an owner or group, with COPY --chown or chgrp",
    references: &[("CWE", "732"), ("checkov", "CKV2_DOCKER_15"), ("CIS Docker", "4.8")],
    needs: &[],
    bad: "FROM debian:12\nRUN chmod -R 777 /srv\n",
    good: "FROM debian:12\nRUN chmod -R 755 /srv && chmod 1777 /var/spool/x\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(&["chmod"])) {
            let mode = call.command.operands(&[]).next();
            if let Some(word) = mode.filter(|word| opens(&word.text)) {
                report.word(
                    step,
                    call,
                    word,
                    format!("chmod {} lets everybody write", short(&word.text)),
                    "",
                );
            }
        }
    }
    for step in scene.file.of(Keyword::Copy).chain(scene.file.of(Keyword::Add)) {
        if let Some(mode) = step.instruction.flag("chmod").filter(|mode| opens(mode)) {
            report.step(step, format!("--chmod={} lets everybody write", short(mode)));
        }
    }
}

fn opens(mode: &str) -> bool {
    if mode.len() >= 3 && mode.bytes().all(|byte| matches!(byte, b'0'..=b'7')) {
        let sticky = mode.len() > 3 && matches!(mode.as_bytes()[mode.len() - 4], b'1' | b'3' | b'5' | b'7');
        return !sticky && matches!(mode.as_bytes()[mode.len() - 1], b'2' | b'3' | b'6' | b'7');
    }
    mode.split(',').any(|clause| {
        let at = clause.find(['+', '=']).unwrap_or(clause.len());
        let (who, what) = clause.split_at(at);
        // Without anybody named, the mask takes the right away again.
        who.contains(['o', 'a']) && what.contains('w') && !what.contains('t')
    })
}
