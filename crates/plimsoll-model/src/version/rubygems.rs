//! RubyGems' Gem::Version: numbers and words; a word makes it a pre-release, `-` stands for `.pre.`.

use std::cmp::Ordering;

use super::number::Number;
use super::{Order, order_by_cmp};

#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Without zeros at the end, and without zeros before the first word.
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    /// Words come before numbers.
    Word(Box<str>),
    Number(Number),
}

const ZERO: Segment = Segment::Number(Number::ZERO);

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let readable = text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            && text.split('.').all(|part| !part.is_empty())
            && !text.ends_with('-');
        if !readable {
            return None;
        }
        let text = text.replace('-', ".pre.");
        let mut segments = Vec::new();
        let mut only_numbers = true;
        for part in text.split('.') {
            let mut rest = part;
            while let Some(first) = rest.bytes().next() {
                let digits = first.is_ascii_digit();
                let length = rest.bytes().take_while(|byte| byte.is_ascii_digit() == digits).count();
                let (segment, behind) = rest.split_at(length);
                if digits {
                    segments.push(Segment::Number(Number::new(segment)));
                } else {
                    // `1.0.a` is `1.a`; behind the first word zeros count.
                    if std::mem::take(&mut only_numbers) {
                        trim_zeros(&mut segments);
                    }
                    segments.push(Segment::Word(segment.into()));
                }
                rest = behind;
            }
        }
        trim_zeros(&mut segments);
        Some(Key { segments })
    }

    fn is_prerelease(&self) -> bool {
        self.segments.iter().any(|segment| matches!(segment, Segment::Word(_)))
    }

    fn branch(&self) -> Option<&Number> {
        match self.segments.first() {
            Some(Segment::Number(number)) => Some(number),
            _ => Some(&Number::ZERO),
        }
    }
}

fn trim_zeros(segments: &mut Vec<Segment>) {
    while segments.last() == Some(&ZERO) {
        segments.pop();
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let length = self.segments.len().max(other.segments.len());
        (0..length)
            .map(|index| {
                let left = self.segments.get(index).unwrap_or(&ZERO);
                left.cmp(other.segments.get(index).unwrap_or(&ZERO))
            })
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

order_by_cmp!(Key);

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::RubyGems,
            &[
                "1.0 = 1",
                "1.0.a = 1.a",
                "1.0.rc1 < 1.0",
                "1.0-1 = 1.0.pre.1",
                "1.0.a10 > 1.0.a9",
                "1.0.a.2 < 1.0.b1",
                "1.0.0 < 1.0.0.1",
                "0.0.a < 0",
            ],
        );
        refuse(Scheme::RubyGems, &["v1.0", "1..0", "1.0.", ".1", "1.15.0-x86_64-linux", "1.0-"]);
        prereleases(Scheme::RubyGems, &["1.0.rc1", "1.0-1"], &["1.0.1"]);
    }
}
