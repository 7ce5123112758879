//! `cargo xtask check-architecture`: dependencies between our crates point down only.
//!
//! The levels are those of ARCHITECTURE.md. A crate may use crates of lower levels; neighbours do not know each other.
//! The crates of level 1 know those of level 0 only.

use std::collections::BTreeMap;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// Level of each crate; a new crate is one line here.
const LEVELS: &[(&str, u8)] = &[
    ("plimsoll-model", 0),
    ("plimsoll-cel", 0),
    ("plimsoll-http", 0),
    ("plimsoll-fs", 1),
    ("plimsoll-oci", 1),
    ("plimsoll-advisory", 1),
    ("plimsoll-format", 1),
    ("plimsoll-policy", 1),
    ("plimsoll-posture", 1),
    ("plimsoll-rules", 1),
    ("plimsoll-runtime", 1),
    ("plimsoll-extract", 2),
    ("plimsoll-kube", 2),
    ("plimsoll-trust", 2),
    ("plimsoll-scan", 3),
    ("plimsoll-admit", 4),
    ("plimsoll", 5),
    // Outside the product: may use nothing of it, and be used by tests only.
    ("plimsoll-testing", 0),
    // Outside the product: may use all of it, and be used by nothing.
    ("xtask", 6),
];

pub(crate) fn run() -> Result<()> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("cannot run cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr));
    let metadata = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let faults = wrong_arrows(&metadata)?;
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("architecture: {} crates, every arrow points down", LEVELS.len());
    Ok(())
}

fn wrong_arrows(metadata: &Value) -> Result<Vec<String>> {
    let levels: BTreeMap<&str, u8> = LEVELS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().context("no packages in cargo metadata")? {
        let name = package["name"].as_str().context("a package without name")?;
        let Some(level) = levels.get(name) else {
            faults.push(format!("`{name}` has no level: add it to LEVELS and to ARCHITECTURE.md"));
            continue;
        };
        for dependency in package["dependencies"].as_array().context("no dependencies")? {
            let on = dependency["name"].as_str().unwrap_or_default();
            let for_tests = dependency["kind"] == "dev";
            if on == "plimsoll-testing" && !for_tests {
                faults.push(format!("`{name}` uses `{on}` outside its tests"));
            }
            if !for_tests && levels.get(on).is_some_and(|below| below >= level) {
                faults.push(format!("`{name}` (level {level}) must not use `{on}` (level {})", levels[on]));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::wrong_arrows;

    fn check(name: &str, on: &str, kind: Option<&str>, faults: usize) {
        let metadata =
            json!({ "packages": [{ "name": name, "dependencies": [{ "name": on, "kind": kind }] }] });
        assert_eq!(wrong_arrows(&metadata).unwrap().len(), faults, "{name} -> {on}");
    }

    #[test]
    fn arrows() {
        check("plimsoll-extract", "plimsoll-fs", None, 0);
        check("plimsoll-extract", "serde", None, 0);
        check("plimsoll-fs", "plimsoll-oci", None, 1);
        check("plimsoll-model", "plimsoll-scan", None, 1);
        check("plimsoll-scan", "plimsoll-testing", None, 1);
        check("plimsoll-scan", "plimsoll-testing", Some("dev"), 0);
        check("plimsoll-new", "serde", None, 1);
    }
}
