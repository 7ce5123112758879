//! Archive copied, then unpacked.

use super::is_archive;
use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "archive-copied-then-unpacked",
    title: "archive copied, then unpacked",
    severity: Level::Low,
    what: "A `COPY` of a local tar archive that a later `RUN` of the stage unpacks.",
    why: "The archive stays in its own layer for good, beside what was unpacked.",
    fix: "use ADD, which unpacks, or a bind mount in the RUN",
    references: &[("hadolint", "DL3010")],
    needs: &[],
    bad: "FROM debian:12\nCOPY files.tar.gz /tmp/\nRUN tar -xzf /tmp/files.tar.gz\n",
    good: "FROM debian:12\nADD files.tar.gz /srv/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const UNPACKERS: &[&str] = &["tar", "bsdtar", "gunzip", "unzip", "bunzip2", "unxz", "uncompress", "gzip"];
    for (index, step) in scene.file.steps.iter().enumerate() {
        if step.instruction.keyword != Keyword::Copy || step.instruction.flag("from").is_some() {
            continue;
        }
        let Some((target, sources)) = step.arguments.split_last() else { continue };
        let Some(stage) = step.stage else { continue };
        let end = scene.file.stages[stage].steps.end;
        for source in sources.iter().filter(|source| is_archive(&source.value.text)) {
            let file = source.value.text.rsplit('/').next().unwrap_or_default();
            let renamed = target.value.text.rsplit('/').next().filter(|name| is_archive(name));
            let name = renamed.unwrap_or(file);
            // Bounded: instructions that copy archives are few in any file that a person wrote.
            let unpacked = scene.file.steps[index + 1..end].iter().take(200).any(|later| {
                later.commands.iter().any(|call| {
                    call.command.is(UNPACKERS)
                        && call.command.words.iter().any(|word| word.text.rsplit('/').next() == Some(name))
                })
            });
            if unpacked {
                report.argument(
                    step,
                    source.at,
                    format!("`{}` is unpacked later and stays in its layer", short(file)),
                    "",
                );
            }
        }
    }
}
