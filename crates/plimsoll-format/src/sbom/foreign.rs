//! What other tools say of a package: its package URL, and the properties of Trivy and Syft.

use std::collections::HashMap;

use plimsoll_model::purl::{self, Purl};
use plimsoll_model::{
    Digest, Distribution, Ecosystem, Effect, ImagePath, Layer, Location, Package, Problem, ProblemKind,
    Release, SourcePackage, Target,
};

use super::facts::{self, Facts};

/// What a document says of one package, before anything is made of it.
pub(super) struct Draft {
    /// Name with its group, as the document spells it.
    pub(super) name: String,
    pub(super) version: Option<String>,
    pub(super) purl: Option<String>,
    /// Properties, annotations and the like.
    pub(super) facts: Facts,
    /// A thing that can be installed, as against a file, a device, a lockfile.
    pub(super) is_package: bool,
}

/// Collects packages, and what is to be said about them once.
#[derive(Default)]
pub(super) struct Collector {
    pub(super) packages: Vec<Package>,
    pub(super) problems: Vec<Problem>,
    pub(super) release: Option<Release>,
    /// Releases named by package URLs, with how often.
    distros: HashMap<(String, String), usize>,
    without_purl: usize,
    first_without_purl: String,
    layers: HashMap<Digest, u32>,
}

impl Collector {
    /// Learns the order of layers, so that a layer's digest becomes its number.
    pub(super) fn layers(&mut self, layers: &[Layer]) {
        for layer in layers {
            self.layers.extend(
                layer.diff_id.iter().chain(&layer.digest).map(|digest| (digest.clone(), layer.index)),
            );
        }
    }

    /// Makes a package of what a document says; `None` for things that are no packages.
    pub(super) fn package(&mut self, draft: Draft) -> Option<Package> {
        let Draft { name, version, purl, facts, is_package } = draft;
        let mut package = Package::new(
            Ecosystem::Generic,
            name,
            version.unwrap_or_default(),
            Location::new(ImagePath::default()),
        );
        package.locations.clear();
        purl.clone().unwrap_or_default().clone_into(&mut package.purl);
        // In our own documents nothing has to be guessed.
        if facts::take(&mut package, &facts) {
            return Some(package);
        }
        match purl.as_deref().filter(|purl| !purl.is_empty()) {
            Some(text) => match Purl::parse_lenient(text) {
                Ok(parsed) => self.describe(&mut package, &parsed),
                Err(error) => self.problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    text,
                    format!("the package URL cannot be read: {error}"),
                )),
            },
            None if !is_package || package.version.is_empty() => return None,
            None => {
                if self.without_purl == 0 {
                    package.name.clone_into(&mut self.first_without_purl);
                }
                self.without_purl += 1;
            }
        }
        self.properties(&mut package, &facts);
        Some(package)
    }

    fn describe(&mut self, package: &mut Package, parsed: &Purl) {
        let Some(described) = purl::to_package(parsed) else { return };
        let spelled = std::mem::take(&mut package.name);
        let stated = std::mem::take(&mut package.version);
        package.ecosystem = described.ecosystem;
        // A document may keep the case that a package URL loses; the name is the same then.
        let same = described.ecosystem.normalise(&spelled) == described.ecosystem.normalise(&described.name);
        package.name = if same { spelled } else { described.name };
        package.version = described.version;
        let distribution = package.ecosystem.is_distribution();
        if package.version.is_empty() {
            package.version = stated;
        } else if distribution && !package.version.contains(':') {
            // The epoch may stand in the document's version only, or in a qualifier that deb has no rule for.
            if stated.split_once(':').is_some_and(|(_, rest)| rest == package.version) {
                package.version = stated;
            } else if let Some(epoch) =
                parsed.qualifier("epoch").filter(|epoch| !epoch.is_empty() && *epoch != "0")
            {
                package.version = format!("{epoch}:{}", package.version);
            }
        }
        package.architecture = described.architecture;
        package.module = described.module;
        if let Some(release) = described.release {
            *self.distros.entry((release.id, release.version)).or_default() += 1;
        }
        if let Some(upstream) = parsed.qualifier("upstream").filter(|_| distribution) {
            package.source = Some(upstream_source(package, upstream));
        }
        if let Some(goos) = parsed.qualifier("goos") {
            package.properties.insert("goos".into(), goos.to_owned());
        }
    }

    /// Takes what Trivy and Syft put in their properties (Trivy's `pkg/sbom/core/bom.go`, Syft's
    /// `syft/format/internal/cyclonedxutil`).
    fn properties(&mut self, package: &mut Package, facts: &Facts) {
        let mut trivy: HashMap<&str, &str> = HashMap::new();
        let mut syft: HashMap<&str, &str> = HashMap::new();
        for (name, text) in facts {
            if let Some(name) = name.strip_prefix("aquasecurity:trivy:") {
                trivy.insert(name, text);
            } else if let Some(name) = name.strip_prefix("syft:") {
                syft.insert(name, text);
            }
        }
        let get = |map: &HashMap<&str, &str>, name: &str| {
            map.get(name).filter(|text| !text.is_empty()).map(|text| (*text).to_owned())
        };
        if let (Some(name), Some(version)) = (get(&trivy, "SrcName"), get(&trivy, "SrcVersion")) {
            let epoch = get(&trivy, "SrcEpoch").filter(|epoch| epoch != "0");
            let epoch = epoch.map(|epoch| format!("{epoch}:")).unwrap_or_default();
            let release = get(&trivy, "SrcRelease").map(|release| format!("-{release}")).unwrap_or_default();
            package.source = Some(SourcePackage { name, version: format!("{epoch}{version}{release}") });
        }
        let syft_source = ["metadata:source", "metadata:originPackage", "metadata:origin"];
        if let Some(name) =
            syft_source.iter().find_map(|key| get(&syft, key)).filter(|_| package.ecosystem.is_distribution())
        {
            let version = get(&syft, "metadata:sourceVersion").unwrap_or_else(|| package.version.clone());
            package.source = Some(SourcePackage { name, version });
        }
        if let Some(source) = get(&syft, "metadata:sourceRpm").filter(|_| package.ecosystem == Ecosystem::Rpm)
        {
            package.source = Some(upstream_source(package, &source));
        }
        let module = get(&trivy, "Modularitylabel").or_else(|| get(&trivy, "ModularityLabel"));
        if let Some(module) = module.or_else(|| get(&syft, "metadata:modularityLabel")) {
            package.module = Some(module);
        }
        let layer = |digest: Option<String>| {
            let digest = Digest::parse(&digest?).ok()?;
            self.layers.get(&digest).copied()
        };
        if let Some(path) = get(&trivy, "FilePath").or_else(|| get(&trivy, "PkgFilePath")) {
            package.locations.push(Location {
                path: ImagePath::from(path.as_str()),
                layer: layer(get(&trivy, "LayerDiffID")).or_else(|| layer(get(&trivy, "LayerDigest"))),
                line: None,
                column: None,
            });
        }
        for index in 0.. {
            let Some(path) = get(&syft, &format!("location:{index}:path")) else { break };
            package.locations.push(Location {
                path: ImagePath::from(path.as_str()),
                layer: layer(get(&syft, &format!("location:{index}:layerID"))),
                line: None,
                column: None,
            });
        }
        package.locations.sort();
        package.locations.dedup();
    }

    /// A distribution that a document names as a component or package of its own.
    pub(super) fn operating_system(&mut self, name: &str, version: &str, facts: &Facts) {
        if self.release.is_some() {
            return;
        }
        let mut release = Release { id: name.to_owned(), version: version.to_owned(), ..Release::default() };
        if !facts::take_release(&mut release, facts) {
            release.id = distribution_id(name);
            for (name, text) in facts {
                match name.as_str() {
                    "syft:distro:id" => release.id = distribution_id(text),
                    "syft:distro:versionID" => text.clone_into(&mut release.version),
                    "syft:distro:prettyName" => text.clone_into(&mut release.name),
                    "syft:distro:versionCodename" => release.codename = Some(text.clone()),
                    "syft:distro:cpeName" => release.cpe = Some(text.clone()),
                    _ => {}
                }
            }
        }
        self.release = Some(release);
    }

    /// Ends the document: packages in order and each once, and one problem for all packages that nobody can match.
    pub(super) fn finish(mut self, form: String, mut target: Target) -> super::SbomDocument {
        if self.release.is_none() {
            // The distribution that most packages name; on a tie the first by name.
            let most = self
                .distros
                .into_iter()
                .max_by(|left, right| left.1.cmp(&right.1).then_with(|| right.0.cmp(&left.0)));
            self.release = most.map(|((id, version), _)| Release { id, version, ..Release::default() });
        }
        match self.without_purl {
            0 => {}
            1 => self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                &self.first_without_purl,
                "the package has no package URL: it cannot be held against advisories",
            )),
            number => self.problems.push(Problem::incomplete(
                ProblemKind::NotCovered,
                &self.first_without_purl,
                format!(
                    "this and {} more have no package URL: they cannot be held against advisories",
                    crate::text::count(number - 1, "package", "packages")
                ),
            )),
        }
        self.packages.sort_by(|left, right| {
            (&left.purl, &left.name, &left.version).cmp(&(&right.purl, &right.name, &right.version))
        });
        // A package URL is one package, in however many places: Trivy and Syft list it once per place.
        let mut packages: Vec<Package> = Vec::with_capacity(self.packages.len());
        for package in self.packages {
            match packages.last_mut() {
                Some(last) if !last.purl.is_empty() && last.purl == package.purl => {
                    last.locations.extend(package.locations);
                    last.locations.sort();
                    last.locations.dedup();
                }
                _ => packages.push(package),
            }
        }
        target.release.clone_from(&self.release);
        super::SbomDocument {
            form,
            inventory: plimsoll_model::Inventory { release: self.release, packages, problems: self.problems },
            target,
        }
    }

    /// Says that a part of the document is broken; the verdict cannot be "met" then.
    pub(super) fn broken(&mut self, subject: &str, detail: impl Into<String>) {
        let subject = if subject.is_empty() { "a component without a name" } else { subject };
        self.problems.push(Problem::incomplete(ProblemKind::Corrupt, subject, detail));
    }

    /// Says that something is not as it should be, and does not matter for what is vulnerable.
    pub(super) fn odd(&mut self, subject: &str, detail: impl Into<String>) {
        self.problems.push(Problem {
            kind: ProblemKind::Corrupt,
            effect: Effect::Note,
            subject: subject.to_owned(),
            detail: detail.into(),
            layer: None,
        });
    }
}

/// The source package that Syft's `upstream` qualifier names: `openssl`, `openssl@3.0.11-1`, `glibc-2.34-60.el9.src.rpm`.
fn upstream_source(package: &Package, upstream: &str) -> SourcePackage {
    if let Some(rpm) = upstream.strip_suffix(".src.rpm").or_else(|| upstream.strip_suffix(".nosrc.rpm")) {
        // name-version-release: the name may hold dashes itself. The epoch is not in file names: it is the binary's.
        let mut parts = rpm.rsplitn(3, '-');
        if let (Some(release), Some(version), Some(name)) = (parts.next(), parts.next(), parts.next()) {
            let epoch =
                package.version.split_once(':').map(|(epoch, _)| format!("{epoch}:")).unwrap_or_default();
            return SourcePackage { name: name.to_owned(), version: format!("{epoch}{version}-{release}") };
        }
    }
    match upstream.split_once('@') {
        Some((name, version)) => SourcePackage { name: name.to_owned(), version: version.to_owned() },
        None => SourcePackage { name: upstream.to_owned(), version: package.version.clone() },
    }
}

/// The `ID=` that other tools' names of distributions mean.
fn distribution_id(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let id = match lower.as_str() {
        "alma" => "almalinux",
        "cbl-mariner" => "mariner",
        "suse linux enterprise server" => "sles",
        "suse linux enterprise micro" => "sle-micro",
        _ => lower.as_str(),
    };
    match Distribution::by_id(id).or_else(|| Distribution::by_key(id)) {
        // A key that is no id itself: the first id that means it.
        Some(distribution) if !distribution.ids.contains(&id) => distribution.ids[0].to_owned(),
        _ => id.to_owned(),
    }
}
