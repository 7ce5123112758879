//! Every body of a fuzz target that a crate offers is called by one of the targets in `fuzz/`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Names of public functions over bytes in a file that holds fuzz bodies: `fuzz`, `fuzz_...`, or any in `fuzz.rs`.
fn bodies(file: &Path, text: &str) -> Vec<String> {
    let whole_file = file.file_name().is_some_and(|name| name == "fuzz.rs");
    text.lines()
        .filter_map(|line| line.strip_prefix("pub fn "))
        .filter_map(|rest| {
            let (name, arguments) = rest.split_once('(')?;
            let takes_bytes = arguments.contains(": &[u8])");
            (takes_bytes && (whole_file || name.starts_with("fuzz"))).then(|| name.to_owned())
        })
        .collect()
}

#[test]
fn every_fuzz_body_has_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut targets = Vec::new();
    rust_files(&root.join("fuzz/fuzz_targets"), &mut targets);
    let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
    let mut called = String::new();
    for target in &targets {
        let name = target.file_stem().unwrap().to_str().unwrap();
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is not in fuzz/Cargo.toml");
        called.push_str(&std::fs::read_to_string(target).unwrap());
    }
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len(), "fuzz/Cargo.toml names what is there");
    let mut missing: BTreeMap<String, PathBuf> = BTreeMap::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().replace('-', "_");
        let mut files = Vec::new();
        rust_files(&folder.join("src"), &mut files);
        for file in files {
            for body in bodies(&file, &std::fs::read_to_string(&file).unwrap()) {
                let module = file.strip_prefix(folder.join("src")).unwrap().with_extension("");
                let module: Vec<&str> = module.iter().map(|part| part.to_str().unwrap()).collect();
                let module = match module.split_last() {
                    Some((&("mod" | "lib"), rest)) => rest.to_vec(),
                    _ => module,
                };
                let path = [&[name.as_str()][..], &module, &[body.as_str()]].concat().join("::");
                seen += 1;
                if !called.contains(&format!("{path}(data)")) {
                    missing.insert(path, file.clone());
                }
            }
        }
    }
    assert!(seen > 10, "the search finds bodies: {seen}");
    assert!(missing.is_empty(), "without a target in fuzz/fuzz_targets: {missing:#?}");
}
