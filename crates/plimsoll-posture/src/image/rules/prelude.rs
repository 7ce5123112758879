//! What rule files use.

pub(super) use plimsoll_model::Level;

pub(super) use crate::image::{ImageFacts, Part, is_sensitive_volume, tool};
pub(super) use crate::rule::{Check, Input, Reporter, Rule, breaks, some};

/// `1.4 MB`.
pub(super) fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", (bytes + 500) / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// Lines of `/etc/passwd` and `/etc/shadow`, as fields.
pub(super) fn accounts<'a>(facts: &'a ImageFacts, file: &str) -> impl Iterator<Item = (Part, Vec<&'a str>)> {
    let texts = facts.files.iter().flat_map(|files| &files.texts);
    let path = file.to_owned();
    texts.filter(move |text| text.path.as_bytes() == path.as_bytes()).flat_map(|text| {
        text.text
            .lines()
            .filter(|line| line.contains(':') && !line.starts_with('#'))
            .map(|line| (Part::File(text.path.clone(), text.layer), line.trim_end().split(':').collect()))
    })
}

/// A step of the history as a RUN instruction: both the old builder and BuildKit put the shell in front.
pub(super) fn as_dockerfile(created_by: &str) -> String {
    let text = created_by.strip_suffix("# buildkit").unwrap_or(created_by).trim();
    let text = text.strip_prefix("RUN ").unwrap_or(text);
    // |2 A=b C=d /bin/sh -c ...: build arguments stand in front.
    let script = text.find("/bin/sh -c ").map_or(text, |at| &text[at + "/bin/sh -c ".len()..]).trim_start();
    match script.strip_prefix("#(nop)") {
        Some(other) => format!("FROM x\n{}\n", other.trim()),
        None if [
            "ADD ",
            "COPY ",
            "ENV ",
            "CMD ",
            "ENTRYPOINT ",
            "USER ",
            "WORKDIR ",
            "LABEL ",
            "EXPOSE ",
            "VOLUME ",
            "ARG ",
        ]
        .iter()
        .any(|keyword| script.starts_with(keyword)) =>
        {
            format!("FROM x\n{script}\n")
        }
        None => format!("FROM x\nRUN {script}\n"),
    }
}
