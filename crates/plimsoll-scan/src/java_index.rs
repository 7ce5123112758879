//! Java archives that only an index can name: packages with the SHA-1 of their archive are asked for there.
//!
//! Done after an inventory is whole, so what is kept of images does not depend on the index. Nothing is fetched. What an archive says of
//! itself in `pom.properties` stays; a name that was guessed from a file name, a manifest or classes gives way.

use plimsoll_advisory::{JavaArchive, JavaIndex};
use plimsoll_model::{Algorithm, Digest, Ecosystem, Inventory, Package, Problem, ProblemKind, purl};

use crate::assemble;

/// Names what the index knows. What cannot be read in it becomes a problem.
pub(crate) fn name_archives(index: &JavaIndex, inventory: &mut Inventory) {
    let mut named = Vec::new();
    let mut packages = Vec::with_capacity(inventory.packages.len());
    for package in std::mem::take(&mut inventory.packages) {
        if !is_guessed(&package) {
            packages.push(package);
            continue;
        }
        let digests: Vec<Digest> =
            package.digests.iter().filter(|digest| digest.algorithm() == Algorithm::Sha1).cloned().collect();
        let mut unknown = digests.is_empty();
        for digest in &digests {
            let archives = match index.named(digest.bytes()) {
                Ok(archives) => archives,
                Err(error) => {
                    inventory.problems.push(Problem::incomplete(
                        ProblemKind::Corrupt,
                        index.path().display(),
                        format!("the Java index cannot be read further: {error}"),
                    ));
                    Vec::new()
                }
            };
            match choose(&archives, &package) {
                Some(archive) => named.push(under(archive, digest, &package)),
                None => unknown = true,
            }
        }
        // Two archives of one name, and only one of them known: the other stays what it was.
        if unknown {
            packages.push(package);
        }
    }
    // What was known by its classes is the archive itself.
    packages.retain(|package| {
        package.properties.get("identity").is_none_or(|identity| identity != "classes")
            || !named.iter().any(|known| {
                known.name == package.name
                    && package.locations.iter().all(|location| known.locations.contains(location))
            })
    });
    for package in &mut named {
        package.purl = purl::of_package(package, inventory.release.as_ref());
    }
    packages.extend(named);
    inventory.packages = assemble::merge(packages);
    inventory.problems.sort();
    inventory.problems.dedup();
}

/// Was its name put together from less than its own metadata?
fn is_guessed(package: &Package) -> bool {
    package.ecosystem == Ecosystem::Maven
        && (!package.name.contains(':')
            || package.version.is_empty()
            || package.properties.get("identity").is_some_and(|identity| identity != "pom.properties"))
}

/// One of the names that an archive was published under: the only one, or the only one that fits what the file is called.
fn choose<'a>(archives: &'a [JavaArchive], package: &Package) -> Option<&'a JavaArchive> {
    if let [only] = archives {
        return Some(only);
    }
    let fits = |archive: &&JavaArchive| {
        package.locations.iter().any(|location| {
            let name = String::from_utf8_lossy(location.path.file_name());
            name.strip_prefix(archive.artifact.as_str())
                .and_then(|rest| rest.strip_prefix('-')?.strip_prefix(archive.version.as_str()))
                .is_some_and(|rest| rest.starts_with(['-', '.']))
        })
    };
    let mut fitting = archives.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

fn under(archive: &JavaArchive, digest: &Digest, package: &Package) -> Package {
    let mut package = package.clone();
    package.name = format!("{}:{}", archive.group, archive.artifact);
    package.version.clone_from(&archive.version);
    package.digests = vec![digest.clone()];
    package.properties.insert("identity".into(), "sha1-index".into());
    package.properties.remove("confidence");
    package
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Location;

    use super::*;

    fn archive(group: &str, artifact: &str, version: &str) -> JavaArchive {
        JavaArchive { group: group.into(), artifact: artifact.into(), version: version.into() }
    }

    fn package(name: &str, version: &str, path: &str, identity: &str) -> Package {
        let mut package = Package::new(Ecosystem::Maven, name, version, Location::new(path.into()));
        package.properties.insert("identity".into(), identity.into());
        package
    }

    #[test]
    fn one_name_of_several() {
        let names = [archive("a", "lib", "1.0"), archive("b", "lib", "1.0"), archive("c", "other", "1.0")];
        let named = |path| choose(&names, &package("lib", "1.0", path, "file-name")).cloned();
        assert_eq!(named("opt/lib-1.0.jar"), None, "two fit");
        assert_eq!(named("opt/other-1.0.jar"), Some(names[2].clone()));
        assert_eq!(named("opt/other-1.0-all.jar"), Some(names[2].clone()));
        assert_eq!(named("opt/app.jar"), None);
        assert_eq!(choose(&names[..1], &package("x", "", "opt/x.jar", "manifest")), Some(&names[0]));
        assert_eq!(choose(&[], &package("x", "", "opt/x.jar", "manifest")), None);
    }

    #[test]
    fn what_an_archive_says_of_itself_stays() {
        assert!(!is_guessed(&package("a:b", "1", "b.jar", "pom.properties")));
        for (name, version, identity) in
            [("b", "1", "file-name"), ("a:b", "1", "manifest"), ("a:b", "", "classes")]
        {
            assert!(is_guessed(&package(name, version, "b.jar", identity)), "{name}");
        }
        assert!(!is_guessed(&Package::new(Ecosystem::Npm, "b", "", Location::new("package.json".into()))));
    }
}
