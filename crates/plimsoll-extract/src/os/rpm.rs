//! What the three forms of the rpm database have in common: the folders, and packages made of header blobs.
//!
//! The forms themselves are `rpm_bdb`, `rpm_ndb` and `rpm_sqlite`; the blobs are read by `rpm_header`. rpm leaves the file of
//! the old form away when it converts a database; where both are there, both are reported.
//!
//! Versions are `epoch:version-release`, the epoch only where it is not 0: rpm-version(7) compares a missing one as 0. The
//! source package comes from the name of the source rpm, which holds no epoch: where the source has the package's own
//! name, version and release it is the package's own version; else it has none, although the source may have one.
//! Keys that rpm keeps as packages (`gpg-pubkey`) are left out: they hold no file and no software.

use plimsoll_model::{Ecosystem, ImagePath, Location, Package, SourcePackage};

use super::rpm_header::{Header, tag};
use super::{MAX_PACKAGES, Paths, Problems, text};
use crate::{Extraction, Ownership};

/// Largest database that is read, in bytes.
pub(super) const MAX_DATABASE: u64 = 512 << 20;

/// Where distributions keep the database: the traditional place, that of read-only `/usr`, that of ostree.
const FOLDERS: [&[u8]; 3] = [b"var/lib/rpm", b"usr/lib/sysimage/rpm", b"usr/share/rpm"];

/// Is `path` the file `name` of an rpm database?
pub(super) fn is_file(path: &ImagePath, name: &[u8]) -> bool {
    path.file_name() == name && path.parent().is_some_and(|parent| FOLDERS.contains(&parent))
}

/// Collects the packages of one database.
pub(super) struct Database<'a> {
    path: &'a ImagePath,
    /// What went wrong.
    pub(super) problems: Problems<'a>,
    paths: Paths,
    found: Extraction,
}

impl<'a> Database<'a> {
    pub(super) fn new(path: &'a ImagePath) -> Self {
        Database { path, problems: Problems::new(path), paths: Paths::new(), found: Extraction::default() }
    }

    /// Adds the package of one header blob; `place` says where it stands, for messages.
    pub(super) fn add(&mut self, blob: &[u8], place: &str) {
        let header = match Header::parse(blob) {
            Ok(header) => header,
            Err(error) => return self.problems.corrupt(format!("header at {place}: {error}")),
        };
        let (name, version, release) =
            (header.text(tag::NAME), header.text(tag::VERSION), header.text(tag::RELEASE));
        let (Some(name), Some(version), Some(release)) = (name, version, release) else {
            return self.problems.corrupt(format!("header at {place}: name, version or release is missing"));
        };
        if name == "gpg-pubkey"
            && header.text(tag::ARCH).is_none()
            && header.strings(tag::BASENAMES).next().is_none()
        {
            return;
        }
        if self.found.packages.len() >= MAX_PACKAGES {
            return self.problems.limit(format!("`{name}` is beyond the first {MAX_PACKAGES} packages"));
        }
        let epoch = header.integers(tag::EPOCH).next().filter(|epoch| *epoch != 0);
        let mut package = package(self.path, name, &version, &release, epoch);
        package.architecture = header.text(tag::ARCH);
        package.vendor = header.text(tag::VENDOR);
        package.module = header.text(tag::MODULARITY_LABEL);
        package.licenses.extend(header.text(tag::LICENSE));
        package.source = header
            .text(tag::SOURCE_RPM)
            .and_then(|file| source(&file, &package, &format!("{version}-{release}")));
        self.own(&header, &package, place);
        self.found.packages.push(package);
    }

    fn own(&mut self, header: &Header<'_>, package: &Package, place: &str) {
        let folders: Vec<_> = header.strings(tag::DIRECTORY_NAMES).collect();
        let names = header.strings(tag::BASENAMES);
        let mut paths = Vec::new();
        for (name, index) in names.zip(header.integers(tag::DIRECTORY_INDEXES)) {
            if let Some(folder) = usize::try_from(index).ok().and_then(|index| folders.get(index)) {
                paths.extend(self.paths.join(folder, name));
            } else {
                self.problems.corrupt(format!("header at {place}: a file is in a folder that is not there"));
                break;
            }
        }
        // Packages built before rpm 4 name each file in full.
        paths.extend(header.strings(tag::OLD_FILE_NAMES).filter_map(|name| self.paths.join(b"", name)));
        if !paths.is_empty() {
            self.found.ownership.push(Ownership {
                ecosystem: Ecosystem::Rpm,
                package: package.name.clone(),
                architecture: package.architecture.clone(),
                paths,
            });
        }
    }

    pub(super) fn finish(mut self) -> Extraction {
        self.paths.finish(&mut self.problems);
        self.found.problems = self.problems.finish();
        self.found
    }
}

/// A package with the version `epoch:version-release`.
pub(super) fn package(
    path: &ImagePath,
    name: String,
    version: &str,
    release: &str,
    epoch: Option<u32>,
) -> Package {
    let version = match epoch {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    Package::new(Ecosystem::Rpm, name, version, Location::new(path.clone()))
}

/// `util-linux` and `2.32.1-42.el8_8` of `util-linux-2.32.1-42.el8_8.src.rpm`. `None` when that is the package itself, or when
/// there is none (`(none)`).
pub(super) fn source(file: &str, package: &Package, own: &str) -> Option<SourcePackage> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    let version = format!("{version}-{release}");
    let itself = name == package.name && version == own;
    (!itself && !name.is_empty()).then(|| SourcePackage { name: name.to_owned(), version })
}

/// Text of a header; `(none)` is rpm's way to say nothing.
pub(super) fn some(value: &[u8]) -> Option<String> {
    Some(text(value)).filter(|text| !text.is_empty() && text != "(none)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let path = ImagePath::from("a");
        let check = |file: &str, expected: Option<(&str, &str)>| {
            let package = package(&path, "perl-Errno".into(), "1.28", "416.el8", Some(1));
            let found = source(file, &package, "1.28-416.el8");
            assert_eq!(
                found.as_ref().map(|source| (source.name.as_str(), source.version.as_str())),
                expected
            );
        };
        check("perl-5.26.3-416.el8.src.rpm", Some(("perl", "5.26.3-416.el8")));
        check("perl-Errno-1.28-416.el8.src.rpm", None);
        check("perl-Errno-1.29-416.el8.nosrc.rpm", Some(("perl-Errno", "1.29-416.el8")));
        check("(none)", None);
        check("-1-2.src.rpm", None);
        check("perl.src.rpm", None);
    }

    #[test]
    fn folders() {
        for (path, expected) in [
            ("var/lib/rpm/Packages", true),
            ("usr/lib/sysimage/rpm/Packages", true),
            ("usr/share/rpm/Packages", true),
            ("var/lib/rpm/Packages.db", false),
            ("home/var/lib/rpm/Packages", false),
            ("Packages", false),
        ] {
            assert_eq!(is_file(&ImagePath::from(path), b"Packages"), expected, "{path}");
        }
    }
}
