//! Versions of the Bitnami catalogue: SemVer, and a revision behind a hyphen (`8.5.3-2`), which is newer than none. No revision and
//! revision 0 are the same.

use super::Order;
use super::number::Number;
use super::semver::{self, Identifier, Pre};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    version: semver::Key,
    revision: Number,
}

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        let mut version = semver::Key::parse(text)?;
        let mut revision = Number::ZERO;
        if let Pre::Of(identifiers) = &version.pre
            && let [Identifier::Number(number)] = identifiers.as_slice()
        {
            revision = number.clone();
            version.pre = Pre::None;
        }
        Some(Key { version, revision })
    }

    fn is_prerelease(&self) -> bool {
        self.version.is_prerelease()
    }

    fn branch(&self) -> Option<&Number> {
        self.version.branch()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases, refuse};

    #[test]
    fn order() {
        check(
            Scheme::Bitnami,
            &[
                "8.5.3 < 8.5.3-2",
                "8.5.3-2 < 8.5.3-10",
                "8.5.3-10 < 8.5.4",
                "8.5.3-rc1 < 8.5.3",
                "8.5.3-0 = 8.5.3",
            ],
        );
        refuse(Scheme::Bitnami, &["latest", "1.0-"]);
        prereleases(Scheme::Bitnami, &["8.5.3-rc1"], &["8.5.3-2"]);
    }
}
