//! `ClusterImagePolicy` of Sigstore's policy-controller (policy.sigstore.dev/v1alpha1 and v1beta1).
//!
//! An image is let in when one of the authorities holds (of every policy about it); an authority with attestations asks for
//! each of them, and for no further signature. Names may end in tags there; here a policy is about repositories.

use serde_json::{Value, json};

use super::reader::{Fields, Invalid};
use super::written::{
    Draft, all_of, attested_by, fixed, known_key, literal, pattern, public_keys, repository, signed_by,
};
use super::{Change, Imported, Keys};

/// Objects that its webhook looks at: resource, group.
const RESOURCES: [(&str, &str); 8] = [
    ("pods", ""),
    ("replicationcontrollers", ""),
    ("replicasets", "apps"),
    ("deployments", "apps"),
    ("daemonsets", "apps"),
    ("statefulsets", "apps"),
    ("jobs", "batch"),
    ("cronjobs", "batch"),
];

/// Kinds of predicates by the names that cosign knows them by.
const PREDICATES: [(&str, &str); 10] = [
    ("custom", "https://cosign.sigstore.dev/attestation/v1"),
    ("slsaprovenance", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance02", "https://slsa.dev/provenance/v0.2"),
    ("slsaprovenance1", "https://slsa.dev/provenance/v1"),
    ("spdx", "https://spdx.dev/Document"),
    ("spdxjson", "https://spdx.dev/Document"),
    ("cyclonedx", "https://cyclonedx.org/bom"),
    ("link", "https://in-toto.io/Link/v1"),
    ("vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"),
    ("openvex", "https://openvex.dev/ns"),
];

/// Hash algorithms that a key may name.
const HASHES: [&str; 4] = ["sha224", "sha256", "sha384", "sha512"];

pub(super) fn import(document: &Value, version: &str, keys: &Keys) -> Result<Imported, Invalid> {
    if !["v1alpha1", "v1beta1"].contains(&version) {
        return Err(Invalid::at("apiVersion", "is neither v1alpha1 nor v1beta1"));
    }
    let mut root = Fields::new("", document)?;
    root.ignore(&["apiVersion", "kind", "status"]);
    let name = root.fields("metadata")?.map(|mut metadata| metadata.text("name")).transpose()?.flatten();
    let name = name.ok_or_else(|| Invalid::at("metadata.name", "is missing"))?;
    let mut spec = root.fields("spec")?.ok_or_else(|| Invalid::at("spec", "is missing"))?;
    let mut draft = Draft::default();

    let mode = spec.text("mode")?.unwrap_or_else(|| "enforce".into());
    if !["enforce", "warn"].contains(&mode.as_str()) {
        return Err(Invalid::at(
            "spec.mode",
            format!("`{}` is neither enforce nor warn", plimsoll_model::shortened(&mode)),
        ));
    }
    let narrow = images(&mut spec, &mut draft)?;
    let narrow = objects(&mut spec, &mut draft)? || narrow;

    let authorities = spec.list("authorities")?;
    if authorities.is_empty() {
        return Err(Invalid::at("spec.authorities", "is missing or empty: nobody could let anything in"));
    }
    let mut alternatives = Vec::new();
    for (number, authority) in authorities.into_iter().enumerate() {
        alternatives.push(self::authority(authority, number, narrow, keys, &mut draft)?);
    }
    if alternatives.len() == 1 {
        draft.requirements.append(&mut alternatives);
    } else {
        draft.requirements.push(json!({"anyOf": alternatives}));
    }
    if let Some(policy) = spec.fields("policy")? {
        let what = condition(policy)?;
        let further = draft.not_judged("spec.policy", what);
        draft.requirements.push(further);
    }
    let mut further = draft.finish(&spec);
    further.extend(draft.finish(&root));
    draft.requirements.append(&mut further);
    let mut imported = Imported::default();
    draft.end(&name, None, &mode, &format!("ClusterImagePolicy {name}"), &mut imported);
    Ok(imported)
}

/// The images. Tells whether the policy is now about more of them than before.
fn images(spec: &mut Fields, draft: &mut Draft) -> Result<bool, Invalid> {
    let images = spec.list("images")?;
    if images.is_empty() {
        return Err(Invalid::at("spec.images", "is missing or empty"));
    }
    let mut narrow = false;
    for mut image in images {
        let path = image.at("glob");
        let glob = image.text("glob")?.ok_or_else(|| Invalid::at(&path, "is missing"))?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:/*.@".contains(&byte);
        if !glob.bytes().all(plain) {
            return Err(Invalid::at(&path, "is no glob of an image's name"));
        }
        let (pattern, taken) = repository(&glob);
        if let Some(taken) = taken {
            narrow = true;
            draft.note(
                Change::Stricter,
                &path,
                format!("a policy is about repositories: it is now about all of {pattern}, not only about `{taken}`"),
            );
        }
        draft.images.push(match pattern {
            "*" => "docker.io/library/*".into(),
            "*/*" => "docker.io/*/*".into(),
            other => other
                .strip_prefix("index.docker.io/")
                .map_or(other.to_owned(), |rest| format!("docker.io/{rest}")),
        });
        let further = draft.finish(&image);
        draft.requirements.extend(further);
    }
    Ok(narrow)
}

/// The objects. Tells whether the policy is now about more of them than before.
fn objects(spec: &mut Fields, draft: &mut Draft) -> Result<bool, Invalid> {
    let matches = spec.list("match")?;
    let count = matches.len();
    let mut narrow = false;
    for mut object in matches {
        let path = object.path.clone();
        let (resource, group) =
            (object.text("resource")?.unwrap_or_default(), object.text("group")?.unwrap_or_default());
        if !RESOURCES.contains(&(resource.as_str(), group.as_str())) {
            return Err(Invalid::at(
                &path,
                format!(
                    "`{}` of group `{}` holds no pods",
                    plimsoll_model::shortened(&resource),
                    plimsoll_model::shortened(&group)
                ),
            ));
        }
        object.ignore(&["version"]);
        narrow = true;
        draft.note(
            Change::Stricter,
            &path,
            format!("a policy is about everything that holds pods, not only about {resource}"),
        );
        if let Some(mut selector) = object.fields("selector")? {
            let labels = selector.labels("matchLabels")?;
            if count == 1 && selector.is_empty() {
                draft.labels = labels;
            } else {
                selector.ignore(&["matchExpressions"]);
                draft.note(
                    Change::Stricter,
                    &selector.path,
                    "the selector is left out: only the labels of a single entry are carried over",
                );
            }
        }
        let further = draft.finish(&object);
        draft.requirements.extend(further);
    }
    Ok(narrow)
}

/// One authority: all that it asks for, as one requirement.
fn authority(
    mut authority: Fields,
    number: usize,
    narrow: bool,
    keys: &Keys,
    draft: &mut Draft,
) -> Result<Value, Invalid> {
    let path = authority.path.clone();
    let name = authority.text("name")?.unwrap_or_else(|| format!("authority-{number}"));
    let kinds = [authority.fields("key")?, authority.fields("keyless")?, authority.fields("static")?];
    let (key, keyless, fixed) = match kinds {
        [key, None, None] => (key, None, None),
        [None, keyless, None] => (None, keyless, None),
        [None, None, fixed] => (None, None, fixed),
        _ => return Err(Invalid::at(&path, "has more than one of `key`, `keyless` and `static`")),
    };
    if let Some(fixed) = fixed {
        return fixed_answer(fixed, &authority, &name, narrow, draft);
    }
    let log = authority.fields("ctlog")?;
    let stamped = authority.fields("rfc3161timestamp")?;
    let mut further = Vec::new();
    let mut roots = Vec::new();
    let (logged, stamp) = (log.is_some(), stamped.is_some());
    for (part, what) in [(log, "log"), (stamped, "timestamp authority")] {
        let Some(mut part) = part else { continue };
        let (url, root) = (part.text("url")?, part.text("trustRootRef")?);
        if what == "timestamp authority" && root.is_none() {
            return Err(Invalid::at(&part.at("trustRootRef"), "is missing"));
        }
        if let Some(root) = root {
            roots.push(root);
        } else if let Some(url) = url.filter(|url| !url.contains("rekor.sigstore.dev")) {
            draft.note(
                Change::Stricter,
                &part.path,
                format!(
                    "the key of the log at {} must be in a trust root that is given (`--trust-root FILE`)",
                    plimsoll_model::shortened(&url)
                ),
            );
        }
        further.extend(draft.finish(&part));
    }
    let signers = if let Some(key) = key {
        if stamp {
            further.push(draft.not_judged(
                &format!("{path}.rfc3161timestamp"),
                "the signature must have a timestamp of that authority",
            ));
        }
        match self::key(key, &name, logged, keys, draft)? {
            Ok(signer) => vec![signer],
            Err(unjudged) => return Ok(unjudged),
        }
    } else if let Some(keyless) = keyless {
        match self::keyless(keyless, &name, roots, draft)? {
            Ok(signers) => signers,
            Err(unjudged) => return Ok(unjudged),
        }
    } else {
        return Err(Invalid::at(&path, "has none of `key`, `keyless` and `static`"));
    };
    sources(&mut authority, draft)?;
    authority.ignore(&["signatureFormat"]);
    let mut requirements = Vec::new();
    for mut attestation in authority.list("attestations")? {
        let kind = attestation
            .text("predicateType")?
            .ok_or_else(|| Invalid::at(&attestation.at("predicateType"), "is missing"))?;
        if attestation.text("name")?.is_none() {
            return Err(Invalid::at(&attestation.at("name"), "is missing"));
        }
        let known = PREDICATES.iter().find(|(short, _)| *short == kind);
        requirements.push(attested_by(&literal(known.map_or(kind.as_str(), |(_, uri)| uri)), &signers, 1));
        if let Some(policy) = attestation.fields("policy")? {
            let path = policy.path.clone();
            let what = condition(policy)?;
            further.push(draft.not_judged(&path, what));
        }
        further.extend(draft.finish(&attestation));
    }
    if requirements.is_empty() {
        requirements.push(signed_by(&signers, 1));
    }
    further.extend(draft.finish(&authority));
    requirements.append(&mut further);
    Ok(all_of(requirements))
}

fn fixed_answer(
    mut fixed_one: Fields,
    authority: &Fields,
    name: &str,
    narrow: bool,
    draft: &mut Draft,
) -> Result<Value, Invalid> {
    if let Some(path) = authority.unread().first() {
        return Err(Invalid::at(path, "has no meaning beside `static`"));
    }
    let path = fixed_one.path.clone();
    let message = fixed_one.text("message")?.unwrap_or_else(|| format!("static: {name}"));
    let action = fixed_one.text("action")?;
    let mut further = draft.finish(&fixed_one);
    let answer = match action.as_deref() {
        // A policy that lets in must not become one about more images.
        Some("pass") if narrow => draft
            .not_judged(&path, "it lets in what the policy is about, which cannot be told as narrowly here"),
        Some("pass") => fixed(true, &message),
        Some("fail") => fixed(false, &message),
        _ => return Err(Invalid::at(&format!("{path}.action"), "is neither pass nor fail")),
    };
    further.insert(0, answer);
    Ok(all_of(further))
}

/// A key: the name of its signer, or what stands for it when the key is not here.
fn key(
    mut key: Fields,
    name: &str,
    logged: bool,
    keys: &Keys,
    draft: &mut Draft,
) -> Result<Result<String, Value>, Invalid> {
    if let Some(hash) = key.text("hashAlgorithm")? {
        if !HASHES.contains(&hash.as_str()) {
            return Err(Invalid::at(&key.at("hashAlgorithm"), format!("is none of {}", HASHES.join(", "))));
        }
        draft.hash(&key.at("hashAlgorithm"), &hash);
    }
    let given = key_reference(&mut key)?;
    let pem = match given {
        Given::Text(pem) => pem,
        Given::Name(reference) => match known_key(&key.path, &reference, keys)? {
            Some(pem) => pem,
            None => return Ok(Err(draft.absent_key(&key.path, &reference))),
        },
    };
    Ok(match draft.unread(&key) {
        Some(unread) => Err(unread),
        None => Ok(draft.key(name, &pem, logged)),
    })
}

enum Given {
    Text(String),
    Name(String),
}

/// The key itself, or the name of where it is.
fn key_reference(key: &mut Fields) -> Result<Given, Invalid> {
    let (data, kms, secret) = (key.text("data")?, key.text("kms")?, key.fields("secretRef")?);
    match (data, kms, secret) {
        (Some(data), None, None) => {
            let mut keys = public_keys(&key.at("data"), &data)?;
            if keys.len() > 1 {
                return Err(Invalid::at(&key.at("data"), "holds more than one key"));
            }
            Ok(Given::Text(keys.remove(0)))
        }
        (None, Some(kms), None) => {
            check_kms(&key.at("kms"), &kms)?;
            Ok(Given::Name(kms))
        }
        (None, None, Some(mut secret)) => {
            let name = secret.text("name")?.ok_or_else(|| Invalid::at(&secret.at("name"), "is missing"))?;
            // Where the namespace is not given, it is that of the webhook.
            let namespace = secret.text("namespace")?.unwrap_or_else(|| "cosign-system".into());
            Ok(Given::Name(format!("k8s://{namespace}/{name}")))
        }
        (None, None, None) => Err(key.invalid("has none of `data`, `kms` and `secretRef`")),
        _ => Err(key.invalid("has more than one of `data`, `kms` and `secretRef`")),
    }
}

/// AWS needs the whole name of a key or alias, behind a host or none.
fn check_kms(path: &str, reference: &str) -> Result<(), Invalid> {
    let Some(rest) = reference.strip_prefix("awskms://") else {
        return if reference.contains("://") {
            Ok(())
        } else {
            Err(Invalid::at(path, "has no scheme, as in gcpkms://"))
        };
    };
    let name = rest.split_once('/').map(|(_, name)| name).unwrap_or_default();
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    let whole = matches!(parts.as_slice(), ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws") && !region.is_empty() && account.len() == 12
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && ["key/", "alias/"].iter().any(|kind| key.strip_prefix(kind).is_some_and(|rest| !rest.is_empty())));
    if whole {
        Ok(())
    } else {
        Err(Invalid::at(path, "is not the ARN of a key or alias, as in awskms:///arn:aws:kms:..."))
    }
}

/// Identities: the names of their signers, or what stands for them when their authority is not here.
fn keyless(
    mut keyless: Fields,
    name: &str,
    mut roots: Vec<String>,
    draft: &mut Draft,
) -> Result<Result<Vec<String>, Value>, Invalid> {
    let path = keyless.path.clone();
    let (url, authority, root) =
        (keyless.text("url")?, keyless.fields("ca-cert")?, keyless.text("trustRootRef")?);
    if url.is_some() && authority.is_some() {
        return Err(Invalid::at(&path, "has both `url` and `ca-cert`"));
    }
    let identities = keyless.list("identities")?;
    if identities.is_empty() {
        return Err(Invalid::at(&keyless.at("identities"), "is missing or empty: anybody could sign"));
    }
    let own = url.as_deref().is_some_and(|url| !url.contains("://fulcio.sigstore.dev"));
    if let Some(url) = url.as_deref().filter(|url| !url.contains("://")) {
        return Err(Invalid::at(
            &keyless.at("url"),
            format!("`{}` is no address", plimsoll_model::shortened(url)),
        ));
    }
    if keyless.flag("insecureIgnoreSCT")? == Some(true) {
        draft.note(
            Change::Stricter,
            &keyless.at("insecureIgnoreSCT"),
            "the certificate's own log entry is asked for where the trust root names such logs",
        );
    }
    roots.extend(root);
    roots.sort();
    roots.dedup();
    for root in &roots {
        draft.note(
            Change::Stricter,
            &path,
            format!("its trust root must be given: `--trust-root {root}`, a trusted_root.json of that name"),
        );
    }
    if own && roots.is_empty() {
        let url = url.unwrap_or_default();
        draft.note(
            Change::Stricter,
            &path,
            format!(
                "the authority at {} must be in a trust root that is given (`--trust-root FILE`)",
                plimsoll_model::shortened(&url)
            ),
        );
    }
    let mut signers = Vec::new();
    let mut unjudged = None;
    if let Some(mut authority) = authority {
        let path = authority.path.clone();
        key_reference(&mut authority)?;
        unjudged = Some(draft.not_judged(&path, "certificates of this authority: give it as a trusted_root.json and name that in the signer's `roots`"));
    }
    for mut identity in identities {
        let issuer = self::identity(&mut identity, "issuer")?;
        let subject = self::identity(&mut identity, "subject")?;
        unjudged = draft.unread(&identity).or(unjudged);
        let mut signer = json!({"subject": subject, "issuer": issuer});
        if !roots.is_empty() {
            signer["roots"] = json!(roots);
        }
        signers.push(draft.signer(name, json!({"keyless": signer})));
    }
    unjudged = draft.unread(&keyless).or(unjudged);
    Ok(match unjudged {
        Some(unjudged) => Err(unjudged),
        None => Ok(signers),
    })
}

/// `issuer` or `issuerRegExp`, as a pattern of ours.
fn identity(identity: &mut Fields, key: &str) -> Result<String, Invalid> {
    let missing = Invalid::at(&identity.path, format!("has neither `{key}` nor `{key}RegExp`"));
    pattern(identity, key, literal)?.ok_or(missing)
}

fn sources(authority: &mut Fields, draft: &mut Draft) -> Result<(), Invalid> {
    for mut source in authority.list("source")? {
        if let Some(repository) = source.text("oci")? {
            draft.elsewhere(&source.at("oci"), &plimsoll_model::shortened(&repository));
        }
        if source.text("tagPrefix")?.is_some() {
            draft.note(
                Change::Stricter,
                &source.at("tagPrefix"),
                "evidence at tags with a prefix is not found",
            );
        }
        for mut secret in source.list("signaturePullSecrets")? {
            if secret.text("name")?.is_none() {
                return Err(Invalid::at(&secret.at("name"), "is missing"));
            }
            draft.note(
                Change::Stricter,
                &secret.path,
                "credentials are those that Plimsoll itself has for the registry",
            );
        }
        for path in source.unread() {
            draft.note(Change::Stricter, &path, "is not known here");
        }
    }
    Ok(())
}

/// A condition in CUE or Rego: what it is, in words.
fn condition(mut policy: Fields) -> Result<String, Invalid> {
    let kind = policy.text("type")?.ok_or_else(|| Invalid::at(&policy.at("type"), "is missing"))?;
    if !["cue", "rego"].contains(&kind.as_str()) {
        return Err(Invalid::at(&policy.at("type"), "is neither cue nor rego"));
    }
    let (data, map, remote) =
        (policy.text("data")?, policy.fields("configMapRef")?, policy.fields("remote")?);
    let place = match (data, map, remote) {
        (Some(_), None, None) => "",
        (None, Some(mut map), None) => {
            for key in ["name", "key"] {
                if map.text(key)?.is_none() {
                    return Err(Invalid::at(&map.at(key), "is missing"));
                }
            }
            " of a ConfigMap"
        }
        (None, None, Some(mut remote)) => {
            for key in ["url", "sha256sum"] {
                if remote.text(key)?.is_none() {
                    return Err(Invalid::at(&remote.at(key), "is missing"));
                }
            }
            " of another place"
        }
        (None, None, None) => return Err(policy.invalid("has none of `data`, `configMapRef` and `remote`")),
        _ => return Err(policy.invalid("has more than one of `data`, `configMapRef` and `remote`")),
    };
    Ok(format!(
        "the condition in {}{place} is not read: write it as a requirement",
        if kind == "cue" { "CUE" } else { "Rego" }
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{KEY, document, imported};
    use super::super::{Change, Keys, import};

    fn policy(spec: &str) -> String {
        format!(
            "{{apiVersion: policy.sigstore.dev/v1beta1, kind: ClusterImagePolicy, metadata: {{name: p}}, spec: {spec}}}"
        )
    }

    fn refused(spec: &str) -> String {
        import(&document(&policy(spec)), &Keys::new()).expect_err("refused").to_string()
    }

    fn key() -> String {
        format!("{KEY:?}")
    }

    #[test]
    fn one_authority_is_enough() {
        let spec = format!(
            "{{mode: warn, images: [{{glob: 'index.docker.io/acme/**'}}], authorities: [{{name: security, key: {{data: {}}}}}, \
             {{keyless: {{identities: [{{issuer: i, subject: s}}, {{issuerRegExp: '.*i', subjectRegExp: '^s$'}}]}}, \
             attestations: [{{name: scan, predicateType: vuln}}]}}]}}",
            key()
        );
        let (found, _) = imported(&policy(&spec));
        let spec = &found.policies[0]["spec"];
        assert_eq!(found.notes, []);
        assert_eq!(spec["mode"], "warn");
        assert_eq!(spec["match"]["images"], json!(["docker.io/acme/**"]));
        assert_eq!(spec["signers"]["security"]["noTransparencyLog"], true);
        assert_eq!(spec["signers"]["authority-1-2"]["keyless"]["subject"], "/s/");
        let either = spec["requirements"][0]["anyOf"].as_array().expect("either of two");
        assert_eq!(either[0]["signedBy"]["signers"], json!(["security"]));
        assert_eq!(
            either[1]["attestedBy"],
            json!({"predicateType": "https://cosign.sigstore.dev/attestation/vuln/v1", "signers": ["authority-1", "authority-1-2"], "atLeast": 1})
        );
    }

    #[test]
    fn what_cannot_be_judged_stays_where_it_was() {
        let spec = "{images: [{glob: '**'}], authorities: [{key: {kms: 'gcpkms://k'}}, {keyless: {identities: [{issuer: i, subject: s}]}, \
                    attestations: [{name: a, predicateType: custom, policy: {type: cue, data: 'x: 1'}}]}], policy: {type: rego, data: p}}";
        let (found, _) = imported(&policy(spec));
        assert_eq!(found.notes.len(), 3);
        assert!(found.notes.iter().all(|note| note.change == Change::NotJudged));
        let requirements = found.policies[0]["spec"]["requirements"].as_array().expect("requirements");
        let either = requirements[0]["anyOf"].as_array().expect("either of two");
        assert!(either[0]["notJudged"].as_str().expect("text").contains("--key gcpkms://k=FILE"));
        assert!(either[1]["allOf"][1]["notJudged"].is_string());
        assert!(requirements[1]["notJudged"].is_string());
    }

    #[test]
    fn letting_in_is_not_made_wider() {
        let spec = |glob: &str| {
            format!("{{images: [{{glob: '{glob}'}}], authorities: [{{static: {{action: pass}}}}]}}")
        };
        let (wide, _) = imported(&policy(&spec("ghcr.io/acme/app")));
        assert_eq!(wide.policies[0]["spec"]["requirements"][0]["registries"]["allow"], json!(["**"]));
        let (narrow, _) = imported(&policy(&spec("ghcr.io/acme/app:v1")));
        assert!(narrow.policies[0]["spec"]["requirements"][0]["notJudged"].is_string());
    }

    #[test]
    fn what_its_engine_refuses_is_refused() {
        let with =
            |authority: &str| refused(&format!("{{images: [{{glob: '**'}}], authorities: [{authority}]}}"));
        assert_eq!(refused("{authorities: [{static: {action: pass}}]}"), "spec.images: is missing or empty");
        assert!(
            refused("{images: [{glob: '['}], authorities: [{static: {action: pass}}]}").contains("no glob")
        );
        assert!(refused("{images: [{glob: '**'}]}").starts_with("spec.authorities"));
        assert!(
            refused("{mode: x, images: [{glob: '**'}], authorities: [{static: {action: pass}}]}")
                .starts_with("spec.mode")
        );
        assert!(with("{static: {action: maybe}}").starts_with("spec.authorities[0].static.action"));
        assert!(with("{static: {action: pass}, ctlog: {url: 'https://l'}}").contains("beside `static`"));
        assert!(with("{key: {}, keyless: {}}").contains("more than one"));
        assert!(with("{rfc3161timestamp: {trustRootRef: r}}").contains("none of"));
        assert!(with("{key: {data: x}}").starts_with("spec.authorities[0].key.data"));
        assert!(with("{key: {kms: 'awskms:///alias/A'}}").contains("ARN"));
        assert!(with("{keyless: {url: 'https://f', ca-cert: {secretRef: {name: n}}, identities: [{issuer: i, subject: s}]}}").contains("both"));
        assert!(with("{keyless: {identities: [{issuer: i}]}}").contains("subject"));
        assert!(
            with("{keyless: {identities: [{issuerRegExp: '****', subject: s}]}}")
                .contains("regular expression")
        );
    }
}
