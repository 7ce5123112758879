//! Label with an invalid name.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "invalid-label-key",
    title: "label with an invalid name",
    severity: Level::Negligible,
    what: "A label name that has other characters than lower-case letters, digits, dots and dashes (Docker's guidelines; slashes and underscores are used by Kubernetes and accepted here), or that begins or ends with one of the signs.",
    why: "Tools that select by label may not find it; Docker's own name spaces are kept for Docker.",
    fix: "write the name in lower case, with a reversed domain in front",
    references: &[("hadolint", "DL3048")],
    needs: &[],
    bad: "FROM debian:12\nLABEL My.Key=x\n",
    good: "FROM debian:12\nLABEL org.example.key=x\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Label) {
        for pair in step.pairs.iter().filter(|pair| !pair.key.contains('$')) {
            let plain = pair.key.bytes().all(|byte| {
                byte.is_ascii_lowercase()
                    || byte.is_ascii_digit()
                    || matches!(byte, b'.' | b'-' | b'/' | b'_')
            });
            let edges = [pair.key.bytes().next(), pair.key.bytes().next_back()];
            let ends = edges.iter().flatten().all(u8::is_ascii_alphanumeric);
            let reserved = ["com.docker.", "io.docker.", "org.dockerproject."]
                .iter()
                .any(|space| pair.key.starts_with(space));
            if !plain || !ends || reserved {
                report.argument(step, pair.at, format!("`{}` is no valid label name", short(&pair.key)), "");
            }
        }
    }
}
