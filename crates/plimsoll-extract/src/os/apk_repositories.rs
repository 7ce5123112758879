//! `etc/apk/repositories`: the branch that Alpine's packages really come from.
//!
//! Format: apk-repositories(5). One address or directory per line, `#` comments, `@tag` in front of a repository that only
//! packages asked for with that tag come from. Only the branch is read (`v3.18`, `edge`, `latest-stable` names none), as
//! the directory before the repository's name: `https://mirror/alpine/v3.18/main`.

use plimsoll_fs::Entry;
use plimsoll_model::{ImagePath, ProblemKind};

use super::{Problems, lines, release, text};
use crate::{Extraction, Extractor, Reader};

/// Branches of Alpine repositories.
pub static APK_REPOSITORIES: Extractor = Extractor {
    name: "os/apk_repositories",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| entry.path.as_bytes() == b"etc/apk/repositories",
    read: Reader::Whole { limit: 1 << 20, parse },
};

/// Reads the file. Mixed branches are a note, and the newest one counts (`edge` above all), since its packages win.
/// Repositories of other distributions (Wolfi, Chainguard) name no branch and give no candidate.
pub fn parse(path: &ImagePath, input: &[u8]) -> Extraction {
    let mut problems = Problems::new(path);
    let mut branches: Vec<(u32, u32, String)> = Vec::new();
    for (number, line) in lines(input) {
        let line = line.trim_ascii();
        if line.starts_with(b"#") || line.is_empty() {
            continue;
        }
        let line = text(line);
        let mut words = line.split_ascii_whitespace();
        let first = words.next().unwrap_or_default();
        let tag = first.strip_prefix('@');
        let address = if tag.is_some() { words.next().unwrap_or_default() } else { first };
        let Some(branch) = branch(address) else { continue };
        if let Some(tag) = tag {
            problems.note(
                ProblemKind::Unsupported,
                format!("line {number}: packages installed with the tag @{tag} come from {}", branch.2),
            );
        } else if !branches.contains(&branch) && branches.len() < 100 {
            branches.push(branch);
        }
    }
    branches.sort_unstable();
    if branches.len() > 1 {
        let names: Vec<_> = branches.iter().map(|(_, _, name)| name.as_str()).collect();
        problems.note(
            ProblemKind::Corrupt,
            format!("branches are mixed ({}); the newest counts", names.join(", ")),
        );
    }
    let releases = branches
        .pop()
        .map(|(_, _, version)| (release::REPOSITORIES, release::candidate("alpine", &version, "", path)));
    Extraction {
        releases: releases.into_iter().collect(),
        problems: problems.finish(),
        ..Extraction::default()
    }
}

/// The branch of `https://mirror/alpine/v3.18/main`, as major, minor, and text. Edge is newer than all.
fn branch(address: &str) -> Option<(u32, u32, String)> {
    let mut parts = address.trim_end_matches('/').rsplit('/');
    let repository = parts.next()?;
    if !matches!(repository, "main" | "community" | "testing" | "releases" | "backports" | "non-free") {
        return None;
    }
    let branch = parts.next()?;
    if branch == "edge" {
        return Some((u32::MAX, 0, branch.to_owned()));
    }
    let (major, minor) = branch.strip_prefix('v')?.split_once('.')?;
    let (major, minor) = (major.parse().ok()?, minor.parse().ok()?);
    Some((major, minor, format!("{major}.{minor}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(input: &str, expected: Option<&str>, problems: usize) {
        let found = parse(&ImagePath::from("etc/apk/repositories"), input.as_bytes());
        assert_eq!(
            found.releases.first().map(|(_, release)| release.version.as_str()),
            expected,
            "{input:?}"
        );
        assert_eq!(found.problems.len(), problems, "{input:?}: {:?}", found.problems);
    }

    #[test]
    fn branches() {
        check(
            "https://dl-cdn.alpinelinux.org/alpine/v3.18/main\nhttps://x/alpine/v3.18/community\n",
            Some("3.18"),
            0,
        );
        check("http://x/alpine/edge/main\n", Some("edge"), 0);
        check("http://x/alpine/v3.9/main\nhttp://x/alpine/v3.10/main\n", Some("3.10"), 1);
        check("http://x/alpine/v3.18/main\nhttp://x/alpine/edge/testing\n", Some("edge"), 1);
        check("http://x/alpine/v3.18/main\n@edge http://x/alpine/edge/testing\n", Some("3.18"), 1);
        check("http://x/alpine/v3.18/main\n#http://x/alpine/edge/testing\n", Some("3.18"), 0);
        check("https://packages.wolfi.dev/os\n", None, 0);
        check("/media/cdrom/apks\n\nhttps://x/alpine/latest-stable/main\n@\n", None, 0);
    }
}
