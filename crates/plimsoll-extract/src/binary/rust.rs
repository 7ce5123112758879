//! The crate list that `cargo auditable` puts into a program.
//!
//! Format: cargo-auditable v0, `cargo-auditable.schema.json`. Crates of kind `build` ran while the program was built and are not in it:
//! they are not listed.

use std::borrow::Cow;

use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, Relation};
use serde::Deserialize;

use crate::Extraction;

#[derive(Deserialize)]
struct CrateList<'a> {
    #[serde(borrow)]
    packages: Vec<Crate<'a>>,
}

#[derive(Deserialize)]
struct Crate<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
    #[serde(borrow, default)]
    source: Cow<'a, str>,
    #[serde(borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    dependencies: Vec<usize>,
    #[serde(default)]
    root: bool,
}

/// Adds the crates that are in the program.
pub(super) fn packages(path: &ImagePath, json: &[u8], found: &mut Extraction) {
    let list: CrateList<'_> = match serde_json::from_slice(json) {
        Ok(list) => list,
        Err(error) => {
            let detail = format!("the crate list of cargo-auditable is damaged: {error}");
            found.problems.push(Problem::corrupt(path, detail));
            return;
        }
    };
    let mut direct = vec![false; list.packages.len()];
    let roots = || list.packages.iter().filter(|package| package.root);
    for dependency in roots().flat_map(|root| &root.dependencies) {
        if let Some(direct) = direct.get_mut(*dependency) {
            *direct = true;
        }
    }
    let has_root = roots().next().is_some();
    for (entry, is_direct) in list.packages.iter().zip(direct) {
        if entry.kind == "build" {
            continue;
        }
        let mut package = Package::new(
            Ecosystem::Cargo,
            entry.name.as_ref(),
            entry.version.as_ref(),
            Location::new(path.clone()),
        );
        package.relation = match (entry.root, is_direct, has_root) {
            (true, _, _) | (_, _, false) => Relation::Unknown,
            (_, true, _) => Relation::Direct,
            (_, false, _) => Relation::Transitive,
        };
        if entry.root {
            package.properties.insert("main".into(), "true".into());
        }
        // A crate from elsewhere may share no more than its name with the one on crates.io.
        if !matches!(entry.source.as_ref(), "crates.io" | "") {
            package.properties.insert("source".into(), entry.source.to_string());
        }
        found.packages.push(package);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtime_crates_are_listed() {
        let json = br#"{"packages":[
            {"name":"app","version":"0.1.0","source":"local","dependencies":[1,3],"root":true},
            {"name":"libc","version":"0.2.150","source":"crates.io","dependencies":[2]},
            {"name":"deep","version":"1.0.0","source":"git"},
            {"name":"cc","version":"1.0.83","source":"crates.io","kind":"build"}]}"#;
        let mut found = Extraction::default();
        packages(&"app".into(), json, &mut found);
        let got: Vec<_> = found
            .packages
            .iter()
            .map(|p| (p.name.as_str(), p.relation, p.properties.get("source").map(String::as_str)))
            .collect();
        assert_eq!(
            got,
            [
                ("app", Relation::Unknown, Some("local")),
                ("libc", Relation::Direct, None),
                ("deep", Relation::Transitive, Some("git")),
            ]
        );
        assert!(found.problems.is_empty());
    }

    #[test]
    fn damage_is_told() {
        for json in [&b"{\"packages\":[{\"name\":1}]}"[..], b"{\"packages\":", b""] {
            let mut found = Extraction::default();
            packages(&"app".into(), json, &mut found);
            assert_eq!(found.problems.len(), 1);
        }
    }
}
