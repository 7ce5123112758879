//! rpm-version(7): `[epoch:]version[-release]`, each part by rpmvercmp.
//!
//! rpm itself has two rules for a missing release: dependencies (`Requires: a = 1.0`) then compare the version only, packages
//! are sorted with "no release" before any release. The second is an order, the first is not (`1.0-1` and `1.0-2` would both equal
//! `1.0` but not each other), so it is the second one here.

use std::cmp::Ordering;

use super::number::{Number, compare_digits, take_while};
use super::{Order, order_by_cmp};

#[derive(Clone, Debug)]
pub(super) struct Key {
    epoch: Number,
    version: Box<[u8]>,
    release: Option<Box<[u8]>>,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            // A colon behind anything but digits belongs to the version.
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            _ => ("", text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        // What stands for "no version" in feeds, never in a version.
        let readable = !version.is_empty() && !rest.contains(['<', '>', '=', ',', ';', '"', '\'', '|']);
        readable.then(|| Key {
            epoch: Number::new(epoch),
            version: version.as_bytes().into(),
            release: release.map(|release| release.as_bytes().into()),
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
        self.epoch.cmp(&other.epoch).then_with(|| compare_part(&self.version, &other.version)).then_with(
            || match (&self.release, &other.release) {
                (Some(left), Some(right)) => compare_part(left, right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            },
        )
    }
}

order_by_cmp!(Key);

/// What comes next, in the order in which rpmvercmp ranks it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

fn next(rest: &[u8]) -> Next {
    match rest.first() {
        None => Next::End,
        Some(b'~') => Next::Tilde,
        Some(b'^') => Next::Caret,
        Some(byte) if byte.is_ascii_digit() => Next::Digits,
        Some(_) => Next::Letters,
    }
}

/// rpmvercmp: runs of digits by value, runs of letters by bytes; everything else only separates.
fn compare_part(mut left: &[u8], mut right: &[u8]) -> Ordering {
    let separates = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^';
    loop {
        left = take_while(left, separates).1;
        right = take_while(right, separates).1;
        let kind = next(left);
        let order = kind.cmp(&next(right));
        if order.is_ne() || kind == Next::End {
            return order;
        }
        let order;
        match kind {
            Next::Tilde | Next::Caret => {
                order = Ordering::Equal;
                (left, right) = (&left[1..], &right[1..]);
            }
            Next::Digits => {
                let (left_digits, left_rest) = take_while(left, |byte| byte.is_ascii_digit());
                let (right_digits, right_rest) = take_while(right, |byte| byte.is_ascii_digit());
                order = compare_digits(left_digits, right_digits);
                (left, right) = (left_rest, right_rest);
            }
            Next::Letters | Next::End => {
                let (left_word, left_rest) = take_while(left, |byte| byte.is_ascii_alphabetic());
                let (right_word, right_rest) = take_while(right, |byte| byte.is_ascii_alphabetic());
                order = left_word.cmp(right_word);
                (left, right) = (left_rest, right_rest);
            }
        }
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Rpm,
            &[
                "1.0 = 1_0",
                "1.0 = 0:1.0",
                "1.0 < 1:0.1",
                "1.0~rc1 < 1.0",
                "1.0 < 1.0^git1",
                "1.0^git1 < 1.0.1",
                "1.0a < 1.0.1",
                "1.0 < 1.0-1.el9",
                "1.0-1.el9 < 1.0-1.el9_2",
                "4.18.0-372.9.1.el8 < 4.18.0-477.10.1.el8_8",
                "1:1.1.1k-9.el8_7 > 1.1.1w",
            ],
        );
    }

    #[test]
    fn unreadable() {
        refuse(Scheme::Rpm, &["1:", "-1", "0:-1", "< 1.0", ">=1.0", "1.0,2.0"]);
    }
}
