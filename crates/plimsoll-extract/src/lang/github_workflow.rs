//! Actions that GitHub workflows and composite actions use: `uses: owner/repository/path@ref`.
//!
//! Lines are read one by one: a reference that is pinned to a commit says its version in the comment behind it, which a YAML
//! reader drops. A branch or a bare commit is no version: it is listed with its address and without one. Local actions and
//! images are left out.
//!
//! Format: docs.github.com, "Workflow syntax: jobs.<job_id>.steps[*].uses".

use std::collections::HashSet;

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Package, Relation, Scope};

use super::npm::VCS_URL;
use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Actions of workflows.
pub static GITHUB_WORKFLOW: Extractor = Extractor {
    name: "lang/github_workflow",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    let (path, name) = (entry.path.as_bytes(), entry.path.file_name());
    let is_yaml = name.ends_with(b".yml") || name.ends_with(b".yaml");
    let folder = entry.path.parent().unwrap_or_default();
    is_yaml
        && (folder == b".github/workflows"
            || folder.ends_with(b"/.github/workflows")
            || (matches!(name, b"action.yml" | b"action.yaml")
                && (path.starts_with(b".github/") || memchr::memmem::find(path, b"/.github/").is_some())))
}

/// Reads a workflow. The same reference is listed once, where it stands first.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    let mut seen = HashSet::new();
    for (line, number) in text.lines().zip(1_u32..) {
        let line = line.trim_start();
        let line = line.strip_prefix("- ").unwrap_or(line).trim_start();
        let Some(value) = line.strip_prefix("uses:").filter(|value| value.starts_with([' ', '\t'])) else {
            continue;
        };
        let (value, comment) = value.split_once(" #").unwrap_or((value, ""));
        let value = value.trim().trim_matches(['"', '\'']);
        if value.is_empty()
            || value.starts_with("./")
            || value.starts_with("docker://")
            || !seen.insert(value)
        {
            continue;
        }
        if packages.len() >= MOST_PACKAGES {
            problems.push(too_many(path, number));
            break;
        }
        match action(path, number, value, comment) {
            Some(package) => packages.push(package),
            None => problems.line(number, "no reference of an action"),
        }
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

fn action(path: &ImagePath, number: u32, value: &str, comment: &str) -> Option<Package> {
    let (place, reference) = value.split_once('@')?;
    let mut parts = place.split('/');
    let (owner, repository) = (parts.next()?, parts.next()?);
    if !is_plain(owner) || !is_plain(repository) || !is_plain(reference) || value.contains("${{") {
        return None;
    }
    let is_commit = reference.len() == 40 && reference.bytes().all(|byte| byte.is_ascii_hexdigit());
    let stated = if is_commit {
        comment.split_whitespace().find_map(|word| version(word.strip_prefix("tag=").unwrap_or(word)))
    } else {
        version(reference)
    };
    let name = format!("{owner}/{repository}");
    let mut package = declared(Ecosystem::GitHubActions, path, number, &name, stated.unwrap_or_default());
    package.relation = Relation::Direct;
    package.scope = Scope::Development;
    if is_commit || stated.is_none() {
        package.properties.insert(VCS_URL.into(), format!("https://github.com/{name}#{reference}"));
    }
    Some(package)
}

/// `v4.1.1` and `2.0` are versions. `v4` alone is a tag that moves: which release it is cannot be told from the file.
fn version(text: &str) -> Option<&str> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let mut parts = bare.split('.');
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(parts.next()?) && is_number(parts.next()?)).then_some(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow() {
        let path = ImagePath::from(".github/workflows/ci.yml");
        let wanted = |path: &str| wants(&Entry { path: &path.into(), size: 1, mode: 0o644 });
        assert!(wanted(".github/workflows/ci.yml") && wanted("srv/a/.github/actions/x/action.yaml"));
        assert!(!wanted("action.yml") && !wanted(".github/dependabot.yml"));
        let found = parse(&path, include_bytes!("../../fixtures/lang/github_workflow/ci.yml"));
        crate::lang::expect(
            &found,
            &[
                "tj-actions/changed-files@45.0.7 6 Direct Development",
                "actions/checkout@4.1.1 7 Direct Development",
                "actions/setup-node@ 9 Direct Development",
                "acme/workflows@ 16 Direct Development",
            ],
            0,
        );
        assert_eq!(found.packages[2].properties["vcs_url"], "https://github.com/actions/setup-node#v4");
        let bad = include_bytes!("../../fixtures/lang/github_workflow/bad.yml");
        crate::lang::expect(&parse(&path, bad), &["a/b@1.0.0 1 Direct Development"], 3);
    }
}
