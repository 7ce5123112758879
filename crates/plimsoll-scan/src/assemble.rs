//! What single files said becomes one inventory: releases are weighed, packages of the same identity become one, layers
//! and owners are filled in.

use std::collections::{BTreeMap, HashMap, HashSet};

use plimsoll_extract::binary::{dotnet, elf_note};
use plimsoll_extract::lang::flatpak;
use plimsoll_extract::{DeclaredLicenses, Extraction, Ownership, os};
use plimsoll_model::{
    Ecosystem, ImagePath, Inventory, Location, Package, Presence, Problem, ProblemKind, Relation, Release,
    Scope, purl,
};

/// What one file said, and where it was.
#[derive(Clone, Debug)]
pub struct Found {
    /// Layer, counted from 1; `None` outside images.
    pub layer: Option<u32>,
    /// What the extractors said.
    pub extraction: Extraction,
}

/// Symbolic links between directories of the merged tree (`lib` -> `usr/lib`): a package database may spell a path one
/// way, and the file stand another way.
pub type DirectoryLinks = BTreeMap<ImagePath, ImagePath>;

/// Puts the inventory together. `problems` are those of the walk; the result's are sorted, each once.
pub fn inventory(found: Vec<Found>, links: &DirectoryLinks, mut problems: Vec<Problem>) -> Inventory {
    let mut releases = Vec::new();
    let mut packages = Vec::new();
    let mut ownership: Vec<(Option<u32>, Ownership)> = Vec::new();
    let mut licenses: Vec<DeclaredLicenses> = Vec::new();
    for Found { layer, extraction } in found {
        releases.extend(extraction.releases);
        packages.extend(extraction.packages.into_iter().map(|mut package| {
            for location in &mut package.locations {
                location.layer = layer;
            }
            package
        }));
        ownership.extend(extraction.ownership.into_iter().map(|owned| (layer, owned)));
        licenses.extend(extraction.licenses);
        problems.extend(extraction.problems.into_iter().map(|problem| Problem { layer, ..problem }));
    }
    let (release, contradictions) = os::release::resolve(releases);
    problems.extend(contradictions);
    drop_assemblies_of_lists(&mut packages);
    give_flatpaks_their_versions(&mut packages);
    drop_notes_of_owned_files(&mut packages, &ownership, links);
    let release = release.or_else(|| release_of_notes(&packages));
    tell_foreign_notes_apart(&mut packages, release.as_ref());

    attribute_layers(&mut packages, &ownership);
    add_licenses(&mut packages, licenses);
    for package in &mut packages {
        package.purl = purl::of_package(package, release.as_ref());
    }
    let mut packages = merge(packages);
    link_owners(&mut packages, &ownership, links);
    problems.extend(release.as_ref().and_then(|release| without_packages(release, &packages)));

    problems.sort();
    problems.dedup();
    Inventory { release, packages, problems }
}

/// What an application of Flatpak is and which version it has stand in two files of one folder.
fn give_flatpaks_their_versions(packages: &mut [Package]) {
    let folder = |package: &Package| {
        let location = package.locations.first().filter(|_| package.ecosystem == Ecosystem::Flatpak)?;
        Some(flatpak::commit_folder(&location.path)?.to_vec())
    };
    let versions: HashMap<Vec<u8>, String> = packages
        .iter()
        .filter(|package| !package.version.is_empty())
        .filter_map(|package| Some((folder(package)?, package.version.clone())))
        .collect();
    for package in packages.iter_mut().filter(|package| package.version.is_empty()) {
        if let Some(version) = folder(package).and_then(|folder| versions.get(&folder)) {
            package.version.clone_from(version);
        }
    }
}

/// Where an application or a framework has a list of its packages (`*.deps.json`), what its assemblies say of themselves adds nothing but
/// doubt: versions of assemblies are not those of packages.
fn drop_assemblies_of_lists(packages: &mut Vec<Package>) {
    let folder = |path: &[u8]| {
        path.iter().rposition(|byte| *byte == b'/').map_or(Vec::new(), |at| path[..=at].to_vec())
    };
    let is_guess = |package: &Package| {
        package.properties.get("identity").is_some_and(|identity| identity == dotnet::IDENTITY)
    };
    if !packages.iter().any(is_guess) {
        return;
    }
    let lists: HashSet<Vec<u8>> = packages
        .iter()
        .filter(|package| package.ecosystem == Ecosystem::NuGet && !is_guess(package))
        .flat_map(|package| &package.locations)
        .filter(|location| location.path.as_bytes().ends_with(b".deps.json"))
        .map(|location| folder(location.path.as_bytes()))
        .collect();
    packages.retain(|package| {
        !is_guess(package)
            || !package.locations.iter().all(|location| {
                let path = location.path.as_bytes();
                (0..=path.len())
                    .filter(|end| *end == 0 || path[end - 1] == b'/')
                    .any(|end| lists.contains(&path[..end]))
            })
    });
}

fn is_note(package: &Package) -> bool {
    package.properties.get("identity").is_some_and(|identity| identity == elf_note::IDENTITY)
}

/// What a program's package note says, the package database says better of every file that it lists.
fn drop_notes_of_owned_files(
    packages: &mut Vec<Package>,
    ownership: &[(Option<u32>, Ownership)],
    links: &DirectoryLinks,
) {
    let mut noted: HashSet<Vec<u8>> = packages
        .iter()
        .filter(|package| is_note(package))
        .flat_map(|package| &package.locations)
        .map(|location| real_path(location.path.as_bytes(), links))
        .collect();
    if noted.is_empty() {
        return;
    }
    for path in ownership.iter().flat_map(|(_, owned)| &owned.paths) {
        noted.remove(&real_path(path.as_bytes(), links));
    }
    packages.retain(|package| {
        !is_note(package)
            || package
                .locations
                .iter()
                .any(|location| noted.contains(&real_path(location.path.as_bytes(), links)))
    });
}

/// Nothing else names the distribution, and all notes agree: programs copied into an empty image.
fn release_of_notes(packages: &[Package]) -> Option<Release> {
    let mut found: Option<Release> = None;
    for package in packages.iter().filter(|package| is_note(package)) {
        let get = |key: &str| package.properties.get(key).cloned().unwrap_or_default();
        let release = Release {
            id: get(elf_note::DISTRIBUTION),
            version: get(elf_note::DISTRIBUTION_VERSION),
            path: package.locations.first()?.path.to_string(),
            ..Release::default()
        };
        let differs = found
            .as_ref()
            .is_some_and(|found| (&found.id, &found.version) != (&release.id, &release.version));
        if differs || release.id.is_empty() {
            return None;
        }
        found.get_or_insert(release);
    }
    found
}

/// A program that was built for another distribution than the image is has other versions, and its advisories are others: it is told,
/// and held against none.
fn tell_foreign_notes_apart(packages: &mut [Package], release: Option<&Release>) {
    for package in
        packages.iter_mut().filter(|package| is_note(package) && package.ecosystem.is_distribution())
    {
        let own = |key: &str| package.properties.get(key).filter(|value| !value.is_empty());
        let is_foreign = release.is_none_or(|release| {
            own(elf_note::DISTRIBUTION).is_some_and(|id| *id != release.id)
                || own(elf_note::DISTRIBUTION_VERSION)
                    .is_some_and(|version| !is_same_version(version, &release.version))
        });
        if is_foreign {
            package.properties.insert("package-type".into(), package.ecosystem.name().into());
            package.ecosystem = Ecosystem::Generic;
        }
    }
}

/// `9` and `9.3` may be one release; `22.04` and `24.04` are not.
fn is_same_version(one: &str, other: &str) -> bool {
    let goes_on =
        |long: &str, short: &str| long.strip_prefix(short).is_some_and(|rest| rest.starts_with('.'));
    one == other || goes_on(one, other) || goes_on(other, one)
}

/// A distribution of which no package was found: its database was removed, or is of a form we do not know. What it
/// brought is there all the same, so this must not look like a system without flaws.
fn without_packages(release: &Release, packages: &[Package]) -> Option<Problem> {
    let ecosystem = release.distribution()?.ecosystem;
    if packages.iter().any(|package| package.ecosystem == ecosystem) {
        return None;
    }
    let detail =
        format!("this is {}, but no {} package database was found", release.label(), ecosystem.name());
    Some(Problem::incomplete(ProblemKind::Unsupported, "packages of the distribution", detail))
}

/// An inventory that was read from a document, brought into the form of one that was taken from an image: package URLs
/// as we write them, each package once.
pub fn listed(inventory: Inventory) -> Inventory {
    let Inventory { release, mut packages, mut problems } = inventory;
    // Documents of other tools spell package URLs their own way; what refers to one must follow.
    let mut renamed: HashMap<String, String> = HashMap::new();
    for package in &mut packages {
        let ours = purl::of_package(package, release.as_ref());
        if package.purl != ours {
            renamed.insert(std::mem::replace(&mut package.purl, ours.clone()), ours);
        }
    }
    for package in &mut packages {
        if let Some(ours) = package.owned_by.as_ref().and_then(|owner| renamed.get(owner)) {
            package.owned_by = Some(ours.clone());
        }
    }
    problems.sort();
    problems.dedup();
    Inventory { release, packages: merge(packages), problems }
}

/// A distribution's package database is one file, rewritten whole by every layer that installs something, so the file's
/// layer says nothing of a single package. dpkg also keeps one file list for each package, written when that package is
/// installed or upgraded: its layer is the package's.
fn attribute_layers(packages: &mut [Package], ownership: &[(Option<u32>, Ownership)]) {
    let mut layers: HashMap<(Ecosystem, &str, Option<&str>), Option<u32>> = HashMap::new();
    for (layer, owned) in ownership {
        layers.insert((owned.ecosystem, &owned.package, owned.architecture.as_deref()), *layer);
    }
    for package in packages.iter_mut().filter(|package| package.ecosystem.is_distribution()) {
        let layer = layers
            .get(&(package.ecosystem, package.name.as_str(), package.architecture.as_deref()))
            .or_else(|| layers.get(&(package.ecosystem, package.name.as_str(), None)));
        if let Some(Some(layer)) = layer {
            for location in &mut package.locations {
                location.layer = Some(*layer);
            }
        }
    }
}

/// Licences that stand in files of their own (Debian's `copyright`).
fn add_licenses(packages: &mut [Package], licenses: Vec<DeclaredLicenses>) {
    let mut by_name: HashMap<(Ecosystem, String), Vec<String>> = HashMap::new();
    for declared in licenses {
        by_name.entry((declared.ecosystem, declared.package)).or_default().extend(declared.licenses);
    }
    for package in packages {
        if let Some(names) = by_name.get(&(package.ecosystem, package.name.clone())) {
            package.licenses.extend(names.iter().cloned());
        }
    }
}

/// One package for each package URL, with everything that was seen of it.
pub(crate) fn merge(packages: Vec<Package>) -> Vec<Package> {
    let mut merged: BTreeMap<String, Package> = BTreeMap::new();
    for package in packages {
        match merged.entry(package.purl.clone()) {
            std::collections::btree_map::Entry::Vacant(place) => {
                place.insert(package);
            }
            std::collections::btree_map::Entry::Occupied(mut place) => join(place.get_mut(), package),
        }
    }
    merged
        .into_values()
        .map(|mut package| {
            package.locations.sort();
            package.locations.dedup();
            package.licenses.sort();
            package.licenses.dedup();
            package.digests.sort();
            package.digests.dedup();
            package
        })
        .collect()
}

/// Adds what a second sighting knows. Of two answers the one with more weight stays: direct before transitive, runtime
/// before development, installed before declared.
fn join(package: &mut Package, other: Package) {
    package.locations.extend(other.locations);
    package.licenses.extend(other.licenses);
    package.digests.extend(other.digests);
    package.functions.join(other.functions);
    package.source = package.source.take().or(other.source);
    package.architecture = package.architecture.take().or(other.architecture);
    package.module = package.module.take().or(other.module);
    package.vendor = package.vendor.take().or(other.vendor);
    package.relation = match (package.relation, other.relation) {
        (Relation::Direct, _) | (_, Relation::Direct) => Relation::Direct,
        (Relation::Transitive, _) | (_, Relation::Transitive) => Relation::Transitive,
        _ => Relation::Unknown,
    };
    // An installed copy of a development dependency is still a development dependency, when the lockfile says so.
    package.scope = match (package.scope, other.scope, package.presence, other.presence) {
        (Scope::Development, Scope::Runtime, Presence::Declared, Presence::Installed)
        | (Scope::Runtime, Scope::Development, Presence::Installed, Presence::Declared) => Scope::Development,
        (Scope::Runtime, ..) | (_, Scope::Runtime, ..) => Scope::Runtime,
        (Scope::Optional, ..) | (_, Scope::Optional, ..) => Scope::Optional,
        _ => Scope::Development,
    };
    if other.presence == Presence::Installed {
        package.presence = Presence::Installed;
    }
    for (key, value) in other.properties {
        package.properties.entry(key).or_insert(value);
    }
}

/// Which package a file belongs to, and which layer's package database says so, by the file's path.
pub(crate) type Owners<'f> = HashMap<Vec<u8>, (Option<u32>, &'f str)>;

/// The owners of some files.
pub(crate) fn owners<'p, 'f>(
    paths: impl Iterator<Item = &'p ImagePath>,
    found: &'f [Found],
    links: &DirectoryLinks,
) -> Owners<'f> {
    let mut owners: HashMap<Vec<u8>, Option<(Option<u32>, &str)>> =
        paths.map(|path| (real_path(path.as_bytes(), links), None)).collect();
    if owners.is_empty() {
        return Owners::new();
    }
    for (layer, owned) in
        found.iter().flat_map(|one| one.extraction.ownership.iter().map(move |owned| (one.layer, owned)))
    {
        for path in &owned.paths {
            if let Some(owner) = owners.get_mut(&real_path(path.as_bytes(), links)) {
                *owner = Some((layer, &owned.package));
            }
        }
    }
    owners.into_iter().filter_map(|(path, owner)| Some((path, owner?))).collect()
}

/// Links language packages to the distribution package that owns their files.
fn link_owners(packages: &mut [Package], ownership: &[(Option<u32>, Ownership)], links: &DirectoryLinks) {
    let wanted: HashSet<Vec<u8>> = packages
        .iter()
        .filter(|package| !package.ecosystem.is_distribution() && package.presence == Presence::Installed)
        .flat_map(|package| &package.locations)
        .map(|location| real_path(outer_file(location), links))
        .collect();
    if wanted.is_empty() {
        return;
    }
    /// Architecture and package URL.
    type Candidates<'a> = Vec<(Option<&'a str>, &'a str)>;
    let mut by_name: HashMap<(Ecosystem, &str), Candidates<'_>> = HashMap::new();
    for package in packages.iter().filter(|package| package.ecosystem.is_distribution()) {
        by_name
            .entry((package.ecosystem, package.name.as_str()))
            .or_default()
            .push((package.architecture.as_deref(), package.purl.as_str()));
    }
    let mut owners: HashMap<Vec<u8>, String> = HashMap::new();
    for (_, owned) in ownership {
        let Some(candidates) = by_name.get(&(owned.ecosystem, owned.package.as_str())) else { continue };
        let architecture = owned.architecture.as_deref();
        let Some((_, purl)) = candidates
            .iter()
            .find(|(candidate, _)| architecture.is_none() || *candidate == architecture)
            .or_else(|| candidates.first())
        else {
            continue;
        };
        for path in &owned.paths {
            let path = real_path(path.as_bytes(), links);
            if wanted.contains(&path) {
                owners.insert(path, (*purl).to_owned());
            }
        }
    }
    for package in packages.iter_mut().filter(|package| !package.ecosystem.is_distribution()) {
        // Owned only when every place is: a second copy that pip installed is not the distribution's.
        let mut owner: Option<&String> = None;
        let all_owned = !package.locations.is_empty()
            && package.locations.iter().all(|location| {
                let found = owners.get(&real_path(outer_file(location), links));
                owner = owner.or(found);
                found.is_some()
            });
        if all_owned {
            package.owned_by = owner.cloned();
        }
    }
}

/// `usr/share/java/a.war!/WEB-INF/lib/b.jar` is in the file `usr/share/java/a.war`.
pub(crate) fn outer_file(location: &Location) -> &[u8] {
    let path = location.path.as_bytes();
    match path.windows(2).position(|pair| pair == b"!/") {
        Some(end) => &path[..end],
        None => path,
    }
}

/// The path with a linked leading directory replaced by where it points: at most a few steps, so that a cycle ends.
pub(crate) fn real_path(path: &[u8], links: &DirectoryLinks) -> Vec<u8> {
    const STEPS: usize = 4;
    let mut path = path.to_vec();
    for _ in 0..STEPS {
        let replaced =
            path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at).find_map(|at| {
                let target = links.get(&ImagePath::new(&path[..at]))?;
                Some([target.as_bytes(), &path[at..]].concat())
            });
        match replaced {
            Some(next) => path = ImagePath::new(&next).as_bytes().to_vec(),
            None => break,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(layer: u32, packages: Vec<Package>, ownership: Vec<Ownership>) -> Found {
        Found { layer: Some(layer), extraction: Extraction { packages, ownership, ..Extraction::default() } }
    }

    fn package(ecosystem: Ecosystem, name: &str, path: &str) -> Package {
        Package::new(ecosystem, name, "1.0.0", Location::new(path.into()))
    }

    fn owns(name: &str, paths: &[&str]) -> Ownership {
        Ownership {
            ecosystem: Ecosystem::Deb,
            package: name.into(),
            architecture: None,
            paths: paths.iter().map(|path| ImagePath::from(*path)).collect(),
        }
    }

    #[test]
    fn a_distribution_without_packages_is_not_clean() {
        let release = |id: &str| {
            let release = Release { id: id.into(), version: "12".into(), ..Release::default() };
            let extraction = Extraction { releases: vec![(1, release)], ..Extraction::default() };
            Found { layer: None, extraction }
        };
        let problems = |found| inventory(found, &DirectoryLinks::new(), vec![]).problems.len();
        let deb = found(1, vec![package(Ecosystem::Deb, "a", "var/lib/dpkg/status")], vec![]);
        let npm = found(1, vec![package(Ecosystem::Npm, "a", "package-lock.json")], vec![]);
        assert_eq!(problems(vec![release("debian"), deb]), 0);
        assert_eq!(problems(vec![release("debian"), npm]), 1);
        assert_eq!(problems(vec![release("handmade")]), 0, "what manages its packages is not known");
    }

    #[test]
    fn an_application_of_flatpak_has_the_version_that_shops_show() {
        let of = |path: &str, version: &str| {
            let location = Location::new(path.into());
            found(1, vec![Package::new(Ecosystem::Flatpak, "org.example.Mast", version, location)], vec![])
        };
        let folder = "var/lib/flatpak/app/org.example.Mast/x86_64/stable";
        let seen = vec![
            of(&format!("{folder}/1/metadata"), ""),
            of(&format!("{folder}/1/files/share/metainfo/org.example.Mast.metainfo.xml"), "3.2.1"),
            of(&format!("{folder}/2/metadata"), ""),
        ];
        let inventory = inventory(seen, &DirectoryLinks::new(), vec![]);
        let told: Vec<_> =
            inventory.packages.iter().map(|one| (one.purl.as_str(), one.locations.len())).collect();
        assert_eq!(told, [("pkg:flatpak/org.example.Mast", 1), ("pkg:flatpak/org.example.Mast@3.2.1", 2)]);
    }

    #[test]
    fn a_package_is_listed_once() {
        let mut lock =
            Package::new(Ecosystem::Npm, "lodash", "1.0.0", Location::at_line("package-lock.json".into(), 8));
        lock.presence = Presence::Declared;
        lock.relation = Relation::Direct;
        let installed = package(Ecosystem::Npm, "lodash", "node_modules/lodash/package.json");
        let inventory =
            inventory(vec![found(2, vec![lock, installed], vec![])], &DirectoryLinks::new(), vec![]);
        let [package] = inventory.packages.as_slice() else { panic!("{:?}", inventory.packages) };
        assert_eq!(package.locations.len(), 2);
        assert_eq!((package.presence, package.relation), (Presence::Installed, Relation::Direct));
    }

    #[test]
    fn a_distribution_package_stands_in_the_layer_of_its_file_list() {
        let status = vec![
            package(Ecosystem::Deb, "a", "var/lib/dpkg/status"),
            package(Ecosystem::Deb, "b", "var/lib/dpkg/status"),
        ];
        let inventory = inventory(
            vec![
                found(2, status, vec![]),
                found(1, vec![], vec![owns("a", &[])]),
                found(2, vec![], vec![owns("b", &[])]),
            ],
            &DirectoryLinks::new(),
            vec![],
        );
        let layers: Vec<_> = inventory.packages.iter().map(|package| package.locations[0].layer).collect();
        assert_eq!(layers, [Some(1), Some(2)]);
    }

    #[test]
    fn assemblies_beside_a_list_of_packages_add_nothing() {
        let assembly = |path: &str| {
            let mut package = package(Ecosystem::NuGet, "Guess", path);
            package.properties.insert("identity".into(), dotnet::IDENTITY.into());
            package
        };
        let listed = package(Ecosystem::NuGet, "Left.Pad", "srv/app/app.deps.json");
        let packages = |found: Vec<Package>| -> Vec<String> {
            let walked = vec![super::tests::found(1, found, vec![])];
            let inventory = inventory(walked, &DirectoryLinks::new(), vec![]);
            inventory.packages.into_iter().map(|package| package.name).collect()
        };
        assert_eq!(packages(vec![assembly("srv/app/runtimes/x/Guess.dll"), listed.clone()]), ["Left.Pad"]);
        assert_eq!(packages(vec![assembly("srv/app2/Guess.dll"), listed]), ["Guess", "Left.Pad"]);
        assert_eq!(packages(vec![assembly("Guess.dll")]), ["Guess"]);
    }

    /// What the package note of a program says.
    fn note(name: &str, path: &str, os: &str, version: &str) -> Package {
        let mut package = package(Ecosystem::Deb, name, path);
        for (key, value) in [
            ("identity", elf_note::IDENTITY),
            (elf_note::DISTRIBUTION, os),
            (elf_note::DISTRIBUTION_VERSION, version),
        ] {
            package.properties.insert(key.into(), value.into());
        }
        package
    }

    #[test]
    fn notes_of_programs_count_where_no_package_owns_them() {
        let release = Release { id: "debian".into(), version: "12".into(), ..Release::default() };
        let release = || Found {
            layer: Some(1),
            extraction: Extraction { releases: vec![(1, release.clone())], ..Extraction::default() },
        };
        let status = || {
            found(
                1,
                vec![package(Ecosystem::Deb, "curl", "var/lib/dpkg/status")],
                vec![owns("curl", &["usr/bin/curl"])],
            )
        };
        let links = DirectoryLinks::from([(ImagePath::from("bin"), ImagePath::from("usr/bin"))]);
        let notes = found(
            2,
            vec![
                note("curl", "bin/curl", "debian", "12"),
                note("jq", "opt/jq", "debian", "12"),
                note("foreign", "opt/foreign", "ubuntu", "24.04"),
                note("older", "opt/older", "debian", "11"),
            ],
            vec![],
        );
        let inventory = inventory(vec![release(), status(), notes], &links, vec![]);
        let seen: Vec<(Ecosystem, &str)> =
            inventory.packages.iter().map(|package| (package.ecosystem, package.name.as_str())).collect();
        let expected = [
            (Ecosystem::Deb, "curl"),
            (Ecosystem::Deb, "jq"),
            (Ecosystem::Generic, "foreign"),
            (Ecosystem::Generic, "older"),
        ];
        assert_eq!(seen, expected);
        assert_eq!(inventory.packages[0].locations.len(), 1, "the database alone names curl");
    }

    #[test]
    fn notes_that_agree_name_the_distribution_of_an_empty_image() {
        let release =
            |notes| inventory(vec![found(1, notes, vec![])], &DirectoryLinks::new(), vec![]).release;
        let jq = note("jq", "jq", "debian", "12");
        let found = release(vec![jq.clone(), note("curl", "curl", "debian", "12")]).unwrap();
        assert_eq!((found.id.as_str(), found.version.as_str()), ("debian", "12"));
        assert_eq!(release(vec![jq.clone(), note("curl", "curl", "debian", "13")]), None);
        assert_eq!(release(vec![jq, note("curl", "curl", "", "")]), None);
    }

    #[test]
    fn files_find_their_owner_through_linked_directories() {
        let metadata = "usr/lib/python3/dist-packages/x.egg-info";
        let files = vec![
            package(Ecosystem::Deb, "python3-x", "var/lib/dpkg/status"),
            package(Ecosystem::PyPi, "x", metadata),
        ];
        let links = DirectoryLinks::from([(ImagePath::from("lib"), ImagePath::from("usr/lib"))]);
        let inventory = inventory(
            vec![found(1, files, vec![owns("python3-x", &["lib/python3/dist-packages/x.egg-info"])])],
            &links,
            vec![],
        );
        let owned = inventory.packages.iter().find(|package| package.ecosystem == Ecosystem::PyPi).unwrap();
        assert!(owned.owned_by.as_deref().unwrap().contains("python3-x"), "{owned:?}");
    }

    #[test]
    fn linked_directories_in_a_cycle_end() {
        let links = DirectoryLinks::from([
            (ImagePath::from("a"), ImagePath::from("b")),
            (ImagePath::from("b"), ImagePath::from("a")),
        ]);
        assert!(real_path(b"a/x", &links).ends_with(b"/x"));
    }
}
