//! Download used without a check of its content.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "download-without-checksum",
    title: "download used without a check of its content",
    severity: Level::Low,
    what: "A `RUN` that downloads a file with curl or wget and checks neither a digest (sha256sum, shasum, ...) nor a signature (gpg, cosign, minisign, ...) in the same instruction. What goes straight into a shell is another rule's.",
    why: "What the address holds tomorrow is another's decision; with a digest a change is seen.",
    fix: "check a digest or signature in the same RUN, or use ADD --checksum",
    references: &[("CWE", "494"), ("OpenSSF Scorecard", "Pinned-Dependencies")],
    needs: &[],
    bad: "FROM debian:12\nRUN curl -fLo /usr/bin/x https://example.org/x && chmod 755 /usr/bin/x\n",
    good: "FROM debian:12\nRUN curl -fLo /x https://example.org/x && echo \"$SUM  /x\" | sha256sum -c\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const CHECKERS: &[&str] = &[
        "sha256sum",
        "sha512sum",
        "sha1sum",
        "sha384sum",
        "shasum",
        "b2sum",
        "md5sum",
        "gpg",
        "gpgv",
        "gpg2",
        "cosign",
        "minisign",
        "signify",
        "openssl",
        "sha256",
        "slsa-verifier",
        "rhash",
    ];
    for (step, calls) in runs(scene) {
        if calls.iter().any(|call| call.command.is(CHECKERS)) {
            continue;
        }
        let writes = |call: &&Call| {
            let command = &call.command;
            let saved = match command.program() {
                "wget" => !command
                    .words
                    .iter()
                    .any(|word| matches!(word.text.as_str(), "-O-" | "-qO-" | "--spider")),
                "curl" => {
                    command.has_short('o')
                        || command.has_short('O')
                        || command.has_long("--output")
                        || command.has_long("--remote-name")
                }
                _ => return false,
            };
            let archive = command.after == Joint::Pipe
                && calls.iter().any(|later| {
                    later.command.before == Joint::Pipe
                        && later.command.is(&["tar", "bsdtar", "gunzip", "unzip", "cpio"])
                });
            (saved || archive) && command.words.iter().any(|word| word.text.contains("://"))
        };
        if let Some(call) = calls.iter().find(writes) {
            report.call(step, call, "what is downloaded is used without a check of its content");
        }
    }
}
