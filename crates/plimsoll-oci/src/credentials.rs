//! Who we are to a registry: Docker's and Podman's files, and the helpers that they name.
//!
//! Reads `config.json` (docker-config), `auth.json` (containers-auth.json(5)) and runs `docker-credential-NAME`
//! (docker/docker-credential-helpers). No secret is ever shown: errors name the file or helper only.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use plimsoll_http::Secret;
use serde::Deserialize;

use crate::reference::{DOCKER_HUB, RepositoryName};

/// Largest file of credentials in bytes.
const LARGEST_FILE: u64 = 1024 * 1024;
/// Most bytes that a helper may say.
const LARGEST_ANSWER: u64 = 64 * 1024;
/// Longest time that a helper may take: some ask a cloud.
const LONGEST_RUN: Duration = Duration::from_secs(30);
/// The name under which Docker keeps what is for Docker Hub.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What proves who we are.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    /// User and password.
    Password { user: String, password: String },
    /// A token that a server of tokens exchanges for another (an OAuth refresh token).
    Identity(String),
    /// A token for the registry itself.
    Registry(String),
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Proof(…)")
    }
}

impl Proof {
    pub(crate) fn basic(&self) -> Option<Secret> {
        match self {
            Proof::Password { user, password } => Some(Secret::basic(user, password)),
            Proof::Identity(_) | Proof::Registry(_) => None,
        }
    }
}

/// What was found, and where it was looked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    pub(crate) proof: Option<Proof>,
    /// For people: the source that was taken, or what went wrong with those that were asked.
    pub(crate) story: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Entry {
    fn proof(&self) -> Result<Option<Proof>, &'static str> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        if let Some(token) = given(&self.identitytoken) {
            return Ok(Some(Proof::Identity(token)));
        }
        if let Some(token) = given(&self.registrytoken) {
            return Ok(Some(Proof::Registry(token)));
        }
        if let Some(auth) = given(&self.auth) {
            let bytes = base64::engine::general_purpose::STANDARD
                .decode(auth.trim())
                .map_err(|_| "its `auth` is no Base64")?;
            let text = String::from_utf8(bytes).map_err(|_| "its `auth` is no text")?;
            let (user, password) = text.split_once(':').ok_or("its `auth` has no colon")?;
            // Docker pads passwords with zero bytes.
            return Ok(Some(Proof::Password {
                user: user.to_owned(),
                password: password.trim_end_matches('\0').to_owned(),
            }));
        }
        match (given(&self.username), given(&self.password)) {
            (Some(user), Some(password)) => Ok(Some(Proof::Password { user, password })),
            _ => Ok(None),
        }
    }
}

/// The credentials for a repository, from the first of the files that has some.
pub(crate) fn find(files: &[PathBuf], name: &RepositoryName) -> Found {
    let mut told = Vec::new();
    for path in files {
        match in_file(path, name) {
            Ok(Some((proof, source))) => return Found { proof: Some(proof), story: source },
            Ok(None) => {}
            Err(detail) => told.push(detail),
        }
    }
    let story = if told.is_empty() {
        let there: Vec<String> =
            files.iter().filter(|path| path.is_file()).map(|path| format!("`{}`", path.display())).collect();
        if there.is_empty() {
            "no file of credentials was found".to_owned()
        } else {
            format!("{} has none for `{}`", there.join(", "), name.registry())
        }
    } else {
        told.join("; ")
    };
    Found { proof: None, story }
}

fn in_file(path: &Path, name: &RepositoryName) -> Result<Option<(Proof, String)>, String> {
    let shown = path.display();
    let mut bytes = Vec::new();
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("`{shown}` cannot be read: {error}")),
    }
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("`{shown}` cannot be read: {error}"))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(format!("`{shown}` is larger than {LARGEST_FILE} bytes"));
    }
    // The message of the parser may quote the content: only the place of the fault is told.
    let file: File = serde_json::from_slice(&bytes).map_err(|error| {
        format!("`{shown}` cannot be understood (line {}, column {})", error.line(), error.column())
    })?;
    let host = name.registry();
    let helper = file.helpers.as_ref().and_then(|helpers| {
        helpers.iter().find(|(key, _)| host_of(key) == host).map(|(key, name)| (name, key))
    });
    if let Some((helper, key)) = helper {
        return run_helper(helper, key).map(|proof| proof.map(|proof| (proof, told(helper, path))));
    }
    // The longest key that the repository lies below (containers-auth.json(5)).
    let auths = file.auths.unwrap_or_default();
    let full = name.to_string();
    let best = auths
        .iter()
        .filter_map(|(key, entry)| {
            let bare = bare(key);
            let host_only = host_of(key) == host
                && (!bare.contains('/')
                    || key.contains("://")
                    || bare.ends_with("/v1")
                    || bare.ends_with("/v2"));
            let below = full == bare || full.strip_prefix(bare).is_some_and(|rest| rest.starts_with('/'));
            (host_only || below).then_some((if below { bare.len() } else { host.len() }, entry))
        })
        .max_by_key(|(length, _)| *length);
    if let Some((_, Some(entry))) = best {
        match entry.proof() {
            Ok(Some(proof)) => return Ok(Some((proof, format!("`{shown}`")))),
            // With a store the file keeps the names only.
            Ok(None) => {}
            Err(detail) => return Err(format!("the entry for `{host}` in `{shown}` is broken: {detail}")),
        }
    }
    if let Some(helper) = file.store.filter(|helper| !helper.is_empty()) {
        let key = if host == DOCKER_HUB { DOCKER_HUB_KEY } else { host };
        return run_helper(&helper, key).map(|proof| proof.map(|proof| (proof, told(&helper, path))));
    }
    Ok(None)
}

fn told(helper: &str, path: &Path) -> String {
    format!("the helper `docker-credential-{helper}` that `{}` names", path.display())
}

/// A key without scheme and closing slash.
fn bare(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    key.trim_end_matches('/')
}

/// The registry that a key of a file means.
fn host_of(key: &str) -> &str {
    let host = bare(key).split('/').next().unwrap_or_default();
    match host {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
        other => other,
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Username", default)]
    user: String,
    #[serde(rename = "Secret", default)]
    secret: String,
}

/// Asks a helper. It is one that the user's own file names, found where programs are.
fn run_helper(helper: &str, key: &str) -> Result<Option<Proof>, String> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if helper.is_empty() || !helper.bytes().all(fine) {
        return Err("a file of credentials names a helper that is no name of a program".to_owned());
    }
    let program = format!("docker-credential-{helper}");
    ask(Command::new(&program), &program, key)
}

fn ask(mut command: Command, program: &str, key: &str) -> Result<Option<Proof>, String> {
    let mut child = command
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the helper `{program}` cannot be run: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that does not read says so by what it answers.
        let _ = stdin.write_all(key.as_bytes());
    }
    let stdout = child.stdout.take();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LARGEST_ANSWER + 1).read_to_end(&mut said));
        let _ = sender.send((read.is_some_and(|read| read.is_ok()), said));
    });
    let said = receiver.recv_timeout(LONGEST_RUN);
    // Whoever has closed its output is done or has hung; a second of grace, then it has to go.
    let mut status = None;
    if said.is_ok() {
        for _ in 0..100 {
            status = child.try_wait().ok().flatten();
            if status.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let Ok((true, said)) = said else {
        return Err(format!("the helper `{program}` did not answer within {} s", LONGEST_RUN.as_secs()));
    };
    if said.len() as u64 > LARGEST_ANSWER {
        return Err(format!("the helper `{program}` said more than {LARGEST_ANSWER} bytes"));
    }
    if !status.is_some_and(|status| status.success()) {
        // The protocol's own words for "I know nobody".
        if String::from_utf8_lossy(&said).contains("credentials not found") {
            return Ok(None);
        }
        return Err(format!("the helper `{program}` failed"));
    }
    let answer: Answer = serde_json::from_slice(&said)
        .map_err(|_| format!("the helper `{program}` answered something else"))?;
    Ok(match (answer.user.as_str(), answer.secret) {
        (_, secret) if secret.is_empty() => None,
        ("<token>", secret) => Some(Proof::Identity(secret)),
        (user, password) => Some(Proof::Password { user: user.to_owned(), password }),
    })
}

/// For the fuzzer: any bytes as a file of credentials.
pub(crate) fn fuzz(data: &[u8]) {
    if let Ok(file) = serde_json::from_slice::<File>(data) {
        for entry in file.auths.unwrap_or_default().into_values().flatten() {
            let _ = entry.proof();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reference;

    fn found(content: &str, image: &str) -> Found {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        std::fs::write(&path, content).unwrap();
        find(&[folder.path().join("absent.json"), path], Reference::parse(image).unwrap().name())
    }

    fn check(content: &str, image: &str, expected: Option<&str>) {
        let found = found(content, image);
        let shown = found.proof.map(|proof| match proof {
            Proof::Password { user, password } => format!("{user}/{password}"),
            Proof::Identity(token) => format!("identity {token}"),
            Proof::Registry(token) => format!("registry {token}"),
        });
        assert_eq!(shown.as_deref(), expected, "{content} {image}: {}", found.story);
    }

    #[test]
    fn files() {
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#;
        check(hub, "debian", Some("u/p"));
        check(hub, "ghcr.io/a", None);
        check(r#"{"auths":{"docker.io":{"auth":"dTpw"}}}"#, "debian", Some("u/p"));
        check(
            r#"{"auths":{"https://h.x:5000/v2/":{"username":"u","password":"p"}}}"#,
            "h.x:5000/a",
            Some("u/p"),
        );
        check(r#"{"auths":{"h.x":{"auth":"dTpw"}}}"#, "h.x:5000/a", None);
        // Podman's keys by repository: the nearest wins.
        let deep = r#"{"auths":{"h.x":{"auth":"YTph"},"h.x/team":{"auth":"dTpw"},"h.x/team/b":{"auth":"YjpiOmI="}}}"#;
        check(deep, "h.x/other", Some("a/a"));
        check(deep, "h.x/team/a", Some("u/p"));
        check(deep, "h.x/team/b", Some("b/b:b"));
        check(deep, "h.x/teams", Some("a/a"));
        check(r#"{"auths":{"h.x":{"identitytoken":"t","auth":"dTpw"}}}"#, "h.x/a", Some("identity t"));
        check(r#"{"auths":{"h.x":{"registrytoken":"t"}}}"#, "h.x/a", Some("registry t"));
        check(r#"{"auths":{"h.x":{}}}"#, "h.x/a", None);
        check(r#"{"auths":null,"credHelpers":null,"other":[1]}"#, "h.x/a", None);
    }

    #[test]
    fn broken_files_are_told_without_their_content() {
        for content in [
            r#"{"auths":{"h.x":{"auth":"secret!"}}}"#,
            r#"{"auths": secret"#,
            r#"{"auths":{"h.x":"secret"}}"#,
        ] {
            let found = found(content, "h.x/a");
            assert!(found.proof.is_none());
            assert!(
                found.story.contains("config.json") && !found.story.contains("secret"),
                "{}",
                found.story
            );
        }
        assert!(found("{}", "h.x/a").story.contains("has none for `h.x`"));
        assert_eq!(
            find(&[], Reference::parse("a").unwrap().name()).story,
            "no file of credentials was found"
        );
    }

    #[test]
    fn helpers() {
        // A program is found by its name only where programs are; a name with a path is none.
        check(r#"{"credsStore":"../evil"}"#, "h.x/a", None);
        assert!(found(r#"{"credsStore":"../evil"}"#, "h.x/a").story.contains("no name of a program"));
        let absent = found(r#"{"credHelpers":{"h.x":"plimsoll-absent"}}"#, "h.x/a").story;
        assert!(absent.contains("docker-credential-plimsoll-absent` cannot be run"), "{absent}");
        // Others are not asked.
        assert!(found(r#"{"credHelpers":{"h.x":"plimsoll-absent"}}"#, "y.x/a").story.contains("has none"));
    }

    #[test]
    fn a_helper_is_run_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("helper");
        let lines = "read key\ncase \"$1 $key\" in\n\
            'get h.x') echo '{\"ServerURL\":\"h.x\",\"Username\":\"u\",\"Secret\":\"p\"}';;\n\
            'get t.x') echo '{\"Username\":\"<token>\",\"Secret\":\"t\"}';;\n\
            'get big.x') head -c 100000 /dev/zero;;\n\
            *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n";
        std::fs::write(&script, lines).unwrap();
        let answers = ["h.x", "t.x", "big.x", "unknown.x"].map(|host| {
            let mut command = Command::new("sh");
            command.arg(&script);
            ask(command, "helper", host)
        });
        let [password, token, big, unknown] = answers;
        assert_eq!(password, Ok(Some(Proof::Password { user: "u".into(), password: "p".into() })));
        assert_eq!(token, Ok(Some(Proof::Identity("t".into()))));
        assert!(big.unwrap_err().contains("more than"));
        assert_eq!(unknown, Ok(None));
    }
}
