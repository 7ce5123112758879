//! What rule files use.

pub(super) use plimsoll_model::Level;

pub(super) use super::install::install;
pub(super) use crate::dockerfile::parse::Keyword;
pub(super) use crate::dockerfile::shell::{Command, Joint, Word};
pub(super) use crate::dockerfile::{Base, Call, ImageName, Shell, Step};
pub(super) use crate::rule::{Check, Input, Reporter, Rule, Scene, Support};

/// Name or path for people, not longer than a line.
pub(super) fn short(text: &str) -> String {
    const LONGEST: usize = 60;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let mut shown: String = text.chars().take(LONGEST - 1).collect();
    shown.push('…');
    shown
}

/// `a`, `a and b`, `a, b and 3 more`.
pub(super) fn listed(words: &[&Word]) -> String {
    let names: Vec<String> = words.iter().take(3).map(|word| format!("`{}`", short(&word.text))).collect();
    match (names.as_slice(), words.len()) {
        ([one], _) => one.clone(),
        ([one, two], _) => format!("{one} and {two}"),
        (_, 3) => format!("{}, {} and {}", names[0], names[1], names[2]),
        _ => format!("{} and {} more", names.join(", "), words.len().saturating_sub(names.len())),
    }
}

/// Commands of all `RUN`s, one group for each instruction.
pub(super) fn runs<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = (&'a Step, &'a [Call])> {
    scene.file.of(Keyword::Run).map(|step| (step, step.commands.as_slice()))
}

/// Is the folder kept out of the layer, by a cache or temporary mount?
pub(super) fn is_mounted(step: &Step, folder: &str) -> bool {
    step.instruction.flags.iter().filter(|flag| flag.name == "mount").any(|flag| {
        let value = flag.value.as_deref().unwrap_or_default();
        let kept_out = value.contains("type=cache") || value.contains("type=tmpfs");
        let target = value.split(',').find_map(|option| {
            option
                .strip_prefix("target=")
                .or(option.strip_prefix("dst="))
                .or(option.strip_prefix("destination="))
        });
        kept_out && target.is_some_and(|target| folder.starts_with(target.trim_end_matches('/')))
    })
}

/// Does the text name something secret, as `API_TOKEN` and `dbPassword` do?
pub(super) fn is_secret_name(name: &str) -> bool {
    const WORDS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "api_key",
        "access_key",
        "accesskey",
        "private_key",
        "privatekey",
        "credential",
        "credentials",
        "auth_key",
        "signing_key",
        "encryption_key",
    ];
    // Not secrets: where one is, how long it lasts, or what it is called.
    const HARMLESS: &[&str] = &[
        "_file",
        "_path",
        "_dir",
        "_url",
        "_uri",
        "_name",
        "_ttl",
        "_expiry",
        "_expiration",
        "_length",
        "_id",
        "_type",
        "_endpoint",
        "_algorithm",
        "_header",
        "_issuer",
        "_public_key",
        "_lifetime",
        "_timeout",
        "_version",
        "_limit",
        "_count",
    ];
    let name = name.to_ascii_lowercase();
    !HARMLESS.iter().any(|end| name.ends_with(end))
        && (WORDS.iter().any(|word| name.contains(word)) || name.ends_with("_pass") || name.ends_with("_pwd"))
}

/// Words that a path of a build context names as secret, by its last part.
pub(super) fn is_secret_file(path: &str) -> bool {
    const NAMES: &[&str] = &[
        ".env",
        ".git",
        ".ssh",
        ".aws",
        ".azure",
        ".kube",
        ".gnupg",
        ".netrc",
        ".npmrc",
        ".pypirc",
        ".pgpass",
        ".htpasswd",
        ".dockercfg",
        ".git-credentials",
        "id_rsa",
        "id_dsa",
        "id_ecdsa",
        "id_ed25519",
        "kubeconfig",
        "credentials.json",
        "terraform.tfstate",
        "secrets.yaml",
        "secrets.yml",
        "secrets.json",
        "shadow",
    ];
    const ENDS: &[&str] = &[".pem", ".key", ".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".tfstate", ".ppk"];
    let path = path.trim_end_matches('/');
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default().to_ascii_lowercase();
    let example = [".example", ".sample", ".template", ".dist"].iter().any(|end| name.ends_with(end));
    !example
        && (NAMES.contains(&name.as_str())
            || name.starts_with(".env.")
            || ENDS.iter().any(|end| name.ends_with(end))
            || path.ends_with(".docker/config.json"))
}
