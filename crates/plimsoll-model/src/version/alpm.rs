//! pacman's order: `[epoch:]version[-release]`, each part by libalpm's `rpmvercmp`, which is not today's RPM's.
//!
//! Parts are cut into words and numbers. A word glued to what is before it is older than nothing (`1.0rc` < `1.0`), one behind a
//! separator is newer (`1.0` < `1.0.a`), and more separators are newer than fewer.
//!
//! Two things differ from vercmp(8), which has no order for them: a version that ends in a separator is refused, and one without
//! release is older than the same one with any (vercmp calls it equal to all of them).

use super::Order;
use super::number::{Number, take_digits};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// A word without separator before it.
    Glued(Box<str>),
    End,
    /// Behind so many separators.
    Next(usize, Segment),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(Box<str>),
    Number(Number),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    epoch: Number,
    version: Vec<Token>,
    release: Option<Vec<Token>>,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => (epoch, rest),
            Some(_) => return None,
            None => ("", text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(tokens(release)?)),
            None => (rest, None),
        };
        Some(Key { epoch: Number::new(epoch), version: tokens(version)?, release })
    }

    fn is_prerelease(&self) -> bool {
        false
    }

    fn branch(&self) -> Option<&Number> {
        None
    }
}

fn tokens(text: &str) -> Option<Vec<Token>> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-^".contains(&byte);
    if !text.bytes().all(allowed) || !text.bytes().last()?.is_ascii_alphanumeric() {
        return None;
    }
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let separators = rest.bytes().take_while(|byte| !byte.is_ascii_alphanumeric()).count();
        let (digits, behind) = take_digits(&rest[separators..]);
        if digits.is_empty() {
            let length = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
            let (word, behind) = behind.split_at(length);
            tokens.push(match separators {
                0 => Token::Glued(word.into()),
                count => Token::Next(count, Segment::Word(word.into())),
            });
            rest = behind;
        } else {
            tokens.push(Token::Next(separators, Segment::Number(Number::new(digits))));
            rest = behind;
        }
    }
    tokens.push(Token::End);
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Alpm,
            &[
                // vercmp(8), "EXAMPLES".
                "1.0a < 1.0b",
                "1.0b < 1.0beta",
                "1.0beta < 1.0p",
                "1.0p < 1.0pre",
                "1.0pre < 1.0rc",
                "1.0rc < 1.0",
                "1.0 < 1.0.a",
                "1.0.a < 1.0.1",
                "1 < 1.0",
                "1.0 < 1.1",
                "1.1 < 1.1.1",
                "1.1.1 < 1.2",
                "1.2 < 2.0",
                "2.0 < 3.0.0",
                "1.0-1 < 1.0-2",
                "1:1.0-1 > 2.0-1",
                "0:1.0-1 = 1.0-1",
                "1.09-1 = 1.9-1",
                "1.0-1 < 1.0-1.1",
                "1.0 < 1.0-1",
                "1..1 > 1.1",
            ],
        );
        refuse(Scheme::Alpm, &["1.", "1.0-", "a:1", "1:2:3", "-1", "1/2"]);
    }
}
