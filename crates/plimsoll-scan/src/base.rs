//! Where the base image ends and the application begins.
//!
//! First hit wins, and says where it came from: the user (`--base`), a chain of layers the user gave, OCI annotations,
//! the image history. When nothing tells, the boundary is not known, and is reported as not known.

use std::collections::BTreeMap;

use plimsoll_model::{Base, BaseSource, Digest};

/// OCI image-spec 1.1, annotations.md: reference of the base image.
pub const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// OCI image-spec 1.1, annotations.md: digest of the base image's manifest.
pub const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// What the user says about the base image (`--base`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseFlag {
    /// `layers:N`: the lowest N layers.
    Layers(u32),
    /// `chain:DIGEST,DIGEST...`: diff ids of the base image's layers, lowest first.
    Chain(Vec<Digest>),
    /// `sha256:...`: the digest of the base image's manifest; where it ends must be told by something else.
    Digest(Digest),
    /// A reference such as `debian:12`; where it ends must be told by something else.
    Reference(String),
}

/// Why a `--base` value cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`--base {value}`: {reason}")]
pub struct BaseFlagError {
    value: String,
    reason: String,
}

impl std::str::FromStr for BaseFlag {
    type Err = BaseFlagError;

    fn from_str(value: &str) -> Result<Self, BaseFlagError> {
        let refuse = |reason: String| BaseFlagError { value: value.to_owned(), reason };
        if let Some(count) = value.strip_prefix("layers:") {
            let count =
                count.parse().map_err(|_| refuse("expected a number of layers, as in `layers:1`".into()))?;
            return Ok(BaseFlag::Layers(count));
        }
        if let Some(chain) = value.strip_prefix("chain:") {
            let digests = chain.split(',').map(Digest::parse).collect::<Result<_, _>>();
            return digests.map(BaseFlag::Chain).map_err(|error| refuse(error.to_string()));
        }
        if value.starts_with("sha256:") {
            return Digest::parse(value).map(BaseFlag::Digest).map_err(|error| refuse(error.to_string()));
        }
        if value.is_empty() || value.contains(char::is_whitespace) {
            return Err(refuse("expected a reference, `layers:N`, `chain:DIGEST,...` or a digest".into()));
        }
        Ok(BaseFlag::Reference(value.to_owned()))
    }
}

/// One entry of an image's history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// The command, as the builder recorded it.
    pub created_by: String,
    /// It made no layer.
    pub empty: bool,
}

impl From<&plimsoll_oci::History> for Step {
    fn from(step: &plimsoll_oci::History) -> Self {
        Step { created_by: step.created_by.clone(), empty: step.empty_layer }
    }
}

/// How many steps of the history came with the lowest `layers` layers: those that made them, and the settings that follow
/// up to the last one that starts the base's program.
pub fn steps(history: &[Step], layers: u32) -> usize {
    let mut made = 0;
    let mut steps = 0;
    for (index, step) in history.iter().enumerate() {
        made += u32::from(!step.empty);
        if made > layers {
            break;
        }
        if layers > 0 && (made < layers || !step.empty || starts_program(&step.created_by)) {
            steps = index + 1;
        }
    }
    steps
}

/// What an image tells about its own making.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// Diff ids, lowest first.
    pub diff_ids: &'a [Option<Digest>],
    /// History, oldest first.
    pub history: &'a [Step],
    /// Annotations of the manifest, and labels where an annotation is absent.
    pub annotations: &'a BTreeMap<String, String>,
}

/// Finds the boundary.
pub fn find(clues: Clues<'_>, flag: Option<&BaseFlag>) -> Base {
    let annotated = clues.annotations.get(BASE_NAME).cloned();
    let annotated_digest = clues.annotations.get(BASE_DIGEST).and_then(|text| Digest::parse(text).ok());
    let (reference, digest) = match flag {
        Some(BaseFlag::Reference(reference)) => (Some(reference.clone()), None),
        Some(BaseFlag::Digest(digest)) => {
            (annotated.filter(|_| annotated_digest.as_ref() == Some(digest)), Some(digest.clone()))
        }
        _ => (annotated, annotated_digest),
    };
    let base = |layers: u32, source: BaseSource, explanation: String| Base {
        reference: reference.clone(),
        digest: digest.clone(),
        layers,
        source,
        explanation,
    };
    let count = u32::try_from(clues.diff_ids.len()).unwrap_or(u32::MAX);
    match flag {
        Some(BaseFlag::Layers(layers)) if *layers <= count => {
            return base(*layers, BaseSource::Flag, format!("--base layers:{layers}"));
        }
        Some(BaseFlag::Layers(layers)) => {
            let explanation = format!(
                "--base layers:{layers}, but the image has only {count}: all of them are taken as base"
            );
            return base(count, BaseSource::Flag, explanation);
        }
        Some(BaseFlag::Chain(chain)) => {
            let fits = chain.len() <= clues.diff_ids.len()
                && chain
                    .iter()
                    .zip(clues.diff_ids)
                    .all(|(expected, actual)| Some(expected) == actual.as_ref());
            if fits {
                let layers = u32::try_from(chain.len()).unwrap_or(u32::MAX);
                return base(
                    layers,
                    BaseSource::LayerChain,
                    format!("the lowest {layers} layers are those given by --base"),
                );
            }
            return Base {
                reference: None,
                digest: None,
                layers: 0,
                source: BaseSource::Unknown,
                explanation:
                    "the image does not begin with the layers given by --base: it was not built on that base"
                        .into(),
            };
        }
        Some(BaseFlag::Digest(_) | BaseFlag::Reference(_)) | None => {}
    }
    let Some((layers, how)) = from_history(clues.history, count) else {
        let missing = if clues.history.is_empty() {
            "the image has no history"
        } else {
            "the image history does not show where the base ends"
        };
        return base(0, BaseSource::Unknown, format!("{missing}; say it with --base layers:N"));
    };
    match (flag, &reference) {
        (Some(_), _) => base(layers, BaseSource::Flag, format!("--base, boundary from {how}")),
        (None, Some(_)) => {
            base(layers, BaseSource::Annotation, format!("OCI annotation, boundary from {how}"))
        }
        (None, None) => base(layers, BaseSource::History, how),
    }
}

/// How many layers the base has, by the image history, and how that was seen.
///
/// A base image ends with the instruction that starts its program: official images close with `CMD` or `ENTRYPOINT`,
/// which makes no layer. The last such instruction that has a layer above it is the end of the base. Without one, a
/// lowest layer that was made by adding a whole root file system is the base.
fn from_history(history: &[Step], layers: u32) -> Option<(u32, String)> {
    let made: usize = history.iter().filter(|step| !step.empty).count();
    if made != layers as usize {
        // History that does not fit the layers cannot point at one of them.
        return None;
    }
    let mut below = layers;
    let mut seen_layer = false;
    for step in history.iter().rev() {
        if !step.empty {
            seen_layer = true;
            below = below.checked_sub(1)?;
        } else if seen_layer && below > 0 && starts_program(&step.created_by) {
            let (plural, verb) = if below == 1 { ("layer", "ends") } else { ("layers", "end") };
            return Some((
                below,
                format!(
                    "image history: {plural} 1{} {verb} with `{}`",
                    upto(below),
                    shorten(&step.created_by)
                ),
            ));
        }
    }
    let first = history.iter().find(|step| !step.empty)?;
    adds_root(&first.created_by)
        .then(|| (1, format!("image history: layer 1 was made by `{}`", shorten(&first.created_by))))
}

fn upto(layers: u32) -> String {
    if layers == 1 { String::new() } else { format!("-{layers}") }
}

/// The instruction without `/bin/sh -c #(nop) ` that the classic builder puts before those that run nothing.
fn instruction(created_by: &str) -> &str {
    let text = created_by.trim_start();
    let text = text.strip_prefix("/bin/sh -c #(nop)").unwrap_or(text);
    text.trim_start()
}

fn starts_program(created_by: &str) -> bool {
    let instruction = instruction(created_by);
    ["CMD", "ENTRYPOINT"]
        .iter()
        .any(|word| instruction.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '['])))
}

fn adds_root(created_by: &str) -> bool {
    let text = instruction(created_by);
    let adds = text.starts_with("ADD ") || text.starts_with("COPY ");
    let to_root = text.split("# ").next().unwrap_or(text).trim_end().ends_with(" /");
    (adds && to_root)
        || ["debootstrap", "mmdebstrap", "debuerreotype", "apko", "rpmostree"]
            .iter()
            .any(|word| text.contains(word))
}

/// The command as shown to people: one line of at most 60 characters.
pub(crate) fn shorten(created_by: &str) -> String {
    let line: String = instruction(created_by).split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= 60 { line } else { line.chars().take(59).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::from_bytes(plimsoll_model::Algorithm::Sha256, &[byte; 32]).unwrap()
    }

    fn check(
        history: &[(&str, bool)],
        flag: Option<&str>,
        annotations: &[(&str, &str)],
        layers: u32,
        source: BaseSource,
    ) -> Base {
        let history: Vec<Step> = history
            .iter()
            .map(|(command, empty)| Step { created_by: (*command).into(), empty: *empty })
            .collect();
        let diff_ids: Vec<_> = (1..=3_u8)
            .map(|byte| Some(digest(byte)))
            .take(history.iter().filter(|step| !step.empty).count().max(2))
            .collect();
        let annotations =
            annotations.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let clues = Clues { diff_ids: &diff_ids, history: &history, annotations: &annotations };
        let flag = flag.map(|flag| flag.parse().unwrap());
        let base = find(clues, flag.as_ref());
        assert_eq!((base.layers, base.source), (layers, source), "{base:?}");
        base
    }

    const OFFICIAL: &[(&str, bool)] = &[
        ("/bin/sh -c #(nop) ADD file:1 in / ", false),
        ("/bin/sh -c #(nop)  CMD [\"bash\"]", true),
        ("RUN pip install django # buildkit", false),
        ("COPY . /srv # buildkit", false),
        ("CMD [\"gunicorn\"]", true),
    ];

    #[test]
    fn history_ends_the_base_at_its_last_program() {
        check(OFFICIAL, None, &[], 1, BaseSource::History);
    }

    #[test]
    fn history_without_program_falls_back_to_the_added_root() {
        check(
            &[("ADD rootfs.tar.xz / # buildkit", false), ("RUN x", false)],
            None,
            &[],
            1,
            BaseSource::History,
        );
        check(&[("RUN x", false), ("RUN y", false)], None, &[], 0, BaseSource::Unknown);
    }

    #[test]
    fn history_that_does_not_fit_is_not_believed() {
        check(&[("ADD rootfs.tar.xz /", false)], None, &[], 0, BaseSource::Unknown);
        check(&[], None, &[], 0, BaseSource::Unknown);
    }

    #[test]
    fn the_user_comes_first() {
        check(OFFICIAL, Some("layers:2"), &[], 2, BaseSource::Flag);
        let base = check(OFFICIAL, Some("debian:12"), &[(BASE_NAME, "other:1")], 1, BaseSource::Flag);
        assert_eq!(base.reference.as_deref(), Some("debian:12"));
        check(OFFICIAL, Some(&format!("chain:{},{}", digest(1), digest(2))), &[], 2, BaseSource::LayerChain);
        check(OFFICIAL, Some(&format!("chain:{}", digest(9))), &[], 0, BaseSource::Unknown);
    }

    #[test]
    fn annotations_name_the_base() {
        let base =
            check(OFFICIAL, None, &[(BASE_NAME, "docker.io/library/debian:12")], 1, BaseSource::Annotation);
        assert_eq!(base.reference.as_deref(), Some("docker.io/library/debian:12"));
    }

    #[test]
    fn bad_flags_are_refused() {
        for flag in ["layers:x", "chain:", "sha256:12", "", "a b"] {
            assert!(flag.parse::<BaseFlag>().is_err(), "{flag}");
        }
    }
}
