//! Facts that the standards have no place for, as pairs of name and text. The names are an interface:
//! `docs/schema/sbom-properties.md` lists them.

use std::collections::BTreeMap;

use plimsoll_model::{
    Digest, Ecosystem, ImagePath, Location, Package, Presence, Problem, ProblemKind, Relation, Release,
    Scope, SourcePackage, Target,
};

/// Pairs of name and text, in a fixed order.
pub(super) type Facts = Vec<(String, String)>;

/// In front of every name of ours.
pub(super) const PREFIX: &str = "plimsoll:";
/// The package URL, where a form has no place for one of its shape.
pub(super) const PURL: &str = "plimsoll:purl";
/// The whole target, as JSON.
pub(super) const TARGET: &str = "plimsoll:target";
/// One problem, as JSON; may stand there many times.
pub(super) const PROBLEM: &str = "plimsoll:problem";

/// What a standard already says natively, and is therefore not among the facts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Native {
    /// CycloneDX: licences one by one, digests.
    LicensesAndDigests,
    /// Digests; an SPDX expression loses the words of licences.
    Digests,
    /// Neither.
    Nothing,
}

/// The facts of one package.
pub(super) fn of(package: &Package, native: Native) -> Facts {
    let mut facts = Facts::new();
    let mut add = |name: String, text: &str| facts.push((format!("{PREFIX}{name}"), text.to_owned()));
    add("ecosystem".into(), package.ecosystem.name());
    if let Some(architecture) = &package.architecture {
        add("architecture".into(), architecture);
    }
    if let Some(source) = &package.source {
        add("source:name".into(), &source.name);
        add("source:version".into(), &source.version);
    }
    if let Some(module) = &package.module {
        add("module".into(), module);
    }
    if let Some(vendor) = &package.vendor {
        add("vendor".into(), vendor);
    }
    match package.relation {
        Relation::Direct => add("relation".into(), "direct"),
        Relation::Transitive => add("relation".into(), "transitive"),
        Relation::Unknown => {}
    }
    match package.scope {
        Scope::Development => add("scope".into(), "development"),
        Scope::Optional => add("scope".into(), "optional"),
        Scope::Runtime => {}
    }
    if package.presence == Presence::Declared {
        add("presence".into(), "declared");
    }
    if native == Native::Nothing {
        for (index, digest) in package.digests.iter().enumerate() {
            add(format!("digest:{index}"), &digest.to_string());
        }
    }
    if native != Native::LicensesAndDigests {
        for (index, license) in package.licenses.iter().enumerate() {
            add(format!("license:{index}"), license);
        }
    }
    for (index, location) in package.locations.iter().enumerate() {
        add(format!("location:{index}:path"), &location.path.to_string());
        if let Some(layer) = location.layer {
            add(format!("location:{index}:layer"), &layer.to_string());
        }
        if let Some(line) = location.line {
            add(format!("location:{index}:line"), &line.to_string());
        }
    }
    if let Some(owner) = &package.owned_by {
        add("ownedBy".into(), owner);
    }
    for (key, value) in &package.properties {
        add(format!("property:{key}"), value);
    }
    facts
}

/// The facts of a distribution, beside its id and version.
pub(super) fn of_release(release: &Release) -> Facts {
    let mut facts = Facts::new();
    let mut add = |name: &str, text: &str| facts.push((format!("{PREFIX}release:{name}"), text.to_owned()));
    add("name", &release.name);
    add("path", &release.path);
    for (name, text) in [("point", &release.point), ("codename", &release.codename), ("cpe", &release.cpe)] {
        if let Some(text) = text {
            add(name, text);
        }
    }
    // Their names have no blanks.
    if !release.content_sets.is_empty() {
        add("content-sets", &release.content_sets.join(" "));
    }
    facts
}

/// Takes the facts of a distribution; false when none of them is ours.
pub(super) fn take_release(release: &mut Release, facts: &Facts) -> bool {
    let mut ours = false;
    for (name, text) in facts {
        let Some(name) = name.strip_prefix("plimsoll:release:") else { continue };
        ours = true;
        match name {
            "name" => text.clone_into(&mut release.name),
            "path" => text.clone_into(&mut release.path),
            "point" => release.point = Some(text.clone()),
            "codename" => release.codename = Some(text.clone()),
            "cpe" => release.cpe = Some(text.clone()),
            "content-sets" => release.content_sets = text.split(' ').map(str::to_owned).collect(),
            _ => {}
        }
    }
    ours
}

/// The facts of a whole document: its target, and what could not be read.
pub(super) fn of_document(target: &Target, problems: &[Problem]) -> Result<Facts, serde_json::Error> {
    // The distribution stands in the document as a component.
    let target = Target { release: None, ..target.clone() };
    // Escaped as JSON can, since not every form that holds it could keep control characters.
    let escaped = crate::text::escape_json;
    let mut facts = vec![(TARGET.to_owned(), escaped(&serde_json::to_string(&target)?))];
    for problem in problems.iter().filter(|problem| belongs_to_inventory(problem.kind)) {
        facts.push((PROBLEM.to_owned(), escaped(&serde_json::to_string(problem)?)));
    }
    Ok(facts)
}

/// Does a problem belong to what was read, rather than to the advisories it was held against?
pub(super) fn belongs_to_inventory(kind: ProblemKind) -> bool {
    match kind {
        ProblemKind::Truncated
        | ProblemKind::Corrupt
        | ProblemKind::Unreadable
        | ProblemKind::LimitExceeded
        | ProblemKind::Unsupported => true,
        ProblemKind::UnreadableVersion | ProblemKind::NotCovered | ProblemKind::StaleData => false,
    }
}

/// Takes the facts of a document.
pub(super) fn take_document(facts: &Facts, target: &mut Target, problems: &mut Vec<Problem>) {
    for (name, text) in facts {
        match name.as_str() {
            TARGET => match serde_json::from_str(text) {
                Ok(ours) => *target = ours,
                Err(error) => problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    TARGET,
                    format!("the property is broken: {error}"),
                )),
            },
            PROBLEM => match serde_json::from_str(text) {
                Ok(ours) => problems.push(ours),
                Err(error) => problems.push(Problem::incomplete(
                    ProblemKind::Corrupt,
                    PROBLEM,
                    format!("the property is broken: {error}"),
                )),
            },
            _ => {}
        }
    }
}

/// Takes our facts of one package; false when none of them is ours.
pub(super) fn take(package: &mut Package, facts: &Facts) -> bool {
    let mut ours = false;
    // By number, because documents may be written anew in another order.
    let mut locations: BTreeMap<u32, Location> = BTreeMap::new();
    let mut licenses: BTreeMap<u32, &String> = BTreeMap::new();
    let mut digests: BTreeMap<u32, Digest> = BTreeMap::new();
    let mut source: (Option<String>, Option<String>) = (None, None);
    for (name, text) in facts {
        let Some(name) = name.strip_prefix(PREFIX) else { continue };
        ours = true;
        if let Some(key) = name.strip_prefix("property:") {
            package.properties.insert(key.to_owned(), text.clone());
            continue;
        }
        if let Some(number) = name.strip_prefix("license:") {
            licenses.extend(number.parse().ok().map(|number: u32| (number, text)));
            continue;
        }
        if let Some(number) = name.strip_prefix("digest:") {
            digests.extend(number.parse().ok().zip(text.parse().ok()));
            continue;
        }
        if let Some((number, field)) = name.strip_prefix("location:").and_then(|rest| rest.split_once(':')) {
            let Ok(number) = number.parse() else { continue };
            let location = locations.entry(number).or_insert_with(|| Location::new(ImagePath::default()));
            match field {
                "path" => location.path = ImagePath::from(text.as_str()),
                "layer" => location.layer = text.parse().ok(),
                "line" => location.line = text.parse().ok(),
                _ => {}
            }
            continue;
        }
        match name {
            "ecosystem" => package.ecosystem = Ecosystem::from_purl_type(text).unwrap_or(package.ecosystem),
            "architecture" => package.architecture = Some(text.clone()),
            "source:name" => source.0 = Some(text.clone()),
            "source:version" => source.1 = Some(text.clone()),
            "module" => package.module = Some(text.clone()),
            "vendor" => package.vendor = Some(text.clone()),
            "relation" if text == "direct" => package.relation = Relation::Direct,
            "relation" if text == "transitive" => package.relation = Relation::Transitive,
            "scope" if text == "development" => package.scope = Scope::Development,
            "scope" if text == "optional" => package.scope = Scope::Optional,
            "presence" if text == "declared" => package.presence = Presence::Declared,
            "ownedBy" => package.owned_by = Some(text.clone()),
            _ => {}
        }
    }
    if let (Some(name), version) = source {
        package.source = Some(SourcePackage { name, version: version.unwrap_or_default() });
    }
    package.licenses.extend(licenses.into_values().cloned());
    package.digests.extend(digests.into_values());
    package.locations.extend(locations.into_values());
    ours
}

/// The digest that an algorithm's name of CycloneDX (`SHA-256`) or SPDX (`SHA256`) and hexadecimal digits give.
///
/// `Ok(None)` for algorithms that we do not use; `Err` says what is wrong.
pub(super) fn digest(algorithm: &str, digits: &str) -> Result<Option<Digest>, String> {
    let plain: String = algorithm.chars().filter(|character| *character != '-').collect();
    let length = match plain.to_ascii_uppercase().as_str() {
        "MD5" | "MD2" | "MD4" => 32,
        "SHA1" | "SHA256" | "SHA512" => {
            let text = format!("{}:{}", plain.to_ascii_lowercase(), digits.to_ascii_lowercase());
            return Digest::parse(&text).map(Some).map_err(|error| error.to_string());
        }
        "SHA224" => 56,
        "SHA384" | "SHA3384" | "BLAKE2B384" => 96,
        "SHA3256" | "BLAKE2B256" | "STREEBOG256" => 64,
        "SHA3512" | "BLAKE2B512" | "STREEBOG512" => 128,
        // Length is the writer's choice.
        "BLAKE3" | "MD6" | "ADLER32" => 0,
        _ => return Err(format!("`{algorithm}` is not the name of a hash function")),
    };
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex && (length == 0 || digits.len() == length) {
        Ok(None)
    } else {
        Err(format!("`{algorithm}` has {length} hexadecimal digits"))
    }
}
