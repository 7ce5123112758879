//! Comparing one value: globs, paths, bytes, networks, and many prefixes at once. Nothing here allocates.

use std::net::IpAddr;

/// Whether a glob is the whole text: `*` any bytes, `?` one, `[a-z]` and `[!a-z]` one of a set, `\` the next byte as it
/// is. As fnmatch(3) without flags: `*` crosses `/`. Time grows with the product of both lengths at most.
pub(super) fn glob(pattern: &str, text: &str, folded: bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place) = (0, 0);
    // Behind the last star, and what it has not swallowed yet.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            at += 1;
            star = Some((at, place));
            continue;
        }
        match text.get(place) {
            None if at == pattern.len() => return true,
            None => return false,
            Some(byte) => {
                if let Some(length) = one(&pattern[at..], *byte, folded) {
                    at += length;
                    place += 1;
                    continue;
                }
            }
        }
        let Some((behind, from)) = &mut star else { return false };
        *from += 1;
        (at, place) = (*behind, *from);
    }
}

/// How many bytes of the pattern stand for this one byte; nothing when they do not.
fn one(pattern: &[u8], byte: u8, folded: bool) -> Option<usize> {
    let fold = |byte: u8| if folded { byte.to_ascii_lowercase() } else { byte };
    let same = |wanted: u8| fold(wanted) == fold(byte);
    match *pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte, folded) {
            Some((length, true)) => Some(length),
            Some((_, false)) => None,
            None => same(b'[').then_some(1),
        },
        b'\\' => match pattern.get(1) {
            Some(next) => same(*next).then_some(2),
            None => same(b'\\').then_some(1),
        },
        wanted => same(wanted).then_some(1),
    }
}

/// The length of a set and whether the byte is in it; nothing for a `[` that is never closed.
fn set(pattern: &[u8], byte: u8, folded: bool) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let mut at = first;
    let mut found = false;
    let candidates = [
        byte,
        if folded { byte.to_ascii_lowercase() } else { byte },
        if folded { byte.to_ascii_uppercase() } else { byte },
    ];
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((at + 1, found != negated));
        }
        if pattern.get(at + 1) == Some(&b'-') && pattern.get(at + 2).is_some_and(|high| *high != b']') {
            let high = pattern[at + 2];
            found |= candidates.iter().any(|byte| (low..=high).contains(byte));
            at += 3;
        } else {
            found |= candidates.contains(&low);
            at += 1;
        }
    }
}

/// Whether a path is one of the wanted ones or below it; a part of a wanted path may be a glob.
pub(super) fn path(wanted: &str, path: &str) -> bool {
    let mut parts = path.split('/').filter(|part| !part.is_empty());
    let mut wanted = wanted.split('/').filter(|part| !part.is_empty());
    wanted.all(|wanted| {
        parts.next().is_some_and(|part| {
            wanted == part || (wanted.contains(['*', '?', '[']) && glob(wanted, part, false))
        })
    })
}

/// The bytes that hexadecimal digits stand for.
pub(super) fn bytes(digits: &str) -> Option<Vec<u8>> {
    let digits = digits.as_bytes();
    let value = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    digits.chunks(2).map(|pair| Some(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Network {
    /// IPv4 as mapped into IPv6, host bits cleared.
    base: u128,
    /// Bits of 128.
    prefix: u8,
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= width)?
            }
            Some(_) => return None,
        };
        let prefix = prefix + (128 - width);
        Some(Self { base: mapped(address) & mask(prefix), prefix })
    }

    pub(super) fn contains(&self, address: IpAddr) -> bool {
        mapped(address) & mask(self.prefix) == self.base
    }
}

fn mask(prefix: u8) -> u128 {
    if prefix == 0 { 0 } else { u128::MAX << (128 - u32::from(prefix)) }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Many prefixes, each with numbers: all that a text begins with are found in one pass over its bytes.
#[derive(Debug)]
pub(super) struct Prefixes {
    nodes: Vec<Step>,
}

#[derive(Debug, Default)]
struct Step {
    /// Sorted by byte.
    next: Vec<(u8, u32)>,
    ends: Vec<u32>,
}

impl Prefixes {
    /// Of byte strings, in the direction in which they will be read.
    pub(super) fn new<I: Iterator<Item = u8>>(prefixes: impl Iterator<Item = (I, u32)>) -> Self {
        let mut nodes = vec![Step::default()];
        for (prefix, number) in prefixes {
            let mut node = 0;
            for byte in prefix {
                let found = nodes[node].next.binary_search_by_key(&byte, |step| step.0);
                node = match found {
                    Ok(at) => nodes[node].next[at].1 as usize,
                    Err(at) => {
                        let new = nodes.len();
                        nodes[node]
                            .next
                            .insert(at, (byte, u32::try_from(new).expect("rules are smaller than 4 GiB")));
                        nodes.push(Step::default());
                        new
                    }
                };
            }
            nodes[node].ends.push(number);
        }
        Self { nodes }
    }

    /// Tells the numbers of all prefixes of a text.
    pub(super) fn find(&self, text: impl Iterator<Item = u8>, mut found: impl FnMut(u32)) {
        let mut node = &self.nodes[0];
        node.ends.iter().copied().for_each(&mut found);
        for byte in text {
            let next = match &node.next[..] {
                [only] => (only.0 == byte).then_some(only.1),
                many => many.binary_search_by_key(&byte, |step| step.0).ok().map(|at| many[at].1),
            };
            let Some(next) = next else { return };
            node = &self.nodes[next as usize];
            node.ends.iter().copied().for_each(&mut found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Network, Prefixes, bytes, glob, path};

    #[test]
    fn globs() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(glob(pattern, text, false), expected, "{pattern} {text}");
        };
        check("/home/*/.ssh/*", "/home/a/b/.ssh/id", true);
        check("/home/*/.ssh/*", "/root/.ssh/id", false);
        check("*../*../*", "/a/../../b", true);
        check("a?c", "abc", true);
        check("a?c", "ac", false);
        check("[a-c]x", "bx", true);
        check("[!a-c]x", "bx", false);
        check("[]a]", "]", true);
        check("[a", "[a", true);
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("", "", true);
        check("*", "", true);
        assert!(glob("A[B-C]*", "abd", true) && !glob("A*", "abd", false));
        // Not exponential.
        check(&"a*".repeat(40), &"a".repeat(20_000), true);
        check(&format!("{}b", "a*".repeat(40)), &"a".repeat(20_000), false);
    }

    #[test]
    fn paths() {
        let check = |wanted: &str, value: &str, expected: bool| {
            assert_eq!(path(wanted, value), expected, "{wanted} {value}");
        };
        check("/etc", "/etc/passwd", true);
        check("/etc", "/etc", true);
        check("/etc/", "/etc", true);
        check("/etc", "/etcetera", false);
        check("/etc/passwd", "/etc", false);
        check("/home/*/.ssh", "/home/a/.ssh/id", true);
        check("/", "/a", true);
    }

    #[test]
    fn networks_and_bytes() {
        let check = |network: &str, address: &str, expected: bool| {
            let network = Network::parse(network).unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?} {address}");
        };
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("127.0.0.1", "127.0.0.1", true);
        check("::/0", "10.0.0.1", true);
        check("0.0.0.0/0", "fe80::1", false);
        check("fe80::/10", "fe80::1", true);
        assert!(
            ["10.0.0.0/33", "10.0.0.0/", "10.0.0", "10.0.0.0/+8", ""]
                .iter()
                .all(|text| Network::parse(text).is_none())
        );
        assert_eq!(bytes("caFE"), Some(vec![0xca, 0xfe]));
        assert!(bytes("cafeb").is_none() && bytes("").is_none() && bytes("+a").is_none());
    }

    #[test]
    fn all_prefixes_are_found() {
        let words = ["", "/", "/etc", "/etc/", "/usr"];
        let prefixes = Prefixes::new(
            words.iter().enumerate().map(|(at, word)| (word.bytes(), u32::try_from(at).unwrap())),
        );
        let mut found = Vec::new();
        prefixes.find("/etc/passwd".bytes(), |number| found.push(number));
        assert_eq!(found, [0, 1, 2, 3]);
    }
}
