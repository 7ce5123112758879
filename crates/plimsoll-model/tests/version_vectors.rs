//! Independent vectors for version order: every line of every file is checked, and every disagreement is named here with its reason.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::sync::LazyLock;

use plimsoll_model::version::{Scheme, Version, compare};
use regex::Regex;

/// The scheme that a file of vectors is for.
fn scheme(file: &str) -> Option<Scheme> {
    Some(match file.strip_suffix(".txt")?.trim_end_matches("-generated").strip_suffix("-versions")? {
        "alpine" => Scheme::Apk,
        "cran" => Scheme::Cran,
        "debian" => Scheme::Dpkg,
        "hackage" => Scheme::Hackage,
        "maven" => Scheme::Maven,
        "nuget" => Scheme::NuGet,
        "packagist" => Scheme::Packagist,
        "pub" => Scheme::SemverBuild,
        "pypi" => Scheme::Pep440,
        "redhat" => Scheme::Rpm,
        "rubygems" => Scheme::RubyGems,
        "semver" => Scheme::Semver,
        _ => return None,
    })
}

/// Lines that say something else than this project, each group with its reason.
const DISPUTED: &[(Scheme, &str, &[&str])] = &[
    (
        Scheme::Maven,
        "made with a Maven before 3.8, when a word behind a dot was after one behind a hyphen; ComparableVersion of 3.8.7 says \
         the opposite of each (tests/version_oracles.rs asks it where it is installed)",
        &[
            "1.0.0-RC16 < 1.0.0.RC8-beta",
            "1.0.0-gradle-rework-beta3 < 1.0.0.RC7-3",
            "2.9.0-1 < 2.9.0.RC1",
            "6.1.12.rc5 < 6.1.12rc1",
            "1.1.31.sec10 < 1.1.31_noneautotype",
            "1.1.34.sec10 < 1.1.34_noneautotype",
            "1.1.46.sec10 < 1.1.46_noneautotype",
            "1.2.8.sec10_noneautotype < 1.2.8_noneautotype",
            "1.2.31.sec10 < 1.2.31_noneautotype",
            "1.2.48.sec10 < 1.2.48_noneautotype",
            "1.2.50.sec10 < 1.2.50_noneautotype",
            "1.2.54.sec10 < 1.2.54_noneautotype",
            "1.2.57.sec10 < 1.2.57_noneautotype",
            "1.2.60.sec10 < 1.2.60_noneautotype",
            "1.2.67.sec10 < 1.2.67_noneautotype",
            "1.0.0rc0 < 1.0.beta8",
            "1.5.9.RC1 < 1.5.9-RC0",
            "1.1.0-01-glassfish < 1.1.0.Beta1",
        ],
    ),
    (
        Scheme::Maven,
        "ComparableVersion of 3.8.7 says the same, and goes round in a circle there: 3.5.0.Beta-1 < 3.5.0 < 3.5.0-1 < 3.5.0.Beta-1. \
         The specification (`.qualifier` equals `-qualifier`) gives an order and is followed",
        &["3.6.2.FL.20090615 < 3.6.2-FL-2009-05-11", "3.5.0-CR-2 < 3.5.0.Beta-1"],
    ),
    (
        Scheme::Packagist,
        "PHP's bare version_compare, which knows no ALPHA and no stable; Composer lowers the case and drops `stable` before it compares",
        &[
            "v1.9.0-ALPHA.1 = v1.9.0-BETA.1",
            "v1.9.0-BETA.1 < v1.9.0-ALPHA.2",
            "v1.9.0-ALPHA.2 = v1.9.0-BETA.2",
            "5.1.0-stable < 5.1.0-beta2",
        ],
    ),
];

/// PEP 440, appendix B, in one line; what does not match was a version before PEP 440 only.
static PEP440: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?i)^v?([0-9]+!)?[0-9]+(\.[0-9]+)*([-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?[0-9]*)?(-[0-9]+|[-_.]?(post|rev|r)[-_.]?[0-9]*)?([-_.]?dev[-_.]?[0-9]*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?$",
    )
    .expect("the pattern is right")
});

/// APKBUILD(5), with the two spellings that apk-tools 2 accepts beyond it.
static APK: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"^[0-9]+(\.[0-9]+)*([a-z][0-9]*)?(_(alpha|beta|pre|rc|cvs|svn|git|hg|p)[0-9]*)*(~[0-9a-f]+)?(-r[0-9]*)?$",
    )
    .expect("the pattern is right")
});

/// Why `version` may be refused; `None` when it must be read.
fn excuse(scheme: Scheme, version: &str) -> Option<&'static str> {
    match scheme {
        Scheme::Pep440 if !PEP440.is_match(version) => Some("no PEP 440 version"),
        // apk 2 and 3 order such texts differently (the vectors say so themselves), and neither lets a package have them.
        Scheme::Apk if !APK.is_match(version) => Some("no version to apk"),
        // Equal to both 1.2.3 and 1.2.3.1 in the vectors, which are not equal: no order.
        Scheme::Packagist if version.contains('#') => Some("no version to Composer"),
        _ => None,
    }
}

fn parse_line(line: &str) -> (&str, Ordering, &str) {
    let parts: Vec<&str> = line.split(' ').collect();
    let &[left, operator, right] = parts.as_slice() else { panic!("`{line}` is not `A < B`") };
    let order = match operator {
        "<" => Ordering::Less,
        "=" => Ordering::Equal,
        ">" => Ordering::Greater,
        _ => panic!("`{line}` has no operator"),
    };
    (left, order, right)
}

#[derive(Default)]
struct Tally {
    agreed: usize,
    disputed: usize,
    refused: usize,
}

fn run(scheme: Scheme, file: &str, text: &str, disputed: &mut BTreeSet<String>) -> Tally {
    let mut tally = Tally::default();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') || line.starts_with("//") {
            continue;
        }
        let (left, expected, right) = parse_line(line);
        let excused = [left, right].iter().any(|version| excuse(scheme, version).is_some());
        for version in [left, right] {
            let read = Version::parse(scheme, version).is_ok();
            assert_eq!(read, excuse(scheme, version).is_none(), "{file}: `{version}` in `{line}`");
        }
        if excused {
            tally.refused += 1;
            continue;
        }
        let order = compare(scheme, left, right);
        assert_eq!(compare(scheme, right, left), order.clone().map(Ordering::reverse), "{file}: {line}");
        let known = DISPUTED.iter().any(|(of, _, lines)| *of == scheme && lines.contains(&line));
        if known {
            assert_ne!(order, Ok(expected), "{file}: no longer disputed: {line}");
            disputed.insert(line.to_owned());
            tally.disputed += 1;
        } else {
            assert_eq!(order, Ok(expected), "{file}: {line}");
            tally.agreed += 1;
        }
    }
    tally
}

/// Every file of the folder and of the archive, by name; where both have one, they are the same.
fn files() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    if let Some(folder) = plimsoll_testing::shared("fixtures/versions") {
        for entry in std::fs::read_dir(folder).expect("the folder opens") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
            files.insert(name, std::fs::read_to_string(path).expect("the file reads"));
        }
    }
    if let Some(archive) = plimsoll_testing::shared("data/versions/osv-scalibr-semantic.zip") {
        let archive = std::fs::File::open(archive).expect("the archive opens");
        let mut archive = zip::ZipArchive::new(archive).expect("the archive is a zip");
        for index in 0..archive.len() {
            let mut entry = archive.by_index(index).expect("an entry");
            let name = entry.name().expect("a name").into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("the entry reads");
            files.insert(name, text);
        }
    }
    files
}

#[test]
#[expect(clippy::print_stdout, reason = "the counts are the evidence")]
fn every_line_of_every_file() {
    let files = files();
    if files.is_empty() {
        return;
    }
    let mut disputed = BTreeSet::new();
    let mut schemes = BTreeSet::new();
    let mut total = 0;
    for (file, text) in &files {
        let Some(scheme) = scheme(file) else {
            assert_eq!(file, "README.md", "a file of vectors that nothing reads");
            continue;
        };
        let tally = run(scheme, file, text, &mut disputed);
        println!(
            "{file}: {} agree, {} disputed, {} hold no version",
            tally.agreed, tally.disputed, tally.refused
        );
        assert!(tally.agreed > 0, "{file} is empty");
        total += tally.agreed;
        schemes.insert(scheme);
    }
    println!("{total} lines in {} files agree", files.len());
    assert!(total > 0);
    let named: BTreeSet<String> =
        DISPUTED.iter().flat_map(|(_, _, lines)| lines.iter().map(|line| (*line).to_owned())).collect();
    if schemes.contains(&Scheme::Packagist) {
        assert_eq!(disputed, named, "a disputed line is not in the files");
    }
}

#[test]
fn the_number_sign_has_no_order_in_php() {
    // The vectors say 1.2.3 = 1.2.3.# = 1.2.3.1.
    assert_eq!(compare(Scheme::Packagist, "1.2.3", "1.2.3.1"), Ok(Ordering::Less));
}
