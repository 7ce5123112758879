//! Languages: lockfiles, manifests, and installed packages.
//!
//! What holds for all of them: an installed package is `Installed`, a lockfile's is `Declared` and has the line that names
//! it. The scanned project, its workspaces and folders it links to are no packages of a registry and are left out.
//! What comes from a repository or a plain web server is listed with the version that is stated, or with none, and with
//! its address (`vcs_url`, `download_url`). A direct package is one that the same file says the project asks for.

pub mod bitnami_spdx;
pub mod bun_lock;
pub mod bun_lockb;
pub mod cabal_freeze;
pub mod cargo_lock;
pub mod composer_installed;
pub mod composer_lock;
pub mod conan_cache;
pub mod conan_info;
pub mod conan_lock;
pub mod conda_meta;
pub mod cpanfile_snapshot;
pub mod deno_lock;
pub mod dotnet_deps;
pub mod flatpak;
pub mod gemfile_lock;
pub mod gemspec;
pub mod ghc_package;
pub mod github_workflow;
pub mod gleam_manifest;
pub mod go_mod;
pub mod gradle_lockfile;
pub mod gradle_verification;
pub mod homebrew;
pub mod hugging_face;
pub mod julia_manifest;
pub mod luarocks;
pub mod mix_lock;
pub mod msbuild_project;
pub mod node_modules;
pub mod nuget_lock;
pub mod nuspec;
pub mod opam_switch;
pub mod otp_app;
pub mod package_lock;
pub mod packages_config;
pub mod paket_lock;
pub mod pdm_lock;
pub mod pear;
pub mod pipfile_lock;
pub mod pnpm_lock;
pub mod podfile_lock;
pub mod poetry_lock;
pub mod pom;
pub mod pubspec_lock;
pub mod pylock;
pub mod python_installed;
pub mod python_sbom;
pub mod r_description;
pub mod rebar_lock;
pub mod renv_lock;
pub mod requirements;
pub mod sbt_lock;
pub mod script_library;
pub mod snap;
pub mod stack_lock;
pub mod swift_resolved;
pub mod terraform_lock;
pub mod uv_lock;
pub mod vcpkg_manifest;
pub mod vcpkg_status;
pub mod wordpress;
pub mod yarn_lock;

use plimsoll_model::{Ecosystem, Effect, ImagePath, Location, Package, Presence, Problem, ProblemKind};

mod erlang;
mod hackage;
mod npm;
mod python;
mod tree;
mod xml;

/// Largest lockfile that is read, in bytes. The largest seen in public repositories are near 10 MB.
const LOCKFILE_LIMIT: u64 = 64 << 20;

/// Largest file that describes one installed package, in bytes.
const METADATA_LIMIT: u64 = 4 << 20;

/// Packages that are taken from one file that is read line by line. The largest lockfiles seen have some 20,000.
const MOST_PACKAGES: usize = 250_000;

/// A text from a file, short enough for a problem's detail.
fn short(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(at, _)| &text[..at])
}

/// The problem of a file with more packages than that.
fn too_many(path: &ImagePath, line: u32) -> Problem {
    let detail = format!("more than {MOST_PACKAGES} packages; from line {line} nothing is read");
    Problem::incomplete(ProblemKind::LimitExceeded, path, detail)
}

/// A package that a lockfile names on that line.
fn declared(ecosystem: Ecosystem, path: &ImagePath, line: u32, name: &str, version: &str) -> Package {
    let mut package = Package::new(ecosystem, name, version, Location::at_line(path.clone(), line));
    package.presence = Presence::Declared;
    package
}

/// Packages that a note lists by name.
const MOST_NAMED: usize = 10;

/// Packages of a kind of note: some by name, the others counted.
#[derive(Default)]
struct Unknown {
    names: Vec<String>,
    more: usize,
}

impl Unknown {
    fn push(&mut self, name: String) {
        if self.names.len() < MOST_NAMED { self.names.push(name) } else { self.more += 1 }
    }

    fn note(self, path: &ImagePath, what: &str) -> Option<Problem> {
        if self.names.is_empty() {
            return None;
        }
        let more = if self.more > 0 { format!(" and {} more", self.more) } else { String::new() };
        let detail = format!("{what}: {}{more}", self.names.join(", "));
        Some(Problem::note(ProblemKind::Unsupported, path, detail))
    }
}

/// Can it be the name of a package? Neither empty nor endless, without spaces and control characters.
fn is_plain(name: &str) -> bool {
    const LONGEST: usize = 512;
    !name.is_empty()
        && name.len() <= LONGEST
        && !name.chars().any(|character| character.is_whitespace() || character.is_control())
}

/// Problems of one file: the first few, and how many more there are. A hostile file must fill neither the report nor
/// memory.
struct Problems<'a> {
    path: &'a ImagePath,
    first: Vec<Problem>,
    more: usize,
    /// One of those that are only counted keeps the verdict open.
    is_incomplete: bool,
}

impl<'a> Problems<'a> {
    fn new(path: &'a ImagePath) -> Self {
        Problems { path, first: Vec::new(), more: 0, is_incomplete: false }
    }

    fn push(&mut self, problem: Problem) {
        const MOST: usize = 16;
        if self.first.len() < MOST {
            self.first.push(problem);
        } else {
            self.more += 1;
            self.is_incomplete |= problem.effect == Effect::Incomplete;
        }
    }

    /// A place that breaks the format.
    fn line(&mut self, line: u32, detail: &str) {
        self.push(Problem::corrupt(self.path, format!("line {line}: {detail}")));
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    fn finish(mut self) -> Vec<Problem> {
        if self.more > 0 {
            let detail = format!("{} more places cannot be read", self.more);
            let effect = if self.is_incomplete { Effect::Incomplete } else { Effect::Note };
            self.first.push(Problem { effect, ..Problem::corrupt(self.path, detail) });
        }
        self.first
    }
}

/// The same for readers that gather a list first.
fn bounded(path: &ImagePath, problems: Vec<Problem>) -> Vec<Problem> {
    let mut few = Problems::new(path);
    for problem in problems {
        few.push(problem);
    }
    few.finish()
}

/// `name@version line relation scope`, for tests.
#[cfg(test)]
fn describe(package: &plimsoll_model::Package) -> String {
    let line = package.locations[0].line.unwrap_or(0);
    format!("{}@{} {line} {:?} {:?}", package.name, package.version, package.relation, package.scope)
}

/// What one file must give: packages as [`describe`] shows them, and how many problems.
#[cfg(test)]
#[track_caller]
fn expect(found: &crate::Extraction, packages: &[&str], problems: usize) {
    let shown: Vec<String> = found.packages.iter().map(describe).collect();
    assert_eq!(shown, packages);
    assert_eq!(found.problems.len(), problems, "{:?}", found.problems);
}

/// The body of a fuzz target: all readers of languages over the same bytes.
///
/// # Panics
/// When a reader breaks what it promises: a name for every package, a place in the file, few problems.
pub fn fuzz(bytes: &[u8]) {
    for extractor in crate::registry::EXTRACTORS {
        let crate::Reader::Whole { parse, .. } = extractor.read else { continue };
        if !extractor.name.starts_with("lang/") {
            continue;
        }
        // Some look at where they are.
        let places: &[&str] = match extractor.name {
            "lang/conan_info" => &["data/a/1/_/_/package/0/conaninfo.txt"],
            "lang/homebrew" => &["Cellar/a/1/INSTALL_RECEIPT.json"],
            // One extractor with two readers.
            "lang/flatpak" => &[
                "var/lib/flatpak/app/org.a.B/x86_64/stable/0/metadata",
                "var/lib/flatpak/app/org.a.B/x86_64/stable/0/files/share/metainfo/org.a.B.metainfo.xml",
            ],
            "lang/nuspec" => &[".nuget/packages/a/1/a.nuspec"],
            "lang/luarocks" => &["rocks-5.4/a/1-1/a-1-1.rockspec"],
            "lang/wordpress_extension" => &["wp-content/plugins/a/b.php"],
            _ => &["node_modules/a/file"],
        };
        for place in places {
            fuzz_at(extractor.name, parse, &ImagePath::from(*place), bytes);
        }
    }
}

fn fuzz_at(name: &str, parse: fn(&ImagePath, &[u8]) -> crate::Extraction, path: &ImagePath, bytes: &[u8]) {
    let lines = u32::try_from(bytes.len()).unwrap_or(u32::MAX).saturating_add(1);
    let extraction = parse(path, bytes);
    for package in &extraction.packages {
        assert!(!package.name.is_empty(), "{name}: a package without name");
        assert!(package.purl.is_empty(), "{name}: purls are written later");
        for location in &package.locations {
            assert_eq!(location.path, *path, "{name}: a place in another file");
            assert!(location.line.is_none_or(|line| (1..=lines).contains(&line)), "{name}: line");
        }
    }
    assert!(extraction.problems.len() < 64, "{name}: too many problems");
    assert!(extraction.problems.iter().all(|problem| problem.detail.len() < 2000), "{name}: detail");
    assert_eq!(parse(path, bytes), extraction, "{name}: another result the second time");
}
