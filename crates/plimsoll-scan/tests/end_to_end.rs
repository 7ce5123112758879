//! The use case as a library: one small image from what was typed to the report, without the binary.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use plimsoll_model::{Coverage, Effect, Outcome, Report, Subject};
use plimsoll_scan::{Options, Progress, ScanError, scan};

#[path = "../../plimsoll/tests/common/mod.rs"]
mod common;

use common::image::{self, Pack};
use common::{feeds, shop};

/// Counts what it hears.
#[derive(Default)]
struct Heard {
    expected: AtomicU64,
    read: AtomicU64,
    files: AtomicU64,
}

impl Progress for Heard {
    fn expect(&self, bytes: u64) {
        self.expected.fetch_add(bytes, Ordering::Relaxed);
    }

    fn read(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    fn files(&self, files: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
    }
}

fn run(target: &str, options: &Options) -> Result<Report, ScanError> {
    scan(target, options, &mut std::io::empty(), &Heard::default())
}

/// A folder with `shop` as a layout, its archive, and a database.
fn place() -> (tempfile::TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let files = image::layout(&[("1.0", &shop::image())], Pack::Gzip);
    image::write(&files, &folder.path().join("shop"));
    std::fs::write(folder.path().join("shop.tar"), image::archive(&files)).unwrap();
    feeds::write(&folder.path().join("feeds"));
    let database = folder.path().join("test.db");
    let build = plimsoll_advisory::BuildOptions { threads: 2, today: Some("2026-11-23".into()) };
    plimsoll_advisory::build(&folder.path().join("feeds"), &database, &build).unwrap();
    let options = Options {
        database: Some(database),
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
        threads: 2,
        ..Options::default()
    };
    (folder, options)
}

#[test]
fn an_image_becomes_a_report() {
    let (folder, options) = place();
    let target = folder.path().join("shop").display().to_string();
    let heard = Heard::default();
    let report = scan(&target, &options, &mut std::io::empty(), &heard).unwrap();
    assert_eq!(report.verdict.outcome, Outcome::NotMet);
    assert_eq!(report.database.coverage, Coverage::Database);
    assert_eq!(report.target.layers.len(), 5);
    assert!(report.packages.is_sorted_by_key(|package| &package.purl));
    assert!(report.findings.iter().all(|finding| !finding.remedy.action.is_empty()));
    assert_eq!(
        heard.expected.load(Ordering::Relaxed),
        heard.read.load(Ordering::Relaxed),
        "every byte is heard of"
    );
    assert!(heard.files.load(Ordering::Relaxed) > 20);
}

#[test]
fn every_change_removes_findings_that_are_there() {
    let (folder, options) = place();
    let report = run(&folder.path().join("shop").display().to_string(), &options).unwrap();
    let mut removed: Vec<&String> = report.changes.iter().flat_map(|change| &change.removes).collect();
    assert!(removed.iter().all(|id| report.findings.iter().any(|finding| finding.id == **id)));
    let count = removed.len();
    removed.sort();
    removed.dedup();
    assert_eq!(removed.len(), count, "no finding is counted twice");
}

/// A reader that fails in the middle, as a broken connection does.
struct Broken<'a>(&'a [u8]);

impl Read for Broken<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() {
            return Err(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the other side went away"));
        }
        let count = buffer.len().min(self.0.len()).min(1000);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn a_stream_that_fails_is_never_clean() {
    let (_folder, options) = place();
    let files = image::layout(&[("1.0", &shop::calm())], Pack::Open);
    let archive = image::archive(&files);
    let content = archive.len() - 1024;
    for eighth in 0..8 {
        let result = scan("-", &options, &mut Broken(&archive[..content * eighth / 8]), &Heard::default());
        if let Ok(report) = result {
            assert_eq!(report.verdict.outcome, Outcome::Unknown, "{eighth}/8");
            assert!(report.problems.iter().any(|problem| problem.effect == Effect::Incomplete));
        }
    }
}

#[test]
fn a_stream_gives_what_the_file_gives() {
    let (folder, options) = place();
    let path = folder.path().join("shop.tar");
    let file = run(&path.display().to_string(), &options).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let stream = scan("-", &options, &mut bytes.as_slice(), &Heard::default()).unwrap();
    assert_eq!(stream.packages, file.packages);
    assert_eq!(stream.findings, file.findings);
    assert_eq!(stream.target.digest, file.target.digest);
    assert_eq!(stream.target.layers, file.target.layers);
}

#[test]
fn an_inventory_asks_no_database() {
    let (folder, options) = place();
    // One that does not exist is not missed: nothing is matched.
    let options = Options { database: Some("absent.db".into()), inventory_only: true, ..options };
    let report = run(&folder.path().join("shop").display().to_string(), &options).unwrap();
    assert_eq!(report.packages.len(), 12);
    assert!(report.findings.is_empty());
    let options = Options { inventory_only: false, ..options };
    assert!(matches!(run("absent", &options), Err(ScanError::Database(_))), "the database is opened first");
}

/// A layer over a layer over a layer: two hundred of them, each of which replaces what the one below has brought.
#[test]
fn two_hundred_layers() {
    let (folder, options) = place();
    let mut image = image::Image::new();
    for number in 0..200 {
        let metadata = format!("Metadata-Version: 2.1\nName: mast\nVersion: 1.{number}\n");
        let tree = image::Tree::new()
            .file("usr/lib/python3/dist-packages/mast.dist-info/METADATA", metadata)
            .whiteout(&format!("srv/{}", number % 7))
            .file(&format!("srv/{}/package.json", (number + 1) % 7), "{}");
        image = image.layer(&format!("RUN step {number}"), tree);
    }
    image::write(&image::layout(&[("1.0", &image)], Pack::Zstd), &folder.path().join("tall"));
    let report = run(&folder.path().join("tall").display().to_string(), &options).unwrap();
    let versions: Vec<&str> = report.packages.iter().map(|package| package.version.as_str()).collect();
    assert_eq!(versions, ["1.199"]);
    assert_eq!(report.packages[0].locations[0].layer, Some(200));
}

#[test]
fn apk_packages_of_the_base_stay_the_base_images() {
    let entry = |name: &str| format!("P:{name}\nV:1.0-r0\nA:x86_64\no:{name}\n\n");
    let release = "ID=alpine\nVERSION_ID=3.20.1\n";
    let base = image::Tree::new().file("etc/os-release", release).file("lib/apk/db/installed", entry("musl"));
    let above = image::Tree::new().file("lib/apk/db/installed", entry("musl") + &entry("curl"));
    let image = image::Image::new()
        .layer("ADD alpine-minirootfs.tar.gz / # buildkit", base)
        .step("CMD [\"/bin/sh\"]")
        .layer("RUN apk add curl # buildkit", above);
    let folder = tempfile::tempdir().unwrap();
    image::write(&image::layout(&[("1.0", &image)], Pack::Gzip), folder.path());
    let report = run(&format!("oci:{}", folder.path().display()), &Options::default()).unwrap();
    let layers: Vec<_> =
        report.packages.iter().map(|package| (package.name.as_str(), package.locations[0].layer)).collect();
    assert_eq!(layers, [("curl", Some(2)), ("musl", Some(1))]);
}

/// A finding for each ecosystem beyond the eight of the first lists: from its own file to the advisory that OSV has.
mod ecosystems {
    use std::path::Path;

    use super::*;

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plimsoll-extract/fixtures/lang");

    /// Scans a folder with that fixture alone at `path`, against one record whose range ends at `fixed`.
    fn check(fixture: &str, path: &str, osv: &str, name: &str, fixed: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("root").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::copy(Path::new(FIXTURES).join(fixture), &file).unwrap();
        let record = feeds::osv("TEST-2099-1", &["CVE-2099-1"], "", osv, name, &[("0", fixed)]);
        feeds::put(&folder.path().join("feeds"), osv, &record);
        let database = folder.path().join("test.db");
        let build = plimsoll_advisory::BuildOptions { threads: 1, today: Some("2026-11-23".into()) };
        plimsoll_advisory::build(&folder.path().join("feeds"), &database, &build).unwrap();
        let options = Options {
            database: Some(database),
            now: "2026-11-23T12:00:00Z".parse().unwrap(),
            threads: 1,
            ..Options::default()
        };
        let report = run(&format!("dir:{}", folder.path().join("root").display()), &options).unwrap();
        let found: Vec<String> = report
            .findings
            .iter()
            .filter_map(|finding| match &finding.subject {
                Subject::Package(package) => {
                    Some(format!("{}@{}", package.source.name, package.source.version))
                }
                _ => None,
            })
            .collect();
        assert_eq!(found, expected, "{:?}", report.problems);
    }

    macro_rules! cases {
        ($($test:ident: $fixture:literal, $path:literal, $osv:literal, $name:literal, $fixed:literal, $expected:literal;)*) => {
            $(#[test]
            fn $test() {
                check($fixture, $path, $osv, $name, $fixed, &[$expected]);
                // The version that is there has the fix.
                let (_, version) = $expected.rsplit_once('@').unwrap();
                check($fixture, $path, $osv, $name, version, &[]);
            })*
        };
    }

    cases! {
        dart: "pubspec_lock/pubspec.lock", "pubspec.lock", "Pub", "agent_dart", "1.0.0-dev.29", "agent_dart@1.0.0-dev.28";
        swift: "swift_resolved/v1.resolved", "Package.resolved", "SwiftURL", "github.com/apple/swift-nio-http2", "1.28.0", "github.com/apple/swift-nio-http2@1.27.0";
        elixir: "mix_lock/mix.lock", "mix.lock", "Hex", "mtproto_proxy", "0.7.3", "mtproto_proxy@0.7.2";
        gleam: "gleam_manifest/manifest.toml", "manifest.toml", "Hex", "thoas", "1.0.1", "thoas@1.0.0";
        erlang: "rebar_lock/rebar.lock", "rebar.lock", "Hex", "mtproto_proxy", "0.7.3", "mtproto_proxy@0.7.2";
        haskell: "cabal_freeze/cabal.project.freeze", "cabal.project.freeze", "Hackage", "aeson", "2.0.1.0", "aeson@2.0.0.0";
        ghc: "ghc_package/ghc-9.6.5.conf", "usr/lib/ghc/package.conf.d/ghc-9.6.5.conf", "GHC", "ghc", "9.6.6", "ghc@9.6.5";
        r: "renv_lock/renv.lock", "renv.lock", "CRAN", "commonmark", "1.8", "commonmark@1.7";
        julia: "julia_manifest/Manifest.toml", "Manifest.toml", "Julia", "HTTP", "1.10.17", "HTTP@1.10.16";
        conan: "conan_lock/v1.lock", "conan.lock", "ConanCenter", "openexr", "2.4.1", "openexr@2.4.0";
        ocaml: "opam_switch/switch-state", "root/.opam/default/.opam-switch/switch-state", "opam", "ocaml", "4.03.0", "ocaml@4.02.3";
        bitnami: "bitnami_spdx/redis.spdx", "opt/bitnami/redis/.spdx-redis.spdx", "Bitnami", "redis", "7.2.1", "redis@7.2.0-1";
        wordpress: "wordpress/version.php", "srv/wp-includes/version.php", "Bitnami", "wordpress", "6.5.3", "wordpress@6.5.2";
        dotnet_project: "msbuild_project/app.csproj", "app.csproj", "NuGet", "Left.Pad", "2.1.1", "Left.Pad@2.1.0";
        dotnet_central_versions: "msbuild_project/Directory.Packages.props", "Directory.Packages.props", "NuGet", "Serilog", "2.1.1", "Serilog@2.1.0";
        dotnet_packages: "nuspec/left.pad.nuspec", "root/.nuget/packages/left.pad/1.0.0/left.pad.nuspec", "NuGet", "Left.Pad", "1.0.1", "Left.Pad@1.0.0";
        paket: "paket_lock/paket.lock", "paket.lock", "NuGet", "Left.Pad", "2.1.1", "Left.Pad@2.1.0";
        gradle_verification: "gradle_verification/good.xml", "gradle/verification-metadata.xml", "Maven", "com.example:hull", "2.1", "com.example:hull@2.0";
        sbt: "sbt_lock/build.sbt.lock", "build.sbt.lock", "Maven", "com.example:mast_2.13", "1.2.4", "com.example:mast_2.13@1.2.3";
        scripts: "script_library/angular.min.js", "srv/www/angular.min.js", "npm", "angular", "1.6.0", "angular@1.5.8";
        deno: "deno_lock/deno.lock", "deno.lock", "npm", "chalk", "5.3.1", "chalk@5.3.0";
        github_actions: "github_workflow/ci.yml", ".github/workflows/ci.yml", "GitHub Actions", "tj-actions/changed-files", "46.0.1", "tj-actions/changed-files@45.0.7";
    }
    /// An image of cut Ubuntu packages has Chisel's manifest and no dpkg: its packages are Ubuntu's.
    #[test]
    fn chisel() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let put = |path: &str, bytes: &[u8]| {
            let path = root.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        };
        put("etc/os-release", b"ID=ubuntu\nVERSION_ID=\"22.04\"\n");
        let manifest = Path::new(FIXTURES).join("../os/chisel_manifest/good.jsonl");
        put(
            "var/lib/chisel/manifest.wall",
            &zstd::bulk::compress(&std::fs::read(manifest).unwrap(), 3).unwrap(),
        );
        let ask = |fixed: &str| {
            let record =
                feeds::osv("UBUNTU-CVE-2099-1", &[], "", "Ubuntu:22.04:LTS", "base-files", &[("0", fixed)]);
            feeds::put(&folder.path().join("feeds"), "Ubuntu", &record);
            let database = folder.path().join("test.db");
            let build = plimsoll_advisory::BuildOptions { threads: 1, today: Some("2026-11-23".into()) };
            plimsoll_advisory::build(&folder.path().join("feeds"), &database, &build).unwrap();
            let options = Options {
                database: Some(database),
                now: "2026-11-23T12:00:00Z".parse().unwrap(),
                threads: 1,
                ..Options::default()
            };
            run(&format!("dir:{}", root.display()), &options).unwrap()
        };
        let vulnerable = ask("12ubuntu4.7");
        assert_eq!(vulnerable.findings.len(), 1, "{:?}", vulnerable.problems);
        let mended = ask("12ubuntu4.6");
        assert_eq!(mended.findings, []);
        // Which source a package is from is not known: that is no clean answer.
        assert_eq!(mended.verdict.outcome, Outcome::Unknown);
    }
}
