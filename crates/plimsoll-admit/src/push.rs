//! Pushes that a registry tells of, so that what is needed to decide is there before anybody asks.
//!
//! Registries of the distribution project post an envelope of events to the endpoints of their `notifications`
//! (distribution, docs "Notifications"; media type `application/vnd.docker.distribution.events.v1+json`). An image that was pushed is
//! looked at by the same workers and kept under the same digest as when admission asks; a signature that was pushed under the tag of
//! its image (`sha256-...`) has that image looked at again. What is not told, or comes too fast, admission asks for at first sight:
//! nothing that stands here lets anything in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, PoisonError, RwLock};

use plimsoll_model::Digest;
use plimsoll_scan::Reference;
use plimsoll_scan::policy::Need;
use serde::Deserialize;

use crate::engine::{Current, Engine, Rules};
use crate::evidence::Room;

/// Largest body in bytes. Registries send one event at a time, or what a short outage left.
pub(crate) const LARGEST: usize = 1 << 20;
/// Most events of a body that are looked at.
const MOST_EVENTS: usize = 1_000;
/// Shortest secret in bytes.
const SHORTEST_SECRET: usize = 16;
/// Longest secret in bytes.
const LONGEST_SECRET: u64 = 4_096;
/// Pushes that are taken at once, in seconds of the usual rate.
const BURST_SECONDS: f64 = 4.0;

/// Media types of images and indexes.
const IMAGES: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// Why pushes cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The secret cannot be read.
    #[error("cannot read the secret `{}`", .path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        error: std::io::Error,
    },
    /// The secret is none that a header can hold and nobody guesses.
    #[error("`{}` holds no secret: it is one line of {SHORTEST_SECRET} to {LONGEST_SECRET} visible characters of ASCII", .path.display())]
    NoSecret {
        /// The file.
        path: PathBuf,
    },
    /// A registry is none.
    #[error("`{0}` is no registry, as in registry.example.com or localhost:5000")]
    Registry(String),
}

/// Whose pushes are taken, and how many.
pub struct Pushes {
    file: PathBuf,
    secret: RwLock<Vec<u8>>,
    registries: BTreeSet<String>,
    per_second: f64,
    room: Mutex<Room>,
}

impl std::fmt::Debug for Pushes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Pushes").field("registries", &self.registries).finish_non_exhaustive()
    }
}

/// What came of the events of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Images that are looked at for them.
    pub taken: u64,
    /// Events that nothing has to be done for.
    pub passed: u64,
    /// Pushes that came too fast; they are looked at when somebody asks.
    pub dropped: u64,
}

impl Pushes {
    /// Takes pushes of these registries from whoever knows the secret of a file; `per_second` images at most.
    ///
    /// # Errors
    /// When the secret cannot be read or is none, or a registry is none.
    pub fn new(file: &Path, registries: &[String], per_second: u32) -> Result<Self, PushError> {
        let registries =
            registries.iter().map(|text| registry(text).ok_or_else(|| PushError::Registry(text.clone())));
        let rate = f64::from(per_second.max(1));
        Ok(Pushes {
            file: file.to_owned(),
            secret: RwLock::new(read(file)?),
            registries: registries.collect::<Result<_, _>>()?,
            per_second: rate,
            room: Mutex::new(Room::of(rate * BURST_SECONDS)),
        })
    }

    /// The file of the secret.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Reads the secret again.
    ///
    /// # Errors
    /// When it cannot be used: then the old one holds.
    pub fn reload(&self) -> Result<(), PushError> {
        let secret = read(&self.file)?;
        *self.secret.write().unwrap_or_else(PoisonError::into_inner) = secret;
        Ok(())
    }

    /// Whether this is the header `authorization` of somebody who knows the secret.
    pub(crate) fn knows(&self, header: Option<&[u8]>) -> bool {
        let given = header.and_then(|header| header.strip_prefix(b"Bearer ")).unwrap_or_default();
        let secret = self.secret.read().unwrap_or_else(PoisonError::into_inner);
        aws_lc_rs::constant_time::verify_slices_are_equal(given, &secret).is_ok()
    }

    /// Has looked at what was pushed.
    ///
    /// # Errors
    /// In words for people, when the body is no envelope of events.
    pub(crate) fn take(&self, engine: &Engine, body: &[u8]) -> Result<Told, String> {
        let envelope: Envelope = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let mut told = Told::default();
        let Current { rules, generation } = engine.current();
        // Indexes come with their images, and clients push a tag twice: each image once.
        let mut seen = BTreeSet::new();
        for event in envelope.events.iter().take(MOST_EVENTS) {
            let Some((reference, again)) = self.pushed(event) else {
                told.passed += 1;
                continue;
            };
            let needs = needs(&rules, &reference);
            if needs.is_empty() || !seen.insert((reference.to_string(), again)) {
                told.passed += 1;
                continue;
            }
            // Of a signature nothing that was gathered before does.
            let since = if again { i64::MAX } else { i64::MIN };
            if self.has_room() && engine.store.ask(&reference, &needs, since, generation).is_some() {
                told.taken += 1;
            } else {
                told.dropped += 1;
            }
        }
        told.dropped += envelope.events.len().saturating_sub(MOST_EVENTS) as u64;
        let counts = &engine.metrics;
        counts.pushes_taken.fetch_add(told.taken, Relaxed);
        counts.pushes_passed.fetch_add(told.passed, Relaxed);
        counts.pushes_dropped.fetch_add(told.dropped, Relaxed);
        Ok(told)
    }

    /// The image that an event makes worth a look, by digest; and whether that is so for something new that is said of it.
    fn pushed(&self, event: &Event) -> Option<(Reference, bool)> {
        let target = &event.target;
        // What has no tag is part of an index, or said of an image and found with it.
        if event.action != "push" || !IMAGES.contains(&target.media_type.as_str()) || target.tag.is_empty() {
            return None;
        }
        // The host is what the client wrote: nobody is asked who was not named.
        let host = registry(&event.request.host).filter(|host| self.registries.contains(host))?;
        let at = |digest: &str| Reference::parse(&format!("{host}/{}@{digest}", target.repository)).ok();
        let about = about(&target.tag);
        Some((at(about.as_deref().unwrap_or(&target.digest))?, about.is_some()))
    }

    fn has_room(&self) -> bool {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let has = room.has_one(self.per_second, self.per_second * BURST_SECONDS);
        if has {
            room.take_one();
        }
        has
    }
}

/// A registry as names of images have it; `None` where a name would be of a folder of another one (`evil/team/shop`).
fn registry(host: &str) -> Option<String> {
    let reference = Reference::parse(&format!("{host}/a/b")).ok()?;
    (reference.name().path() == "a/b").then(|| reference.name().registry().to_owned())
}

/// What any policy may need of an image, wherever it is to run; nothing where all of that stands in its name.
fn needs(rules: &Rules, reference: &Reference) -> BTreeSet<Need> {
    let mut needs = rules.gate.policies().needs_anywhere(&reference.name().without_usual_port());
    if needs.iter().all(|need| *need == Need::Digest) {
        return BTreeSet::new();
    }
    needs.insert(Need::Digest);
    needs
}

/// The digest of the image that something is said of, by the tag that it was said under: `sha256-...`, with `.sig` and the like behind
/// it or without (cosign's tags, and the tag of OCI distribution-spec 1.1 "Referrers Tag Schema").
fn about(tag: &str) -> Option<String> {
    let hex = tag.strip_prefix("sha256-")?.split('.').next()?;
    Digest::parse(&format!("sha256:{hex}")).ok().map(|digest| digest.to_string())
}

fn read(file: &Path) -> Result<Vec<u8>, PushError> {
    use std::io::Read as _;
    let unread = |error| PushError::Unread { path: file.to_owned(), error };
    let mut text = Vec::new();
    let opened = std::fs::File::open(file).map_err(unread)?;
    opened.take(LONGEST_SECRET + 3).read_to_end(&mut text).map_err(unread)?;
    let secret = text.trim_ascii_end();
    let fits =
        (SHORTEST_SECRET..=usize::try_from(LONGEST_SECRET).unwrap_or(usize::MAX)).contains(&secret.len());
    if !fits || !secret.iter().all(u8::is_ascii_graphic) {
        return Err(PushError::NoSecret { path: file.to_owned() });
    }
    Ok(secret.to_vec())
}

#[derive(Deserialize)]
struct Envelope {
    events: Vec<Event>,
}

/// An event. Whatever is not known of it is empty.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    action: String,
    target: Target,
    request: Asked,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Target {
    media_type: String,
    digest: String,
    repository: String,
    tag: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    host: String,
}

/// Body of the fuzz target: any bytes as an envelope, taken by nobody.
pub(crate) fn any_body(body: &[u8]) {
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else { return };
    let pushes = Pushes {
        file: PathBuf::new(),
        secret: RwLock::default(),
        registries: BTreeSet::from(["r.io".to_owned()]),
        per_second: 1.0,
        room: Mutex::new(Room::of(1.0)),
    };
    for event in &envelope.events {
        if let Some((reference, _)) = pushes.pushed(event) {
            assert!(reference.name().registry() == "r.io" && reference.digest().is_some(), "{reference}");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pushes(registries: &[&str], secret: &str) -> Result<Pushes, PushError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, secret).expect("a file");
        let registries: Vec<String> = registries.iter().map(|text| (*text).to_owned()).collect();
        Pushes::new(&file, &registries, 10)
    }

    #[test]
    fn only_who_knows_the_secret() {
        let one = pushes(&["r.io"], "0123456789abcdef\n").expect("a secret");
        assert!(one.knows(Some(b"Bearer 0123456789abcdef")));
        for header in
            ["", "Bearer ", "Bearer 0123456789abcdeg", "Bearer 0123456789abcdef0", "0123456789abcdef"]
        {
            assert!(!one.knows(Some(header.as_bytes())), "{header}");
        }
        assert!(!one.knows(None));
        assert!(one.reload().is_err() && one.knows(Some(b"Bearer 0123456789abcdef")), "the old one holds");
        for secret in [
            "",
            "short",
            "0123456789abcdef with spaces",
            "0123456789abcdef\n0123456789abcdef",
            &"a".repeat(5_000),
        ] {
            assert!(matches!(pushes(&["r.io"], secret), Err(PushError::NoSecret { .. })), "{secret}");
        }
        for registry in ["registry", "a b", "", "r.io/x"] {
            assert!(
                matches!(pushes(&[registry], "0123456789abcdef"), Err(PushError::Registry(_))),
                "{registry}"
            );
        }
        assert!(!format!("{one:?}").contains("0123"), "it is told to nobody");
    }

    #[test]
    fn which_images_are_worth_a_look() {
        let one = pushes(&["R.io", "localhost:5000", "docker.io"], "0123456789abcdef").expect("a secret");
        let digest = format!("sha256:{}", "ab".repeat(32));
        let of = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut event = json!({ "action": "push", "request": { "host": "r.io" }, "target": {
                "mediaType": IMAGES[0], "repository": "acme/shop", "tag": "1.0", "digest": digest } });
            change(&mut event);
            let event: Event = serde_json::from_value(event).expect("an event");
            one.pushed(&event).map(|(reference, again)| (reference.to_string(), again))
        };
        let shop = |host: &str, again| Some((format!("{host}/acme/shop@{digest}"), again));
        assert_eq!(of(&|_| ()), shop("r.io", false));
        assert_eq!(of(&|event| event["request"]["host"] = "R.IO".into()), shop("r.io", false));
        assert_eq!(
            of(&|event| event["request"]["host"] = "localhost:5000".into()),
            shop("localhost:5000", false)
        );
        let signature = format!("sha256-{}.sig", "ab".repeat(32));
        assert_eq!(of(&|event| event["target"]["tag"] = signature.clone().into()), shop("r.io", true));
        for (pointer, value) in [
            ("/request/host", "evil.example"),
            ("/request/host", "r.io/evil.example"),
            ("/request/host", "evil"),
            ("/request/host", ""),
            ("/request/host", "r.io@evil.example"),
            ("/action", "pull"),
            ("/action", "delete"),
            ("/target/mediaType", "application/octet-stream"),
            ("/target/tag", ""),
            ("/target/digest", "sha256:ab"),
            ("/target/repository", "../evil"),
            ("/target/repository", "Acme"),
        ] {
            let told = of(&|event| *event.pointer_mut(pointer).expect("a field") = value.into());
            assert_eq!(told, None, "{pointer} {value}");
        }
    }

    #[test]
    fn what_is_said_of_an_image_by_its_tag() {
        let hex = "0a".repeat(32);
        let whole = Some(format!("sha256:{hex}"));
        assert_eq!(about(&format!("sha256-{hex}")), whole);
        assert_eq!(about(&format!("sha256-{hex}.att")), whole);
        for tag in [
            "1.0",
            "sha256-",
            "sha256-0a.sig",
            &format!("sha256-{}", hex.to_uppercase()),
            &format!("sha512-{hex}"),
        ] {
            assert_eq!(about(tag), None, "{tag}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text(body in "\\PC{0,60}", host in "[a-z./@:#?]{0,12}", repository in "[a-z/@:.]{0,12}", tag in "[a-z0-9.-]{1,8}") {
            any_body(body.as_bytes());
            let digest = format!("sha256:{}", "ab".repeat(32));
            let event = json!({ "events": [{ "action": "push", "request": { "host": host },
                "target": { "mediaType": IMAGES[0], "repository": repository, "tag": tag, "digest": digest } }] });
            any_body(event.to_string().as_bytes());
        }
    }
}
