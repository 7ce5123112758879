//! Download over plain HTTP.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "plain-http-download",
    title: "download over plain HTTP",
    severity: Level::Medium,
    what: "curl, wget, `ADD` or a package source with an `http://` address that is neither this machine nor an `.internal` or `.local` name.",
    why: "Anybody on the way can replace what is downloaded.",
    fix: "use https, and check the digest",
    references: &[("CWE", "319")],
    needs: &[],
    bad: "FROM debian:12\nRUN curl -fO http://example.org/x.tar.gz\n",
    good: "FROM debian:12\nRUN curl -fO https://example.org/x.tar.gz\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const DOWNLOADERS: &[&str] =
        &["curl", "wget", "pip", "pip3", "npm", "gem", "git", "apk", "rpm", "yum", "dnf", "zypper"];
    for (step, calls) in runs(scene) {
        for call in calls.iter().filter(|call| call.command.is(DOWNLOADERS)) {
            // Who checks signatures or digests may take any way.
            let signed = call.command.is(&["apk", "rpm", "yum", "dnf", "zypper"]);
            if let Some(word) =
                call.command.words.iter().find(|word| is_plain(&word.text)).filter(|_| !signed)
            {
                report.word(
                    step,
                    call,
                    word,
                    format!("`{}` is downloaded over plain HTTP", short(&word.text)),
                    "",
                );
            }
        }
    }
    for step in scene.file.of(Keyword::Add).filter(|step| step.instruction.flag("checksum").is_none()) {
        for argument in step.arguments.iter().filter(|argument| is_plain(&argument.value.text)) {
            let address = short(&argument.value.text);
            report.argument(step, argument.at, format!("`{address}` is downloaded over plain HTTP"), "");
        }
    }
}

fn is_plain(word: &str) -> bool {
    let address =
        word.strip_prefix("http://").or_else(|| word.split_once("=http://").map(|(_, address)| address));
    let Some(address) = address else { return false };
    let host = address.split(['/', ':', '?']).next().unwrap_or_default();
    !matches!(host, "localhost" | "127.0.0.1" | "[")
        && !host.ends_with(".internal")
        && !host.ends_with(".local")
}
