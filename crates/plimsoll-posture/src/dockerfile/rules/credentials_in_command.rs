//! Credentials in a command.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "credentials-in-command",
    title: "credentials in a command",
    severity: Level::High,
    what: "A `RUN` or `ADD` with an address that holds user and password (`https://user:token@host/`), or with a password or token as a flag's value. Values that a variable brings from a secret mount do not count.",
    why: "The command stands in the image's history for everybody who has the image.",
    fix: "use RUN --mount=type=secret, and take the credentials out of the address",
    references: &[("CWE", "798"), ("CWE", "522")],
    needs: &[],
    bad: "FROM debian:12\nRUN git clone https://bot:s3cr3tvalue@example.org/x.git\n",
    good: "FROM debian:12\nRUN --mount=type=secret,id=netrc,target=/root/.netrc git clone https://example.org/x.git\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const FLAGS: &[&str] =
        &["--password", "--token", "--api-key", "--secret", "--passphrase", "--http-password"];
    for (step, calls) in runs(scene) {
        for call in calls {
            for (index, word) in call.command.words.iter().enumerate() {
                if in_address(&word.text) {
                    report.word(step, call, word, "an address holds user and password", "");
                    continue;
                }
                let literal = |text: &str| {
                    !text.is_empty()
                        && !text.contains(['$', '`'])
                        && !text.starts_with('-')
                        && !text.starts_with('/')
                };
                let flag = FLAGS.iter().find_map(|flag| word.text.strip_prefix(flag));
                let given = match flag {
                    Some("") => call.command.words.get(index + 1).is_some_and(|next| literal(&next.text)),
                    Some(rest) => rest.strip_prefix('=').is_some_and(literal),
                    None => false,
                };
                if given {
                    report.word(step, call, word, "a password or token is given as a flag", "");
                }
            }
        }
    }
    for step in scene.file.of(Keyword::Add) {
        for argument in step.arguments.iter().filter(|argument| in_address(&argument.value.text)) {
            report.argument(step, argument.at, "an address holds user and password", "");
        }
    }
}

fn in_address(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((credentials, _)) = host.rsplit_once('@') else { return false };
    credentials
        .split_once(':')
        .is_some_and(|(user, password)| !user.is_empty() && !password.is_empty() && !password.contains('$'))
}
