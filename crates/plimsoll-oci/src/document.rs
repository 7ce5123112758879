//! The JSON documents of images, as they are written: OCI image-spec 1.1, Docker image manifest 2.2, Docker image 1.2.

use std::collections::BTreeMap;

use plimsoll_model::Digest;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::Platform;
use crate::image::Run;

/// Go writes empty lists and maps as `null`.
fn nullable<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of words, or the one word that old builders wrote in its place.
fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Words {
        One(String),
        Several(Vec<Option<String>>),
    }
    Ok(match Option::deserialize(deserializer)? {
        None => Vec::new(),
        Some(Words::One(word)) => vec![word],
        Some(Words::Several(words)) => words.into_iter().flatten().collect(),
    })
}

/// A text; `None` when it is something else.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Go writes a set as a map of nothings; others wrote lists. `None` when it is something else.
fn set(value: &Value) -> Option<Vec<String>> {
    let mut names: Vec<String> = match value {
        Value::Null => Vec::new(),
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(list) => {
            list.iter().map(|name| name.as_str().map(str::to_owned)).collect::<Option<_>>()?
        }
        _ => return None,
    };
    names.sort();
    names.dedup();
    Some(names)
}

/// `oci-layout` (image-layout.md).
#[derive(Debug, Deserialize)]
pub(crate) struct Layout {
    #[serde(rename = "imageLayoutVersion")]
    pub(crate) version: String,
}

/// A reference to content (descriptor.md).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    #[serde(default)]
    pub(crate) size: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) urls: Vec<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) platform: Option<DescribedPlatform>,
    pub(crate) artifact_type: Option<String>,
}

/// Platform in a descriptor (image-index.md).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct DescribedPlatform {
    #[serde(default, deserialize_with = "nullable")]
    os: String,
    #[serde(default, deserialize_with = "nullable")]
    architecture: String,
    variant: Option<String>,
}

impl DescribedPlatform {
    pub(crate) fn platform(&self) -> Platform {
        Platform::new(&self.os, &self.architecture, self.variant.as_deref())
    }
}

/// A manifest or an index; which of them is decided by its content and media type together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    #[serde(default)]
    pub(crate) schema_version: u64,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) media_type: String,
    pub(crate) artifact_type: Option<String>,
    pub(crate) manifests: Option<Vec<Descriptor>>,
    pub(crate) config: Option<Descriptor>,
    pub(crate) layers: Option<Vec<Descriptor>>,
    pub(crate) fs_layers: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The configuration of an image (config.md).
#[derive(Debug, Deserialize)]
pub(crate) struct Configuration {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) os: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) architecture: String,
    pub(crate) variant: Option<String>,
    pub(crate) created: Option<String>,
    pub(crate) config: Option<RunConfiguration>,
    pub(crate) rootfs: Option<RootFs>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) history: Vec<Step>,
}

impl Configuration {
    /// Images made before Docker 1.0 say neither; both defaults are Docker's own.
    pub(crate) fn platform(&self) -> Platform {
        let or =
            |text: &str, default: &str| if text.is_empty() { default.to_owned() } else { text.to_owned() };
        Platform::new(&or(&self.os, "linux"), &or(&self.architecture, "amd64"), self.variant.as_deref())
    }
}

/// How the image is run.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RunConfiguration {
    #[serde(rename = "Labels", default, deserialize_with = "nullable")]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(rename = "Env", default, deserialize_with = "words")]
    pub(crate) env: Vec<String>,
    #[serde(rename = "Entrypoint", default, deserialize_with = "words")]
    pub(crate) entrypoint: Vec<String>,
    #[serde(rename = "Cmd", default, deserialize_with = "words")]
    pub(crate) command: Vec<String>,
    #[serde(rename = "User", default)]
    user: Value,
    #[serde(rename = "ExposedPorts", default)]
    exposed_ports: Value,
    #[serde(rename = "Volumes", default)]
    volumes: Value,
    #[serde(rename = "Healthcheck", default)]
    healthcheck: Value,
}

impl RunConfiguration {
    /// How the image is run; `None` where a part is of a form that nobody reads.
    pub(crate) fn run(&self) -> Option<Run> {
        Some(Run {
            user: text(&self.user)?,
            exposed_ports: set(&self.exposed_ports)?,
            volumes: set(&self.volumes)?,
            has_healthcheck: self
                .healthcheck
                .get("Test")
                .and_then(|test| test.get(0))
                .is_some_and(|word| word.as_str() != Some("NONE")),
        })
    }
}

/// Digests of the open layers.
#[derive(Debug, Deserialize)]
pub(crate) struct RootFs {
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) diff_ids: Vec<Digest>,
}

/// One step of the history.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) created: Option<String>,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) created_by: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) comment: String,
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) empty_layer: bool,
}

/// One image of `manifest.json` (Docker image 1.2, "Combined Image JSON + Filesystem Changeset Format").
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Saved {
    #[serde(rename = "Config")]
    pub(crate) config: String,
    #[serde(rename = "RepoTags", default, deserialize_with = "nullable")]
    pub(crate) tags: Vec<String>,
    #[serde(rename = "Layers", default, deserialize_with = "nullable")]
    pub(crate) layers: Vec<String>,
    /// Where layers come from that are not stored with the image, by diff id.
    #[serde(rename = "LayerSources", default, deserialize_with = "nullable")]
    pub(crate) sources: BTreeMap<Digest, Descriptor>,
}

/// Media types that name the configuration of an image.
pub(crate) fn is_image_configuration(media_type: &str) -> bool {
    matches!(
        media_type,
        "" | "application/vnd.oci.image.config.v1+json"
            | "application/vnd.docker.container.image.v1+json"
            // What registries return for blobs that nobody described.
            | "application/octet-stream"
    )
}

/// Media types that name an index.
pub(crate) fn is_index(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.index.v1+json"
            | "application/vnd.docker.distribution.manifest.list.v2+json"
    )
}

/// Media types that name a manifest.
pub(crate) fn is_manifest(media_type: &str) -> bool {
    matches!(
        media_type,
        "application/vnd.oci.image.manifest.v1+json" | "application/vnd.docker.distribution.manifest.v2+json"
    )
}

/// Media types that name a Docker schema 1 manifest.
pub(crate) fn is_schema_1(media_type: &str) -> bool {
    media_type.starts_with("application/vnd.docker.distribution.manifest.v1+")
}

/// Can a blob of this media type be read as a layer? Its compression is found by looking at it.
pub(crate) fn is_layer(media_type: &str) -> bool {
    matches!(media_type, "" | "application/octet-stream") || {
        let base = media_type.split_once('+').map_or(media_type, |(base, _)| base);
        matches!(
            base,
            "application/vnd.oci.image.layer.v1.tar"
                | "application/vnd.oci.image.layer.nondistributable.v1.tar"
                | "application/vnd.docker.image.rootfs.diff.tar"
                | "application/vnd.docker.image.rootfs.diff.tar.gzip"
                | "application/vnd.docker.image.rootfs.diff.tar.zstd"
                | "application/vnd.docker.image.rootfs.foreign.diff.tar"
                | "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        )
    }
}

/// Is the layer encrypted (ocicrypt)?
pub(crate) fn is_encrypted(media_type: &str) -> bool {
    media_type.split('+').skip(1).any(|suffix| suffix == "encrypted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers() {
        for (media_type, layer, encrypted) in [
            ("application/vnd.oci.image.layer.v1.tar", true, false),
            ("application/vnd.oci.image.layer.v1.tar+gzip", true, false),
            ("application/vnd.oci.image.layer.v1.tar+zstd", true, false),
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", true, true),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", true, false),
            ("application/vnd.in-toto+json", false, false),
            ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", false, false),
        ] {
            assert_eq!(is_layer(media_type), layer, "{media_type}");
            assert_eq!(is_encrypted(media_type), encrypted, "{media_type}");
        }
    }
}
