//! Charts that are packed: `shop-1.0.tgz`, as `helm package` makes them and registries keep them.
//!
//! A package is laid out in a temporary folder, and that is rendered as any chart. What is written there is regular files below
//! the one folder that a package has, by names that were made plain; no links, no modes. Bounds are those of Helm (3.18,
//! `pkg/chart/v2/loader`: 100 MiB unpacked, 5 MiB a file), which refuses what is larger.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use plimsoll_fs::{Entry, LayerSource, Limits, NoProgress, Visitor, Want, walk_layers};
use plimsoll_model::{Digest, Effect, Problem, ProblemKind, shortened};

use super::render::{CHART, Engine, Unit};

/// Most bytes of a package, unpacked.
const MAX_OPEN: u64 = 100 << 20;
/// Most bytes of one of its files.
const MAX_FILE: u64 = 5 << 20;
/// Most entries.
const MAX_ENTRIES: u64 = 20_000;

/// Whether a file is a package of a chart by its name. Others end like this, too, so that what is in it decides.
pub(super) fn is_package(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".tgz")
}

/// A package that is laid out, for as long as it is needed.
pub(super) struct Package {
    pub(super) unit: Unit,
    /// Its files, where they are now.
    pub(super) known: BTreeSet<PathBuf>,
    _folder: tempfile::TempDir,
}

/// What was found in a file whose name ends as that of a package.
pub(super) enum Found {
    Chart(Package),
    /// It could be read to its end, and holds no chart.
    Other,
}

struct Archive<'a>(&'a Path);

impl LayerSource for Archive<'_> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(self.0)?))
    }

    fn label(&self) -> String {
        self.0.display().to_string()
    }

    fn digest(&self) -> Option<&Digest> {
        None
    }

    fn diff_id(&self) -> Option<&Digest> {
        None
    }

    fn size(&self) -> Option<u64> {
        fs::metadata(self.0).ok().map(|file| file.len())
    }
}

struct Everything;

impl Visitor for Everything {
    type Output = Vec<u8>;

    fn wants(&self, _: &Entry<'_>) -> Want {
        Want::Whole { limit: MAX_FILE }
    }

    fn whole(&self, _: &Entry<'_>, content: &[u8]) -> Vec<u8> {
        content.to_vec()
    }

    fn stream(&self, _: &Entry<'_>, _: &mut dyn Read) -> io::Result<Vec<u8>> {
        Ok(Vec::new())
    }
}

/// Lays a package out below `temporary`. `shown` is what the file is called.
///
/// # Errors
/// What keeps it from being known. Of a file that was not `named` and shows no chart before it breaks, this is a note: there are
/// other archives.
pub(super) fn lay_out(path: &Path, shown: &str, named: bool, temporary: &Path) -> Result<Found, Problem> {
    let limits = Limits {
        max_entries: MAX_ENTRIES,
        max_open_bytes: MAX_OPEN,
        // What is small when it is open is no attack, however well it was packed.
        ratio_after: MAX_OPEN,
        max_buffered: 2 * MAX_FILE,
        max_kept: MAX_OPEN,
        ..Limits::default()
    };
    let walk = walk_layers(&[&Archive(path)], &Everything, &limits, &NoProgress);
    let unknown = |kind: ProblemKind, reason: &str| {
        let hint = format!("helm template {shown} --values ... | plimsoll check -");
        let detail = format!("this chart of Helm is unknown, {reason}: {hint}");
        Problem::incomplete(kind, shown, detail)
    };
    let broken = walk.problems.iter().find(|problem| problem.effect == Effect::Incomplete);
    // `NAME/Chart.yaml`, the one closest to the root.
    let tops: BTreeSet<&str> = walk
        .files
        .iter()
        .filter_map(|file| std::str::from_utf8(file.path.as_bytes()).ok()?.split_once('/'))
        .filter(|(_, rest)| *rest == CHART)
        .map(|(top, _)| top)
        .collect();
    let mut tops = tops.into_iter();
    let top = match (tops.next(), tops.next(), broken) {
        (Some(top), None, None) => top,
        (Some(_), None, Some(problem)) => {
            let reason = format!("its package is broken or too large: {}", problem.detail);
            return Err(unknown(problem.kind, &reason));
        }
        (Some(one), Some(other), _) => {
            let (one, other) = (shortened(one), shortened(other));
            let reason = format!("its package has two folders with a chart, `{one}` and `{other}`");
            return Err(unknown(ProblemKind::Corrupt, &reason));
        }
        (None, _, None) => return Ok(Found::Other),
        (None, _, Some(problem)) => {
            let detail = format!("whether it is a chart of Helm is not known: {}", problem.detail);
            return Err(Problem {
                effect: if named { Effect::Incomplete } else { Effect::Note },
                ..Problem::note(problem.kind, shown, detail)
            });
        }
    };
    let failed = |error: &io::Error| {
        unknown(
            ProblemKind::Unreadable,
            &format!("it cannot be laid out in {}: {error}", temporary.display()),
        )
    };
    let folder = tempfile::Builder::new()
        .prefix("plimsoll-chart-")
        .tempdir_in(temporary)
        .map_err(|error| failed(&error))?;
    let root = folder.path().join(top);
    let mut known = BTreeSet::new();
    for file in &walk.files {
        let name = String::from_utf8_lossy(file.path.as_bytes()).into_owned();
        let names = std::iter::once(file.path.as_bytes())
            .chain(file.other_names.iter().map(|(name, _)| name.as_bytes()));
        for bytes in names {
            // Names are plain (no `.`, no `..`, no slash in front) since the archive was read.
            let rest =
                std::str::from_utf8(bytes).ok().and_then(|name| name.strip_prefix(top)?.strip_prefix('/'));
            let Some(rest) = rest.filter(|rest| Path::new(rest).components().all(is_plain)) else {
                let reason = format!(
                    "its package holds a file outside of the folder `{}`: {}",
                    shortened(top),
                    shortened(&name)
                );
                return Err(unknown(ProblemKind::Corrupt, &reason));
            };
            let path = root.join(rest);
            path.parent()
                .map_or(Ok(()), fs::create_dir_all)
                .and_then(|()| fs::write(&path, &file.output))
                .map_err(|error| failed(&error))?;
            known.insert(path);
        }
    }
    let unit = Unit { engine: Engine::Helm, root, package: Some(shown.to_owned()) };
    Ok(Found::Chart(Package { unit, known, _folder: folder }))
}

fn is_plain(part: std::path::Component<'_>) -> bool {
    matches!(part, std::path::Component::Normal(_))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn packed(entries: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (name, content) in entries {
            let mut header = tar::Header::new_gnu();
            // Set as bytes: the library refuses the names that this is about.
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_entry_type(tar::EntryType::Regular);
            header.set_cksum();
            archive.append(&header, *content).expect("an entry");
        }
        gzip(&archive.into_inner().expect("an archive"))
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("bytes");
        encoder.finish().expect("a stream")
    }

    fn found(bytes: &[u8], named: bool) -> (tempfile::TempDir, Result<Found, Problem>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shop-1.0.tgz");
        fs::write(&path, bytes).expect("a package");
        let found = lay_out(&path, "shop-1.0.tgz", named, folder.path());
        (folder, found)
    }

    fn refused(bytes: &[u8], named: bool) -> Problem {
        let (folder, found) = found(bytes, named);
        let Err(problem) = found else { panic!("a problem") };
        let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").collect();
        assert_eq!(left.len(), 1, "nothing stays: {left:?}");
        problem
    }

    #[test]
    fn a_package_is_laid_out_and_goes_away() {
        let bytes = packed(&[("shop/Chart.yaml", b"name: shop"), ("./shop/templates/a/b.yaml", b"x")]);
        let (folder, found) = found(&bytes, false);
        let Ok(Found::Chart(package)) = found else { panic!("a chart") };
        assert_eq!(fs::read(package.unit.root.join("templates/a/b.yaml")).expect("a file"), b"x");
        assert_eq!((package.known.len(), package.unit.shown()), (2, "shop-1.0.tgz".to_owned()));
        drop(package);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_chart_is_left_and_what_breaks_is_told() {
        assert!(matches!(found(&packed(&[("a/index.js", b"")]), false).1, Ok(Found::Other)));
        // Further down it is a chart among other things.
        assert!(matches!(found(&packed(&[("a/b/Chart.yaml", b"")]), false).1, Ok(Found::Other)));
        let broken = packed(&[("a/index.js", &[7; 4000])]);
        assert_eq!(refused(&broken[..60], false).effect, Effect::Note);
        assert_eq!(refused(&broken[..60], true).effect, Effect::Incomplete);
        assert_eq!(refused(b"no archive", true).effect, Effect::Incomplete);
        let problem = refused(&packed(&[("a/Chart.yaml", b""), ("b/Chart.yaml", b"")]), false);
        assert!(problem.detail.contains("two folders with a chart, `a` and `b`"), "{problem:?}");
    }

    #[test]
    fn names_outside_of_the_folder_are_refused() {
        for name in ["../evil", "/etc/evil", "shop/../../evil", "shop/../other/evil", "evil", "shopping/evil"]
        {
            let problem = refused(&packed(&[("shop/Chart.yaml", b"name: shop"), (name, b"x")]), false);
            assert!(problem.detail.contains("outside of the folder `shop`"), "{name}: {problem:?}");
            assert_eq!(problem.effect, Effect::Incomplete);
        }
        // What stays below is below.
        let bytes = packed(&[("shop/Chart.yaml", b""), ("shop/a/../b", b"x")]);
        assert!(matches!(found(&bytes, false).1, Ok(Found::Chart(_))));
    }

    #[test]
    fn links_are_not_followed_and_bombs_end() {
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, "shop/templates", "/etc").expect("a link");
        let rest = archive.into_inner().expect("an archive");
        let files = packed(&[("shop/Chart.yaml", b"name: shop"), ("shop/templates/evil", b"x")]);
        let mut open = Vec::new();
        flate2::read::GzDecoder::new(&files[..]).read_to_end(&mut open).expect("bytes");
        // The link stands before the files: without the two empty blocks at its end.
        let bytes = gzip(&[&rest[..512], &open].concat());
        let (_folder, found) = found(&bytes, false);
        match found {
            Err(problem) => assert_eq!(problem.effect, Effect::Incomplete),
            Ok(Found::Chart(package)) => {
                assert!(package.known.iter().all(|path| path.starts_with(&package.unit.root)));
            }
            Ok(Found::Other) => panic!("a chart"),
        }
        assert!(!Path::new("/etc/evil").exists());
        let zeros = vec![0; 6 << 20];
        let large =
            refused(&packed(&[("shop/Chart.yaml", b"name: shop"), ("shop/files/zeros", &zeros)]), false);
        assert_eq!(large.kind, ProblemKind::LimitExceeded, "{large:?}");
        let zeros = vec![0; 4 << 20];
        let names: Vec<String> = (0..30).map(|number| format!("shop/files/{number}")).collect();
        let mut all: Vec<(&str, &[u8])> = vec![("shop/Chart.yaml", b"name: shop".as_slice())];
        all.extend(names.iter().map(|name| (name.as_str(), zeros.as_slice())));
        let bomb = refused(&packed(&all), false);
        assert!(bomb.detail.contains("more than 104857600 bytes"), "{bomb:?}");
    }
}
