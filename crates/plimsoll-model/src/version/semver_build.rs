//! SemVer where build metadata counts: Dart's pub (pub_semver) and Julia's VersionNumber. `1.0.0 < 1.0.0+1 < 1.0.0+2 < 1.0.0+a`.

use super::number::Number;
use super::{Order, semver};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(semver::Key);

impl Order for Key {
    fn parse(text: &str) -> Option<Self> {
        semver::Key::with_build(text).map(Key)
    }

    fn is_prerelease(&self) -> bool {
        self.0.is_prerelease()
    }

    fn branch(&self) -> Option<&Number> {
        self.0.branch()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scheme, check, prereleases};

    #[test]
    fn order() {
        check(
            Scheme::SemverBuild,
            &[
                "1.0.0 < 1.0.0+1",
                "3.0.15+0 < 3.0.15+1",
                "1.0.0+9 < 1.0.0+10",
                "1.0.0+9 < 1.0.0+a",
                "1.0.0-a+9 < 1.0.0",
            ],
        );
        prereleases(Scheme::SemverBuild, &["1.0-a"], &["1.0+a"]);
    }
}
