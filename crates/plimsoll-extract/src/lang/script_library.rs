//! JavaScript libraries in files that pages load (`jquery-3.4.1.min.js`, a bundle of a build): no lockfile and no
//! `package.json` stands beside them, but tools for making such files small keep the comment that names a library, its
//! version and its licence.
//!
//! Read are comments that such tools keep (`/*!`, `//!`, `@license`, `@preserve`: the conventions of YUI Compressor, Closure
//! Compiler, UglifyJS and Terser) and the first comment of a file. A library counts only where such a comment *begins* with its
//! name and version: a plugin that says what it needs is not the library. Some libraries keep no version in the comment; of
//! those the constant in the code is taken, in files that carry their name. Packages are named as npm names them.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package};
use regex::bytes::Regex as BytesRegex;
use regex::{Regex, RegexSet};

use crate::{Extraction, Extractor, Reader};

/// Libraries in scripts.
pub static SCRIPT_LIBRARY: Extractor = Extractor {
    name: "lang/script_library",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        let path = entry.path.as_bytes();
        (path.ends_with(b".js") || path.ends_with(b".mjs"))
            && (MIN..=MAX).contains(&entry.size)
            // What is in there has a `package.json`.
            && !path.starts_with(b"node_modules/")
            && memchr::memmem::find(path, b"/node_modules/").is_none()
            // Debian's own modules.
            && memchr::memmem::find(path, b"/nodejs/").is_none()
    },
    read: Reader::Whole { limit: MAX, parse },
};

/// Sizes of files that are read, in bytes. Larger ones are no scripts that a page loads.
const MIN: u64 = 64;
const MAX: u64 = 16 << 20;

/// Comments of one file that are looked at, and bytes of each.
const COMMENTS: usize = 5000;
const COMMENT: usize = 512;

/// How a library names itself in its comment, after `/*!`, stars and `@license`; white space is one space. `VERSION` stands for the
/// version.
const BANNERS: &[(&str, &str)] = &[
    ("@popperjs/core", "@popperjs/core vVERSION "),
    ("angular", "AngularJS vVERSION"),
    ("axios", "[Aa]xios vVERSION "),
    ("backbone", r"Backbone\.js VERSION"),
    ("bootstrap", r"Bootstrap (?:[a-z-]+\.js )?vVERSION \("),
    ("bootstrap-datepicker", "Datepicker for Bootstrap vVERSION "),
    ("bootstrap-select", "Bootstrap-select vVERSION "),
    ("chart.js", r"Chart\.js (?:vVERSION|https?://\S+ Version: VERSION)"),
    ("d3", r"https://d3js\.org vVERSION "),
    ("datatables.net", r"DataTables VERSION(?: |$)"),
    ("dompurify", "DOMPurify VERSION "),
    ("froala-editor", "froala_editor vVERSION "),
    ("fullcalendar", "FullCalendar v?VERSION "),
    ("handlebars", "handlebars vVERSION"),
    ("highcharts", "Highcharts (?:JS )?vVERSION "),
    ("highlight.js", r"[Hh]ighlight\.js vVERSION"),
    ("hammerjs", r"Hammer\.JS - vVERSION "),
    ("jplayer", "jPlayer VERSION for jQuery"),
    ("jquery", "jQuery (?:JavaScript Library )?vVERSION"),
    ("jquery-migrate", "jQuery Migrate (?:- )?vVERSION"),
    ("jquery-mobile", "jQuery Mobile v?VERSION "),
    ("jquery-ui", "jQuery UI (?:- v)?VERSION "),
    ("jquery-validation", "jQuery Validation Plugin (?:- )?vVERSION"),
    ("jquery.terminal", r"(?:__ _____.{0,300})?jQuery Terminal Emulator v(?:ersion)? ?VERSION"),
    ("jszip", "JSZip vVERSION - "),
    ("knockout", "Knockout JavaScript library vVERSION"),
    ("leaflet", "Leaflet VERSION,"),
    ("marked", "marked vVERSION - a markdown parser"),
    ("mithril", "Mithril vVERSION"),
    ("moment", r"moment\.js version : VERSION"),
    ("plupload", "Plupload - multi-runtime File Uploader vVERSION"),
    ("prototypejs", "Prototype JavaScript framework, version VERSION"),
    ("quill", "Quill Editor vVERSION "),
    ("react", r"React vVERSION react\.(?:production|development)"),
    ("react-dom", r"React vVERSION react-dom(?:-server\S*)?\.(?:production|development)"),
    ("requirejs", r"(?:vim:\S+ )?RequireJS VERSION "),
    ("select2", r"Select2 VERSION(?: |$)"),
    ("socket.io-client", r"Socket\.IO vVERSION "),
    ("swfobject", "SWFObject vVERSION "),
    ("sweetalert2", "sweetalert2 vVERSION"),
    ("swiper", "Swiper VERSION "),
    ("tinymce", "TinyMCE version VERSION "),
    ("ua-parser-js", r"UAParser\.js vVERSION "),
    ("underscore", r"Underscore\.js VERSION "),
    ("video.js", r"Video\.js VERSION <"),
    ("vue", r"(?:Vue\.js vVERSION|vue vVERSION )"),
    ("vuex", "vuex vVERSION "),
    ("vue-router", "vue-router vVERSION "),
    ("yui", r"YUI VERSION \(build"),
];

/// Libraries whose comment says no version: how the file is called, and the constant.
const CONSTANTS: &[(&str, &[&str], &str)] = &[
    ("ckeditor4", &["ckeditor"], r#"\btimestamp:"[0-9A-Z]{4}",version:"VERSION""#),
    ("dompurify", &["purify", "dompurify"], r#"\.version ?= ?["']VERSION["']"#),
    ("lodash", &["lodash"], r#"(?:\.VERSION ?= ?|var VERSION = )["']VERSION["']"#),
    (
        "mustache",
        &["mustache"],
        r#"(?:\.version ?= ?|version: ?|name: ?"mustache\.js",version: ?)["']VERSION["']"#,
    ),
    ("pdfjs-dist", &["pdf"], r#"(?:pdfjsVersion|PDFJS\.version) ?= ?["']VERSION["']"#),
];

const VERSION: &str = r"([0-9]{1,4}\.[0-9]{1,4}(?:\.[0-9]{1,4})?(?:-?(?:rc|beta|alpha|pre)[.-]?[0-9]{0,4})?)";

/// Marks of comments that are kept.
const MARKS: [&str; 4] = ["/*!", "//!", "@license", "@preserve"];

struct Tables {
    marks: AhoCorasick,
    /// Which of the banners it is, in one pass.
    any: RegexSet,
    banners: Vec<(&'static str, Regex)>,
    constants: Vec<(&'static str, &'static [&'static str], BytesRegex)>,
}

/// `None` where a row is no expression, which a test rules out.
fn tables() -> Option<&'static Tables> {
    static TABLES: OnceLock<Option<Tables>> = OnceLock::new();
    let built = || {
        let patterns: Vec<String> = BANNERS
            .iter()
            .map(|(_, pattern)| format!("^(?:{})", pattern.replace("VERSION", VERSION)))
            .collect();
        let banners = BANNERS
            .iter()
            .zip(&patterns)
            .map(|((name, _), pattern)| Some((*name, Regex::new(pattern).ok()?)));
        let constants = CONSTANTS.iter().map(|(name, files, pattern)| {
            // The constant's own name is in capitals too: only the last of the row is the version.
            let (before, after) = pattern.rsplit_once("VERSION")?;
            Some((*name, *files, BytesRegex::new(&format!("{before}{VERSION}{after}")).ok()?))
        });
        Some(Tables {
            marks: AhoCorasick::new(MARKS).ok()?,
            any: RegexSet::new(&patterns).ok()?,
            banners: banners.collect::<Option<_>>()?,
            constants: constants.collect::<Option<_>>()?,
        })
    };
    TABLES.get_or_init(built).as_ref()
}

/// Reads the comments of a script.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let Some(tables) = tables() else { return Extraction::default() };
    let mut found: BTreeSet<(&'static str, String)> = BTreeSet::new();
    let mut look = |at: usize| {
        let comment = plain(bytes.get(at..).unwrap_or_default());
        for (name, banner) in
            tables.any.matches(&comment).into_iter().filter_map(|row| tables.banners.get(row))
        {
            if let Some(version) =
                banner.captures(&comment).and_then(|found| found.iter().skip(1).flatten().next())
            {
                found.insert((*name, version.as_str().to_owned()));
            }
        }
    };
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(bytes.len());
    if bytes[start..].starts_with(b"/*") || bytes[start..].starts_with(b"//") {
        look(start);
    }
    // A comment in the middle of a line that only one kind of tool keeps: `/* axios v0.19.0 | ...`.
    tables.marks.find_iter(bytes).take(COMMENTS).for_each(|mark| look(mark.start()));
    for at in memchr::memmem::find_iter(bytes, b"\n/* ").take(COMMENTS) {
        look(at + 1);
    }
    let stem = path.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_ascii_lowercase();
    for (name, files, constant) in &tables.constants {
        let carries = |file: &&str| {
            stem.strip_prefix(file.as_bytes())
                .is_some_and(|rest| matches!(rest.first(), Some(b'.' | b'-' | b'_')))
        };
        if files.iter().any(carries)
            && !found.iter().any(|(known, _)| known == name)
            && let Some(version) = constant.captures(bytes).and_then(|found| found.get(1))
        {
            found.insert((*name, String::from_utf8_lossy(version.as_bytes()).into_owned()));
        }
    }
    let package = |(name, version): (&str, String)| {
        let mut package = Package::new(Ecosystem::Npm, name, version, Location::new(path.clone()));
        for (key, value) in [("identity", "comment"), ("confidence", "medium")] {
            package.properties.insert(key.into(), value.into());
        }
        package
    };
    Extraction { packages: found.into_iter().map(package).collect(), ..Extraction::default() }
}

/// The text of a comment without its marks, white space as one space each.
fn plain(bytes: &[u8]) -> String {
    let bytes = bytes.get(..COMMENT).unwrap_or(bytes);
    let end = memchr::memmem::find(bytes, b"*/").unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    let mut plain = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim().trim_start_matches(['/', '*', '!']).trim_start();
        for word in line.split_whitespace() {
            // Before the text: what the comment is for. A line of dashes is decoration.
            let is_tag =
                plain.is_empty() && matches!(word, "@license" | "@preserve" | "@overview" | "@file" | "!");
            if is_tag
                || (word.len() > 2 && word.bytes().all(|byte| matches!(byte, b'=' | b'-' | b'~' | b'*')))
            {
                continue;
            }
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.push_str(word);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(file: &str, bytes: &[u8]) -> Vec<String> {
        let path = ImagePath::from(format!("srv/www/{file}").as_str());
        assert!((SCRIPT_LIBRARY.wants)(&Entry {
            path: &path,
            size: bytes.len().max(64) as u64,
            mode: 0o644
        }));
        let found = parse(&path, bytes);
        assert_eq!(found.problems, []);
        found.packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect()
    }

    #[test]
    fn libraries_of_a_bundle() {
        let found = of("main.js", include_bytes!("../../fixtures/lang/script_library/bundle.js"));
        assert_eq!(
            found,
            ["axios@0.19.0", "bootstrap@4.3.1", "jquery@3.4.1", "moment@2.24.0", "react-dom@17.0.2"]
        );
    }

    #[test]
    fn single_files() {
        let angular = include_bytes!("../../fixtures/lang/script_library/angular.min.js");
        assert_eq!(of("angular.min.js", angular), ["angular@1.5.8"]);
        let lodash = include_bytes!("../../fixtures/lang/script_library/lodash.min.js");
        assert_eq!(of("lodash.min.js", lodash), ["lodash@4.17.4"]);
        // The constant counts only in a file of that name.
        assert_eq!(of("other.js", lodash), [""; 0]);
        let other = include_bytes!("../../fixtures/lang/script_library/other.js");
        assert_eq!(of("other.js", other), [""; 0]);
        for (text, expected) in [
            ("/*!\n * jQuery JavaScript Library v1.12.4\n * http://jquery.com/\n */", "jquery@1.12.4"),
            ("/*! jQuery UI - v1.12.1 - 2016-09-14\n* http://jqueryui.com */", "jquery-ui@1.12.1"),
            ("/*!\n * Vue.js v2.6.10\n * (c) 2014 */", "vue@2.6.10"),
            ("/**\n* vue v3.2.1\n* (c) 2018 **/", "vue@3.2.1"),
            ("/*! @license DOMPurify 2.0.7 | (c) Cure53 */", "dompurify@2.0.7"),
            ("/**!\n\n @license\n handlebars v4.0.11\n\nCopyright", "handlebars@4.0.11"),
            ("// https://d3js.org v5.16.0 Copyright 2020", "d3@5.16.0"),
            ("/*!\n * Chart.js\n * http://www.chartjs.org/\n * Version: 2.7.2\n */", "chart.js@2.7.2"),
            ("//     Underscore.js 1.8.3\n//     http://underscorejs.org", "underscore@1.8.3"),
        ] {
            assert_eq!(of("x.js", text.as_bytes()), [expected], "{text}");
        }
    }

    #[test]
    fn what_has_a_manifest_is_left_to_it() {
        for path in [
            "app/node_modules/jquery/dist/jquery.js",
            "node_modules/a/b.js",
            "usr/share/nodejs/a/b.js",
            "a.css",
        ] {
            let path = ImagePath::from(path);
            assert!(!(SCRIPT_LIBRARY.wants)(&Entry { path: &path, size: 1000, mode: 0o644 }));
        }
    }

    #[test]
    fn rows_are_expressions() {
        assert!(tables().is_some());
        let mut names: Vec<_> = BANNERS.iter().map(|row| row.0).collect();
        names.dedup();
        assert_eq!(names.len(), BANNERS.len());
    }
}
