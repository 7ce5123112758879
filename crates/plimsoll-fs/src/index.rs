//! The names of a layer, as keyed hashes, and the way through symbolic links.
//!
//! A name takes eight bytes whatever its length. The hash is keyed anew in each process, so that nobody can prepare two
//! names that collide; by chance one of five million names meets another with a probability of about 1 in a million.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::LazyLock;

use plimsoll_model::ImagePath;

static KEYED: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The key of the root directory.
pub(crate) const ROOT: u64 = 0;

/// Two bits above those that hash tables take the position from, two below those they take the tag from.
const MARK_SHIFT: u32 = 52;
const MARK_BITS: u64 = 0b111 << MARK_SHIFT;

/// Symbolic links that are followed in one path; Linux' own limit (path_resolution(7)).
const MAX_HOPS: usize = 40;

/// The key of something in a directory.
pub(crate) fn child(parent: u64, name: &[u8]) -> u64 {
    KEYED.hash_one((parent, name)) & !MARK_BITS
}

/// Replaces `keys` by those of every directory on the way to `path`, root first, and of `path` itself, last.
pub(crate) fn keys_of(path: &[u8], keys: &mut Vec<u64>) {
    keys.clear();
    keys.push(ROOT);
    if path.is_empty() {
        return;
    }
    let mut key = ROOT;
    for name in path.split(|byte| *byte == b'/') {
        key = child(key, name);
        keys.push(key);
    }
}

/// What a layer says about a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// A directory: hides a file of that name.
    Directory,
    /// A directory that is not listed, but must be there for something in it.
    Implied,
    /// Anything else: hides what has that name and all below.
    File,
    /// Removed: hides what has that name and all below.
    Whiteout,
    /// Was something else first, and is a directory now.
    Replaced,
    /// A directory without what lower layers put into it.
    Opaque,
}

impl Mark {
    fn bits(self) -> u64 {
        (self as u64) << MARK_SHIFT
    }
}

/// Hands keys on as they are: they are hashes already.
#[derive(Default)]
pub(crate) struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// A set of keys.
pub(crate) type KeySet = HashSet<u64, BuildHasherDefault<Identity>>;

/// Everything a layer names.
#[derive(Debug, Default)]
pub(crate) struct LayerIndex {
    marks: KeySet,
}

impl LayerIndex {
    /// Adds what a layer says about a name. Of what the layer itself has there only the last stays.
    pub(crate) fn insert(&mut self, key: u64, mark: Mark) {
        let states: &[Mark] = match mark {
            Mark::Directory => &[Mark::File, Mark::Implied],
            Mark::Implied => &[Mark::File],
            Mark::File => &[Mark::Directory, Mark::Implied],
            Mark::Whiteout | Mark::Replaced | Mark::Opaque => &[],
        };
        for state in states {
            // What a file hid stays hidden when a directory takes its place.
            if self.marks.remove(&(key | state.bits())) && *state == Mark::File {
                self.marks.insert(key | Mark::Replaced.bits());
            }
        }
        self.marks.insert(key | mark.bits());
    }

    pub(crate) fn has(&self, key: u64, mark: Mark) -> bool {
        self.marks.contains(&(key | mark.bits()))
    }

    /// Is a file of a lower layer hidden? `keys` as [`keys_of`] gives them.
    pub(crate) fn hides(&self, keys: &[u64]) -> bool {
        let Some((own, above)) = keys.split_last() else { return false };
        if self.marks.is_empty() {
            return false;
        }
        [Mark::File, Mark::Directory, Mark::Whiteout, Mark::Implied, Mark::Replaced]
            .iter()
            .any(|mark| self.has(*own, *mark))
            || self.hides_below(above)
    }

    /// Is a symbolic link of a lower layer hidden? A directory that is only implied may well be what the link leads to.
    pub(crate) fn hides_link(&self, keys: &[u64]) -> bool {
        let Some((own, above)) = keys.split_last() else { return false };
        [Mark::File, Mark::Directory, Mark::Whiteout, Mark::Replaced].iter().any(|mark| self.has(*own, *mark))
            || self.hides_below(above)
    }

    /// Is everything in the last of these directories hidden?
    pub(crate) fn hides_below(&self, directories: &[u64]) -> bool {
        directories.iter().any(|key| {
            [Mark::File, Mark::Whiteout, Mark::Opaque, Mark::Replaced]
                .iter()
                .any(|mark| self.has(*key, *mark))
        })
    }
}

/// Which directories of a path a layer lists before something in them.
///
/// Exact but for a directory more than 64 levels below the first one that is not listed: that one counts as not listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listed {
    from_root: usize,
    /// Of the levels below those, the first in the lowest bit.
    further: u64,
}

impl Listed {
    /// `levels` says it of every directory of the path, the one in the root first.
    pub(crate) fn new(levels: impl Iterator<Item = bool>) -> Self {
        let mut levels = levels.peekable();
        let mut listed = Listed::default();
        while levels.next_if(|listed| *listed).is_some() {
            listed.from_root += 1;
        }
        for (bit, level) in levels.take(64).enumerate() {
            listed.further |= u64::from(level) << bit;
        }
        listed
    }

    /// How many are listed without a gap, counted from the root.
    pub(crate) fn without_gap(self) -> usize {
        self.from_root
    }

    /// Is the directory `depth` levels below the root listed? The first level is 1.
    pub(crate) fn has(self, depth: usize) -> bool {
        match depth.checked_sub(self.from_root + 1) {
            None => depth > 0,
            Some(bit) => bit < 64 && self.further >> bit & 1 == 1,
        }
    }
}

/// A path leads in circles, becomes too long, or takes too many steps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endless;

/// Follows the symbolic links on the way to `path`, not one at its end, never over the root.
///
/// `link` says where a link leads; it is given paths that are free of links up to their last component. What does not
/// exist is taken for a directory. `path` is normal; each directory on the way takes one of `steps`.
pub(crate) fn resolve(
    path: &[u8],
    max_path: usize,
    steps: &mut u64,
    mut link: impl FnMut(&ImagePath) -> Option<Vec<u8>>,
) -> Result<ImagePath, Endless> {
    // Components still to walk, the next one last.
    let mut ahead: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect();
    let mut done: Vec<u8> = Vec::new();
    let mut hops = 0;
    while let Some(name) = ahead.pop() {
        match name.as_slice() {
            b"" | b"." => continue,
            b".." => {
                done.truncate(done.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                continue;
            }
            _ => {}
        }
        let before = done.len();
        if before > 0 {
            done.push(b'/');
        }
        done.extend_from_slice(&name);
        if done.len() > max_path {
            return Err(Endless);
        }
        if ahead.is_empty() {
            break;
        }
        *steps = steps.checked_sub(1).ok_or(Endless)?;
        if let Some(target) = link(&ImagePath::new(&done)) {
            hops += 1;
            if hops > MAX_HOPS {
                return Err(Endless);
            }
            done.truncate(if target.first() == Some(&b'/') { 0 } else { before });
            ahead.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
        }
    }
    Ok(ImagePath::new(&done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_inside() {
        let link = |path: &ImagePath| {
            Some(match path.as_bytes() {
                b"lib" => b"usr/lib".to_vec(),
                b"abs" => b"/usr/lib/../share".to_vec(),
                b"out" => b"../../../etc".to_vec(),
                b"usr/self" => b".".to_vec(),
                b"loop" => b"loop".to_vec(),
                b"chain" => b"lib/".to_vec(),
                _ => return None,
            })
        };
        for (path, expected) in [
            ("a/b", "a/b"),
            ("lib/x", "usr/lib/x"),
            ("lib", "lib"),
            ("abs/x", "usr/share/x"),
            ("out/passwd", "etc/passwd"),
            ("usr/self/self/x", "usr/x"),
            ("chain/x", "usr/lib/x"),
        ] {
            let resolved = resolve(path.as_bytes(), 4096, &mut 1000, link).unwrap();
            assert_eq!(resolved, ImagePath::from(expected), "{path}");
        }
        assert_eq!(resolve(b"loop/x", 4096, &mut 1000, link), Err(Endless));
    }

    #[test]
    fn listed_directories() {
        for levels in [vec![], vec![true; 3], vec![false, true], vec![true, false, true, false, true]] {
            let listed = Listed::new(levels.iter().copied());
            for (depth, level) in (1..).zip(levels.iter().copied().chain([false])) {
                assert_eq!(listed.has(depth), level, "{levels:?} at {depth}");
            }
        }
        let deep = Listed::new((0..200).map(|level| level != 1));
        assert_eq!((deep.without_gap(), deep.has(2), deep.has(65), deep.has(66)), (1, false, true, false));
    }

    #[test]
    fn what_hides_what() {
        let keys = |path: &str| {
            let mut keys = Vec::new();
            keys_of(path.as_bytes(), &mut keys);
            keys
        };
        for (mark, own, below) in [
            (Mark::Directory, true, false),
            (Mark::Implied, true, false),
            (Mark::File, true, true),
            (Mark::Whiteout, true, true),
            (Mark::Replaced, true, true),
            (Mark::Opaque, false, true),
        ] {
            let mut index = LayerIndex::default();
            index.insert(*keys("a/b").last().unwrap(), mark);
            assert_eq!(index.hides(&keys("a/b")), own, "{mark:?}");
            assert_eq!(index.hides(&keys("a/b/c")), below, "{mark:?}");
            assert!(!index.hides(&keys("a")) && !index.hides(&keys("a/bb")), "{mark:?}");
        }
    }
}
