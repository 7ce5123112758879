//! R's `renv.lock`.
//!
//! Format: rstudio.github.io/renv, "renv.lock".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem};

use super::npm::VCS_URL;
use super::tree::{self, Node};
use super::{declared, is_plain};
use crate::{Extraction, Extractor, Reader};

/// R's lockfile.
pub static RENV_LOCK: Extractor = Extractor {
    name: "lang/renv_lock",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name() == b"renv.lock"
}

/// Reads a lockfile. What stands before a break is still reported.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let document = tree::json(&text);
    let mut problems = document.problems(path);
    let list = document.root.get("Packages");
    if problems.is_empty() && list.is_none() {
        problems.push(Problem::corrupt(path, "no lockfile: it has no `Packages`"));
    }
    let mut packages = Vec::new();
    for (key, node) in list.map_or(&[][..], Node::entries) {
        let name = node.text("Package").unwrap_or(key);
        let Some(version) = node.text("Version").filter(|_| is_plain(name)) else {
            problems.line(node.line, "a package without name or version");
            continue;
        };
        let mut package = declared(Ecosystem::Cran, path, node.line, name, version);
        let address = node.text("RemoteUrl").map(str::to_owned).or_else(|| {
            let (user, repository) = node.text("RemoteUsername").zip(node.text("RemoteRepo"))?;
            (node.text("Source") == Some("GitHub")).then(|| format!("https://github.com/{user}/{repository}"))
        });
        match (address, node.text("Repository")) {
            (Some(address), _) if node.text("Source") != Some("Repository") => {
                let commit = node.text("RemoteSha").unwrap_or_default();
                package.properties.insert(VCS_URL.into(), format!("{address}#{commit}"));
            }
            (_, Some(repository)) if !matches!(repository, "CRAN" | "RSPM") => {
                package.properties.insert("repository".into(), repository.to_owned());
            }
            _ => {}
        }
        packages.push(package);
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let found = parse(&"renv.lock".into(), include_bytes!("../../fixtures/lang/renv_lock/renv.lock"));
        crate::lang::expect(
            &found,
            &["commonmark@1.7 7 Unknown Runtime", "forked@0.1.0 13 Unknown Runtime"],
            0,
        );
        assert_eq!(found.packages[1].properties["vcs_url"], "https://github.com/acme/forked#0a1b2c3d");
        let bad = include_bytes!("../../fixtures/lang/renv_lock/bad.lock");
        crate::lang::expect(&parse(&"renv.lock".into(), bad), &["a@1.0 2 Unknown Runtime"], 2);
        crate::lang::expect(&parse(&"renv.lock".into(), b"{}"), &[], 1);
    }
}
