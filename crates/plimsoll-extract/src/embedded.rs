//! SBOMs that stand inside of what they describe: CycloneDX in JSON, of which the components' package URLs are read.
//!
//! Format: CycloneDX 1.4 to 1.7, `components[].purl`, also of components within components.

use plimsoll_model::purl::{self, Purl};
use plimsoll_model::{ImagePath, Location, Package, Problem, ProblemKind};
use serde::Deserialize;

use crate::Extraction;
use crate::os::MAX_PACKAGES;

/// Name of the property that a package of another distribution has: see `package-type` in docs.
const FOREIGN: &str = "package-type";

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "bomFormat", default)]
    form: String,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

#[derive(Deserialize)]
struct Component {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    purl: Option<String>,
    #[serde(default)]
    components: Option<Vec<Component>>,
}

/// Adds the packages of the SBOM at `path`. `what` says what it is for whoever reads of a problem, `identity` how it is known.
pub(crate) fn packages(path: &ImagePath, json: &[u8], what: &str, identity: &str, found: &mut Extraction) {
    let document: Document = match serde_json::from_slice::<Document>(json) {
        Ok(document) if document.form == "CycloneDX" => document,
        Ok(_) => {
            let detail = format!("{what} is of another form than CycloneDX");
            return found.problems.push(Problem::incomplete(ProblemKind::Unsupported, path, detail));
        }
        Err(error) => {
            return found.problems.push(Problem::corrupt(path, format!("{what} is damaged: {error}")));
        }
    };
    let mut waiting: Vec<Component> = document.components.unwrap_or_default();
    waiting.reverse();
    let mut unnamed = 0_u64;
    let before = found.packages.len();
    while let Some(component) = waiting.pop() {
        waiting.extend(component.components.into_iter().flatten().rev());
        let Some(text) = component.purl.filter(|purl| !purl.is_empty()) else {
            unnamed += u64::from(matches!(component.kind.as_str(), "library" | "application" | "framework"));
            continue;
        };
        let described = Purl::parse_lenient(&text).ok().as_ref().and_then(purl::to_package);
        let Some(described) = described.filter(|described| !described.version.is_empty()) else {
            unnamed += 1;
            continue;
        };
        if found.packages.len() - before >= MAX_PACKAGES {
            let detail = format!("{what} has more than {MAX_PACKAGES} components");
            found.problems.push(Problem::incomplete(ProblemKind::LimitExceeded, path, detail));
            return;
        }
        let mut ecosystem = described.ecosystem;
        let mut package =
            Package::new(ecosystem, described.name, described.version, Location::new(path.clone()));
        if ecosystem.is_distribution() {
            // A library that was copied from the system on which this was built: not of the distribution that runs it.
            package.properties.insert(FOREIGN.into(), ecosystem.name().into());
            ecosystem = plimsoll_model::Ecosystem::Generic;
            package.ecosystem = ecosystem;
        }
        package.architecture = described.architecture;
        package.properties.insert("identity".into(), identity.into());
        found.packages.push(package);
    }
    if unnamed > 0 {
        let detail = format!("{what} has {unnamed} components whose package or version it does not name");
        found.problems.push(Problem::note(ProblemKind::Unsupported, path, detail));
    }
}

/// Any bytes as an SBOM. Public for fuzzing.
pub fn fuzz(data: &[u8]) {
    let mut found = Extraction::default();
    packages(&ImagePath::from("a"), data, "it", "sbom", &mut found);
    assert!(found.packages.iter().all(|package| !package.name.is_empty() && !package.version.is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components() {
        let check = |text: &str, expected: &[&str], problems: usize| {
            let mut found = Extraction::default();
            packages(&ImagePath::from("a"), text.as_bytes(), "the SBOM", "sbom", &mut found);
            let shown: Vec<String> = found
                .packages
                .iter()
                .map(|package| {
                    let foreign = package.properties.get(FOREIGN).cloned().unwrap_or_default();
                    format!("{} {} {} {foreign}", package.ecosystem.name(), package.name, package.version)
                })
                .collect();
            assert_eq!(
                (shown, found.problems.len()),
                (expected.iter().map(|line| (*line).to_owned()).collect(), problems),
                "{text}"
            );
        };
        check(
            r#"{"bomFormat":"CycloneDX","specVersion":"1.5","components":[
            {"type":"library","name":"x","purl":"pkg:maven/org.slf4j/slf4j-api@2.0.0"},
            {"type":"library","name":"libgfortran","purl":"pkg:rpm/almalinux/libgfortran@8.5.0-22.el8_10?distro=almalinux-8.10",
             "components":[{"type":"library","purl":"pkg:cargo/serde@1.0.1"}]},
            {"type":"library","name":"mine"},{"type":"file","name":"f"},{"type":"library","purl":"pkg:maven/a/b"}]}"#,
            &[
                "maven org.slf4j:slf4j-api 2.0.0 ",
                "generic libgfortran 8.5.0-22.el8_10 rpm",
                "cargo serde 1.0.1 ",
            ],
            1,
        );
        check(r#"{"bomFormat":"CycloneDX"}"#, &[], 0);
        check(r#"{"spdxVersion":"SPDX-2.3"}"#, &[], 1);
        check("{", &[], 1);
    }

    proptest::proptest! {
        #[test]
        fn never_panics(content in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), word in "[{}\\[\\]\":,a-z@/]{0,60}") {
            fuzz(&content);
            fuzz(format!("{{\"bomFormat\":\"CycloneDX\",\"components\":[{{\"purl\":\"{word}\"}}]}}").as_bytes());
        }
    }
}
