//! Version order, one scheme per family of ecosystems.
//!
//! [`Version::parse`] reads a version once; [`Version::compare`] then orders it as often as needed, without reading the
//! text again. [`compare`] is both in one call. Every scheme gives a total order over the versions that it can read: antisymmetric
//! and transitive, so that versions may be sorted and searched. Numbers may have any number of digits. Reading and comparing
//! take time linear in the length of the text.
//!
//! A version that a scheme cannot read is an error ([`Unreadable`]), never "smaller" or "not affected". What advisories
//! write instead of a version (OSV's `introduced: "0"`, Debian's `<unfixed>`) is not a version and is no concern of this
//! module.

mod alpm;
mod apk;
mod bitnami;
mod conda;
mod cran;
mod dpkg;
mod generic;
mod hackage;
mod maven;
mod nuget;
mod number;
mod packagist;
mod pep440;
mod perl;
mod portage;
mod rpm;
mod rubygems;
mod semver;
mod semver_build;

use std::cmp::Ordering;
use std::fmt;

use number::Number;

/// What every scheme's parsed form knows beside its order.
trait Order: Ord + Sized {
    /// Reads `text`, which is neither empty nor holds white space or control characters.
    fn parse(text: &str) -> Option<Self>;

    /// Is it marked as older than the release it leads to?
    fn is_prerelease(&self) -> bool;

    /// The number that names the branch; `None` where versions know no branches.
    fn branch(&self) -> Option<&Number>;
}

macro_rules! schemes {
    ($($(#[$doc:meta])* $variant:ident => $module:ident,)*) => {
        /// Whose rules order versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scheme { $($(#[$doc])* $variant),* }

        impl Scheme {
            /// All schemes.
            pub const ALL: &[Scheme] = &[$(Scheme::$variant),*];
        }

        #[derive(Clone, Debug)]
        enum Key { $($variant($module::Key)),* }

        impl Key {
            fn parse(scheme: Scheme, text: &str) -> Option<Self> {
                match scheme { $(Scheme::$variant => $module::Key::parse(text).map(Key::$variant)),* }
            }

            fn scheme(&self) -> Scheme {
                match self { $(Key::$variant(_) => Scheme::$variant),* }
            }

            fn compare(&self, other: &Self) -> Option<Ordering> {
                match (self, other) {
                    $((Key::$variant(left), Key::$variant(right)) => Some(left.cmp(right)),)*
                    _ => None,
                }
            }

            fn is_prerelease(&self) -> bool {
                match self { $(Key::$variant(key) => key.is_prerelease()),* }
            }

            fn branch(&self) -> Option<&Number> {
                match self { $(Key::$variant(key) => key.branch()),* }
            }
        }
    };
}

schemes! {
    /// deb-version(7); opam uses it too.
    Dpkg => dpkg,
    /// rpm-version(7): `[epoch:]version[-release]`, each part by rpmvercmp. A version without release is older than the same one with
    /// any release, as rpm sorts packages.
    Rpm => rpm,
    /// apk-tools 3 (and 2.14, which differs only for components with leading zeros: `1.02` and `1.012`).
    Apk => apk,
    /// PEP 440.
    Pep440 => pep440,
    /// Semantic Versioning 2.0.0; a leading `v`, missing minor or patch, and further numbers (`1.2.3.4`) are read
    /// leniently. Build metadata does not count. npm, Cargo, Go, Hex, Swift.
    Semver => semver,
    /// As [`Scheme::Semver`], but build metadata counts and comes after none: Dart's pub, Julia.
    SemverBuild => semver_build,
    /// Maven's "Version Order Specification" (POM reference), as ComparableVersion implements it.
    Maven => maven,
    /// RubyGems' Gem::Version.
    RubyGems => rubygems,
    /// NuGet (four numbers, SemVer 2 pre-releases, case-insensitive).
    NuGet => nuget,
    /// PHP's version_compare, with Composer's stability words.
    Packagist => packagist,
    /// Haskell PVP.
    Hackage => hackage,
    /// R's numeric versions.
    Cran => cran,
    /// Bitnami: SemVer with a numeric `-N` revision behind.
    Bitnami => bitnami,
    /// pacman's vercmp(8): `[epoch:]version[-release]`.
    Alpm => alpm,
    /// Package Manager Specification 8, section 3.3.
    Portage => portage,
    /// conda's VersionOrder.
    Conda => conda,
    /// Perl's version.pm: decimal (`1.002003`) and dotted (`v1.2.3`).
    Perl => perl,
    /// Numbers and words, dot by dot; what is left when nobody says how.
    Generic => generic,
}

/// A version that its scheme cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{version}` is not a version that {scheme:?} rules can read")]
pub struct Unreadable {
    /// The text.
    pub version: String,
    /// The rules.
    pub scheme: Scheme,
}

/// Two versions of different schemes have no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version in {left:?} order cannot be compared with one in {right:?} order")]
pub struct SchemeMismatch {
    /// Scheme of the version on the left.
    pub left: Scheme,
    /// Scheme of the version on the right.
    pub right: Scheme,
}

/// A version, read once by the rules of its scheme.
///
/// There is no `==` or `<` on purpose: versions of two schemes have no order, and `1.0` and `1.0.0` may be the same
/// version without being the same text. Say which you mean: [`Version::compare`] or [`Version::as_str`].
#[derive(Clone, Debug)]
pub struct Version {
    text: Box<str>,
    key: Key,
}

impl Version {
    /// Reads `text` by the rules of `scheme`. White space around it is dropped.
    ///
    /// Fails when the rules cannot read it; the order of such a version is unknown.
    pub fn parse(scheme: Scheme, text: &str) -> Result<Version, Unreadable> {
        let trimmed = text.trim();
        let plain = !trimmed.is_empty()
            && !trimmed.chars().any(|character| character.is_whitespace() || character.is_control());
        match plain.then(|| Key::parse(scheme, trimmed)).flatten() {
            Some(key) => Ok(Version { text: trimmed.into(), key }),
            None => Err(Unreadable { version: text.to_owned(), scheme }),
        }
    }

    /// Order of two versions of one scheme.
    ///
    /// Fails when they are of different schemes, which is a mistake of the caller's and never of the data's.
    pub fn compare(&self, other: &Version) -> Result<Ordering, SchemeMismatch> {
        self.key.compare(&other.key).ok_or(SchemeMismatch { left: self.scheme(), right: other.scheme() })
    }

    /// The text, without white space around it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The rules it was read by.
    pub fn scheme(&self) -> Scheme {
        self.key.scheme()
    }

    /// Is it marked as coming before the release it leads to (`2.0.0-rc.1`, `1.0a1`, `1.0-SNAPSHOT`, `1.2_beta3`)?
    ///
    /// Always `false` for [`Scheme::Dpkg`] and [`Scheme::Rpm`], whose `~` also marks backports, for [`Scheme::Alpm`], which
    /// has no mark for it, and for the purely numeric [`Scheme::Hackage`] and [`Scheme::Cran`].
    pub fn is_prerelease(&self) -> bool {
        self.key.is_prerelease()
    }

    /// Is `other` in the same branch of development, so that going there is the smaller step?
    ///
    /// For the schemes of languages and for [`Scheme::Generic`]: the leading number is equal (`4.17.1` and `4.18.0`), for
    /// [`Scheme::Pep440`] and [`Scheme::Conda`] the epoch too. For [`Scheme::Dpkg`], [`Scheme::Rpm`], [`Scheme::Apk`], [`Scheme::Alpm`] and [`Scheme::Portage`] always: there the distribution's release
    /// is the branch, and whoever compares two versions has chosen it already. Never across schemes.
    pub fn same_branch(&self, other: &Version) -> bool {
        self.scheme() == other.scheme() && self.key.branch() == other.key.branch() && self.same_epoch(other)
    }

    fn same_epoch(&self, other: &Version) -> bool {
        match (&self.key, &other.key) {
            (Key::Pep440(left), Key::Pep440(right)) => left.epoch() == right.epoch(),
            (Key::Conda(left), Key::Conda(right)) => left.epoch() == right.epoch(),
            _ => true,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Compares two versions by the rules of `scheme`. To compare one version with many, parse it once.
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Result<Ordering, Unreadable> {
    let left = Version::parse(scheme, left)?;
    let right = Version::parse(scheme, right)?;
    Ok(left.compare(&right).expect("both were parsed by one scheme"))
}

/// Are two versions in the same branch? See [`Version::same_branch`].
pub fn same_branch(scheme: Scheme, left: &str, right: &str) -> Result<bool, Unreadable> {
    Ok(Version::parse(scheme, left)?.same_branch(&Version::parse(scheme, right)?))
}

/// Equality and partial order of a key whose `Ord` is written by hand.
macro_rules! order_by_cmp {
    ($key:ty) => {
        impl PartialEq for $key {
            fn eq(&self, other: &Self) -> bool {
                self.cmp(other).is_eq()
            }
        }

        impl Eq for $key {}

        impl PartialOrd for $key {
            fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}
use order_by_cmp;

/// Checks `left OPERATOR right` for lines like `1.0 < 1.1`.
#[cfg(test)]
fn check(scheme: Scheme, lines: &[&str]) {
    for line in lines {
        let mut words = line.split(' ');
        let (Some(left), Some(operator), Some(right), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            panic!("`{line}` is not `A < B`");
        };
        let expected = match operator {
            "<" => Ordering::Less,
            "=" => Ordering::Equal,
            ">" => Ordering::Greater,
            _ => panic!("`{line}` has no operator"),
        };
        assert_eq!(compare(scheme, left, right), Ok(expected), "{scheme:?}: {line}");
        assert_eq!(
            compare(scheme, right, left),
            Ok(expected.reverse()),
            "{scheme:?}: {line}, the other way round"
        );
    }
}

/// Checks that none of `texts` can be read.
#[cfg(test)]
fn refuse(scheme: Scheme, texts: &[&str]) {
    for text in texts {
        let error = Unreadable { version: (*text).to_owned(), scheme };
        assert_eq!(Version::parse(scheme, text).map(|version| version.to_string()), Err(error), "{text}");
    }
}

/// Checks which of `texts` are marked as pre-releases.
#[cfg(test)]
fn prereleases(scheme: Scheme, yes: &[&str], no: &[&str]) {
    for (texts, expected) in [(yes, true), (no, false)] {
        for text in texts {
            let version = Version::parse(scheme, text).expect("a version");
            assert_eq!(version.is_prerelease(), expected, "{scheme:?}: {text}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_no_version_anywhere() {
        for scheme in Scheme::ALL {
            refuse(*scheme, &["", " ", "\n", "1 2", "1\u{0}", "1\u{2028}2", "<unfixed>"]);
        }
    }

    #[test]
    fn white_space_around_is_dropped() {
        for scheme in Scheme::ALL {
            assert_eq!(compare(*scheme, " 1.2\n", "1.2"), Ok(Ordering::Equal), "{scheme:?}");
        }
    }

    #[test]
    fn numbers_have_any_length() {
        let long = format!("1.{}", "9".repeat(10_000));
        let longer = format!("1.1{}", "0".repeat(10_000));
        for scheme in Scheme::ALL {
            // Perl's `1.9` is a fraction, greater than `1.10`.
            let (less, greater) = if *scheme == Scheme::Perl { (&longer, &long) } else { (&long, &longer) };
            assert_eq!(compare(*scheme, less, greater), Ok(Ordering::Less), "{scheme:?}");
            assert_eq!(
                compare(*scheme, "1.18446744073709551616", "1.18446744073709551615"),
                Ok(Ordering::Greater)
            );
        }
    }

    #[test]
    fn schemes_do_not_mix() {
        let semver = Version::parse(Scheme::Semver, "1.0").unwrap();
        let dpkg = Version::parse(Scheme::Dpkg, "1.0").unwrap();
        let mismatch = SchemeMismatch { left: Scheme::Semver, right: Scheme::Dpkg };
        assert_eq!(semver.compare(&dpkg), Err(mismatch));
        assert!(!semver.same_branch(&dpkg));
        assert_eq!(
            mismatch.to_string(),
            "a version in Semver order cannot be compared with one in Dpkg order"
        );
    }

    #[test]
    fn branches() {
        for (scheme, left, right, expected) in [
            (Scheme::Semver, "4.17.1", "v4.18.0-rc.1", true),
            (Scheme::Semver, "4.17.1", "5.0.0", false),
            (Scheme::Pep440, "1!4.0", "4.0", false),
            (Scheme::Maven, "2.15.0", "2.17.1", true),
            (Scheme::Dpkg, "1:2.3-4", "3.0", true),
            (Scheme::Rpm, "1:2.3-4", "3.0", true),
            (Scheme::Apk, "1.2-r0", "3.0", true),
            (Scheme::Alpm, "1:1.2-1", "3.0-1", true),
            (Scheme::Portage, "1.2-r1", "3.0", true),
            (Scheme::Conda, "1!1.2", "1.2", false),
            (Scheme::Perl, "1.002", "v1.3.0", true),
        ] {
            assert_eq!(same_branch(scheme, left, right), Ok(expected), "{scheme:?}: {left} {right}");
        }
    }
}
