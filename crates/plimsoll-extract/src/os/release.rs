//! Which release a target is, out of everything that says so.
//!
//! No single file is trusted to be there: images lose `etc/os-release` (a link into `usr/lib`), `etc/debian_version`, or
//! all but one of them. Every file gives a candidate with a rank, and [`resolve`] makes one release of them.

use plimsoll_model::{Problem, ProblemKind, Release};

/// `etc/apk/repositories`: names the branch that packages really come from, never the distribution.
pub const REPOSITORIES: u8 = 110;
/// What Red Hat's images say of the repositories that their packages are from: never the distribution.
pub const CONTENT_SETS: u8 = 105;
/// `etc/os-release`, which os-release(5) prefers to the one below.
pub const OS_RELEASE: u8 = 100;
/// `usr/lib/os-release`.
pub const OS_RELEASE_VENDOR: u8 = 90;
/// A file that only this distribution has: `etc/alpine-release`, `etc/oracle-release`.
pub const OWN_FILE: u8 = 60;
/// `etc/system-release`, often a link to a file of the above.
pub const SYSTEM_RELEASE: u8 = 50;
/// `etc/lsb-release`.
pub const LSB_RELEASE: u8 = 40;
/// A file that derivatives keep from their parent: `etc/redhat-release` in Oracle Linux, `etc/debian_version` in Ubuntu.
pub const FAMILY_FILE: u8 = 30;
/// An os-release without `ID`, which os-release(5) reads as `linux`.
pub const UNNAMED: u8 = 1;

/// Debian's codenames and the versions that they have or will have (Debian's release history, wiki.debian.org/DebianReleases).
const DEBIAN_CODENAMES: &[(&str, &str)] = &[
    ("sarge", "3.1"),
    ("etch", "4"),
    ("lenny", "5"),
    ("squeeze", "6"),
    ("wheezy", "7"),
    ("jessie", "8"),
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
    ("sid", "sid"),
    ("unstable", "sid"),
];

/// The version of a Debian codename: `trixie` is 13 from the first day of testing on. `sid` stays `sid`.
pub fn debian_version_of(codename: &str) -> Option<&'static str> {
    DEBIAN_CODENAMES.iter().find(|(name, _)| *name == codename).map(|(_, version)| *version)
}

/// Makes one release of everything that files said, as (rank, candidate).
///
/// The greatest rank decides which distribution it is. Others of the same distribution fill what it leaves open: version,
/// point release, codename, name, CPE. Where `etc/apk/repositories` names another branch than the release file, the
/// branch prevails, because packages come from there. Contradictions are notes. The order of the candidates does not matter.
pub fn resolve(candidates: Vec<(u8, Release)>) -> (Option<Release>, Vec<Problem>) {
    let (manifests, mut candidates): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(rank, _)| *rank == CONTENT_SETS);
    let content_sets: std::collections::BTreeSet<String> =
        manifests.into_iter().flat_map(|(_, manifest)| manifest.content_sets).collect();
    candidates.sort_by(|(left_rank, left), (right_rank, right)| {
        right_rank.cmp(left_rank).then_with(|| {
            (&left.path, &left.id, &left.version).cmp(&(&right.path, &right.id, &right.version))
        })
    });
    candidates.dedup();
    let (branches, files): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|(rank, _)| *rank == REPOSITORIES);
    let mut problems = Vec::new();
    let mut others = files.into_iter();
    let Some((rank, mut release)) = others.next() else {
        return (branches.into_iter().next().map(|(_, release)| release), problems);
    };
    for (other_rank, other) in others {
        if other.id == release.id {
            fill(&mut release, other, &mut problems);
        } else if differ(rank, &release, other_rank, &other) {
            problems.push(contradiction(&release, &other, &release.id, &other.id));
        }
    }
    for (_, branch) in branches {
        if branch.id != release.id || branch.version.is_empty() {
            continue;
        }
        if release.version.is_empty() {
            release.version = branch.version;
        } else if !agree(&release.version, &branch.version) {
            problems.push(Problem::note(
                ProblemKind::Corrupt,
                &branch.path,
                format!(
                    "packages come from {} {}, but {} says {}; the repositories prevail",
                    branch.id, branch.version, release.path, release.version
                ),
            ));
            release.version = branch.version;
            release.point = None;
        }
    }
    release.content_sets = content_sets.into_iter().collect();
    (Some(release), problems)
}

/// Two files name different distributions: a contradiction only when neither is of the kind that derivatives inherit.
fn differ(rank: u8, release: &Release, other_rank: u8, other: &Release) -> bool {
    if rank >= OS_RELEASE_VENDOR && other_rank >= OS_RELEASE_VENDOR {
        return true;
    }
    match (release.distribution(), other.distribution()) {
        (Some(one), Some(two)) => one.ecosystem != two.ecosystem,
        _ => false,
    }
}

fn fill(release: &mut Release, other: Release, problems: &mut Vec<Problem>) {
    if release.version.is_empty() {
        release.version = other.version;
        release.point = release.point.take().or(other.point);
    } else if other.version.is_empty() || agree(&release.version, &other.version) {
        let longer = (other.version.len() > release.version.len()).then_some(other.version);
        release.point = release.point.take().or(other.point).or(longer);
    } else {
        problems.push(contradiction(release, &other, &release.version, &other.version));
        return;
    }
    release.codename = release.codename.take().or(other.codename);
    release.cpe = release.cpe.take().or(other.cpe);
    if release.name.is_empty() {
        release.name = other.name;
    }
}

/// `12` and `12.5` agree, `12` and `11.3` do not, `1` and `12` do not.
fn agree(one: &str, two: &str) -> bool {
    one.split('.').zip(two.split('.')).all(|(left, right)| left == right)
}

fn contradiction(release: &Release, other: &Release, kept: &str, refused: &str) -> Problem {
    Problem::note(
        ProblemKind::Corrupt,
        &other.path,
        format!("says `{refused}`, but {} says `{kept}`, which prevails", release.path),
    )
}

/// A release as a file names it.
pub(crate) fn candidate(id: &str, version: &str, name: &str, path: &plimsoll_model::ImagePath) -> Release {
    let mut release = Release {
        id: id.to_owned(),
        version: version.to_owned(),
        name: name.to_owned(),
        path: path.to_string(),
        ..Release::default()
    };
    settle(&mut release);
    release
}

/// What is known of single distributions: Debian's codenames; Alpine's snapshots, which are edge.
pub(crate) fn settle(release: &mut Release) {
    match release.id.as_str() {
        "debian" if release.version.is_empty() => {
            if let Some(version) = release.codename.as_deref().and_then(debian_version_of) {
                version.clone_into(&mut release.version);
            }
        }
        // Edge calls itself after the release that it will become: `3.21_alpha20240807`.
        "alpine" if release.version.contains("_alpha") => {
            release.point = Some(std::mem::replace(&mut release.version, "edge".to_owned()));
        }
        _ => {}
    }
}

/// Reads arbitrary bytes as every release file: no panic, and the order of the candidates does not matter.
pub fn fuzz(input: &[u8]) {
    let mut candidates = Vec::new();
    let etc = |name: &str| plimsoll_model::ImagePath::from(format!("etc/{name}").as_str());
    for (rank, name) in [(OS_RELEASE, "os-release"), (OS_RELEASE_VENDOR, "os-release")] {
        candidates.extend(super::os_release::parse(&etc(name), input).0.map(|release| (rank, release)));
    }
    for found in [
        super::lsb_release::parse(&etc("lsb-release"), input),
        super::debian_version::parse(&etc("debian_version"), input),
        super::alpine_release::parse(&etc("alpine-release"), input),
        super::apk_repositories::parse(&etc("apk/repositories"), input),
        super::named_release::parse(&etc("SuSE-release"), input),
        super::named_release::parse(&etc("redhat-release"), input),
    ] {
        candidates.extend(found.releases);
    }
    let turned: Vec<_> = candidates.iter().rev().cloned().collect();
    let (release, problems) = resolve(candidates);
    assert_eq!((release, problems), resolve(turned));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_sets_of_all_layers_belong_to_the_release() {
        let manifest = |sets: &[&str]| {
            let content_sets = sets.iter().map(|set| (*set).to_owned()).collect();
            (
                CONTENT_SETS,
                Release { content_sets, path: "root/buildinfo/a.json".into(), ..Release::default() },
            )
        };
        let file = Release { id: "rhel".into(), version: "9.2".into(), ..Release::default() };
        let (release, problems) =
            resolve(vec![manifest(&["b", "a"]), (OS_RELEASE, file), manifest(&["c", "a"])]);
        assert_eq!(release.unwrap().content_sets, ["a", "b", "c"]);
        assert_eq!(problems, []);
        assert_eq!(resolve(vec![manifest(&["a"])]).0, None);
    }

    fn candidates(list: &[(u8, &str, &str, Option<&str>)]) -> Vec<(u8, Release)> {
        list.iter()
            .map(|(rank, id, version, point)| {
                let path = format!("file{rank}").as_str().into();
                let mut release = candidate(id, version, "", &path);
                release.point = release.point.or(point.map(str::to_owned));
                (*rank, release)
            })
            .collect()
    }

    fn check(list: &[(u8, &str, &str, Option<&str>)], expected: &str, problems: usize) {
        for turn in 0..list.len().max(1) {
            let mut candidates = candidates(list);
            candidates.rotate_left(turn);
            let (release, found) = resolve(candidates);
            let text = release.map_or(String::from("none"), |release| {
                format!("{} {} {}", release.id, release.version, release.point.unwrap_or_default())
            });
            assert_eq!(text.trim_end(), expected, "{list:?}");
            assert_eq!(found.len(), problems, "{list:?}: {found:?}");
        }
    }

    #[test]
    fn the_greatest_rank_decides_and_others_fill() {
        check(&[], "none", 0);
        check(&[(FAMILY_FILE, "debian", "12", Some("12.5"))], "debian 12 12.5", 0);
        check(
            &[(OS_RELEASE, "debian", "12", None), (FAMILY_FILE, "debian", "12", Some("12.5"))],
            "debian 12 12.5",
            0,
        );
        check(&[(OS_RELEASE, "debian", "", None), (FAMILY_FILE, "debian", "14", None)], "debian 14", 0);
        check(
            &[(OS_RELEASE, "centos", "7", None), (OWN_FILE, "centos", "7.9.2009", None)],
            "centos 7 7.9.2009",
            0,
        );
        check(
            &[(OS_RELEASE, "ubuntu", "22.04", None), (FAMILY_FILE, "debian", "12", None)],
            "ubuntu 22.04",
            0,
        );
        check(&[(OS_RELEASE, "ol", "8.10", None), (FAMILY_FILE, "rhel", "8.10", None)], "ol 8.10", 0);
        check(&[(UNNAMED, "linux", "", None), (FAMILY_FILE, "debian", "11", None)], "debian 11", 0);
    }

    #[test]
    fn contradictions_are_notes() {
        check(
            &[(OS_RELEASE, "debian", "12", None), (FAMILY_FILE, "debian", "11", Some("11.3"))],
            "debian 12",
            1,
        );
        check(&[(OS_RELEASE, "debian", "12", None), (OWN_FILE, "alpine", "3.18.4", None)], "debian 12", 1);
        check(&[(OS_RELEASE, "debian", "1", None), (FAMILY_FILE, "debian", "12", None)], "debian 1", 1);
        check(
            &[(OS_RELEASE, "debian", "12", None), (OS_RELEASE_VENDOR, "ubuntu", "22.04", None)],
            "debian 12",
            1,
        );
    }

    #[test]
    fn repositories_prevail_over_the_release_file() {
        check(&[(REPOSITORIES, "alpine", "3.18", None)], "alpine 3.18", 0);
        check(
            &[(REPOSITORIES, "alpine", "3.18", None), (OS_RELEASE, "alpine", "3.18.4", None)],
            "alpine 3.18.4",
            0,
        );
        check(
            &[(REPOSITORIES, "alpine", "edge", None), (OS_RELEASE, "alpine", "3.18.4", None)],
            "alpine edge",
            1,
        );
        check(&[(REPOSITORIES, "alpine", "3.18", None), (OS_RELEASE, "alpine", "", None)], "alpine 3.18", 0);
        check(
            &[(REPOSITORIES, "alpine", "3.18", None), (OS_RELEASE, "postmarketos", "v23", None)],
            "postmarketos v23",
            0,
        );
        check(
            &[(REPOSITORIES, "alpine", "edge", None), (OS_RELEASE, "alpine", "3.21_alpha20240807", None)],
            "alpine edge 3.21_alpha20240807",
            0,
        );
    }
}
