//! The ecosystem table: everything known about a kind of package stands in one row.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::version::Scheme;

macro_rules! ecosystems {
    ($($(#[$doc:meta])* $variant:ident { $($field:ident: $value:expr),* $(,)? })*) => {
        /// A kind of package: who names it, and whose rules order its versions.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Ecosystem { $($(#[$doc])* $variant),* }

        /// All ecosystems, in the order of the enum.
        pub static ECOSYSTEMS: &[Row] = &[$(Row { ecosystem: Ecosystem::$variant, $($field: $value),* }),*];
    };
}

/// What the table knows of one ecosystem.
pub struct Row {
    /// The ecosystem.
    pub ecosystem: Ecosystem,
    /// Short name for people and for JSON; also what `pkg:` says after the colon (the purl type).
    pub purl_type: &'static str,
    /// Names in OSV records (osv-schema 1.7, "Defined Ecosystems"), without any `:release`. Empty for packages of
    /// distributions, whose OSV name is in the distribution table.
    pub osv: &'static [&'static str],
    /// Version order.
    pub scheme: Scheme,
    /// How two spellings of a name are made equal.
    pub normalise: fn(&str) -> Cow<'_, str>,
    /// The command that installs `NAME` at `VERSION` or later; empty when there is none that fits all.
    pub upgrade: &'static str,
    /// What Renovate calls the registry (its datasource), where packages have the same names there; empty when Renovate does
    /// not update them, or names them otherwise.
    pub renovate: &'static str,
    /// Type and language in Syft's own JSON.
    pub syft: (&'static str, &'static str),
}

fn same(name: &str) -> Cow<'_, str> {
    Cow::Borrowed(name)
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// PEP 503: runs of `-`, `_` and `.` are one `-`, case does not count.
fn pep503(name: &str) -> Cow<'_, str> {
    let mut result = String::with_capacity(name.len());
    for character in name.chars() {
        if matches!(character, '-' | '_' | '.') {
            if !result.ends_with('-') {
                result.push('-');
            }
        } else {
            result.push(character.to_ascii_lowercase());
        }
    }
    if result == name { Cow::Borrowed(name) } else { Cow::Owned(result) }
}

ecosystems! {
    /// Debian packages (dpkg).
    Deb { purl_type: "deb", osv: &[], scheme: Scheme::Dpkg, normalise: same, upgrade: "apt-get install --only-upgrade NAME", renovate: "", syft: ("deb", "") }
    /// Alpine packages (apk-tools).
    Apk { purl_type: "apk", osv: &[], scheme: Scheme::Apk, normalise: same, upgrade: "apk add --upgrade NAME", renovate: "", syft: ("apk", "") }
    /// RPM packages.
    Rpm { purl_type: "rpm", osv: &[], scheme: Scheme::Rpm, normalise: same, upgrade: "dnf upgrade NAME", renovate: "", syft: ("rpm", "") }
    /// JavaScript packages.
    Npm { purl_type: "npm", osv: &["npm"], scheme: Scheme::Semver, normalise: same, upgrade: "npm install NAME@VERSION", renovate: "npm", syft: ("npm", "javascript") }
    /// Python distributions.
    PyPi { purl_type: "pypi", osv: &["PyPI"], scheme: Scheme::Pep440, normalise: pep503, upgrade: "pip install 'NAME>=VERSION'", renovate: "pypi", syft: ("python", "python") }
    /// Go modules; the standard library is the module `stdlib`.
    Go { purl_type: "golang", osv: &["Go"], scheme: Scheme::Semver, normalise: same, upgrade: "go get NAME@vVERSION", renovate: "go", syft: ("go-module", "go") }
    /// Rust crates.
    Cargo { purl_type: "cargo", osv: &["crates.io"], scheme: Scheme::Semver, normalise: same, upgrade: "cargo update -p NAME --precise VERSION", renovate: "crate", syft: ("rust-crate", "rust") }
    /// Java artifacts, named `group:artifact`.
    Maven { purl_type: "maven", osv: &["Maven"], scheme: Scheme::Maven, normalise: same, upgrade: "", renovate: "maven", syft: ("java-archive", "java") }
    /// Ruby gems.
    RubyGems { purl_type: "gem", osv: &["RubyGems"], scheme: Scheme::RubyGems, normalise: same, upgrade: "bundle update NAME", renovate: "rubygems", syft: ("gem", "ruby") }
    /// PHP packages.
    Packagist { purl_type: "composer", osv: &["Packagist"], scheme: Scheme::Packagist, normalise: lower, upgrade: "composer require NAME:^VERSION", renovate: "packagist", syft: ("php-composer", "php") }
    /// .NET packages.
    NuGet { purl_type: "nuget", osv: &["NuGet"], scheme: Scheme::NuGet, normalise: lower, upgrade: "dotnet add package NAME --version VERSION", renovate: "nuget", syft: ("dotnet", "dotnet") }
    /// Dart packages.
    Pub { purl_type: "pub", osv: &["Pub"], scheme: Scheme::SemverBuild, normalise: same, upgrade: "dart pub upgrade NAME", renovate: "dart", syft: ("dart-pub", "dart") }
    /// Erlang and Elixir packages.
    Hex { purl_type: "hex", osv: &["Hex"], scheme: Scheme::Semver, normalise: lower, upgrade: "mix deps.update NAME", renovate: "hex", syft: ("hex", "elixir") }
    /// Haskell packages.
    Hackage { purl_type: "hackage", osv: &["Hackage", "GHC"], scheme: Scheme::Hackage, normalise: same, upgrade: "", renovate: "hackage", syft: ("hackage", "haskell") }
    /// R packages.
    Cran { purl_type: "cran", osv: &["CRAN", "Bioconductor"], scheme: Scheme::Cran, normalise: same, upgrade: "", renovate: "", syft: ("R-package", "R") }
    /// Julia packages.
    Julia { purl_type: "julia", osv: &["Julia"], scheme: Scheme::SemverBuild, normalise: same, upgrade: "", renovate: "", syft: ("UnknownPackage", "") }
    /// OCaml packages. Their order is Debian's (opam manual, "version ordering").
    Opam { purl_type: "opam", osv: &["opam"], scheme: Scheme::Dpkg, normalise: same, upgrade: "", renovate: "", syft: ("opam", "ocaml") }
    /// C and C++ packages of Conan.
    Conan { purl_type: "conan", osv: &["ConanCenter"], scheme: Scheme::Generic, normalise: same, upgrade: "", renovate: "conan", syft: ("conan", "c++") }
    /// Swift packages, named by repository address.
    Swift { purl_type: "swift", osv: &["SwiftURL"], scheme: Scheme::Semver, normalise: lower, upgrade: "swift package update", renovate: "", syft: ("swift", "swift") }
    /// Packages of the Bitnami catalogue: `-N` behind the version is a build revision.
    Bitnami { purl_type: "bitnami", osv: &["Bitnami"], scheme: Scheme::Bitnami, normalise: lower, upgrade: "", renovate: "", syft: ("bitnami", "") }
    /// Packages of pacman (Arch Linux and its kin).
    Alpm { purl_type: "alpm", osv: &[], scheme: Scheme::Alpm, normalise: same, upgrade: "pacman -Syu", renovate: "", syft: ("alpm", "") }
    /// Packages of Portage, named `category/package`.
    Ebuild { purl_type: "ebuild", osv: &[], scheme: Scheme::Portage, normalise: same, upgrade: "emerge --oneshot NAME", renovate: "", syft: ("portage", "") }
    /// Packages of opkg (OpenWrt, Yocto). Their order is Debian's (opkg `pkg_compare_versions`).
    Opkg { purl_type: "opkg", osv: &[], scheme: Scheme::Dpkg, normalise: same, upgrade: "opkg upgrade NAME", renovate: "", syft: ("UnknownPackage", "") }
    /// Snaps.
    Snap { purl_type: "snap", osv: &[], scheme: Scheme::Generic, normalise: same, upgrade: "snap refresh NAME", renovate: "", syft: ("UnknownPackage", "") }
    /// Flatpak applications and runtimes.
    Flatpak { purl_type: "flatpak", osv: &[], scheme: Scheme::Generic, normalise: same, upgrade: "flatpak update NAME", renovate: "", syft: ("UnknownPackage", "") }
    /// Homebrew formulae.
    Brew { purl_type: "brew", osv: &[], scheme: Scheme::Generic, normalise: lower, upgrade: "brew upgrade NAME", renovate: "", syft: ("homebrew", "") }
    /// Outputs in a Nix store.
    Nix { purl_type: "nix", osv: &[], scheme: Scheme::Generic, normalise: same, upgrade: "", renovate: "", syft: ("nix", "") }
    /// Conda packages, of any language.
    Conda { purl_type: "conda", osv: &[], scheme: Scheme::Conda, normalise: lower, upgrade: "conda install 'NAME>=VERSION'", renovate: "", syft: ("conda", "") }
    /// CocoaPods, ordered as gems are (`Pod::Version`).
    CocoaPods { purl_type: "cocoapods", osv: &[], scheme: Scheme::RubyGems, normalise: same, upgrade: "pod update NAME", renovate: "pod", syft: ("pod", "swift") }
    /// Applications that are part of Erlang/OTP itself.
    Otp { purl_type: "otp", osv: &[], scheme: Scheme::Generic, normalise: lower, upgrade: "", renovate: "", syft: ("erlang-otp", "erlang") }
    /// Ports of vcpkg.
    Vcpkg { purl_type: "vcpkg", osv: &[], scheme: Scheme::Generic, normalise: lower, upgrade: "vcpkg upgrade NAME", renovate: "", syft: ("UnknownPackage", "") }
    /// Lua rocks.
    LuaRocks { purl_type: "luarocks", osv: &[], scheme: Scheme::Generic, normalise: lower, upgrade: "luarocks install NAME", renovate: "", syft: ("lua-rocks", "lua") }
    /// Perl distributions, named as on CPAN (`libwww-perl`).
    Cpan { purl_type: "cpan", osv: &[], scheme: Scheme::Perl, normalise: same, upgrade: "", renovate: "", syft: ("UnknownPackage", "") }
    /// PEAR packages; those of another channel than pear.php.net are named `channel/package`.
    Pear { purl_type: "pear", osv: &[], scheme: Scheme::Packagist, normalise: lower, upgrade: "pear upgrade NAME", renovate: "", syft: ("php-pear", "php") }
    /// PHP extensions of PECL.
    Pecl { purl_type: "pecl", osv: &[], scheme: Scheme::Packagist, normalise: lower, upgrade: "pecl upgrade NAME", renovate: "", syft: ("php-pecl", "php") }
    /// WordPress plugins, named by their folder.
    WordPressPlugin { purl_type: "wordpress-plugin", osv: &[], scheme: Scheme::Packagist, normalise: lower, upgrade: "wp plugin update NAME", renovate: "", syft: ("wordpress-plugin", "php") }
    /// WordPress themes, named by their folder.
    WordPressTheme { purl_type: "wordpress-theme", osv: &[], scheme: Scheme::Packagist, normalise: lower, upgrade: "wp theme update NAME", renovate: "", syft: ("UnknownPackage", "") }
    /// Packages of the registry jsr.io, named `@scope/name`.
    Jsr { purl_type: "jsr", osv: &[], scheme: Scheme::Semver, normalise: same, upgrade: "deno add jsr:NAME@VERSION", renovate: "jsr", syft: ("UnknownPackage", "") }
    /// GitHub Actions, named `owner/repository`.
    GitHubActions { purl_type: "github", osv: &["GitHub Actions"], scheme: Scheme::Semver, normalise: lower, upgrade: "", renovate: "github-tags", syft: ("github-action", "") }
    /// Terraform and OpenTofu providers, named `host/namespace/type`.
    Terraform { purl_type: "terraform", osv: &[], scheme: Scheme::Semver, normalise: lower, upgrade: "", renovate: "", syft: ("terraform", "") }
    /// Models of the Hugging Face hub, named `organisation/name`; versions are commits, which have no order.
    HuggingFace { purl_type: "huggingface", osv: &[], scheme: Scheme::Generic, normalise: same, upgrade: "", renovate: "", syft: ("UnknownPackage", "") }
    /// Anything else that has a name and a version.
    Generic { purl_type: "generic", osv: &[], scheme: Scheme::Generic, normalise: same, upgrade: "", renovate: "", syft: ("binary", "") }
}

impl Ecosystem {
    /// Does a list of several licences leave the choice of one? Maven (POM reference, "Licenses"), Composer (composer.json, "license") and npm
    /// (package.json, "license") say so. Elsewhere all of them hold, or nobody says.
    pub fn licenses_are_a_choice(self) -> bool {
        [Ecosystem::Maven, Ecosystem::Packagist, Ecosystem::Npm].contains(&self)
    }

    /// This ecosystem's row.
    pub fn row(self) -> &'static Row {
        &ECOSYSTEMS[self as usize]
    }

    /// Short name; the purl type.
    pub fn name(self) -> &'static str {
        self.row().purl_type
    }

    /// Version order.
    pub fn scheme(self) -> Scheme {
        self.row().scheme
    }

    /// The spelling under which advisories and packages meet.
    pub fn normalise(self, name: &str) -> Cow<'_, str> {
        (self.row().normalise)(name)
    }

    /// Is it a distribution's package manager (dpkg, apk, rpm, pacman, Portage, opkg)?
    pub fn is_distribution(self) -> bool {
        matches!(
            self,
            Ecosystem::Deb
                | Ecosystem::Apk
                | Ecosystem::Rpm
                | Ecosystem::Alpm
                | Ecosystem::Ebuild
                | Ecosystem::Opkg
        )
    }

    /// The ecosystem with this purl type.
    pub fn from_purl_type(purl_type: &str) -> Option<Self> {
        ECOSYSTEMS.iter().find(|row| row.purl_type == purl_type).map(|row| row.ecosystem)
    }

    /// The ecosystem that OSV calls `name` (without `:release`). Distributions are not among them.
    pub fn from_osv(name: &str) -> Option<Self> {
        ECOSYSTEMS.iter().find(|row| row.osv.contains(&name)).map(|row| row.ecosystem)
    }
}

impl Serialize for Ecosystem {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Ecosystem {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Ecosystem::from_purl_type(&name)
            .ok_or_else(|| serde::de::Error::custom(format_args!("unknown ecosystem `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_the_enum() {
        for (index, row) in ECOSYSTEMS.iter().enumerate() {
            assert_eq!(row.ecosystem as usize, index);
            assert_eq!(Ecosystem::from_purl_type(row.purl_type), Some(row.ecosystem));
        }
    }

    #[test]
    fn names_are_normalised() {
        assert_eq!(Ecosystem::PyPi.normalise("Foo._-Bar"), "foo-bar");
        assert_eq!(Ecosystem::NuGet.normalise("Newtonsoft.Json"), "newtonsoft.json");
        assert_eq!(Ecosystem::Npm.normalise("@Scope/Name"), "@Scope/Name");
    }
}
