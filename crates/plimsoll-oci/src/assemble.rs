//! From the documents of one image to the image: what layouts and docker-archives have in common.

use std::collections::BTreeMap;

use plimsoll_model::{Digest, Problem, ProblemKind};

use crate::document::{Configuration, RunConfiguration, is_encrypted, is_layer};
use crate::error::plain;
use crate::store::{Content, Stored};
use crate::{Blob, Error, History, Image, Run};

/// Most layers of an image. Docker stops at 127.
const MOST_LAYERS: usize = 4_096;
/// Most steps in a history.
const MOST_STEPS: usize = 65_536;

/// A layer before it meets its diff id.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) digest: Option<Digest>,
    pub(crate) media_type: String,
    /// Size that is claimed.
    pub(crate) size: Option<u64>,
    pub(crate) urls: Vec<String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) stored: Stored,
}

/// What names an image.
pub(crate) struct Identity {
    pub(crate) reference: Option<String>,
    pub(crate) manifest_digest: Option<Digest>,
    pub(crate) config_digest: Digest,
    pub(crate) annotations: BTreeMap<String, String>,
}

/// Puts an image together and says what does not fit.
pub(crate) fn assemble(
    place: &str,
    identity: Identity,
    configuration: Configuration,
    parts: Vec<Part>,
) -> Result<Image, Error> {
    let limit = |thing: &str, limit: usize| Error::Limit {
        place: place.to_owned(),
        thing: thing.to_owned(),
        limit: limit.to_string(),
    };
    if parts.len() > MOST_LAYERS {
        return Err(limit("the number of layers", MOST_LAYERS));
    }
    if configuration.history.len() > MOST_STEPS {
        return Err(limit("the number of steps in the history", MOST_STEPS));
    }
    let platform = configuration.platform();
    let diff_ids = configuration.rootfs.map(|rootfs| rootfs.diff_ids).unwrap_or_default();
    let mut problems = Vec::new();
    if platform.os == "windows" {
        problems.push(Problem::incomplete(
            ProblemKind::Unsupported,
            place,
            format!("this is an image for {platform}: Windows images are not covered"),
        ));
    }
    let fits = diff_ids.len() == parts.len();
    if !fits {
        problems.push(Problem::incomplete(
            ProblemKind::Corrupt,
            place,
            format!(
                "the manifest lists {} layers and the configuration {}: the layers cannot be checked against it",
                parts.len(),
                diff_ids.len()
            ),
        ));
    }
    let steps = configuration.history.iter().filter(|step| !step.empty_layer).count();
    if steps != parts.len() && !configuration.history.is_empty() {
        problems.push(Problem::note(
            ProblemKind::Corrupt,
            place,
            format!(
                "the history tells of {steps} layers and there are {}: no layer can be told its command",
                parts.len()
            ),
        ));
    }
    let mut layers = Vec::with_capacity(parts.len());
    for (index, part) in parts.into_iter().enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let (unavailable, remark) = judge(&part);
        let add = |mut problem: Problem| {
            problem.layer = Some(number);
            problem
        };
        let unavailable = unavailable.map(add);
        problems.extend(unavailable.clone());
        problems.extend(remark.map(add));
        let absent = matches!(part.stored.content, Content::Absent);
        layers.push(Blob {
            digest: part.digest,
            diff_id: if fits { diff_ids.get(index).cloned() } else { None },
            media_type: part.media_type,
            size: if absent { part.size.unwrap_or(0) } else { part.stored.size },
            annotations: part.annotations,
            unavailable,
            stored: part.stored,
        });
    }
    let run = configuration.config.as_ref().map_or(Some(Run::default()), RunConfiguration::run);
    let config = configuration.config.unwrap_or_default();
    Ok(Image {
        reference: identity.reference,
        manifest_digest: identity.manifest_digest,
        config_digest: identity.config_digest,
        platform,
        created: configuration.created,
        annotations: identity.annotations,
        labels: config.labels,
        env: config.env,
        entrypoint: config.entrypoint,
        command: config.command,
        run,
        history: configuration
            .history
            .into_iter()
            .map(|step| History {
                created_by: step.created_by,
                comment: step.comment,
                empty_layer: step.empty_layer,
                created: step.created,
            })
            .collect(),
        layers,
        problems,
    })
}

/// Why a layer cannot be read, and what else is worth saying of it.
fn judge(part: &Part) -> (Option<Problem>, Option<Problem>) {
    let unsupported = |detail: String| Problem::incomplete(ProblemKind::Unsupported, &part.name, detail);
    if is_encrypted(&part.media_type) {
        return (Some(unsupported("the layer is encrypted".into())), None);
    }
    if !is_layer(&part.media_type) {
        let detail = format!("the layer has a media type that is not known: `{}`", plain(&part.media_type));
        return (Some(unsupported(detail)), None);
    }
    match &part.stored.content {
        Content::Absent => {
            let problem = match part.urls.first() {
                Some(url) => unsupported(format!(
                    "the layer is not stored with the image; its publisher serves it from {}",
                    plain(url)
                )),
                None => Problem::incomplete(
                    ProblemKind::Unreadable,
                    &part.name,
                    "the layer is not stored with the image",
                ),
            };
            (Some(problem), None)
        }
        Content::Kept(_) | Content::NotKept => {
            (Some(Problem::incomplete(ProblemKind::Corrupt, &part.name, "the layer is no archive")), None)
        }
        _ => {
            let remark = part.size.filter(|size| *size != part.stored.size).map(|claimed| {
                Problem::note(
                    ProblemKind::Corrupt,
                    &part.name,
                    format!("the manifest says {claimed} bytes, stored are {}", part.stored.size),
                )
            });
            (None, remark)
        }
    }
}
