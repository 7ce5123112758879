//! Packages that somebody else than the distribution built, by what their package manager keeps of who did.
//!
//! A distribution's advisories speak of its own packages. The same name from another repository has another version order
//! and other fixes: held against them it is called affected for ever, or fixed when it is not.
//!
//! Only what is certain counts. RPM keeps the vendor that the build system of a distribution sets (tag 1011, `Vendor`), and
//! each distribution sets the same in all of its packages. dpkg keeps a maintainer only, who may be anybody in the
//! distribution as well: there the addresses and versions of known repositories count. apk keeps nothing that tells.

use crate::{Ecosystem, Package, Release};

/// What a distribution writes into its packages as their vendor, in lower case; a part is enough.
const VENDORS: &[(&str, &[&str])] = &[
    ("almalinux", &["almalinux"]),
    ("amazon", &["amazon"]),
    ("azurelinux", &["microsoft"]),
    ("fedora", &["fedora project"]),
    ("mageia", &["mageia"]),
    ("mariner", &["microsoft"]),
    ("openeuler", &["openeuler"]),
    ("opensuse-leap", &["suse"]),
    ("opensuse-tumbleweed", &["suse"]),
    ("oracle", &["oracle america"]),
    ("photon", &["vmware", "broadcom", "photon"]),
    ("redhat", &["red hat"]),
    ("rocky", &["rocky"]),
    ("sles", &["suse"]),
    ("slem", &["suse"]),
];

/// Where SUSE's public build service says whose project built a package: those of users are not the distribution's.
const BUILD_SERVICE: &str = "obs://build.opensuse.org/";

/// Repositories for Debian and Ubuntu by the address of the maintainer, each with the name for people. Whole addresses: people
/// of the same companies maintain packages in Debian.
const MAINTAINERS: &[(&str, &str)] = &[
    ("cudatools@nvidia.com", "NVIDIA"),
    ("dev@kubernetes.io", "Kubernetes"),
    ("dotnetpackages@dotnetfoundation.org", "Microsoft"),
    ("gpgsecurity@microsoft.com", "Microsoft"),
    ("hashicorp@hashicorp.com", "HashiCorp"),
    ("info@elastic.co", "Elastic"),
    ("infra@elastic.co", "Elastic"),
    ("linux-packages@google.com", "Google"),
    ("mysql-build@oss.oracle.com", "MySQL"),
    ("nginx-packaging@f5.com", "NGINX"),
    ("nginx-packaging@nginx.com", "NGINX"),
    ("packaging@mongodb.com", "MongoDB"),
    ("richard@mongodb.com", "MongoDB"),
    ("support@docker.com", "Docker"),
    ("support@gitlab.com", "GitLab"),
    ("contact@grafana.com", "Grafana"),
    ("temurin-dev@eclipse.org", "Adoptium"),
    ("redis@redis.io", "Redis"),
    ("developers@lists.mariadb.org", "MariaDB"),
];

/// Repositories for Debian and Ubuntu by what only they write into a version.
const VERSIONS: &[(&str, &str)] = &[
    (".pgdg", "PostgreSQL"),
    ("nodesource", "NodeSource"),
    ("~ppa", "a personal package archive"),
    ("+maria~", "MariaDB"),
    ("+dotdeb", "Dotdeb"),
];

/// Who built a package of the distribution's package manager, where it was not the distribution; `None` as well where nothing
/// tells.
///
/// ```
/// use plimsoll_model::{builder, Ecosystem, Location, Package, Release};
///
/// let release = Release { id: "debian".into(), version: "12".into(), ..Release::default() };
/// let place = Location::new("var/lib/dpkg/status".into());
/// let mut package = Package::new(Ecosystem::Deb, "nginx", "1.27.0-1~bookworm", place);
/// package.vendor = Some("NGINX Packaging <nginx-packaging@f5.com>".into());
/// assert_eq!(builder::other(&release, &package).as_deref(), Some("NGINX"));
/// ```
pub fn other(release: &Release, package: &Package) -> Option<String> {
    match package.ecosystem {
        Ecosystem::Rpm => by_vendor(release, package.vendor.as_deref()?.trim()),
        Ecosystem::Deb => by_maintainer(package),
        _ => None,
    }
}

fn by_vendor(release: &Release, vendor: &str) -> Option<String> {
    let key = release.distribution()?.key;
    let (_, own) = VENDORS.iter().find(|(known, _)| *known == key)?;
    // RPM itself writes `(none)` for a tag that is not there.
    if vendor.is_empty() || vendor == "(none)" {
        return None;
    }
    if let Some(project) = vendor.strip_prefix(BUILD_SERVICE) {
        return Some(project.to_owned());
    }
    let lower = vendor.to_lowercase();
    (!own.iter().any(|word| lower.contains(word))).then(|| vendor.to_owned())
}

fn by_maintainer(package: &Package) -> Option<String> {
    let maintainer = package.vendor.as_deref().unwrap_or_default().to_ascii_lowercase();
    let address = maintainer.rsplit_once('<').map_or(maintainer.as_str(), |(_, address)| address);
    let address = address.trim_end().trim_end_matches('>');
    let known = MAINTAINERS.iter().find(|(known, _)| *known == address);
    let known = known.or_else(|| VERSIONS.iter().find(|(mark, _)| package.version.contains(mark)));
    known.map(|(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Location;
    use crate::distribution::DISTRIBUTIONS;

    fn check(id: &str, ecosystem: Ecosystem, version: &str, vendor: Option<&str>, expected: Option<&str>) {
        let release = Release { id: id.into(), version: "9".into(), ..Release::default() };
        let mut package = Package::new(ecosystem, "a", version, Location::new("a".into()));
        package.vendor = vendor.map(str::to_owned);
        assert_eq!(other(&release, &package).as_deref(), expected, "{id} {version} {vendor:?}");
    }

    #[test]
    fn vendors_of_rpm() {
        for (id, vendor, expected) in [
            ("rhel", Some("Red Hat, Inc."), None),
            ("rhel", Some("Fedora Project"), Some("Fedora Project")),
            ("rhel", Some("Docker"), Some("Docker")),
            ("rhel", Some(""), None),
            ("rhel", Some("(none)"), None),
            ("rhel", None, None),
            ("fedora", Some("Fedora Project"), None),
            ("rocky", Some("Rocky Enterprise Software Foundation"), None),
            ("almalinux", Some("AlmaLinux"), None),
            ("amzn", Some("Amazon Linux"), None),
            ("amzn", Some("NodeSource"), Some("NodeSource")),
            ("sles", Some("SUSE LLC <https://www.suse.com/>"), None),
            ("opensuse-leap", Some("openSUSE"), None),
            ("opensuse-leap", Some("obs://build.opensuse.org/home:a"), Some("home:a")),
            ("mariner", Some("Microsoft Corporation"), None),
            ("centos", Some("CentOS"), None),
            ("unheard-of", Some("Somebody"), None),
        ] {
            check(id, Ecosystem::Rpm, "1-1", vendor, expected);
        }
    }

    #[test]
    fn maintainers_and_versions_of_dpkg() {
        for (version, vendor, expected) in [
            ("1.27.0-1~bookworm", Some("NGINX Packaging <nginx-packaging@f5.com>"), Some("NGINX")),
            ("5:27.0-1", Some("Docker <Support@Docker.com>"), Some("Docker")),
            ("5:27.0-1", Some("support@docker.com"), Some("Docker")),
            (
                "16.3-1.pgdg120+1",
                Some("Debian PostgreSQL Maintainers <team+postgresql@tracker.debian.org>"),
                Some("PostgreSQL"),
            ),
            ("20.11.0-1nodesource1", None, Some("NodeSource")),
            (
                "1.22.1-9+deb12u1",
                Some("Debian Nginx Maintainers <pkg-nginx-maintainers@alioth-lists.debian.net>"),
                None,
            ),
            ("1-1", Some("Brandon Weeks <bweeks@google.com>"), None),
            ("1-1", Some("Docker Compose Team <team+docker-compose@tracker.debian.org>"), None),
            ("1-1", Some(""), None),
            ("1-1", None, None),
        ] {
            check("debian", Ecosystem::Deb, version, vendor, expected);
        }
        check("alpine", Ecosystem::Apk, "1-r0", Some("support@docker.com"), None);
    }

    #[test]
    fn the_tables_are_in_the_words_that_they_are_searched_by() {
        for (key, words) in VENDORS {
            assert!(
                DISTRIBUTIONS.iter().any(|one| one.key == *key && one.ecosystem == Ecosystem::Rpm),
                "{key}"
            );
            assert!(words.iter().all(|word| word.to_lowercase() == *word), "{key}");
        }
        assert!(MAINTAINERS.iter().all(|(address, _)| address.to_lowercase() == *address));
    }
}
