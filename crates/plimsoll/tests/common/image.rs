//! Small images, made in code: layers, configurations, manifests and archives with right digests.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// `sha256:...` of some bytes.
pub(crate) fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// One layer in the making: members in the order in which they are added.
pub(crate) struct Tree(tar::Builder<Vec<u8>>);

impl Tree {
    pub(crate) fn new() -> Self {
        Tree(tar::Builder::new(Vec::new()))
    }

    fn add(mut self, name: &[u8], kind: tar::EntryType, mode: u32, target: &str, content: &[u8]) -> Self {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        header.set_mtime(1_700_000_000);
        assert!(name.len() < 100 && target.len() < 100, "the header is written by hand");
        let old = header.as_old_mut();
        old.name[..name.len()].copy_from_slice(name);
        old.linkname[..target.len()].copy_from_slice(target.as_bytes());
        header.set_cksum();
        self.0.append(&header, content).unwrap();
        self
    }

    pub(crate) fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.add(path.as_bytes(), tar::EntryType::Regular, 0o644, "", content.as_ref())
    }

    /// A file with permission bits, setuid among them.
    pub(crate) fn mode_file(self, path: &str, mode: u32, content: impl AsRef<[u8]>) -> Self {
        self.add(path.as_bytes(), tar::EntryType::Regular, mode, "", content.as_ref())
    }

    /// A file with the extended attribute that holds capabilities.
    pub(crate) fn capable_file(mut self, path: &str) -> Self {
        let value: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0";
        self.0.append_pax_extensions([("SCHILY.xattr.security.capability", value)]).unwrap();
        self.mode_file(path, 0o755, "x")
    }

    /// A file whose name is not text.
    pub(crate) fn raw_file(self, path: &[u8], content: impl AsRef<[u8]>) -> Self {
        self.add(path, tar::EntryType::Regular, 0o644, "", content.as_ref())
    }

    pub(crate) fn directory(self, path: &str) -> Self {
        self.add(format!("{path}/").as_bytes(), tar::EntryType::Directory, 0o755, "", &[])
    }

    pub(crate) fn link(self, path: &str, target: &str) -> Self {
        self.add(path.as_bytes(), tar::EntryType::Symlink, 0o777, target, &[])
    }

    /// The deletion of `path` in lower layers.
    pub(crate) fn whiteout(self, path: &str) -> Self {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let separator = if folder.is_empty() { "" } else { "/" };
        self.file(&format!("{folder}{separator}.wh.{name}"), [])
    }

    /// The directory as seen from above holds only what this layer puts there.
    pub(crate) fn opaque(self, path: &str) -> Self {
        self.file(&format!("{path}/.wh..wh..opq"), [])
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0.into_inner().unwrap()
    }
}

/// How layers are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pack {
    Open,
    Gzip,
    Zstd,
}

impl Pack {
    pub(crate) fn pack(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Pack::Open => bytes.to_vec(),
            Pack::Gzip => gzip(bytes),
            Pack::Zstd => zstd::encode_all(bytes, 3).unwrap(),
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Pack::Open => "application/vnd.oci.image.layer.v1.tar",
            Pack::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
            Pack::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
        }
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// An image: layers as open tar archives, and what its configuration says.
#[derive(Clone)]
pub(crate) struct Image {
    pub(crate) layers: Vec<Vec<u8>>,
    /// `created_by`, and whether the step made no layer.
    pub(crate) history: Vec<(String, bool)>,
    pub(crate) architecture: String,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) env: Vec<String>,
    pub(crate) command: Vec<String>,
    /// Further parts of `config`, by name.
    pub(crate) settings: BTreeMap<String, Value>,
}

impl Image {
    pub(crate) fn new() -> Self {
        Image {
            layers: Vec::new(),
            history: Vec::new(),
            architecture: "amd64".into(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            env: Vec::new(),
            command: Vec::new(),
            settings: BTreeMap::new(),
        }
    }

    /// Adds a layer that `created_by` made.
    pub(crate) fn layer(mut self, created_by: &str, tree: Tree) -> Self {
        self.layers.push(tree.finish());
        self.history.push((created_by.to_owned(), false));
        self
    }

    /// Adds a step that made no layer.
    pub(crate) fn step(mut self, created_by: &str) -> Self {
        self.history.push((created_by.to_owned(), true));
        self
    }

    pub(crate) fn for_architecture(&self, architecture: &str) -> Self {
        Image { architecture: architecture.to_owned(), ..self.clone() }
    }

    pub(crate) fn config(&self) -> Vec<u8> {
        let history: Vec<Value> = self
            .history
            .iter()
            .map(|(created_by, empty)| {
                let mut step = json!({ "created": "2026-11-01T00:00:00Z", "created_by": created_by });
                if *empty {
                    step["empty_layer"] = json!(true);
                }
                step
            })
            .collect();
        let mut config = json!({ "Labels": self.labels });
        for (name, words) in [("Env", &self.env), ("Cmd", &self.command)] {
            if !words.is_empty() {
                config[name] = json!(words);
            }
        }
        for (name, value) in &self.settings {
            config[name] = value.clone();
        }
        let diff_ids: Vec<String> = self.layers.iter().map(|layer| digest(layer)).collect();
        json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": "2026-11-01T00:00:00Z",
            "config": config,
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": history,
        })
        .to_string()
        .into_bytes()
    }
}

/// Files of an archive or directory, by path.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

fn blob(files: &mut Files, bytes: Vec<u8>) -> (String, usize) {
    let digest = digest(&bytes);
    let size = bytes.len();
    files.insert(format!("blobs/{}", digest.replace(':', "/")), bytes);
    (digest, size)
}

/// The image's manifest as a descriptor, its blobs in `files`.
fn descriptor(files: &mut Files, image: &Image, pack: Pack) -> Value {
    let (config, config_size) = blob(files, image.config());
    let layers: Vec<Value> = image
        .layers
        .iter()
        .map(|layer| {
            let (digest, size) = blob(files, pack.pack(layer));
            json!({ "mediaType": pack.media_type(), "digest": digest, "size": size })
        })
        .collect();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": config_size },
        "layers": layers,
        "annotations": image.annotations,
    });
    let (digest, size) = blob(files, manifest.to_string().into_bytes());
    json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": size,
        "platform": { "os": "linux", "architecture": image.architecture },
    })
}

fn finish_layout(mut files: Files, manifests: &[Value]) -> Files {
    files.insert("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec());
    let index = json!({ "schemaVersion": 2, "manifests": manifests });
    files.insert("index.json".into(), index.to_string().into_bytes());
    files
}

/// An OCI layout with one manifest for each tagged image.
pub(crate) fn layout(images: &[(&str, &Image)], pack: Pack) -> Files {
    let mut files = Files::new();
    let manifests: Vec<Value> = images
        .iter()
        .map(|(tag, image)| {
            let mut descriptor = descriptor(&mut files, image, pack);
            descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
            descriptor
        })
        .collect();
    finish_layout(files, &manifests)
}

/// An OCI layout with one tag for an index of images of several platforms.
pub(crate) fn multi_platform(tag: &str, images: &[&Image], pack: Pack) -> Files {
    let mut files = Files::new();
    let manifests: Vec<Value> = images.iter().map(|image| descriptor(&mut files, image, pack)).collect();
    let media_type = "application/vnd.oci.image.index.v1+json";
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    let (digest, size) = blob(&mut files, index.to_string().into_bytes());
    let annotations = json!({ "org.opencontainers.image.ref.name": tag });
    let outer =
        json!({ "mediaType": media_type, "digest": digest, "size": size, "annotations": annotations });
    finish_layout(files, &[outer])
}

/// What `docker save` wrote before version 25: `manifest.json`, one folder for each layer.
pub(crate) fn docker_archive(images: &[(&str, &Image)], pack: Pack) -> Files {
    let mut files = Files::new();
    let mut manifest = Vec::new();
    for (name, image) in images {
        let config = image.config();
        let config_name = format!("{}.json", digest(&config).trim_start_matches("sha256:"));
        let mut layers = Vec::new();
        for layer in &image.layers {
            let layer_name = format!("{}/layer.tar", digest(layer).trim_start_matches("sha256:"));
            files.insert(layer_name.clone(), pack.pack(layer));
            layers.push(layer_name);
        }
        files.insert(config_name.clone(), config);
        manifest.push(json!({ "Config": config_name, "RepoTags": [name], "Layers": layers }));
    }
    files.insert("manifest.json".into(), Value::from(manifest).to_string().into_bytes());
    files
}

/// What `docker save` writes since version 25: an OCI layout with the old `manifest.json` beside it.
pub(crate) fn docker_layout(name: &str, image: &Image) -> Files {
    let mut files = layout(&[(name.rsplit(':').next().unwrap(), image)], Pack::Open);
    let path = |bytes: &[u8]| format!("blobs/{}", digest(bytes).replace(':', "/"));
    let layers: Vec<String> = image.layers.iter().map(|layer| path(layer)).collect();
    let manifest = json!([{ "Config": path(&image.config()), "RepoTags": [name], "Layers": layers }]);
    files.insert("manifest.json".into(), manifest.to_string().into_bytes());
    files
}

/// The files as one tar archive.
pub(crate) fn archive(files: &Files) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// The files in a directory.
pub(crate) fn write(files: &Files, folder: &Path) {
    for (path, content) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}
