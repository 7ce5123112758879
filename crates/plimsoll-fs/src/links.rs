//! Links of a finished tree: those to directories that matter when paths are compared, and those to files where they are
//! asked for.

use plimsoll_model::ImagePath;

use crate::index::{KeySet, keys_of};
use crate::{DirectoryLink, Limits, Visited};

/// Of the symbolic links `links`, those of the root directory and those that lead to directories on the way to `files`;
/// then those that lead to one of `files`, where `limits` ask for them.
///
/// `resolve` follows the links on the way to a path, not one at its end.
pub(crate) fn directory_links<'l, O>(
    files: &[Visited<O>],
    links: impl Iterator<Item = &'l ImagePath>,
    limits: &Limits,
    mut resolve: impl FnMut(&ImagePath) -> Option<ImagePath>,
) -> (Vec<DirectoryLink>, Vec<DirectoryLink>) {
    let mut directories = KeySet::default();
    let mut names = KeySet::default();
    let mut keys = Vec::new();
    for file in files {
        for name in std::iter::once(&file.path).chain(file.other_names.iter().map(|(name, _)| name)) {
            keys_of(name.as_bytes(), &mut keys);
            let own = keys.pop();
            if let Some(own) = own.filter(|_| limits.file_links) {
                names.insert(own);
            }
            for key in keys.iter().rev() {
                if !directories.insert(*key) {
                    break;
                }
            }
        }
    }
    let mut found = Vec::new();
    let mut of_files = Vec::new();
    for path in links {
        let inside = ImagePath::new(&[path.as_bytes(), b"/_"].concat());
        let Some(resolved) = resolve(&inside) else { continue };
        let target = ImagePath::new(resolved.parent().unwrap_or(&[]));
        keys_of(target.as_bytes(), &mut keys);
        let last = keys.last();
        let used = last.is_some_and(|key| directories.contains(key));
        if last.is_some_and(|key| names.contains(key)) && of_files.len() as u64 <= limits.max_entries {
            of_files.push(DirectoryLink { path: path.clone(), target: target.clone() });
        }
        if used || path.parent().is_none() {
            found.push(DirectoryLink { path: path.clone(), target });
        }
    }
    found.sort();
    found.truncate(limits.max_links);
    of_files.sort();
    (found, of_files)
}
