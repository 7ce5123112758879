//! What a verified attestation says of a build (SLSA provenance v0.2 and v1), and whether that is the build that was asked
//! for.
//!
//! Provenance is the word of its signer. What it says of builder and source is therefore held against the certificate that
//! signed it: a workflow of somebody's own that signs a forged statement carries its own name in the certificate.

use std::collections::BTreeMap;

use plimsoll_model::shortened;
use serde_json::Value;

use crate::identity::{Certificate, Pattern};

/// SLSA provenance v0.2.
pub const V0_2: &str = "https://slsa.dev/provenance/v0.2";
/// SLSA provenance v1.
pub const V1: &str = "https://slsa.dev/provenance/v1";

/// Workflows of the SLSA GitHub generator, which run apart from the project that they build for, and so can vouch for it
/// (SLSA build level 3). Counted where no builder is asked for, at a release's tag only.
const ISOLATED: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";
const ISOLATED_WORKFLOWS: &[&str] = &[
    "builder_bazel_slsa3.yml",
    "builder_container-based_slsa3.yml",
    "builder_go_slsa3.yml",
    "builder_gradle_slsa3.yml",
    "builder_maven_slsa3.yml",
    "builder_nodejs_slsa3.yml",
    "delegator_generic_slsa3.yml",
    "delegator_lowperms-generic_slsa3.yml",
    "generator_container_slsa3.yml",
    "generator_generic_slsa3.yml",
];
/// Builders that GitHub itself runs: the certificate names the project's workflow, and the kind of machine.
const GITHUB_RUNNER: &str = "https://github.com/actions/runner";
const GITHUB_HOSTED: &str = "https://github.com/actions/runner/github-hosted";
/// What BuildKit calls its builds, in provenance v0.2 and v1.
const BUILDKIT: [&str; 2] = [
    "https://mobyproject.org/buildkit@v1",
    "https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md",
];
/// Most materials that are kept.
const MOST_MATERIALS: usize = 10_000;

/// What a build was, as its builder says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Who built: `builder.id`.
    pub builder: String,
    /// What kind of build: `buildType`.
    pub build_type: String,
    /// What was built.
    pub source: Source,
    /// The workflow or build file within the source.
    pub workflow: Option<String>,
    /// What the person who started it typed in, by name.
    pub inputs: BTreeMap<String, String>,
    /// What started it: `push`, `release`, ...
    pub trigger: Option<String>,
    /// Everything that went in: sources, base images, tools.
    pub materials: Vec<Material>,
    /// How many more entries there are that have no address, or are beyond what is kept.
    pub unread: usize,
    /// Address of the run, for people.
    pub invocation: Option<String>,
}

/// Source code of a build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// Where it is, without `git+` and reference: `https://github.com/owner/name`.
    pub uri: String,
    /// The branch or tag: `refs/heads/main`.
    pub reference: Option<String>,
    /// The commit.
    pub commit: Option<String>,
}

/// Something that went into a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// What it is: `pkg:docker/debian@12`, `git+https://...`.
    pub uri: String,
    /// Its digests by algorithm.
    pub digest: BTreeMap<String, String>,
}

impl Provenance {
    /// Reads a predicate of a kind.
    ///
    /// # Errors
    /// In words for people: another kind of statement, or one without builder or source.
    pub fn read(predicate_type: &str, predicate: &Value) -> Result<Self, String> {
        let provenance = match predicate_type {
            V0_2 => v0_2(predicate),
            V1 => v1(predicate),
            other => return Err(format!("`{}` is no provenance that we know", shortened(other))),
        };
        // BuildKit names none where nobody told it who it is. No build that is asked for is met by that.
        if provenance.builder.is_empty() && !BUILDKIT.contains(&provenance.build_type.as_str()) {
            return Err("the provenance names no builder".into());
        }
        Ok(provenance)
    }
}

impl Provenance {
    /// The images that went into the build: base images, and images that were copied from.
    pub fn bases(&self) -> impl Iterator<Item = &str> {
        let images = ["pkg:docker/", "pkg:oci/", "docker-image://", "oci://"];
        self.materials
            .iter()
            .map(|material| material.uri.as_str())
            .filter(move |uri| images.iter().any(|start| uri.starts_with(start)))
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn digests(value: &Value) -> BTreeMap<String, String> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}

/// Materials, and how many more there are that were not read.
fn materials(value: &Value) -> (Vec<Material>, usize) {
    let entries = match value {
        Value::Array(entries) => entries.as_slice(),
        Value::Null => &[],
        // Something is there.
        _ => return (Vec::new(), 1),
    };
    let read = entries.iter().take(MOST_MATERIALS);
    let read: Vec<Material> = read
        .filter_map(|entry| Some(Material { uri: text(&entry["uri"])?, digest: digests(&entry["digest"]) }))
        .collect();
    let unread = entries.len() - read.len();
    (read, unread)
}

fn inputs(value: &Value) -> BTreeMap<String, String> {
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), shown(value))).collect()
}

/// Takes `git+https://host/path@refs/heads/main` apart.
fn source(uri: &str, digest: &Value) -> Source {
    let plain = uri.strip_prefix("git+").unwrap_or(uri);
    let (place, reference) = match plain.split_once("@refs/") {
        Some((place, reference)) => (place, Some(format!("refs/{reference}"))),
        None => (plain, None),
    };
    let digests = digests(digest);
    let commit = ["sha1", "gitCommit", "sha256"].iter().find_map(|name| digests.get(*name)).cloned();
    Source { uri: place.strip_suffix(".git").unwrap_or(place).to_owned(), reference, commit }
}

fn v0_2(predicate: &Value) -> Provenance {
    let invocation = &predicate["invocation"];
    let config = &invocation["configSource"];
    let environment = &invocation["environment"];
    let mut source = source(config["uri"].as_str().unwrap_or_default(), &config["digest"]);
    // npm's own generator writes the reference beside the address.
    source.reference = source
        .reference
        .or_else(|| text(&environment["GITHUB_REF"]))
        .or_else(|| text(&environment["github_ref"]));
    let (materials, unread) = materials(&predicate["materials"]);
    Provenance {
        builder: predicate["builder"]["id"].as_str().unwrap_or_default().to_owned(),
        build_type: predicate["buildType"].as_str().unwrap_or_default().to_owned(),
        source,
        workflow: text(&config["entryPoint"]),
        inputs: inputs(&environment["github_event_payload"]["inputs"]),
        trigger: text(&environment["github_event_name"]).or_else(|| text(&environment["GITHUB_EVENT_NAME"])),
        materials,
        unread,
        invocation: text(&predicate["metadata"]["buildInvocationID"])
            .or_else(|| text(&predicate["metadata"]["buildInvocationId"])),
    }
}

fn v1(predicate: &Value) -> Provenance {
    let definition = &predicate["buildDefinition"];
    let (external, internal) = (&definition["externalParameters"], &definition["internalParameters"]);
    let (materials, unread) = materials(&definition["resolvedDependencies"]);
    let workflow = &external["workflow"];
    let stated = match &external["source"] {
        Value::String(uri) => source(uri, &Value::Null),
        place @ Value::Object(_) => source(place["uri"].as_str().unwrap_or_default(), &place["digest"]),
        _ => {
            let mut stated = source(workflow["repository"].as_str().unwrap_or_default(), &Value::Null);
            stated.reference = text(&workflow["ref"]);
            stated
        }
    };
    // The commit stands with the dependency of the same address.
    let commit = stated.commit.clone().or_else(|| {
        let same = |material: &&Material| source(&material.uri, &Value::Null).uri == stated.uri;
        let material = materials.iter().find(same)?;
        ["gitCommit", "sha1"].iter().find_map(|name| material.digest.get(*name)).cloned()
    });
    Provenance {
        builder: predicate["runDetails"]["builder"]["id"].as_str().unwrap_or_default().to_owned(),
        build_type: definition["buildType"].as_str().unwrap_or_default().to_owned(),
        source: Source { commit, ..stated },
        workflow: text(&workflow["path"]).or_else(|| text(&external["configPath"])),
        inputs: inputs(&external["inputs"]),
        trigger: text(&internal["github"]["event_name"]).or_else(|| text(&internal["GITHUB_EVENT_NAME"])),
        materials,
        unread,
        invocation: text(&predicate["runDetails"]["metadata"]["invocationId"])
            .or_else(|| text(&predicate["runDetails"]["metadata"]["invocationID"])),
    }
}

/// The build that is asked for. Everything that is named must fit.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// Who must have built it, as an address with or without `@refs/tags/...`. Not given: one of the workflows of the
    /// SLSA GitHub generator, which build apart from the project.
    pub builder: Option<Pattern>,
    /// Where the source must be: `github.com/owner/name`, or with `https://`.
    pub source: Option<Pattern>,
    /// The branch it must be built from.
    pub branch: Option<String>,
    /// The tag it must be built from.
    pub tag: Option<String>,
    /// The start of its version: `v1` fits the tags `v1.2.3` and `v1.0.0`.
    pub version: Option<String>,
    /// The workflow within the source.
    pub workflow: Option<Pattern>,
    /// What must have been typed in, by name.
    pub inputs: Vec<(String, String)>,
}

/// What of the build that was asked for is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// Which part: `builder`, `source`, `branch`, `tag`, `version`, `workflow`, `input`, `certificate`.
    pub part: &'static str,
    /// What is wrong, for people.
    pub detail: String,
}

impl Build {
    /// Holds provenance against what was asked for, and against the certificate that signed it. Nothing unmet: it fits.
    ///
    /// Without certificate (signed with a key) the statement is the word of whoever holds the key, and is taken as such.
    pub fn check(&self, provenance: &Provenance, certificate: Option<&Certificate>) -> Vec<Unmet> {
        let mut unmet = Vec::new();
        let mut add = |part, detail: String| unmet.push(Unmet { part, detail });
        if let Some(certificate) = certificate {
            for detail in contradictions(provenance, certificate) {
                add("certificate", detail);
            }
        }
        match &self.builder {
            _ if provenance.builder.is_empty() => add("builder", "the provenance names no builder".into()),
            Some(pattern) if fits_builder(pattern, &provenance.builder, certificate) => {}
            Some(pattern) => {
                add("builder", format!("built by {}, not by {pattern}", shown(&provenance.builder)));
            }
            None if is_isolated(&provenance.builder) => {}
            None => add(
                "builder",
                format!(
                    "{} is no builder that works apart from the project; name it, if it is trusted",
                    shown(&provenance.builder)
                ),
            ),
        }
        if let Some(pattern) = &self.source {
            let bare = provenance.source.uri.strip_prefix("https://");
            if !(pattern.matches(&provenance.source.uri) || bare.is_some_and(|bare| pattern.matches(bare))) {
                add("source", format!("built from {}, not from {pattern}", shown(&provenance.source.uri)));
            }
        }
        let reference = provenance.source.reference.as_deref().unwrap_or("no reference");
        if let Some(branch) = &self.branch
            && reference.strip_prefix("refs/heads/") != Some(branch)
        {
            add("branch", format!("built from {}, not from branch {branch}", shown(reference)));
        }
        if let Some(tag) = &self.tag
            && reference.strip_prefix("refs/tags/") != Some(tag)
        {
            add("tag", format!("built from {}, not from tag {tag}", shown(reference)));
        }
        if let Some(version) = &self.version
            && !reference.strip_prefix("refs/tags/").is_some_and(|tag| is_within(tag, version))
        {
            add("version", format!("built from {}, which is no version {version}", shown(reference)));
        }
        if let Some(pattern) = &self.workflow
            && !provenance.workflow.as_deref().is_some_and(|path| pattern.matches(path))
        {
            add(
                "workflow",
                format!(
                    "built by {}, not by {pattern}",
                    shown(provenance.workflow.as_deref().unwrap_or("no workflow"))
                ),
            );
        }
        for (name, value) in &self.inputs {
            let given = provenance.inputs.get(name);
            if given != Some(value) {
                add(
                    "input",
                    format!(
                        "input {name} was {}, not {value}",
                        given.map_or("not given".to_owned(), |given| shown(given))
                    ),
                );
            }
        }
        unmet
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() { "nobody who is named".to_owned() } else { shortened(text) }
}

/// A pattern without `@` fits a builder at any tag. Early provenance of npm calls all of GitHub's machines by one name;
/// the certificate says which of them GitHub hosts.
fn fits_builder(pattern: &Pattern, builder: &str, certificate: Option<&Certificate>) -> bool {
    let hosted = builder == GITHUB_RUNNER
        && certificate.is_some_and(|certificate| {
            certificate.claims.get("runnerEnvironment").is_none_or(|kind| kind == "github-hosted")
        });
    pattern.matches(builder)
        || (hosted && pattern.matches(GITHUB_HOSTED))
        || (!pattern.to_string().contains('@')
            && builder.split_once("@refs/tags/").is_some_and(|(name, _)| pattern.matches(name)))
}

fn is_isolated(builder: &str) -> bool {
    let Some((workflow, tag)) =
        builder.strip_prefix(ISOLATED).and_then(|rest| rest.split_once("@refs/tags/"))
    else {
        return false;
    };
    ISOLATED_WORKFLOWS.contains(&workflow) && version(tag).is_some_and(|parts| parts.len() == 3)
}

/// Where the certificate says something else than the statement that it signed.
fn contradictions(provenance: &Provenance, certificate: &Certificate) -> Vec<String> {
    let mut out = Vec::new();
    let claim = |name: &str| certificate.claims.get(name).map(String::as_str);
    let subject = certificate.subject.as_deref().unwrap_or_default();
    let is_github = certificate
        .issuer
        .as_deref()
        .is_some_and(|issuer| issuer.starts_with("https://token.actions.githubusercontent.com"));
    if is_github {
        // The builder is the workflow in the certificate, or the machine that GitHub itself runs.
        let runner = matches!(provenance.builder.as_str(), GITHUB_HOSTED | GITHUB_RUNNER);
        let hosted = claim("runnerEnvironment").is_none_or(|kind| kind == "github-hosted");
        if provenance.builder != subject
            && !(runner && hosted)
            && !names_workflow(&provenance.builder, subject)
        {
            out.push(format!(
                "it says builder {}, but it was signed by {}",
                shown(&provenance.builder),
                shown(subject)
            ));
        }
        let repository = claim("sourceRepositoryURI")
            .map(str::to_owned)
            .or_else(|| claim("githubWorkflowRepository").map(|name| format!("https://github.com/{name}")));
        match repository {
            Some(repository) if repository == provenance.source.uri => {}
            Some(repository) => out.push(format!(
                "it says source {}, but the certificate was issued to {}",
                shown(&provenance.source.uri),
                shown(&repository)
            )),
            None => out.push("the certificate does not say the source".into()),
        }
        let commit = claim("sourceRepositoryDigest").or_else(|| claim("githubWorkflowSha"));
        if let (Some(stated), Some(commit)) = (&provenance.source.commit, commit)
            && stated != commit
        {
            out.push(format!("it says commit {}, the certificate {}", shown(stated), shown(commit)));
        }
        let reference = claim("sourceRepositoryRef").or_else(|| claim("githubWorkflowRef"));
        if let (Some(stated), Some(reference)) = (&provenance.source.reference, reference)
            && stated != reference
        {
            out.push(format!("it says {}, the certificate {}", shown(stated), shown(reference)));
        }
    }
    out
}

/// The generators that delegate sign as the delegator, for a builder of the same tag whose workflow is beside it.
fn names_workflow(builder: &str, subject: &str) -> bool {
    let split = |text: &'static str, whole: &str| -> Option<(String, String)> {
        let (name, tag) = whole.strip_prefix(text)?.split_once("@refs/tags/")?;
        Some((name.to_owned(), tag.to_owned()))
    };
    match (split(ISOLATED, builder), split(ISOLATED, subject)) {
        (Some((name, tag)), Some((delegator, delegators))) => {
            tag == delegators
                && matches!(
                    delegator.as_str(),
                    "delegator_generic_slsa3.yml" | "delegator_lowperms-generic_slsa3.yml"
                )
                && ISOLATED_WORKFLOWS.contains(&name.as_str())
        }
        _ => false,
    }
}

/// `v1.2.3` as numbers; at most three.
fn version(text: &str) -> Option<Vec<u64>> {
    let plain = text.strip_prefix('v')?;
    let core = plain.split(['-', '+']).next().unwrap_or(plain);
    let parts: Option<Vec<u64>> = core
        .split('.')
        .map(|part| {
            (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| part.parse().ok())
                .flatten()
        })
        .collect();
    parts.filter(|parts| parts.len() <= 3)
}

fn is_within(tag: &str, wanted: &str) -> bool {
    match (version(tag), version(wanted)) {
        (Some(tag), Some(wanted)) => tag.starts_with(&wanted),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_fit_by_their_start() {
        for (tag, wanted, fits) in [
            ("v1.2.3", "v1", true),
            ("v1.2.3", "v1.2", true),
            ("v1.2.3", "v1.2.3", true),
            ("v1.2.3", "v1.3", false),
            ("v10.0.0", "v1", false),
            ("v1.2.3-rc.1", "v1.2", true),
            ("main", "v1", false),
            ("v1.2.3", "1", false),
            ("v1..3", "v1", false),
            ("v99999999999999999999.0.0", "v9", false),
        ] {
            assert_eq!(is_within(tag, wanted), fits, "{tag} within {wanted}");
        }
    }

    #[test]
    fn sources_are_taken_apart() {
        let source = source("git+https://github.com/a/b.git@refs/heads/x@y", &Value::Null);
        assert_eq!(source.uri, "https://github.com/a/b");
        assert_eq!(source.reference.as_deref(), Some("refs/heads/x@y"));
    }

    #[test]
    fn isolated_builders_count_at_a_release_only() {
        let at =
            |reference: &str| is_isolated(&format!("{ISOLATED}generator_container_slsa3.yml@{reference}"));
        assert!(at("refs/tags/v2.1.0"));
        assert!(!at("refs/heads/main") && !at("refs/tags/v2") && !at("refs/tags/latest"));
        assert!(!is_isolated(
            "https://github.com/evil/slsa-github-generator/.github/workflows/generator_container_slsa3.yml@refs/tags/v2.1.0"
        ));
        assert!(!is_isolated(&format!("{ISOLATED}evil.yml@refs/tags/v2.1.0")));
    }
}
