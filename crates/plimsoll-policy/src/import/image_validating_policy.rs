//! Kyverno's `ImageValidatingPolicy` (policies.kyverno.io).
//!
//! Its validations are CEL. Those that ask for signatures or attestations of attestors, in the form that its documentation
//! shows, become requirements; others are not judged.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::reader::{Fields, Invalid};
use super::written::{
    Draft, attested_by, known_key, literal, pattern, public_keys, repository, signed_by, wildcard,
};
use super::{Change, Imported, Keys};

/// `images.containers.map(image, verifyImageSignatures(image, [attestors.a])).all(e, e > 0)`, without white space.
static SIGNED: LazyLock<Regex> = LazyLock::new(|| {
    let expression = r"^images\.(?:containers|initContainers|ephemeralContainers)\.map\((?<image>\w+),verifyImageSignatures\((?<same>\w+),\[(?<by>(?:attestors\.\w+,?)+)\]\)\)\.all\((?<each>\w+),(?<again>\w+)(?<how>>|>=|==)(?<count>\d{1,3})\)$";
    Regex::new(expression).expect("an expression of ours")
});

/// The same of `verifyAttestationSignatures(image, attestations.sbom, [attestors.a])`.
static ATTESTED: LazyLock<Regex> = LazyLock::new(|| {
    let expression = r"^images\.(?:containers|initContainers|ephemeralContainers)\.map\((?<image>\w+),verifyAttestationSignatures\((?<same>\w+),attestations\.(?<kind>\w+),\[(?<by>(?:attestors\.\w+,?)+)\]\)\)\.all\((?<each>\w+),(?<again>\w+)(?<how>>|>=|==)(?<count>\d{1,3})\)$";
    Regex::new(expression).expect("an expression of ours")
});

pub(super) fn import(document: &Value, keys: &Keys) -> Result<Imported, Invalid> {
    let mut root = Fields::new("", document)?;
    let kind = root.text("kind")?.unwrap_or_default();
    root.ignore(&["apiVersion", "status"]);
    let mut metadata = root.fields("metadata")?.ok_or_else(|| Invalid::at("metadata", "is missing"))?;
    let name = metadata.text("name")?.ok_or_else(|| Invalid::at("metadata.name", "is missing"))?;
    let namespace = if kind.starts_with("Namespaced") {
        Some(metadata.text("namespace")?.unwrap_or_else(|| "default".into()))
    } else {
        None
    };
    let mut spec = root.fields("spec")?.ok_or_else(|| Invalid::at("spec", "is missing"))?;
    let mut draft = Draft::default();
    draft.namespaces.extend(namespace.clone());
    images(&mut spec, &mut draft)?;
    objects(&mut spec, namespace.is_some(), &mut draft)?;
    let signers = attestors(&mut spec, keys, &mut draft)?;
    let kinds = attestations(&mut spec)?;

    let validations = spec.list("validations")?;
    if validations.is_empty() {
        return Err(Invalid::at("spec.validations", "is missing or empty: it would let everything in"));
    }
    for mut validation in validations {
        let path = validation.at("expression");
        let expression = validation.text("expression")?.ok_or_else(|| Invalid::at(&path, "is missing"))?;
        let requirement = match requirement(&expression, &signers, &kinds) {
            Some(requirement) => requirement,
            None => draft.not_judged(&path, "this expression is not carried over: write it as a requirement"),
        };
        draft.requirements.push(requirement);
        validation.ignore(&["message", "messageExpression", "reason"]);
        let further = draft.finish(&validation);
        draft.requirements.extend(further);
    }
    if let Some(mut how) = spec.fields("validationConfigurations")?
        && how.flag("mutateDigest")? == Some(false)
        && how.flag("verifyDigest")? != Some(false)
    {
        draft.requirements.push(json!({"pinDigest": true}));
    }
    let actions = spec.texts("validationActions")?;
    let has = |word: &str| actions.iter().any(|action| action == word);
    let mode = match () {
        () if actions.is_empty() || has("Deny") => "enforce",
        () if has("Warn") => "warn",
        () => "audit",
    };
    // Where and how the engine runs it says nothing of images. Variables are part of the expressions that use them.
    spec.ignore(&[
        "admission",
        "auditAnnotations",
        "autogen",
        "credentials",
        "evaluation",
        "failurePolicy",
        "images",
        "variables",
        "webhookConfiguration",
    ]);
    let mut further = draft.finish(&spec);
    further.extend(draft.finish(&root));
    draft.requirements.append(&mut further);
    let mut imported = Imported::default();
    draft.end(&name, namespace.as_deref(), mode, &format!("{kind} {name}"), &mut imported);
    Ok(imported)
}

fn images(spec: &mut Fields, draft: &mut Draft) -> Result<(), Invalid> {
    let references = spec.list("matchImageReferences")?;
    let mut all = references.is_empty();
    for mut reference in references {
        match reference.text("glob")? {
            Some(glob) => {
                let (pattern, taken) = repository(&glob);
                if let Some(taken) = taken {
                    draft.note(
                        Change::Stricter,
                        &reference.at("glob"),
                        format!("it is now about all of `{pattern}`, not only about `{taken}`"),
                    );
                }
                draft.images.push(wildcard(pattern));
            }
            None => {
                draft.note(
                    Change::Stricter,
                    &reference.path,
                    "an expression tells which images: it is now about all of them",
                );
                all = true;
            }
        }
    }
    if all {
        draft.images.clear();
    }
    Ok(())
}

/// The objects: never fewer than before.
fn objects(spec: &mut Fields, own: bool, draft: &mut Draft) -> Result<(), Invalid> {
    if spec.take("matchConditions").is_some() {
        draft.note(Change::Stricter, "spec.matchConditions", "are left out: it is about more than before");
    }
    let Some(mut constraints) = spec.fields("matchConstraints")? else { return Ok(()) };
    constraints.ignore(&["resourceRules", "matchPolicy"]);
    if let Some(mut selector) = constraints.fields("objectSelector")? {
        let labels = selector.labels("matchLabels")?;
        if selector.is_empty() {
            draft.labels = labels;
        } else {
            draft.note(Change::Stricter, &selector.path, "is left out: it is about more than before");
        }
    }
    if let Some(mut selector) = constraints.fields("namespaceSelector")? {
        let mut labels = selector.labels("matchLabels")?;
        let named = labels.remove("kubernetes.io/metadata.name");
        match named {
            Some(name) if labels.is_empty() && selector.is_empty() && !own => {
                draft.namespaces.push(literal(&name));
            }
            _ => draft.note(Change::Stricter, &selector.path, "is left out: it is about more than before"),
        }
    }
    for path in constraints.unread() {
        draft.note(Change::Stricter, &path, "is left out: it is about more than before");
    }
    Ok(())
}

/// Names of our signers by the name of the attestor, any of whom will do; or what stands for it.
type Attestors = BTreeMap<String, Result<Vec<String>, Value>>;

fn attestors(spec: &mut Fields, keys: &Keys, draft: &mut Draft) -> Result<Attestors, Invalid> {
    let mut out = Attestors::new();
    for mut attestor in spec.list("attestors")? {
        let name = attestor.text("name")?.ok_or_else(|| Invalid::at(&attestor.at("name"), "is missing"))?;
        let found = match (attestor.fields("cosign")?, attestor.fields("notary")?) {
            (Some(cosign), None) => self::cosign(cosign, &name, keys, draft)?,
            (None, Some(notary)) => Err(draft.not_judged(
                &notary.path,
                "Notation signatures by this certificate: write a signer of kind `notation`",
            )),
            _ => return Err(Invalid::at(&attestor.path, "has not one of `cosign` and `notary`")),
        };
        if out.insert(name, found).is_some() {
            return Err(Invalid::at(&attestor.path, "has the name of another"));
        }
    }
    Ok(out)
}

fn cosign(
    mut cosign: Fields,
    name: &str,
    keys: &Keys,
    draft: &mut Draft,
) -> Result<Result<Vec<String>, Value>, Invalid> {
    let path = cosign.path.clone();
    let mut log = true;
    if let Some(mut how) = cosign.fields("ctlog")? {
        log = how.flag("insecureIgnoreTlog")? != Some(true);
        how.ignore(&["url", "insecureIgnoreSCT", "ctLogPubKey", "rekorPubKey", "tsaCertChain"]);
        draft.note(
            Change::Stricter,
            &how.path,
            "logs and their keys are those of the trust roots that are given (`--trust-root`)",
        );
        if let Some(unread) = draft.unread(&how) {
            return Ok(Err(unread));
        }
    }
    if let Some(mut source) = cosign.fields("source")?
        && let Some(repository) = source.text("repository")?
    {
        draft.elsewhere(&source.path, &repository);
    }
    if cosign.take("tuf").is_some() {
        draft.note(Change::Stricter, &format!("{path}.tuf"), "its roots must be given (`--trust-root FILE`)");
    }
    let (key, keyless) = (cosign.fields("key")?, cosign.fields("keyless")?);
    // Annotations and certificates ask for more.
    if let Some(unread) = cosign.unread().first() {
        return Ok(Err(draft.not_judged(unread, "is not judged, and asks for more")));
    }
    match (key, keyless) {
        (Some(mut key), None) => {
            if let Some(hash) = key.text("hashAlgorithm")? {
                draft.hash(&key.at("hashAlgorithm"), &hash);
            }
            let (data, kms) = (key.text("data")?, key.text("kms")?);
            let secret = key.fields("secretRef")?.map(|mut secret| {
                let part =
                    |key: &str, secret: &mut Fields| Ok::<_, Invalid>(secret.text(key)?.unwrap_or_default());
                Ok(format!("k8s://{}/{}", part("namespace", &mut secret)?, part("name", &mut secret)?))
            });
            let reference = kms.or(secret.transpose()?);
            let pem = match (data, &reference) {
                (Some(data), None) => public_keys(&key.at("data"), &data)?.into_iter().next(),
                (None, Some(reference)) => known_key(&key.path, reference, keys)?,
                _ => None,
            };
            if key.take("expression").is_some() {
                return Ok(Err(draft.not_judged(&key.path, "the key is told by an expression")));
            }
            if let Some(unread) = draft.unread(&key) {
                return Ok(Err(unread));
            }
            Ok(match (pem, reference) {
                (Some(pem), _) => Ok(vec![draft.key(name, &pem, log)]),
                (None, Some(reference)) => Err(draft.absent_key(&key.path, &reference)),
                (None, None) => Err(draft.not_judged(&key.path, "no key is given")),
            })
        }
        (None, Some(mut keyless)) => {
            let identities = keyless.list("identities")?;
            if identities.is_empty() {
                return Err(Invalid::at(
                    &keyless.at("identities"),
                    "is missing or empty: anybody could sign",
                ));
            }
            let mut names = Vec::new();
            for mut identity in identities {
                let mut part = |key: &str| {
                    Ok::<_, Invalid>(pattern(&mut identity, key, literal)?.unwrap_or_else(|| "**".into()))
                };
                let signer = json!({"subject": part("subject")?, "issuer": part("issuer")?});
                if let Some(unread) = draft.unread(&identity) {
                    return Ok(Err(unread));
                }
                names.push(draft.signer(name, json!({"keyless": signer})));
            }
            Ok(match keyless.unread().first() {
                Some(unread) => Err(draft.not_judged(
                    unread,
                    "certificates of these authorities: give them as a trusted_root.json and name that in the signer's `roots`",
                )),
                None => Ok(names),
            })
        }
        _ => Err(Invalid::at(&path, "has not one of `key` and `keyless`")),
    }
}

/// Kinds of predicates by the name of the attestation.
fn attestations(spec: &mut Fields) -> Result<BTreeMap<String, String>, Invalid> {
    let mut out = BTreeMap::new();
    for mut attestation in spec.list("attestations")? {
        let name =
            attestation.text("name")?.ok_or_else(|| Invalid::at(&attestation.at("name"), "is missing"))?;
        for key in ["intoto", "referrer"] {
            if let Some(mut kind) = attestation.fields(key)? {
                let kind = kind.text("type")?.ok_or_else(|| Invalid::at(&kind.at("type"), "is missing"))?;
                out.insert(name.clone(), literal(&kind));
            }
        }
    }
    Ok(out)
}

/// An expression of a known form, as a requirement. Its functions tell how many of the attestors verify.
fn requirement(expression: &str, signers: &Attestors, kinds: &BTreeMap<String, String>) -> Option<Value> {
    let packed: String = expression.split_whitespace().collect();
    let (found, attested) = match SIGNED.captures(&packed) {
        Some(found) => (found, false),
        None => (ATTESTED.captures(&packed)?, true),
    };
    if found["image"] != found["same"] || found["each"] != found["again"] {
        return None;
    }
    let by: Vec<&str> = found["by"].split(',').filter_map(|one| one.strip_prefix("attestors.")).collect();
    let number: usize = found["count"].parse().ok()?;
    let count = if &found["how"] == ">" { number + 1 } else { number };
    if count == 0 || count > by.len() || (&found["how"] == "==" && count < by.len()) {
        return None;
    }
    let kind = if attested { Some(kinds.get(&found["kind"])?) } else { None };
    let ask = |names: &[String], count: usize| match kind {
        Some(kind) => attested_by(kind, names, count),
        None => signed_by(names, count),
    };
    let mut each = Vec::new();
    for name in by {
        each.push(match signers.get(name)? {
            Ok(names) => ask(names, 1),
            Err(unjudged) => unjudged.clone(),
        });
    }
    match (each.len(), count) {
        (1, _) => each.pop(),
        (all, count) if count == all => Some(json!({"allOf": each})),
        (_, 1) => Some(json!({"anyOf": each})),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{KEY, imported};
    use serde_json::json;

    fn requirements(expression: &str) -> Vec<serde_json::Value> {
        let yaml = format!(
            "apiVersion: policies.kyverno.io/v1alpha1\nkind: ImageValidatingPolicy\nmetadata: {{name: p}}\nspec:\n  validationActions: [Audit]\n  \
             matchImageReferences: [{{glob: 'ghcr.io/acme/*'}}]\n  attestors:\n  - {{name: key, cosign: {{key: {{data: {KEY:?}}}}}}}\n  \
             - {{name: ci, cosign: {{keyless: {{identities: [{{subject: s, issuer: i}}]}}}}}}\n  \
             attestations: [{{name: sbom, intoto: {{type: 'https://spdx.dev/Document'}}}}]\n  validations:\n  - expression: \"{expression}\"\n"
        );
        let (found, _) = imported(&yaml);
        assert_eq!(found.policies[0]["spec"]["mode"], "audit");
        found.policies[0]["spec"]["requirements"].as_array().expect("requirements").clone()
    }

    #[test]
    fn known_forms_become_requirements() {
        let any = "images.containers.map(image, verifyImageSignatures(image, [attestors.key, attestors.ci])).all(e, e > 0)";
        assert_eq!(requirements(any)[0]["anyOf"][1]["signedBy"]["signers"], json!(["ci"]));
        let all = any.replace("> 0", "== 2");
        assert_eq!(requirements(&all)[0]["allOf"].as_array().expect("both").len(), 2);
        let attested = "images.containers.map(i, verifyAttestationSignatures(i, attestations.sbom, [attestors.key])).all(n, n > 0)";
        assert_eq!(requirements(attested)[0]["attestedBy"]["predicateType"], "https://spdx.dev/Document");
        for other in [
            &any.replace("> 0", ">= 0"),
            &any.replace("> 0", "== 1"),
            &any.replace("(image, [", "(other, ["),
            &format!("{any} || true"),
            "true",
        ] {
            assert!(requirements(other)[0]["notJudged"].is_string(), "{other}");
        }
    }

    #[test]
    fn fields_that_are_not_known_leave_the_attestor_open() {
        let attestor = |cosign: &str| {
            let yaml = format!(
                "{{apiVersion: policies.kyverno.io/v1alpha1, kind: ImageValidatingPolicy, metadata: {{name: p}}, spec: {{attestors: [{{name: a, \
                 cosign: {cosign}}}], validations: [{{expression: 'images.containers.map(i, verifyImageSignatures(i, [attestors.a])).all(e, e \
                 > 0)'}}]}}}}"
            );
            imported(&yaml).0.policies[0]["spec"]["requirements"][0].clone()
        };
        let known = attestor("{keyless: {identities: [{subject: s, issuer: i}]}}");
        assert_eq!(known["signedBy"]["signers"], json!(["a"]));
        for open in [
            "{keyless: {identities: [{subject: s, issuer: i, further: x}]}}",
            "{keyless: {identities: [{subject: s, issuer: i}], roots: x}}",
            "{keyless: {identities: [{subject: s, issuer: i}]}, ctlog: {further: x}}",
            "{keyless: {identities: [{subject: s, issuer: i}]}, annotations: {a: b}}",
            "{key: {expression: x}}",
            "{key: {kms: 'awskms:///k'}}",
        ] {
            assert!(attestor(open)["notJudged"].is_string(), "{open}");
        }
    }
}
