//! Policies of our form, as they are put together.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Value, json};

use super::reader::{Fields, Invalid};
use super::{Change, Imported, Keys, Note};
use crate::identity::Pattern;

/// Why a field that nobody read leaves a condition open.
pub(super) const UNKNOWN: &str = "is not known here, and may ask for more";
/// Longest name of a signer or policy that is kept as written.
const LONGEST_NAME: usize = 253;

/// One policy in the making.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) images: Vec<String>,
    pub(super) exclude_images: Vec<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) exclude_namespaces: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
    signers: BTreeMap<String, Value>,
    pub(super) requirements: Vec<Value>,
    pub(super) notes: Vec<Note>,
}

impl Draft {
    pub(super) fn note(&mut self, change: Change, path: &str, text: impl Into<String>) {
        self.notes.push(Note { change, path: path.to_owned(), text: text.into() });
    }

    /// A condition that cannot be judged, told, and as a requirement that stands for it.
    pub(super) fn not_judged(&mut self, path: &str, text: impl Into<String>) -> Value {
        let text = text.into();
        let requirement = json!({"notJudged": format!("{path}: {text}")});
        self.note(Change::NotJudged, path, text);
        requirement
    }

    /// Evidence that is kept in another repository.
    pub(super) fn elsewhere(&mut self, path: &str, repository: &str) {
        let text =
            format!("evidence in another repository is found with `--evidence-repository {repository}`");
        self.note(Change::Stricter, path, text);
    }

    /// The hash algorithm that signatures are over, as a key names it.
    pub(super) fn hash(&mut self, path: &str, hash: &str) {
        if hash != "sha256" {
            let text = format!("signatures over {hash} are not verified: an image with no other is refused");
            self.note(Change::Stricter, path, text);
        }
    }

    /// What stands for a key that is given by a name and is not here.
    pub(super) fn absent_key(&mut self, path: &str, reference: &str) -> Value {
        let text =
            format!("the key `{reference}` is not here: give its public half with `--key {reference}=FILE`");
        self.not_judged(path, text)
    }

    /// What stands for a mapping of which a field was not read, where there is one.
    pub(super) fn unread(&mut self, fields: &Fields) -> Option<Value> {
        let path = fields.unread().into_iter().next()?;
        Some(self.not_judged(&path, UNKNOWN))
    }

    /// Fields that nobody read may ask for more.
    pub(super) fn finish(&mut self, fields: &Fields) -> Vec<Value> {
        fields.unread().iter().map(|path| self.not_judged(path, UNKNOWN)).collect()
    }

    /// Adds a signer, and tells its name: the one wanted, with a number where that is taken.
    pub(super) fn signer(&mut self, wanted: &str, signer: Value) -> String {
        let wanted: String = wanted.chars().take(LONGEST_NAME).collect();
        let wanted = if wanted.trim().is_empty() { "signer".to_owned() } else { wanted };
        let mut name = wanted.clone();
        let mut number = 1;
        loop {
            match self.signers.get(&name) {
                None => break,
                Some(known) if *known == signer => return name,
                Some(_) => {
                    number += 1;
                    name = format!("{wanted}-{number}");
                }
            }
        }
        self.signers.insert(name.clone(), signer);
        name
    }

    /// Adds the holder of a key as a signer, and tells its name.
    pub(super) fn key(&mut self, wanted: &str, pem: &str, logged: bool) -> String {
        let mut signer = json!({"key": pem});
        if !logged {
            signer["noTransparencyLog"] = true.into();
        }
        self.signer(wanted, signer)
    }

    /// The policy, into what is imported.
    pub(super) fn end(
        mut self,
        name: &str,
        namespace: Option<&str>,
        mode: &str,
        origin: &str,
        into: &mut Imported,
    ) {
        // What is judged should be read first.
        self.requirements.sort_by_key(|one| one.get("notJudged").is_some());
        let mut matches = serde_json::Map::new();
        let lists = [
            ("images", self.images),
            ("excludeImages", self.exclude_images),
            ("namespaces", self.namespaces),
            ("excludeNamespaces", self.exclude_namespaces),
        ];
        for (key, list) in lists {
            if !list.is_empty() {
                matches.insert(key.into(), list.into());
            }
        }
        if !self.labels.is_empty() {
            matches.insert("labels".into(), json!(self.labels));
        }
        let mut spec = json!({"mode": mode, "requirements": self.requirements});
        if !matches.is_empty() {
            spec["match"] = matches.into();
        }
        if !self.signers.is_empty() {
            spec["signers"] = json!(self.signers);
        }
        let mut metadata = json!({"name": name, "annotations": {"plimsoll.dev/imported-from": origin}});
        if let Some(namespace) = namespace {
            metadata["namespace"] = namespace.into();
        }
        into.policies.push(
            json!({"apiVersion": "plimsoll.dev/v1", "kind": "Policy", "metadata": metadata, "spec": spec}),
        );
        into.notes.extend(self.notes);
    }
}

/// One requirement for several.
pub(super) fn all_of(mut requirements: Vec<Value>) -> Value {
    if requirements.len() == 1 { requirements.remove(0) } else { json!({"allOf": requirements}) }
}

/// Signed by `at_least` of these.
pub(super) fn signed_by(signers: &[String], at_least: usize) -> Value {
    json!({"signedBy": {"signers": signers, "atLeast": at_least}})
}

/// Attested by `at_least` of these.
pub(super) fn attested_by(predicate_type: &str, signers: &[String], at_least: usize) -> Value {
    json!({"attestedBy": {"predicateType": predicate_type, "signers": signers, "atLeast": at_least}})
}

/// A requirement that every image meets, or that none does.
pub(super) fn fixed(met: bool, name: &str) -> Value {
    let list = if met { "allow" } else { "deny" };
    json!({"name": name, "registries": {list: ["**"]}})
}

/// A regular expression that fits anywhere, as Go's do, in our form, which fits the whole value.
pub(super) fn anywhere(path: &str, expression: &str) -> Result<String, Invalid> {
    let text = match (expression.strip_prefix('^'), expression.strip_suffix('$')) {
        // Anchored already, and not only one of several alternatives.
        (Some(rest), Some(_)) if !expression.contains('|') && rest.len() > 1 && !rest.ends_with("\\$") => {
            rest[..rest.len() - 1].to_owned()
        }
        _ => format!(".*(?:{expression}).*"),
    };
    Pattern::regex(expression)
        .and_then(|_| Pattern::regex(&text))
        .map_err(|error| Invalid::at(path, error.to_string()))?;
    Ok(format!("/{text}/"))
}

/// A field, or the expression of `KEYRegExp`, which decides where both are given, as its engines do it. As a pattern of ours;
/// `exact` turns what is no expression into one.
pub(super) fn pattern(
    fields: &mut Fields,
    key: &str,
    exact: fn(&str) -> String,
) -> Result<Option<String>, Invalid> {
    let expression = format!("{key}RegExp");
    match (fields.text(key)?, fields.text(&expression)?) {
        (_, Some(regex)) => anywhere(&fields.at(&expression), &regex).map(Some),
        (Some(text), None) => Ok(Some(exact(&text))),
        (None, None) => Ok(None),
    }
}

/// A text that means itself, in our form, where `*` and `/.../` have a meaning.
pub(super) fn literal(text: &str) -> String {
    let special = text.contains('*') || (text.len() > 1 && text.starts_with('/') && text.ends_with('/'));
    if special { format!("/{}/", regex::escape(text)) } else { text.to_owned() }
}

/// A pattern whose `*` is anything and whose `?` is one character, in our form.
pub(super) fn wildcard(text: &str) -> String {
    if text.contains('?') || (text.len() > 1 && text.starts_with('/') && text.ends_with('/')) {
        return format!("/{}/", regex::escape(text).replace("\\*", ".*").replace("\\?", "."));
    }
    let mut out = String::with_capacity(text.len() + 4);
    for part in text.split_inclusive('*') {
        match part.strip_suffix('*') {
            // Several in a row are one.
            Some("") if out.ends_with('*') => {}
            Some(before) => {
                out.push_str(before);
                out.push_str("**");
            }
            None => out.push_str(part),
        }
    }
    out
}

/// Takes tag and digest off the pattern of an image. Tells what was taken, unless it fits all of them.
pub(super) fn repository(pattern: &str) -> (&str, Option<&str>) {
    let (pattern, digest) = match pattern.split_once('@') {
        Some((before, digest)) => (before, Some(digest)),
        None => (pattern, None),
    };
    let after = pattern.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match pattern[after..].find(':') {
        // `host:5000` without a path is no image.
        Some(at) => (&pattern[..after + at], Some(&pattern[after + at + 1..])),
        None => (pattern, None),
    };
    let narrow = |part: &&str| !matches!(*part, "*" | "**" | "sha256:*" | "sha256:**" | "?*");
    (name, digest.filter(narrow).or(tag.filter(narrow)))
}

/// The public keys of a PEM text, each by itself. Checked as far as can be without the mathematics: whoever verifies with
/// them reads them wholly.
pub(super) fn public_keys(path: &str, text: &str) -> Result<Vec<String>, Invalid> {
    const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
    const END: &str = "-----END PUBLIC KEY-----";
    let mut keys = Vec::new();
    let mut rest = text.trim();
    while let Some(after) = rest.strip_prefix(BEGIN) {
        let Some((body, after)) = after.split_once(END) else { break };
        let packed: String = body.split_ascii_whitespace().collect();
        let der = base64::engine::general_purpose::STANDARD
            .decode(&packed)
            .map_err(|_| Invalid::at(path, "is no public key: the text between its lines is no Base64"))?;
        // SubjectPublicKeyInfo is a SEQUENCE (RFC 5280, section 4.1).
        if der.first() != Some(&0x30) || der.len() < 24 {
            return Err(Invalid::at(path, "is no public key (SubjectPublicKeyInfo)"));
        }
        let lines: Vec<&str> =
            packed.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        keys.push(format!("{BEGIN}\n{}\n{END}\n", lines.join("\n")));
        rest = after.trim_start();
    }
    if keys.is_empty() || !rest.is_empty() {
        return Err(Invalid::at(path, format!("is no public key in PEM (`{BEGIN}`)")));
    }
    Ok(keys)
}

/// A key that is given by name: its text when the user has one for it.
pub(super) fn known_key(path: &str, reference: &str, keys: &Keys) -> Result<Option<String>, Invalid> {
    match keys.get(reference) {
        None => Ok(None),
        Some(text) => Ok(public_keys(path, text)?.into_iter().next()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_keep_their_meaning() {
        let fits =
            |pattern: &str, value: &str| crate::document::pattern(pattern).expect("pattern").matches(value);
        assert_eq!(wildcard("ghcr.io/acme/*"), "ghcr.io/acme/**");
        assert_eq!(wildcard("a**b"), "a**b");
        assert!(fits(&wildcard("v?.*"), "v1.2/3") && !fits(&wildcard("v?.*"), "v12.2"));
        assert!(fits(&literal("a*b"), "a*b") && !fits(&literal("a*b"), "axb"));
        assert_eq!(literal("a.b"), "a.b");
        assert_eq!(anywhere("p", ".*x").expect("expression"), "/.*(?:.*x).*/");
        assert_eq!(anywhere("p", "^https://a/.+$").expect("expression"), "/https://a/.+/");
        assert_eq!(anywhere("p", "^a|b$").expect("expression"), "/.*(?:^a|b$).*/");
        assert_eq!(anywhere("p", "^a\\$").expect("expression"), "/.*(?:^a\\$).*/");
        assert!(anywhere("p", "****").is_err());
    }

    #[test]
    fn tags_and_digests_are_taken_off() {
        assert_eq!(repository("ghcr.io/a/b:*"), ("ghcr.io/a/b", None));
        assert_eq!(repository("ghcr.io/a/b:v1*"), ("ghcr.io/a/b", Some("v1*")));
        assert_eq!(repository("localhost:5000/a"), ("localhost:5000/a", None));
        assert_eq!(repository("a/b@sha256:00"), ("a/b", Some("sha256:00")));
        assert_eq!(repository("**"), ("**", None));
    }

    #[test]
    fn keys_are_split() {
        let text = format!("{0}{0}", super::super::tests::KEY);
        assert_eq!(public_keys("p", &text).expect("keys").len(), 2);
        for bad in ["", "---somedata---", "-----BEGIN PUBLIC KEY-----", &format!("{text}x")] {
            assert!(public_keys("p", bad).is_err(), "{bad}");
        }
    }
}
