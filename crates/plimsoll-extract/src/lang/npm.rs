//! What the npm world's formats share: names, versions, sources and integrity.

use std::collections::HashMap;

use plimsoll_model::{Algorithm, Digest, Ecosystem, ImagePath, Location, Package, Presence};

/// Property with the repository of a package that comes from git, commit included.
pub(crate) const VCS_URL: &str = "vcs_url";

/// Property with the address of a package that comes from a plain web server.
pub(crate) const DOWNLOAD_URL: &str = "download_url";

/// A package that a lockfile names on a line.
pub(crate) fn declared(path: &ImagePath, line: u32, name: &str, version: &str) -> Package {
    let location = Location::at_line(path.clone(), line);
    let mut package = Package::new(Ecosystem::Npm, name, clean_version(version), location);
    package.presence = Presence::Declared;
    package
}

/// Can this be a package's name? Not a full check: only what would make it another thing (a path, an address).
pub(crate) fn is_name(name: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.chars().any(|character| character.is_control() || " /\\:@".contains(character))
    };
    name.len() <= 256
        && match name.strip_prefix('@') {
            Some(scoped) => scoped.split_once('/').is_some_and(|(scope, name)| plain(scope) && plain(name)),
            None => plain(name),
        }
}

/// A version as npm reads it: `v1.2.3` and `=1.2.3` are 1.2.3.
pub(crate) fn clean_version(version: &str) -> &str {
    let trimmed = version.trim();
    let bare = trimmed.trim_start_matches(['=', ' ', 'v', 'V']);
    if bare.starts_with(|first: char| first.is_ascii_digit()) { bare } else { trimmed }
}

/// Splits `@scope/name@rest` and `name@rest`.
pub(crate) fn split_at_version(text: &str) -> Option<(&str, &str)> {
    let skip = usize::from(text.starts_with('@'));
    let at = skip + text.get(skip..)?.find('@')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Case does not count, as on the servers and file systems these addresses lead to.
fn has_suffix(text: &str, suffix: &str) -> bool {
    let start = text.len().saturating_sub(suffix.len());
    text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

/// Where a package comes from, by the address or range that a lockfile gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A registry.
    Registry,
    /// A git repository.
    Git,
    /// A tarball on some web server.
    Web,
    /// A folder of the project, or a link into it.
    Local,
}

/// Reads `git+ssh://…`, `github:a/b`, `https://…`, `file:…`, `link:…`, `workspace:…`; anything else is a registry's.
///
/// A web address that ends like a registry's (`/-/name-1.0.0.tgz`) or like a host of archives is told apart by the
/// caller, which knows whether the lock also states a version.
pub(crate) fn origin(text: &str) -> Origin {
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "file" | "link" | "workspace" | "portal" | "root" => Origin::Local,
        "git" | "github" | "gitlab" | "bitbucket" | "gist" | "ssh" => Origin::Git,
        _ if scheme.starts_with("git+") || text.starts_with("git@") => Origin::Git,
        "http" | "https" => {
            let before = text.split_once(['#', '?']).map_or(text, |(before, _)| before);
            let archive = text.starts_with("https://codeload.github.com/");
            if archive || has_suffix(before, ".git") { Origin::Git } else { Origin::Web }
        }
        _ => Origin::Registry,
    }
}

/// Is it the address of a packed package, which unlike a folder has a name and version of its own?
pub(crate) fn is_tarball(text: &str) -> bool {
    let before = text.split_once("::").map_or(text, |(before, _)| before);
    let before = before.split_once(['#', '?']).map_or(before, |(before, _)| before);
    has_suffix(before, ".tgz") || has_suffix(before, ".tar.gz")
}

/// Notes where a package that no registry has comes from; `false` when it is a folder of the project and no package.
pub(crate) fn note_origin(package: &mut Package, source: &str) -> bool {
    match origin(source) {
        Origin::Local => return is_tarball(source),
        Origin::Git => {
            package.properties.insert(VCS_URL.into(), source.into());
        }
        Origin::Web => {
            package.properties.insert(DOWNLOAD_URL.into(), source.into());
        }
        Origin::Registry => {}
    }
    true
}

/// Folders inside folders that hold packages by name, as Node.js looks for them.
///
/// A look-up costs the length of the name, not of the folder: otherwise a hostile lock with one long folder and many
/// names would cost their product.
#[derive(Default)]
pub(crate) struct Folders<'a> {
    holders: HashMap<&'a str, usize>,
    places: HashMap<(usize, &'a str), usize>,
}

impl<'a> Folders<'a> {
    /// The package `name` inside the package or project `holder` is entry `place`. The top is the empty text.
    pub(crate) fn insert(&mut self, holder: &'a str, name: &'a str, place: usize) {
        let next = self.holders.len();
        let holder = *self.holders.entry(holder).or_insert(next);
        self.places.insert((holder, name), place);
    }

    /// Where the package or project `owner` looks: in itself, in the folders above, at the top. Nothing real is nested
    /// deeper than the bound.
    pub(crate) fn above(&self, owner: &str) -> Vec<usize> {
        const DEEPEST: usize = 16;
        let mut folder = owner;
        let mut found = Vec::new();
        for _ in 0..DEEPEST {
            if folder.is_empty() {
                break;
            }
            found.extend(self.holders.get(folder));
            folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
        }
        found.extend(self.holders.get(""));
        found
    }

    /// Where `name` is found first.
    pub(crate) fn find(&self, above: &[usize], name: &str) -> Option<usize> {
        above.iter().find_map(|holder| self.places.get(&(*holder, name)).copied())
    }
}

/// What can be reached from `starts`, each place visited once.
pub(crate) fn reachable(
    count: usize,
    starts: impl IntoIterator<Item = usize>,
    mut next: impl FnMut(usize, &mut Vec<usize>),
) -> Vec<bool> {
    let mut seen = vec![false; count];
    let mut waiting: Vec<usize> = starts.into_iter().collect();
    while let Some(place) = waiting.pop() {
        if let Some(seen) = seen.get_mut(place)
            && !std::mem::replace(seen, true)
        {
            next(place, &mut waiting);
        }
    }
    seen
}

/// Digests of a Subresource Integrity text (`sha512-… sha1-…`, W3C SRI section 3.5) that the model has a name for.
pub(crate) fn integrity(text: &str) -> Vec<Digest> {
    let mut digests: Vec<Digest> = text
        .split_ascii_whitespace()
        .filter_map(|part| {
            let (name, rest) = part.split_once('-')?;
            let algorithm = match name {
                "sha1" => Algorithm::Sha1,
                "sha256" => Algorithm::Sha256,
                "sha512" => Algorithm::Sha512,
                _ => return None,
            };
            let encoded = rest.split_once('?').map_or(rest, |(hash, _)| hash);
            Digest::from_bytes(algorithm, &base64(encoded)?)
        })
        .take(8)
        .collect();
    digests.sort();
    digests.dedup();
    digests
}

/// RFC 4648 section 4, short texts only: nothing longer than a SHA-512 is needed.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=');
    if digits.len() > 128 {
        return None;
    }
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut buffer, mut bits) = (0_u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        buffer = (buffer << 6 | u32::from(value)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integrity_becomes_digests() {
        let sha1 = "sha1-ml9pkFGx5wczKPKgCJaLZOopVdI=";
        assert_eq!(integrity(sha1)[0].to_string(), "sha1:9a5f699051b1e7073328f2a008968b64ea2955d2");
        assert_eq!(integrity(&format!("{sha1} md5-AAAA sha512-AAAA {sha1}?x")).len(), 1);
        assert_eq!(base64("aGVsbG8=").unwrap(), b"hello");
        assert_eq!(base64("a*"), None);
    }

    #[test]
    fn names_and_versions() {
        for (name, expected) in [
            ("a", true),
            ("@s/a", true),
            ("@s", false),
            ("a/b", false),
            ("", false),
            (".bin", false),
            ("@s/a/b", false),
        ] {
            assert_eq!(is_name(name), expected, "{name}");
        }
        for (version, expected) in
            [("v1.2.3", "1.2.3"), ("= 1.2.3", "1.2.3"), ("vnext", "vnext"), ("1.0", "1.0")]
        {
            assert_eq!(clean_version(version), expected);
        }
        assert_eq!(split_at_version("@s/a@1"), Some(("@s/a", "1")));
        assert_eq!(split_at_version("a@npm:b@1"), Some(("a", "npm:b@1")));
        assert_eq!(split_at_version("@s/a"), None);
        assert_eq!(split_at_version(""), None);
    }

    #[test]
    fn origins() {
        for (text, expected) in [
            ("git+ssh://git@github.com/a/b.git#1", Origin::Git),
            ("github:a/b#1", Origin::Git),
            ("git@github.com:a/b", Origin::Git),
            ("https://github.com/a/b.git#1", Origin::Git),
            ("https://codeload.github.com/a/b/tar.gz/1", Origin::Git),
            ("https://registry.example.org/a/-/a-1.0.0.tgz", Origin::Web),
            ("file:../a", Origin::Local),
            ("workspace:*", Origin::Local),
            ("^1.0.0", Origin::Registry),
            ("npm:b@1", Origin::Registry),
        ] {
            assert_eq!(origin(text), expected, "{text}");
        }
    }
}
