//! deb-version(7): `[epoch:]upstream[-revision]`.
//!
//! Read a little more leniently than the archive's policy: the upstream version may start with a letter and hold an
//! underscore, since opam orders by the same rules. What `dpkg --compare-versions` refuses is refused here.

use std::cmp::Ordering;

use super::number::{Number, compare_digits, take_while};
use super::{Order, order_by_cmp};

#[derive(Clone, Debug)]
pub(super) struct Key {
    epoch: Number,
    upstream: Box<[u8]>,
    /// Empty when there is none, which is the same as `0`.
    revision: Box<[u8]>,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (rest, ""),
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".+-~:_".contains(&byte);
        let readable = !epoch.is_empty()
            && epoch.bytes().all(|byte| byte.is_ascii_digit())
            && upstream.bytes().any(|byte| byte.is_ascii_digit())
            && rest.bytes().all(allowed);
        readable.then(|| Key {
            epoch: Number::new(epoch),
            upstream: upstream.as_bytes().into(),
            revision: revision.as_bytes().into(),
        })
    }

    fn is_prerelease(&self) -> bool {
        false
    }

    fn branch(&self) -> Option<&Number> {
        None
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&self.revision, &other.revision))
    }
}

order_by_cmp!(Key);

/// Turns of non-digits, compared by weight, and digits, compared by value. What is missing is empty.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_word, left_rest) = take_while(left, |byte| !byte.is_ascii_digit());
        let (right_word, right_rest) = take_while(right, |byte| !byte.is_ascii_digit());
        let (left_digits, left_rest) = take_while(left_rest, |byte| byte.is_ascii_digit());
        let (right_digits, right_rest) = take_while(right_rest, |byte| byte.is_ascii_digit());
        let order =
            compare_words(left_word, right_word).then_with(|| compare_digits(left_digits, right_digits));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn compare_words(left: &[u8], right: &[u8]) -> Ordering {
    let length = left.len().max(right.len());
    (0..length)
        .map(|index| weight(left.get(index).copied()))
        .cmp((0..length).map(|index| weight(right.get(index).copied())))
}

/// `~` comes before the end, the end before letters, letters before everything else.
fn weight(byte: Option<u8>) -> u16 {
    match byte {
        Some(b'~') => 0,
        None => 1,
        Some(letter) if letter.is_ascii_alphabetic() => u16::from(letter),
        Some(other) => u16::from(other) + 256,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Dpkg,
            &[
                "1.0 = 0:1.0",
                "1.0 = 1.0-0",
                "1.0 < 1:0.1",
                "1.0~rc1 < 1.0",
                "1.0~rc1~1 < 1.0~rc1",
                "1.0 > 1.0-0~1",
                "1.0-1~deb12u1 < 1.0-1",
                "1.0-1 < 1.0-1+b1",
                "1.0a < 1.0+",
                "1.0-1-2 > 1.0-1",
                "1.9 < 1.10",
                "1.09 = 1.9",
                "3.0.11-1~deb12u2 < 3.0.13-1~deb12u1",
            ],
        );
    }

    #[test]
    fn unreadable() {
        refuse(
            Scheme::Dpkg,
            &["1.0-", ":1.0", "a:1.0", "-1:1.0", "1:", "1:-1", "unfixed", "1.0/2", "1,2", "ä1"],
        );
    }
}
