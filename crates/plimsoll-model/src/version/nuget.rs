//! NuGet: up to four numbers, then SemVer 2.0.0 pre-releases without regard to case; build metadata does not count.

use super::Order;
use super::number::{Number, trim_trailing_zeros};
use super::semver::{Identifier, Pre, identifiers, leading_numbers};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    numbers: Vec<Number>,
    pre: Pre,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let text = lower.strip_prefix('v').unwrap_or(&lower);
        let text = match text.split_once('+') {
            Some((text, build)) => identifiers(build, true).map(|_: Vec<Identifier>| text)?,
            None => text,
        };
        let (mut numbers, rest) = leading_numbers(text)?;
        if numbers.len() > 4 {
            return None;
        }
        trim_trailing_zeros(&mut numbers);
        let pre = match rest.strip_prefix('-') {
            Some(pre) => Pre::Of(identifiers(pre, false)?),
            None if rest.is_empty() => Pre::None,
            None => return None,
        };
        Some(Key { numbers, pre })
    }

    fn is_prerelease(&self) -> bool {
        self.pre != Pre::None
    }

    fn branch(&self) -> Option<&Number> {
        Some(self.numbers.first().unwrap_or(&Number::ZERO))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::NuGet,
            &[
                "1.0 = 1.0.0.0",
                "1.0.0-BETA = 1.0.0-beta",
                "1.0.0 < 1.0.0.1",
                "1.0.0-a.2 < 1.0.0-a.10",
                "1.0+a = 1.0+b",
            ],
        );
        refuse(Scheme::NuGet, &["1.2.3.4.5", "1.0beta", "1.0-", "[1.0,)", "1.*"]);
        prereleases(Scheme::NuGet, &["1.0-beta"], &["1.0.0.1"]);
    }
}
