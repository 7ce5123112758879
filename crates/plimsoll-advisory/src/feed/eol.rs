//! End of life: `eol/debian-release-data.zip` (distro-info-data's CSV, debian-security-support's lists) and
//! `eol/endoflife-products.zip` (endoflife.date product pages), or unpacked folders of the same names.

use std::path::Path;

use serde::Deserialize;

use super::files::{self, Passed};
use super::upstream::{self, How, Remote, Serves, Terms, Upstream};
use super::{Cycle, Feed, Part, Sink, Unsupported, at};
use crate::error::Error;

/// The feed.
pub static EOL: Feed = Feed { name: "eol", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    Upstream {
        source: RELEASES,
        terms: Terms::Open,
        serves: Serves::All,
        how: How::Files(releases_of_debian),
    },
    Upstream {
        source: PRODUCTS,
        terms: Terms::Open,
        serves: Serves::All,
        how: How::Files(|| {
            upstream::repository("endoflife-date/endoflife.date", "master", "eol/endoflife-products.zip")
        }),
    },
];

fn releases_of_debian() -> Vec<Remote> {
    let list = |name: &str| {
        Remote::new(
            format!("https://debian.pages.debian.net/distro-info-data/{name}.csv"),
            format!("eol/debian-release-data/{name}.csv"),
        )
    };
    let support = |name: String| {
        Remote::optional(
            format!("https://salsa.debian.org/debian/debian-security-support/-/raw/master/{name}"),
            format!("eol/debian-release-data/{name}"),
        )
    };
    let mut files = vec![list("debian"), list("ubuntu")];
    for release in 8..=14 {
        files.push(support(format!("security-support-ended.deb{release}")));
        files.push(support(format!("security-support-limited.deb{release}")));
    }
    files
}

const RELEASES: &str = "eol/distributions";
const PRODUCTS: &str = "eol/products";

#[expect(clippy::unnecessary_wraps, reason = "the form that all feeds share")]
fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let mut parts = at(
        from,
        RELEASES,
        &["eol/debian-release-data.zip", "eol/debian-release-data"],
        "distro-info-data ISC; debian-security-support GPL-2.0-only (kept as data, not in the program)",
    );
    parts.extend(at(
        from,
        PRODUCTS,
        &["eol/endoflife-products.zip", "eol/endoflife-products"],
        "MIT (endoflife.date)",
    ));
    Ok(parts)
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    files::each(&part.path, &wanted, &mut |name, passed| {
        let content = match passed {
            Passed::Content(content) => content,
            Passed::Unreadable(reason) => return sink.rejected(reason, name),
        };
        let Ok(text) = std::str::from_utf8(content) else {
            return sink.rejected("the file is not text", name);
        };
        let file = name.rsplit('/').next().unwrap_or(name);
        if let Some(product) = file.strip_suffix(".csv") {
            releases(product, text, sink);
        } else if let Some(product) = file.strip_suffix(".md") {
            self::product(product, text, sink);
        } else if let Some(release) = file.strip_prefix("security-support-ended.deb") {
            ended(&format!("debian:{release}"), text, sink);
        } else if let Some(release) = file.strip_prefix("security-support-limited.deb") {
            limited(&format!("debian:{release}"), text, sink);
        }
    })
}

fn wanted(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    matches!(file, "debian.csv" | "ubuntu.csv")
        || file.starts_with("security-support-ended.deb")
        || file.starts_with("security-support-limited.deb")
        || Path::new(file).extension().is_some_and(|extension| extension == "md")
}

/// distro-info-data(5): `version,codename,series,created,release,eol[,eol-lts|eol-server[,eol-elts|eol-esm]]`.
fn releases(product: &str, text: &str, sink: &mut dyn Sink) {
    for line in text.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        let field = |index: usize| fields.get(index).copied().unwrap_or_default().to_owned();
        if fields.len() < 4 {
            sink.rejected("the line has fewer than four columns", line.get(..40).unwrap_or("line"));
            continue;
        }
        // Unreleased suites (sid) have no number, and no end.
        let version = field(0).trim_end_matches(" LTS").to_owned();
        if version.is_empty() {
            continue;
        }
        // Debian: volunteers of the LTS team; Ubuntu: paid ESM. The servers' date (column 6 there) equals the regular one.
        let extended = if product == "debian" { field(6) } else { field(7) };
        sink.cycle(Cycle {
            product: product.to_owned(),
            cycle: version,
            codename: field(2),
            released: field(4),
            end: field(5),
            extended_end: extended,
            latest: String::new(),
        });
    }
}

/// debian-security-support, `security-support-ended.debN`: package, last supported version, date, reason.
fn ended(stream: &str, text: &str, sink: &mut dyn Sink) {
    for line in lines(text) {
        let mut words = line.split_whitespace();
        let (package, _version, date) = (words.next(), words.next(), words.next());
        match (package, date) {
            (Some(package), Some(date)) if is_date(date) => sink.unsupported(Unsupported {
                stream: stream.to_owned(),
                package: package.to_owned(),
                ended: date.to_owned(),
                reason: words.collect::<Vec<_>>().join(" "),
            }),
            _ => sink
                .rejected("the line is not `package version date reason`", line.get(..40).unwrap_or("line")),
        }
    }
}

/// debian-security-support, `security-support-limited.debN`: package, reason.
fn limited(stream: &str, text: &str, sink: &mut dyn Sink) {
    for line in lines(text) {
        let (package, reason) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        sink.unsupported(Unsupported {
            stream: stream.to_owned(),
            package: package.to_owned(),
            ended: String::new(),
            reason: reason.trim().to_owned(),
        });
    }
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn is_date(text: &str) -> bool {
    text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() })
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
struct Release {
    #[serde(rename = "releaseCycle")]
    cycle: String,
    #[serde(default)]
    codename: Option<String>,
    #[serde(default, rename = "releaseDate")]
    date: Option<String>,
    #[serde(default)]
    eol: Option<End>,
    #[serde(default)]
    eoes: Option<End>,
    #[serde(default)]
    latest: Option<String>,
}

/// An end: a date, or `true` for over, `false` for not over.
#[derive(Deserialize)]
#[serde(untagged)]
enum End {
    Boolean(bool),
    Text(String),
}

/// A product page: YAML between two lines `---`, then prose.
fn product(product: &str, text: &str, sink: &mut dyn Sink) {
    let mut pieces = text.splitn(3, "---\n");
    let (Some(""), Some(head)) = (pieces.next(), pieces.next()) else {
        return sink.rejected("the page has no front matter", product);
    };
    let page: Page = match serde_saphyr::from_str(head) {
        Ok(page) => page,
        Err(_) => return sink.rejected("the front matter is not readable", product),
    };
    for release in page.releases {
        let end = |end: Option<End>| match end {
            Some(End::Boolean(true)) => "ended".to_owned(),
            None | Some(End::Boolean(false)) => String::new(),
            Some(End::Text(text)) => Some(text).filter(|text| is_date(text)).unwrap_or_default(),
        };
        sink.cycle(Cycle {
            product: product.to_owned(),
            cycle: release.cycle,
            codename: release.codename.unwrap_or_default(),
            released: release.date.unwrap_or_default(),
            end: end(release.eol),
            extended_end: end(release.eoes),
            latest: release.latest.unwrap_or_default(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;

    #[test]
    fn release_tables() {
        let mut kept = Kept::default();
        releases(
            "debian",
            "version,codename,series,created,release,eol,eol-lts\n12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30\n,Sid,sid,1993-08-16\nbroken\n",
            &mut kept,
        );
        let [cycle] = kept.cycles.as_slice() else { panic!("{kept:?}") };
        assert_eq!(
            (cycle.cycle.as_str(), cycle.end.as_str(), cycle.extended_end.as_str()),
            ("12", "2026-07-11", "2028-06-30")
        );
        assert_eq!(kept.rejected.len(), 1);
    }

    #[test]
    fn support_lists() {
        let mut kept = Kept::default();
        ended("debian:12", "# comment\n\nmimetex\t1.76-2   2026-06-12  gone upstream\nbad\n", &mut kept);
        limited("debian:12", "golang.*   see the release notes\n", &mut kept);
        let seen: Vec<_> =
            kept.unsupported.iter().map(|entry| (entry.package.as_str(), entry.ended.as_str())).collect();
        assert_eq!(seen, [("mimetex", "2026-06-12"), ("golang.*", "")]);
        assert_eq!(kept.rejected.len(), 1);
    }

    #[test]
    fn product_pages() {
        let mut kept = Kept::default();
        product(
            "x",
            "---\ntitle: X\nreleases:\n  - releaseCycle: \"2\"\n    releaseDate: 2025-01-01\n    eol: false\n    latest: '2.1'\n  - releaseCycle: 1.10\n    eol: true\n---\n\n> Prose.\n",
            &mut kept,
        );
        let seen: Vec<_> = kept
            .cycles
            .iter()
            .map(|cycle| (cycle.cycle.as_str(), cycle.end.as_str(), cycle.latest.as_str()))
            .collect();
        assert_eq!(seen[0], ("2", "", "2.1"));
        assert_eq!(seen[1], ("1.10", "ended", ""));
        product("y", "no front matter", &mut kept);
        assert_eq!(kept.rejected.len(), 1);
    }

    #[test]
    fn the_whole_data() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut kept = Kept::default();
        for part in find(&root).unwrap() {
            read(&part, &mut kept).unwrap();
        }
        let products: std::collections::BTreeSet<&str> =
            kept.cycles.iter().map(|cycle| cycle.product.as_str()).collect();
        assert!(products.len() > 450, "{}", products.len());
        assert!(kept.cycles.iter().any(|cycle| cycle.product == "alpine-linux"
            && cycle.cycle == "3.23"
            && cycle.end == "2027-11-01"));
        assert!(
            kept.unsupported.iter().any(|entry| entry.stream == "debian:12" && entry.package == "wolfssl")
        );
        assert!(kept.rejected.len() < 5, "{:?}", kept.rejected);
    }
}
