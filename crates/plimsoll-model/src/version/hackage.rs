//! Haskell's Package Versioning Policy: numbers with dots; `1.0` is before `1.0.0`.

use super::Order;
use super::number::{Number, numbers};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(Vec<Number>);

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        numbers(text, &['.']).map(Key)
    }

    fn is_prerelease(&self) -> bool {
        false
    }

    fn branch(&self) -> Option<&Number> {
        self.0.first()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, refuse};

    #[test]
    fn order() {
        check(Scheme::Hackage, &["1.0 < 1.0.0", "1.9 < 1.10", "0.1 = 0.1"]);
        refuse(Scheme::Hackage, &["1.0-rc1", "1.", ".1", "1..2", "v1"]);
    }
}
