//! What stands beside a machine-learning model: `config.json`, `adapter_config.json`, `model_index.json`, and the model card `README.md`.
//!
//! They say the architecture, the licence, which model it was made from, and whether it brings Python code of its own. Files of those names
//! are everywhere: one that says nothing of a model is nobody's, whatever is wrong with it.
//!
//! Formats: huggingface.co/docs, "Model Cards" and "Configuration" (transformers 4.57, diffusers 0.35, peft 0.17).

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, Package};

use super::tree::{self, Node};
use crate::binary::model::{self, HOLDS_CODE, clean};
use crate::{Extraction, Extractor, Reader};

/// Configurations and cards of models.
pub static HUGGING_FACE: Extractor = Extractor {
    name: "lang/hugging_face",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: LIMIT, parse },
};

/// Real ones have some kilobytes. A larger file of such a common name is something else.
const LIMIT: u64 = 1 << 20;

fn wants(entry: &Entry<'_>) -> bool {
    let name = entry.path.file_name();
    entry.size <= LIMIT
        && (matches!(name, b"config.json" | b"adapter_config.json" | b"model_index.json" | b"README.md")
            || model::is_blob(entry.path))
}

/// Reads one file. One that is about something else gives nothing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let start = bytes.trim_ascii_start();
    let package = if start.starts_with(b"---") {
        card(path, start)
    } else if start.starts_with(b"{") {
        configuration(path, bytes)
    } else {
        None
    };
    Extraction { packages: package.into_iter().collect(), ..Extraction::default() }
}

fn configuration(path: &ImagePath, bytes: &[u8]) -> Option<Package> {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let root = &document.root;
    let architectures = root.get("architectures").map_or(&[][..], Node::items);
    let architecture = architectures.iter().find_map(Node::as_text).or_else(|| root.text("_class_name"));
    let kind = root.text("model_type");
    let library = [
        ("transformers", root.text("transformers_version")),
        ("diffusers", root.text("_diffusers_version")),
        ("peft", root.text("peft_type").map(|_| "")),
    ];
    let library = library.into_iter().find_map(|(name, version)| Some((name, version?)));
    // `model_type` alone is a word that other programs use too.
    if library.is_none() && (architecture.is_none() || kind.is_none()) {
        return None;
    }
    let mut package = model::model(path, "configuration");
    let mut put = |key: &str, value: Option<&str>| {
        if let Some(value) = value.map(clean).filter(|value| !value.is_empty()) {
            package.properties.insert(key.to_owned(), value);
        }
    };
    put("architecture", architecture.or(kind));
    let base = root.text("base_model_name_or_path").or_else(|| root.text("_name_or_path"));
    // Where it lay on somebody's disk says nothing.
    put("base-model", base.filter(|base| !base.starts_with(['/', '.'])));
    put("library", library.map(|(name, version)| format!("{name} {version}")).as_deref());
    let own = root.get("auto_map").map_or(&[][..], Node::entries);
    let names: Vec<&str> = own.iter().filter_map(|(_, node)| node.as_text()).take(8).collect();
    if !names.is_empty() {
        put(HOLDS_CODE, Some(&format!("Python of its own: {}", names.join(", "))));
    }
    Some(package)
}

fn card(path: &ImagePath, bytes: &[u8]) -> Option<Package> {
    let text = tree::decode(bytes);
    let text = text.strip_prefix("---")?;
    let (head, _) = text.split_once("\n---")?;
    let document = tree::yaml(head);
    let root = document.root.items().first()?;
    let base =
        root.get("base_model").and_then(|node| node.as_text().or_else(|| node.items().first()?.as_text()));
    let known = ["pipeline_tag", "library_name", "model_name", "model-index"];
    if base.is_none() && !known.iter().any(|key| root.get(key).is_some()) {
        return None;
    }
    let mut package = model::model(path, "model card");
    let license = root.get("license").map_or_else(Vec::new, |node| match node.as_text() {
        Some("other") => root.text("license_name").into_iter().collect(),
        Some(license) => vec![license],
        None => node.items().iter().filter_map(Node::as_text).take(8).collect(),
    });
    package.licenses = license.into_iter().map(clean).filter(|license| !license.is_empty()).collect();
    for (key, value) in
        [("base-model", base), ("title", root.text("model_name")), ("library", root.text("library_name"))]
    {
        if let Some(value) = value.map(clean).filter(|value| !value.is_empty()) {
            package.properties.insert(key.to_owned(), value);
        }
    }
    Some(package)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn property<'a>(found: &'a Extraction, key: &str) -> Option<&'a str> {
        found.packages.first()?.properties.get(key).map(String::as_str)
    }

    #[test]
    fn configurations() {
        let path = ImagePath::from("srv/small-bert/config.json");
        assert!(wants(&Entry { path: &path, size: 600, mode: 0o644 }));
        assert!(!wants(&Entry { path: &path, size: LIMIT + 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/hugging_face/config.json"));
        assert_eq!(found.packages[0].name, "small-bert");
        assert_eq!(property(&found, "architecture"), Some("AcmeForCausalLM"));
        assert_eq!(property(&found, "base-model"), Some("acme/base"));
        assert_eq!(property(&found, "library"), Some("transformers 4.44.0"));
        assert_eq!(property(&found, HOLDS_CODE), Some("Python of its own: configuration_acme.AcmeConfig"));
        let adapter = br#"{"peft_type": "LORA", "base_model_name_or_path": "/home/me/base"}"#;
        let found = parse(&"srv/lora/adapter_config.json".into(), adapter);
        assert_eq!((property(&found, "library"), property(&found, "base-model")), (Some("peft"), None));
        for other in [&b"{\"port\": 80}"[..], b"{\"model_type\": \"x\"}", b"[1]", b"{", b"", b"\xff\xfe"] {
            assert_eq!(parse(&path, other), Extraction::default());
        }
    }

    #[test]
    fn cards() {
        let path = ImagePath::from("srv/small-bert/README.md");
        let found = parse(&path, include_bytes!("../../fixtures/lang/hugging_face/README.md"));
        assert_eq!(found.packages[0].licenses, ["acme-community"]);
        assert_eq!(
            (property(&found, "base-model"), property(&found, "library")),
            (Some("acme/base"), Some("transformers"))
        );
        assert_eq!(
            parse(&path, include_bytes!("../../fixtures/lang/hugging_face/bad-README.md")),
            Extraction::default()
        );
        assert_eq!(parse(&path, b"# A program\n"), Extraction::default());
    }
}
