//! Rules about images in Kyverno's `ClusterPolicy` and `Policy` (kyverno.io): `verifyImages`, and of `validate` the Pod
//! Security Standards and patterns of image names. Rules about other things are left out, by name.
//!
//! Of `verifyImages`, every set of attestors must hold, and in a set all of its entries, or as many as `count` says.

use serde_json::{Value, json};

use super::reader::{Fields, Invalid};
use super::written::{
    Draft, all_of, attested_by, known_key, pattern, public_keys, repository, signed_by, wildcard,
};
use super::{Change, Imported, Keys};

/// How deep sets of attestors may stand in each other.
const DEEPEST: usize = 2;

pub(super) fn import(document: &Value, keys: &Keys) -> Result<Imported, Invalid> {
    let mut root = Fields::new("", document)?;
    let kind = root.text("kind")?.unwrap_or_default();
    root.ignore(&["apiVersion", "status"]);
    let mut metadata = root.fields("metadata")?.ok_or_else(|| Invalid::at("metadata", "is missing"))?;
    let name = metadata.text("name")?.ok_or_else(|| Invalid::at("metadata.name", "is missing"))?;
    let namespace = if kind == "Policy" {
        Some(metadata.text("namespace")?.unwrap_or_else(|| "default".into()))
    } else {
        None
    };
    let mut spec = root.fields("spec")?.ok_or_else(|| Invalid::at("spec", "is missing"))?;
    let action = spec.text("validationFailureAction")?;
    let rules = spec.list("rules")?;
    if rules.is_empty() {
        return Err(Invalid::at("spec.rules", "is missing or empty"));
    }
    let mut policy = Whole { name, namespace, kind, action, keys, imported: Imported::default() };
    for rule in rules {
        policy.rule(rule)?;
    }
    // Where and how the engine runs a rule says nothing of images.
    spec.ignore(&[
        "admission",
        "applyRules",
        "background",
        "emitWarning",
        "failurePolicy",
        "generateExisting",
        "mutateExistingOnPolicyUpdate",
        "schemaValidation",
        "useServerSideApply",
        "webhookConfiguration",
        "webhookTimeoutSeconds",
    ]);
    for path in spec.unread() {
        policy.note(Change::NotJudged, &path, "is not carried over");
    }
    Ok(policy.imported)
}

struct Whole<'a> {
    name: String,
    namespace: Option<String>,
    kind: String,
    action: Option<String>,
    keys: &'a Keys,
    imported: Imported,
}

impl Whole<'_> {
    fn note(&mut self, change: Change, path: &str, text: &str) {
        self.imported.notes.push(super::Note { change, path: path.to_owned(), text: text.to_owned() });
    }

    fn rule(&mut self, mut rule: Fields) -> Result<(), Invalid> {
        let path = rule.path.clone();
        let name = rule.text("name")?.ok_or_else(|| Invalid::at(&rule.at("name"), "is missing"))?;
        let scope = self::scope(&mut rule)?;
        let context = rule.take("context").is_some();
        let preconditions = rule.take("preconditions").is_some() || rule.take("celPreconditions").is_some();
        let images = rule.list("verifyImages")?;
        let validate = rule.fields("validate")?;
        if images.is_empty() && validate.is_none() {
            self.note(Change::LeftOut, &path, &format!("rule `{name}` changes or makes objects"));
            return Ok(());
        }
        rule.ignore(&["skipBackgroundRequests", "imageExtractors", "reportProperties"]);
        let begin = |whole: &Whole<'_>| {
            let mut draft = Draft::default();
            draft.labels.clone_from(&scope.labels);
            draft.namespaces.clone_from(&scope.namespaces);
            draft.exclude_namespaces.clone_from(&scope.exclude_namespaces);
            if let Some(own) = &whole.namespace {
                draft.namespaces = vec![own.clone()];
            }
            draft.notes.clone_from(&scope.notes);
            if preconditions {
                draft.note(
                    Change::Stricter,
                    &format!("{path}.preconditions"),
                    "are left out: it is about more than before",
                );
            }
            for unread in rule.unread() {
                let further = draft.not_judged(&unread, "is not known here, and may ask for more");
                draft.requirements.push(further);
            }
            draft
        };
        for (number, image) in images.into_iter().enumerate() {
            let draft = begin(self);
            let suffix = if number == 0 { String::new() } else { format!("-{}", number + 1) };
            self.verify(image, draft, &format!("{name}{suffix}"))?;
        }
        if let Some(validate) = validate {
            let draft = begin(self);
            self.validate(validate, draft, &name, context)?;
        }
        Ok(())
    }

    fn end(&mut self, draft: Draft, rule: &str, action: Option<&str>) {
        let (policy, kind) = (&self.name, &self.kind);
        let name = format!("{policy}-{rule}");
        let mode = match action.or(self.action.as_deref()) {
            Some(word) if word.eq_ignore_ascii_case("enforce") => "enforce",
            // Its default.
            _ => "audit",
        };
        let origin = format!("{kind} {policy}, rule {rule}");
        draft.end(&name, self.namespace.as_deref(), mode, &origin, &mut self.imported);
    }

    fn verify(&mut self, mut image: Fields, mut draft: Draft, rule: &str) -> Result<(), Invalid> {
        let path = image.path.clone();
        let action = image.text("failureAction")?;
        let references = image.texts("imageReferences")?;
        if references.is_empty() {
            return Err(Invalid::at(&image.at("imageReferences"), "is missing or empty"));
        }
        for reference in references {
            let (pattern, taken) = repository(&reference);
            if let Some(taken) = taken {
                draft.note(
                    Change::Stricter,
                    &format!("{path}.imageReferences"),
                    format!("it is now about all of `{pattern}`, not only about `{taken}`"),
                );
            }
            draft.images.extend(names(pattern));
        }
        for reference in image.texts("skipImageReferences")? {
            match repository(&reference) {
                (pattern, None) => draft.exclude_images.extend(names(pattern)),
                (pattern, Some(taken)) => draft.note(
                    Change::Stricter,
                    &format!("{path}.skipImageReferences"),
                    format!("`{pattern}` is not left out: only whole repositories are, not `{taken}`"),
                ),
            }
        }
        let notation = match image.text("type")?.as_deref() {
            None | Some("Cosign" | "SigstoreBundle") => false,
            Some("Notary") => true,
            Some(_) => {
                return Err(Invalid::at(&image.at("type"), "is none of Cosign, SigstoreBundle and Notary"));
            }
        };
        let sets = image.list("attestors")?;
        let attestations = image.list("attestations")?;
        if sets.is_empty() && attestations.is_empty() {
            return Err(Invalid::at(&path, "has neither `attestors` nor `attestations`"));
        }
        for set in sets {
            let requirement = self.set(set, notation, None, 0, &mut draft)?;
            draft.requirements.push(requirement);
        }
        for mut attestation in attestations {
            let kind = match attestation.text("type")? {
                Some(kind) => Some(kind),
                None => attestation.text("predicateType")?,
            };
            let kind = kind.ok_or_else(|| Invalid::at(&attestation.at("type"), "is missing"))?;
            attestation.ignore(&["name"]);
            let kind = super::written::literal(&kind);
            let sets = attestation.list("attestors")?;
            if sets.is_empty() {
                let further = draft
                    .not_judged(&attestation.path, "an attestation by anybody: name who must have made it");
                draft.requirements.push(further);
            }
            for set in sets {
                let requirement = self.set(set, notation, Some(&kind), 0, &mut draft)?;
                draft.requirements.push(requirement);
            }
            if attestation.take("conditions").is_some() {
                let path = attestation.at("conditions");
                let further = draft
                    .not_judged(&path, "conditions in JMESPath are not read: write them as requirements");
                draft.requirements.push(further);
            }
            let further = draft.finish(&attestation);
            draft.requirements.extend(further);
        }
        // A digest is put in the place of the tag by default, as the gate does it too.
        let (mutate, verify) = (image.flag("mutateDigest")?, image.flag("verifyDigest")?);
        if mutate == Some(false) && verify != Some(false) {
            draft.requirements.push(json!({"pinDigest": true}));
        }
        if let Some(repository) = image.text("repository")? {
            draft.elsewhere(&image.at("repository"), &repository);
        }
        image.ignore(&["required", "useCache", "imageRegistryCredentials", "cosignOCI11"]);
        if image.take("validate").is_some() {
            let further = draft.not_judged(
                &image.at("validate"),
                "conditions in JMESPath are not read: write them as requirements",
            );
            draft.requirements.push(further);
        }
        let further = draft.finish(&image);
        draft.requirements.extend(further);
        self.end(draft, rule, action.as_deref());
        Ok(())
    }

    /// A set of attestors, as one requirement.
    fn set(
        &self,
        mut set: Fields,
        notation: bool,
        kind: Option<&str>,
        depth: usize,
        draft: &mut Draft,
    ) -> Result<Value, Invalid> {
        let path = set.path.clone();
        let count = match set.take("count") {
            None => None,
            Some(count) => Some(
                count
                    .as_u64()
                    .and_then(|count| usize::try_from(count).ok())
                    .filter(|count| *count > 0)
                    .ok_or_else(|| Invalid::at(&set.at("count"), "is no number above 0"))?,
            ),
        };
        let entries = set.list("entries")?;
        if entries.is_empty() {
            return Err(Invalid::at(&set.at("entries"), "is missing or empty"));
        }
        let further = draft.finish(&set);
        let single = entries.len() == 1;
        let (mut signers, mut others) = (Vec::new(), Vec::new());
        for entry in entries {
            match self.entry(entry, single, notation, kind, depth, draft)? {
                Entry::Signers(mut names) => signers.append(&mut names),
                Entry::Requirement(requirement) => others.push(requirement),
            }
        }
        let all = signers.len() + others.len();
        let count = count.unwrap_or(all);
        if count > all {
            return Err(Invalid::at(&format!("{path}.count"), format!("asks for {count} of {all} entries")));
        }
        let by = |signers: &[String], count: usize| match kind {
            Some(kind) => attested_by(kind, signers, count),
            None => signed_by(signers, count),
        };
        let requirement = match (signers.is_empty(), others.is_empty()) {
            (_, true) => by(&signers, count),
            (true | false, false) if count == all => {
                let mut whole = others;
                if !signers.is_empty() {
                    whole.insert(0, by(&signers, signers.len()));
                }
                all_of(whole)
            }
            (true | false, false) if count == 1 => {
                let mut whole = others;
                if !signers.is_empty() {
                    whole.insert(0, by(&signers, 1));
                }
                json!({"anyOf": whole})
            }
            // Those that are known may be enough; else it cannot be told.
            _ if signers.len() >= count => {
                let unjudged =
                    draft.not_judged(&path, format!("{count} of entries of which some cannot be judged"));
                json!({"anyOf": [by(&signers, count), unjudged]})
            }
            _ => draft.not_judged(&path, format!("{count} of entries of which some cannot be judged")),
        };
        Ok(if further.is_empty() {
            requirement
        } else {
            all_of(std::iter::once(requirement).chain(further).collect())
        })
    }

    fn entry(
        &self,
        mut entry: Fields,
        single: bool,
        notation: bool,
        kind: Option<&str>,
        depth: usize,
        draft: &mut Draft,
    ) -> Result<Entry, Invalid> {
        let path = entry.path.clone();
        if let Some(repository) = entry.text("repository")? {
            draft.elsewhere(&entry.at("repository"), &repository);
        }
        if let Some(nested) = entry.fields("attestor")? {
            if depth == DEEPEST {
                return Err(Invalid::at(&path, "sets of attestors in each other too deep"));
            }
            return Ok(Entry::Requirement(self.set(nested, notation, kind, depth + 1, draft)?));
        }
        let found = if let Some(keys) = entry.fields("keys")? {
            self.keys(keys, single, draft)?
        } else if let Some(keyless) = entry.fields("keyless")? {
            keyless_signer(keyless, draft)?
        } else if entry.take("certificates").is_some() {
            let text = if notation {
                "Notation signatures by this certificate: write a signer of kind `notation`"
            } else {
                "signatures by this certificate: give its public key as `keys`"
            };
            Entry::Requirement(draft.not_judged(&entry.at("certificates"), text))
        } else {
            return Err(Invalid::at(&path, "has none of `keys`, `keyless`, `certificates` and `attestor`"));
        };
        // Annotations must be in what was signed.
        match entry.unread().first() {
            Some(unread) => {
                Ok(Entry::Requirement(draft.not_judged(unread, "is not judged, and asks for more")))
            }
            None => Ok(found),
        }
    }

    fn keys(&self, mut keys: Fields, single: bool, draft: &mut Draft) -> Result<Entry, Invalid> {
        let path = keys.path.clone();
        let (text, kms, secret) = (keys.text("publicKeys")?, keys.text("kms")?, keys.fields("secret")?);
        let reference = match (text, kms, secret) {
            (Some(text), None, None) if text.trim_start().starts_with("-----") => Err(text),
            (Some(text), None, None) => Ok(text),
            (None, Some(kms), None) => Ok(kms),
            (None, None, Some(mut secret)) => {
                let name =
                    secret.text("name")?.ok_or_else(|| Invalid::at(&secret.at("name"), "is missing"))?;
                let namespace = secret.text("namespace")?.unwrap_or_else(|| "kyverno".into());
                Ok(format!("k8s://{namespace}/{name}"))
            }
            _ => return Err(Invalid::at(&path, "needs one of `publicKeys`, `kms` and `secret`")),
        };
        let pems = match reference {
            Err(text) => public_keys(&format!("{path}.publicKeys"), &text)?,
            Ok(reference) => match known_key(&path, &reference, self.keys)? {
                Some(pem) => vec![pem],
                None => {
                    let unjudged = if reference.contains("{{") {
                        let text = format!(
                            "the key `{reference}` is looked up when a request comes: write each key into a policy of its own"
                        );
                        draft.not_judged(&path, text)
                    } else {
                        draft.absent_key(&path, &reference)
                    };
                    return Ok(Entry::Requirement(unjudged));
                }
            },
        };
        if let Some(hash) = keys.text("signatureAlgorithm")? {
            draft.hash(&keys.at("signatureAlgorithm"), &hash);
        }
        let (log, open) = log(&mut keys, draft)?;
        if let Some(unread) = draft.unread(&keys).or(open) {
            return Ok(Entry::Requirement(unread));
        }
        if pems.len() > 1 && !single {
            let text = "several keys in one entry of several: write one entry for each";
            return Ok(Entry::Requirement(draft.not_judged(&path, text)));
        }
        let names = pems.into_iter().map(|pem| draft.key("key", &pem, log));
        Ok(Entry::Signers(names.collect()))
    }

    /// Of `validate`, what is about images or the Pod Security Standards.
    fn validate(
        &mut self,
        mut validate: Fields,
        mut draft: Draft,
        rule: &str,
        context: bool,
    ) -> Result<(), Invalid> {
        let path = validate.path.clone();
        let action = validate.text("failureAction")?;
        validate.ignore(&["message", "allowExistingViolations"]);
        if let Some(mut standard) = validate.fields("podSecurity")? {
            let level = standard.text("level")?.unwrap_or_default();
            if !["baseline", "restricted"].contains(&level.as_str()) {
                return Err(Invalid::at(&standard.at("level"), "is neither baseline nor restricted"));
            }
            let version = standard.text("version")?.unwrap_or_else(|| "latest".into());
            draft.requirements.insert(0, json!({"podSecurity": {"level": level, "version": version}}));
            if standard.take("exclude").is_some() {
                draft.note(
                    Change::Stricter,
                    &standard.at("exclude"),
                    "controls are not left out one by one: write exceptions",
                );
            }
            let further = draft.finish(&standard);
            draft.requirements.extend(further);
            self.end(draft, rule, action.as_deref());
            return Ok(());
        }
        let pattern = validate.take("pattern");
        if let Some(requirement) = pattern.as_ref().filter(|_| !context).and_then(image_pattern) {
            draft.requirements.insert(0, requirement);
            let further = draft.finish(&validate);
            draft.requirements.extend(further);
            self.end(draft, rule, action.as_deref());
            return Ok(());
        }
        self.note(
            Change::LeftOut,
            &path,
            &format!("rule `{rule}` is about objects in a form that is not carried over"),
        );
        Ok(())
    }
}

/// What an entry asks for.
enum Entry {
    Signers(Vec<String>),
    Requirement(Value),
}

/// Whether a transparency log must know of the signature; and what stands for fields about it that are not known.
fn log(keys: &mut Fields, draft: &mut Draft) -> Result<(bool, Option<Value>), Invalid> {
    let (mut needed, mut open) = (true, None);
    if let Some(mut rekor) = keys.fields("rekor")? {
        needed = rekor.flag("ignoreTlog")? != Some(true);
        let url = rekor.text("url")?.filter(|url| !url.contains("rekor.sigstore.dev"));
        let own = rekor.text("pubkey")?.is_some();
        if needed && (url.is_some() || own) {
            draft.note(
                Change::Stricter,
                &rekor.path,
                "the key of its log must be in a trust root that is given (`--trust-root FILE`)",
            );
        }
        open = draft.unread(&rekor);
    }
    if let Some(mut log) = keys.fields("ctlog")? {
        if log.flag("ignoreSCT")? == Some(true) {
            draft.note(
                Change::Stricter,
                &log.path,
                "the certificate's own log entry is asked for where the trust root names such logs",
            );
        }
        if log.text("pubkey")?.is_some() || log.text("tsaCertChain")?.is_some() {
            draft.note(
                Change::Stricter,
                &log.path,
                "its keys must be in a trust root that is given (`--trust-root FILE`)",
            );
        }
        open = draft.unread(&log).or(open);
    }
    Ok((needed, open))
}

fn keyless_signer(mut keyless: Fields, draft: &mut Draft) -> Result<Entry, Invalid> {
    let path = keyless.path.clone();
    let subject = pattern(&mut keyless, "subject", wildcard)?;
    let issuer = pattern(&mut keyless, "issuer", wildcard)?;
    let (_, mut unjudged) = log(&mut keyless, draft)?;
    let mut claims = serde_json::Map::new();
    for (name, value) in keyless.labels("additionalExtensions")? {
        // Names of GitHub's first extensions, as cosign shows them.
        let known = match name.as_str() {
            "githubWorkflowTrigger" => "githubWorkflowTrigger",
            "githubWorkflowSha" => "githubWorkflowSHA",
            "githubWorkflowName" => "githubWorkflowName",
            "githubWorkflowRepository" => "githubWorkflowRepository",
            "githubWorkflowRef" => "githubWorkflowRef",
            _ => {
                unjudged =
                    Some(draft.not_judged(
                        &keyless.at("additionalExtensions"),
                        format!("`{name}` is not known here"),
                    ));
                continue;
            }
        };
        claims.insert(known.into(), wildcard(&value).into());
    }
    if keyless.take("roots").is_some() {
        unjudged = Some(draft.not_judged(&keyless.at("roots"), "certificates of these authorities: give them as a trusted_root.json and name that in the signer's `roots`"));
    }
    unjudged = draft.unread(&keyless).or(unjudged);
    if let Some(unjudged) = unjudged {
        return Ok(Entry::Requirement(unjudged));
    }
    if subject.is_none() && issuer.is_none() {
        return Err(Invalid::at(&path, "has neither subject nor issuer: anybody could sign"));
    }
    let any = || "**".to_owned();
    let mut signer = json!({"subject": subject.unwrap_or_else(any), "issuer": issuer.unwrap_or_else(any)});
    if !claims.is_empty() {
        signer["claims"] = claims.into();
    }
    Ok(Entry::Signers(vec![draft.signer("keyless", json!({"keyless": signer}))]))
}

/// Patterns of ours for a pattern of Kyverno's: it knows Docker Hub's own images without `library/`.
fn names(pattern: &str) -> Vec<String> {
    let mut out = vec![wildcard(pattern)];
    if let Some(rest) = pattern.strip_prefix("docker.io/")
        && !rest.contains('/')
        && !rest.starts_with('*')
    {
        out.push(wildcard(&format!("docker.io/library/{rest}")));
    }
    out
}

#[derive(Default)]
struct Scope {
    namespaces: Vec<String>,
    exclude_namespaces: Vec<String>,
    labels: std::collections::BTreeMap<String, String>,
    notes: Vec<super::Note>,
}

/// What a rule is about, as far as it can be told here: never less than before.
fn scope(rule: &mut Fields) -> Result<Scope, Invalid> {
    let mut scope = Scope::default();
    let (matches, exclude) = (rule.fields("match")?, rule.fields("exclude")?);
    let wider = |path: &str, text: &str| super::Note {
        change: Change::Stricter,
        path: path.to_owned(),
        text: text.to_owned(),
    };
    if let Some(mut matches) = matches {
        match filters(&mut matches)?.as_mut_slice() {
            [one] => {
                one.ignore(&["kinds", "operations"]);
                scope.namespaces = one.texts("namespaces")?.iter().map(|name| wildcard(name)).collect();
                if let Some(mut selector) = one.fields("selector")? {
                    let labels = selector.labels("matchLabels")?;
                    let plain =
                        labels.iter().all(|(name, value)| !format!("{name}{value}").contains(['*', '?']));
                    if selector.is_empty() && plain {
                        scope.labels = labels;
                    } else {
                        scope.notes.push(wider(&selector.path, "is left out: it is about more than before"));
                    }
                }
                scope.notes.extend(
                    one.unread().iter().map(|path| wider(path, "is left out: it is about more than before")),
                );
            }
            several => {
                let narrow = several.iter_mut().any(|one| {
                    one.ignore(&["kinds", "operations"]);
                    !one.is_empty()
                });
                if narrow {
                    scope
                        .notes
                        .push(wider(&matches.path, "has several filters, and is now about everything"));
                }
            }
        }
    }
    if let Some(mut exclude) = exclude {
        let path = exclude.path.clone();
        for mut one in filters(&mut exclude)? {
            let namespaces = one.texts("namespaces")?;
            one.ignore(&["kinds"]);
            if one.is_empty() && !namespaces.is_empty() {
                scope.exclude_namespaces.extend(namespaces.iter().map(|name| wildcard(name)));
            } else {
                scope.notes.push(wider(
                    &path,
                    "is left out, where it names more than namespaces: it is about more than before",
                ));
            }
        }
    }
    Ok(scope)
}

/// The filters of `match` and `exclude`: `any`, `all`, or the older form without either.
fn filters(block: &mut Fields) -> Result<Vec<Fields>, Invalid> {
    let mut out = Vec::new();
    for key in ["any", "all"] {
        let list = block.list(key)?;
        // Of several that must all hold, one alone would be about more; as an exclusion it would leave out more.
        let joined = key == "all" && list.len() > 1;
        for mut filter in list {
            let resources = filter.fields("resources")?;
            let mut one = match resources {
                Some(resources) => resources,
                None => Fields::new(&filter.path, &Value::Null)?,
            };
            if joined {
                one.mark("all");
            }
            for path in filter.unread() {
                one.mark(path.rsplit('.').next().unwrap_or("filter"));
            }
            out.push(one);
        }
    }
    if let Some(mut resources) = block.fields("resources")? {
        for path in block.unread() {
            resources.mark(path.rsplit('.').next().unwrap_or("filter"));
        }
        out.push(resources);
    }
    Ok(out)
}

/// A pattern that says nothing but what the images of all containers must be called: as a requirement.
fn image_pattern(pattern: &Value) -> Option<Value> {
    let spec = pattern.as_object().filter(|map| map.len() == 1)?.get("spec")?.as_object()?;
    let mut found: Option<&str> = None;
    for (key, value) in spec {
        let key = key.trim_start_matches(['=', '^']).trim_matches(['(', ')']);
        if !["containers", "initContainers", "ephemeralContainers"].contains(&key) {
            return None;
        }
        let [one] = value.as_array()?.as_slice() else { return None };
        let one = one.as_object().filter(|map| map.len() == 1)?;
        let text = one.get("image")?.as_str()?;
        if found.is_some_and(|found| found != text) {
            return None;
        }
        found = Some(text);
    }
    let text = found?;
    if text == "*@*" || text == "*@sha256:*" {
        return Some(json!({"pinDigest": true}));
    }
    let allowed: Vec<&str> = text.split('|').map(str::trim).collect();
    let registry = |one: &&str| {
        let (before, after) = one.split_once('/').unwrap_or((one, ""));
        before.contains('.')
            && !before.contains(['*', '?', '!', '&'])
            && after.ends_with('*')
            && !after.contains([':', '@', '!', '&', '?'])
    };
    allowed.iter().all(registry).then(
        || json!({"registries": {"allow": allowed.iter().map(|one| wildcard(one)).collect::<Vec<_>>()}}),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{KEY, document, imported};
    use super::super::{Change, Keys, import};

    fn verify(attestors: &str) -> String {
        format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: signed}}\nspec:\n  validationFailureAction: Enforce\n  \
             rules:\n  - name: images\n    match: {{any: [{{resources: {{kinds: [Pod], namespaces: ['shop-*']}}}}]}}\n    verifyImages:\n    \
             - imageReferences: ['ghcr.io/acme/*', 'docker.io/nginx*']\n{attestors}"
        )
    }

    #[test]
    fn entries_are_counted_as_written() {
        let keyless = "keyless: {subject: 'https://github.com/acme/*', issuer: 'https://issuer'}";
        let yaml = verify(&format!(
            "      attestors:\n      - count: 1\n        entries:\n        - {keyless}\n        - keys: {{kms: 'awskms:///k'}}\n"
        ));
        let (found, _) = imported(&yaml);
        let spec = &found.policies[0]["spec"];
        assert_eq!(spec["mode"], "enforce");
        assert_eq!(
            spec["match"],
            json!({"images": ["ghcr.io/acme/**", "docker.io/nginx**", "docker.io/library/nginx**"], "namespaces": ["shop-**"]})
        );
        assert_eq!(spec["signers"]["keyless"]["keyless"]["subject"], "https://github.com/acme/**");
        let either = spec["requirements"][0]["anyOf"].as_array().expect("either of two");
        assert_eq!(either[0]["signedBy"], json!({"signers": ["keyless"], "atLeast": 1}));
        assert!(either[1]["notJudged"].as_str().expect("text").contains("awskms:///k"));
        assert_eq!(found.notes.iter().filter(|note| note.change == Change::NotJudged).count(), 1);

        let keys = Keys::from([("awskms:///k".to_owned(), KEY.to_owned())]);
        let found = import(&document(&yaml), &keys).expect("valid");
        assert_eq!(found.notes, []);
        let requirement = &found.policies[0]["spec"]["requirements"][0];
        assert_eq!(requirement["signedBy"], json!({"signers": ["keyless", "key"], "atLeast": 1}));
    }

    #[test]
    fn what_asks_for_more_is_not_dropped() {
        let entry = "        - keyless: {subject: s, issuer: i}\n          annotations: {env: prod}\n";
        let (found, _) = imported(&verify(&format!("      attestors:\n      - entries:\n{entry}")));
        let requirement =
            found.policies[0]["spec"]["requirements"][0]["notJudged"].as_str().expect("not judged");
        assert!(requirement.contains("annotations"), "{requirement}");
        for entry in [
            "        - keyless: {subject: s, issuer: i, rekor: {further: x}}\n",
            "        - keyless: {subject: s, issuer: i, ctlog: {further: x}}\n",
            "        - keyless: {subject: s, issuer: i, further: x}\n",
        ] {
            let (found, _) = imported(&verify(&format!("      attestors:\n      - entries:\n{entry}")));
            let requirement = &found.policies[0]["spec"]["requirements"][0];
            assert!(
                requirement["notJudged"].as_str().is_some_and(|text| text.contains("further")),
                "{requirement}"
            );
        }
    }

    #[test]
    fn validate_rules_about_images_and_pods_are_carried_over() {
        let rule = |validate: &str| {
            imported(&format!(
                "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: p}}\nspec: {{rules: [{{name: r, match: {{resources: \
                 {{kinds: [Pod]}}}}, validate: {validate}}}]}}"
            ))
            .0
        };
        let standard = rule("{podSecurity: {level: restricted, version: v1.30}}");
        assert_eq!(
            standard.policies[0]["spec"]["requirements"][0]["podSecurity"],
            json!({"level": "restricted", "version": "v1.30"})
        );
        let pinned =
            rule("{pattern: {spec: {containers: [{image: '*@*'}], '=(initContainers)': [{image: '*@*'}]}}}");
        assert_eq!(pinned.policies[0]["spec"]["requirements"][0]["pinDigest"], true);
        let allowed = rule("{pattern: {spec: {containers: [{image: 'ghcr.io/* | registry.k8s.io/*'}]}}}");
        assert_eq!(
            allowed.policies[0]["spec"]["requirements"][0]["registries"]["allow"],
            json!(["ghcr.io/**", "registry.k8s.io/**"])
        );
        // A part of a bigger pattern is no requirement by itself.
        for other in [
            "{pattern: {spec: {containers: [{image: '*@*', name: x}]}}}",
            "{pattern: {spec: {containers: [{image: '!*:latest'}]}}}",
            "{pattern: {metadata: {labels: {a: b}}}}",
        ] {
            let found = rule(other);
            assert_eq!(found.policies, Vec::<serde_json::Value>::new(), "{other}");
            assert_eq!(found.notes[0].change, Change::LeftOut);
        }
    }
}
