//! VEX hubs: repositories of OpenVEX documents (VEX Repository Specification 0.1: `index.json` names the document of each
//! product) and vendors' own collections without an index.
//!
//! `vex/*.zip`, or a folder below `vex/` for each hub. Statements go into the database as they are; nothing is
//! suppressed by them until a user says whom to believe.

use std::collections::BTreeSet;
use std::path::Path;

use super::files::{self, Passed};
use super::upstream::{self, How, Remote, Serves, Terms, Upstream};
use super::{Feed, HubStatement, Part, Sink};
use crate::error::Error;
use crate::hub::{self, Index};
use crate::vex;

/// The feed.
pub static VEXHUB: Feed = Feed { name: "vex", find, read, upstreams: UPSTREAMS };

static UPSTREAMS: &[Upstream] = &[
    hub("vex/aquasecurity-vexhub", || {
        upstream::repository("aquasecurity/vexhub", "main", "vex/aquasecurity-vexhub.zip")
    }),
    hub("vex/rancher-vexhub", || upstream::repository("rancher/vexhub", "main", "vex/rancher-vexhub.zip")),
];

const fn hub(source: &'static str, files: fn() -> Vec<Remote>) -> Upstream {
    Upstream { source, terms: Terms::Open, serves: Serves::Extra, how: How::Files(files) }
}

/// Licence notices by how the hub's name starts.
static LICENCES: &[(&str, &str)] = &[
    ("aquasecurity", "Apache-2.0 (VEX Hub)"),
    ("docker-hardened-images", "Apache-2.0 (Docker Hardened Images)"),
    ("rancher", "CC-BY-4.0 (Rancher VEX hub)"),
];

fn find(from: &Path) -> Result<Vec<Part>, Error> {
    let root = from.join("vex");
    if !root.is_dir() {
        return Ok(Vec::new());
    }
    let error = |source| Error::Read { path: root.clone(), source };
    let mut parts = Vec::new();
    for entry in std::fs::read_dir(&root).map_err(error)? {
        let entry = entry.map_err(error)?;
        let (Ok(name), Ok(kind)) = (entry.file_name().into_string(), entry.file_type()) else { continue };
        let hub = match name.strip_suffix(".zip") {
            Some(hub) if kind.is_file() => hub,
            None if kind.is_dir() => name.as_str(),
            _ => continue,
        };
        let licence = LICENCES.iter().find(|(start, _)| hub.starts_with(start));
        parts.push(Part {
            source: format!("vex/{hub}"),
            path: entry.path(),
            licence: licence.map_or("licence not stated", |(_, licence)| licence),
        });
    }
    parts.sort_by(|left, right| left.source.cmp(&right.source));
    Ok(parts)
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

fn read(part: &Part, sink: &mut dyn Sink) -> Result<(), Error> {
    // Documents that the index names; without an index all of them.
    let mut indexed: Option<BTreeSet<String>> = None;
    files::each(&part.path, &|name| base(name) == "index.json", &mut |name, passed| match passed {
        Passed::Unreadable(reason) => sink.rejected(reason, name),
        Passed::Content(content) => match Index::parse(content) {
            Err(_) => sink.rejected("the index cannot be read: all documents are taken", name),
            Ok(index) => {
                let folder = name.strip_suffix(base(name)).unwrap_or_default();
                if !index.updated_at.is_empty() {
                    sink.dated(&index.updated_at);
                }
                let set = indexed.get_or_insert_default();
                for package in index.packages {
                    let Some(location) = hub::plain(&package.location) else {
                        sink.skipped("a document that the index places outside of the hub", &package.id);
                        continue;
                    };
                    if !set.insert(format!("{folder}{location}")) {
                        sink.skipped("a document that the index names twice", &package.id);
                    }
                }
            }
        },
    })?;
    let mut missing = indexed.clone().unwrap_or_default();
    let json = |name: &str| Path::new(base(name)).extension().is_some_and(|extension| extension == "json");
    let administrative = ["index.json", "manifest.json", "vex-repository.json"];
    let wanted = |name: &str| json(name) && !administrative.contains(&base(name));
    files::each(&part.path, &wanted, &mut |name, passed| {
        missing.remove(name);
        match passed {
            Passed::Unreadable(reason) => sink.rejected(reason, name),
            Passed::Content(_) if indexed.as_ref().is_some_and(|indexed| !indexed.contains(name)) => {
                sink.skipped("a document that the index does not name", name);
            }
            Passed::Content(content) => parse(content, name, sink),
        }
    })?;
    for name in missing {
        sink.skipped("the index names a document that is not there", &name);
    }
    Ok(())
}

/// Reads one document of a hub.
pub fn parse(content: &[u8], name: &str, sink: &mut dyn Sink) {
    let Ok(document) = vex::Document::parse(content) else {
        return sink.rejected("no VEX document that can be read", name);
    };
    if !document.date.is_empty() {
        sink.dated(&document.date);
    }
    for statement in document.statements {
        for product in statement.products {
            let Some(purl) = product.identifiers.iter().find(|text| text.starts_with("pkg:")) else {
                sink.skipped("a product that is not named by a package URL", name);
                continue;
            };
            sink.statement(HubStatement {
                document: if document.id.is_empty() { name.to_owned() } else { document.id.clone() },
                product: purl.clone(),
                subcomponents: product
                    .subcomponents
                    .iter()
                    .filter_map(|component| component.identifiers.first().cloned())
                    .collect(),
                vulnerability: statement.vulnerability.clone(),
                status: statement.status.word().to_owned(),
                justification: statement.reason.clone(),
                date: statement.date.clone(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Kept;
    use std::collections::BTreeMap;

    const DOCUMENT: &str = r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"d","timestamp":"2024-01-01T00:00:00Z","statements":[
        {"vulnerability":{"name":"CVE-2024-1","aliases":["GHSA-1"]},"status":"not_affected","justification":"component_not_present",
         "products":[{"@id":"pkg:oci/a","subcomponents":[{"@id":"pkg:npm/b"}]},{"@id":"nginx"}]}]}"#;

    fn hub(files: &[(&str, &str)]) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join("vex/my-hub").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let parts = find(folder.path()).unwrap();
        assert_eq!(parts[0].source, "vex/my-hub");
        let mut kept = Kept::default();
        read(&parts[0], &mut kept).unwrap();
        kept
    }

    #[test]
    fn statements() {
        let kept = hub(&[("x/a.vex.json", DOCUMENT)]);
        assert_eq!(
            kept.statements,
            [HubStatement {
                document: "d".into(),
                product: "pkg:oci/a".into(),
                subcomponents: vec!["pkg:npm/b".into()],
                vulnerability: vec!["CVE-2024-1".into(), "GHSA-1".into()],
                status: "not_affected".into(),
                justification: "component_not_present".into(),
                date: "2024-01-01T00:00:00Z".into(),
            }]
        );
        assert_eq!(kept.skipped, [("a product that is not named by a package URL", "x/a.vex.json".into())]);
    }

    #[test]
    fn the_index_names_the_documents() {
        let index = r#"{"updated_at":"2026-03-23T00:48:43Z","packages":[{"id":"pkg:oci/a","location":"x/a.json"},{"id":"pkg:oci/b","location":"x/b.json"}]}"#;
        let kept = hub(&[
            ("index.json", index),
            ("x/a.json", DOCUMENT),
            ("x/other.json", DOCUMENT),
            ("x/manifest.json", "{}"),
        ]);
        assert_eq!(kept.statements.len(), 1);
        let reasons: Vec<&str> = kept.skipped.iter().map(|(reason, _)| *reason).collect();
        assert_eq!(
            reasons,
            [
                "a product that is not named by a package URL",
                "a document that the index does not name",
                "the index names a document that is not there",
            ]
        );
        let broken = hub(&[("index.json", "{"), ("x/a.json", DOCUMENT), ("x/b.json", "{")]);
        assert_eq!((broken.statements.len(), broken.rejected.len()), (1, 2));
    }

    #[test]
    fn the_shared_hubs() {
        let Some(root) = plimsoll_testing::shared("data") else { return };
        let mut seen = Vec::new();
        for part in find(&root).unwrap() {
            let mut kept = Kept::default();
            read(&part, &mut kept).unwrap();
            assert_eq!(kept.rejected, [], "{}", part.source);
            let mut skipped: BTreeMap<&str, usize> = BTreeMap::new();
            for (reason, _) in &kept.skipped {
                *skipped.entry(reason).or_default() += 1;
            }
            seen.push(format!("{} {} {skipped:?}", part.source, kept.statements.len()));
        }
        assert_eq!(
            seen,
            [
                r#"vex/aquasecurity-vexhub 15348 {"a document that the index does not name": 2}"#,
                "vex/docker-hardened-images 66474 {}",
                r#"vex/rancher-vexhub-subset 12734 {"the index names a document that is not there": 607}"#,
            ]
        );
    }
}
