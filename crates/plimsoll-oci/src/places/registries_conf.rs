//! `registries.conf` of Podman, CRI-O, Buildah and Skopeo, and its folder (containers-registries.conf(5), version 2; the
//! lists of version 1 are read as what they stand for).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use plimsoll_model::Digest;
use serde::Deserialize;

use super::{Place, RegistryFiles, files, read_file, split_place, wrong};
use crate::error::plain;
use crate::reference::RepositoryName;
use crate::{Error, Reference};

/// What is asked for: rules may tell tags from digests.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// `host/path:tag@digest`: what prefixes are held against.
    text: String,
    pub(super) by_digest: bool,
    pub(super) by_tag: bool,
}

impl Wanted {
    pub(super) fn of(reference: &Reference) -> Self {
        let by_digest = reference.digest().is_some();
        Wanted { text: reference.to_string(), by_digest, by_tag: !by_digest }
    }

    pub(super) fn repository(name: &RepositoryName) -> Self {
        Wanted { text: name.to_string(), by_digest: false, by_tag: false }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct File {
    unqualified_search_registries: Option<Vec<String>>,
    registry: Vec<Entry>,
    aliases: BTreeMap<String, String>,
    /// Version 1.
    registries: Option<Lists>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Lists {
    search: List,
    insecure: List,
    block: List,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct List {
    registries: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Entry {
    prefix: String,
    location: String,
    insecure: bool,
    blocked: bool,
    mirror_by_digest_only: bool,
    mirror: Vec<MirrorEntry>,
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct MirrorEntry {
    location: String,
    insecure: bool,
    pull_from_mirror: String,
}

/// What all files say together.
#[derive(Debug, Default)]
pub(super) struct Registries {
    /// By prefix; a later file replaces the entry of an earlier one.
    entries: BTreeMap<String, Entry>,
    search: Option<(Vec<String>, PathBuf)>,
    aliases: BTreeMap<String, (String, PathBuf)>,
}

impl Registries {
    pub(super) fn read(paths: &RegistryFiles) -> Result<Self, Error> {
        let mut all = Registries::default();
        match &paths.registries_conf {
            Some(path) => match read_file(path)? {
                Some(text) => all.add(path, &text)?,
                None => {
                    let (path, detail) = (path.display().to_string(), "it is not there".to_owned());
                    return Err(Error::Configuration { path, detail });
                }
            },
            None => {
                for path in &paths.usual_registries_conf {
                    if let Some(text) = read_file(path)? {
                        all.add(path, &text)?;
                        break;
                    }
                }
            }
        }
        for path in
            paths.drop_ins.iter().flat_map(|folder| files(folder, "conf")).chain(paths.short_names.clone())
        {
            if let Some(text) = read_file(&path)? {
                all.add(&path, &text)?;
            }
        }
        Ok(all)
    }

    fn add(&mut self, path: &Path, text: &str) -> Result<(), Error> {
        let refuse = |detail: String| Error::Configuration { path: path.display().to_string(), detail };
        let file: File = toml::from_str(text).map_err(|error| wrong(path, text, &error))?;
        let mut entries = file.registry;
        let mut search = file.unqualified_search_registries;
        if let Some(lists) = file.registries {
            let of_list = |list: List, insecure, blocked| {
                list.registries.into_iter().map(move |location| Entry {
                    location,
                    insecure,
                    blocked,
                    ..Entry::default()
                })
            };
            entries.extend(of_list(lists.insecure, true, false));
            entries.extend(of_list(lists.block, false, true));
            search = search.or(Some(lists.search.registries).filter(|list| !list.is_empty()));
        }
        for mut entry in entries {
            for location in
                entry.mirror.iter_mut().map(|mirror| &mut mirror.location).chain([&mut entry.location])
            {
                location.truncate(location.trim_end_matches('/').len());
                if location.contains("://") {
                    return Err(refuse(format!("the location `{}` must not have a scheme", plain(location))));
                }
                if !location.is_empty() && split_place(location).is_none() {
                    return Err(refuse(format!("the location `{}` names no host", plain(location))));
                }
            }
            entry.prefix.truncate(entry.prefix.trim_end_matches('/').len());
            let wildcard = entry.prefix.starts_with("*.");
            if entry.prefix.is_empty() {
                entry.prefix.clone_from(&entry.location);
            }
            if entry.prefix.is_empty() {
                return Err(refuse("a [[registry]] has neither prefix nor location".to_owned()));
            }
            if !wildcard && split_place(&entry.prefix).is_none() {
                return Err(refuse(format!("the prefix `{}` names no host", plain(&entry.prefix))));
            }
            if entry.mirror.iter().any(|mirror| mirror.location.is_empty()) {
                return Err(refuse(format!("a mirror of `{}` has no location", plain(&entry.prefix))));
            }
            for mirror in &entry.mirror {
                if !matches!(mirror.pull_from_mirror.as_str(), "" | "all" | "digest-only" | "tag-only") {
                    let said = plain(&mirror.pull_from_mirror);
                    return Err(refuse(format!(
                        "`pull-from-mirror = \"{said}\"`: expected all, digest-only or tag-only"
                    )));
                }
            }
            path.clone_into(&mut entry.file);
            self.entries.insert(entry.prefix.clone(), entry);
        }
        if let Some(search) = search {
            self.search = Some((search, path.to_owned()));
        }
        self.aliases.extend(file.aliases.into_iter().map(|(name, value)| (name, (value, path.to_owned()))));
        Ok(())
    }

    /// What a name without a registry stands for.
    pub(super) fn meanings(&self, reference: &Reference) -> Vec<(Reference, Option<String>)> {
        let path = reference.short_path();
        let with = |name: &str| {
            let tag = reference.tag().map(|tag| format!(":{tag}")).unwrap_or_default();
            let digest = reference.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
            Reference::parse(&format!("{name}{tag}{digest}")).ok()
        };
        if let Some((value, file)) = self.aliases.get(path) {
            let by = format!("the alias of `{}`", file.display());
            return with(value).map(|meant| (meant, Some(by))).into_iter().collect();
        }
        let Some((search, file)) = &self.search else { return Vec::new() };
        let by = format!("unqualified-search-registries of `{}`", file.display());
        search.iter().filter_map(|host| Some((with(&format!("{host}/{path}"))?, Some(by.clone())))).collect()
    }

    /// The places that the longest prefix which fits names; `None` where none fits.
    pub(super) fn places(&self, name: &RepositoryName, wanted: &Wanted) -> Result<Option<Vec<Place>>, Error> {
        let fitting =
            self.entries.values().filter_map(|entry| Some((fits(&entry.prefix, &wanted.text)?, entry)));
        let Some((prefix, entry)) = fitting.max_by_key(|(prefix, _)| prefix.len()) else { return Ok(None) };
        let by = format!("[[registry]] `{}` of `{}`", entry.prefix, entry.file.display());
        if entry.blocked {
            return Err(Error::Blocked { name: name.to_string(), by });
        }
        let mut places = Vec::new();
        for mirror in &entry.mirror {
            let only =
                if entry.mirror_by_digest_only { "digest-only" } else { mirror.pull_from_mirror.as_str() };
            let asked = match only {
                "digest-only" => wanted.by_digest,
                "tag-only" => wanted.by_tag,
                _ => true,
            };
            if asked && let Some(place) = moved(&wanted.text, prefix, &mirror.location) {
                places.push(Place {
                    insecure: mirror.insecure,
                    is_mirror: true,
                    by: vec![by.clone()],
                    ..place
                });
            }
        }
        let location = if entry.location.is_empty() { prefix } else { entry.location.as_str() };
        let itself = moved(&wanted.text, prefix, location).ok_or_else(|| Error::Configuration {
            path: entry.file.display().to_string(),
            detail: format!("`{}` moved to `{}` is no name of an image", name, plain(location)),
        })?;
        places.push(Place { insecure: entry.insecure, by: vec![by], ..itself });
        Ok(Some(places))
    }
}

/// The part of a name that a prefix stands for: whole parts only; `*.example.com` stands for hosts below.
fn fits<'text>(prefix: &str, text: &'text str) -> Option<&'text str> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host = text.split('/').next()?;
        let alone = host.rsplit_once(':').map_or(host, |(host, _)| host);
        let end = if host.ends_with(domain) { host.len() } else { alone.len() };
        return text.get(..end).filter(|host| host.len() > domain.len() && host.ends_with(domain));
    }
    let rest = text.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then(|| text.get(..prefix.len())).flatten()
}

/// The same name elsewhere.
fn moved(text: &str, prefix: &str, location: &str) -> Option<Place> {
    let there = format!("{location}{}", text.strip_prefix(prefix)?);
    let (rest, digest) =
        there.split_once('@').map_or((there.as_str(), None), |(rest, digest)| (rest, Some(digest)));
    let slash = rest.rfind('/')?;
    let (rest, tag) = match rest.get(slash..)?.find(':') {
        Some(colon) => (rest.get(..slash + colon)?, rest.get(slash + colon + 1..)),
        None => (rest, None),
    };
    let (host, path) = split_place(rest)?;
    let name = RepositoryName::listed(host, path)?;
    let selector = digest.filter(|digest| Digest::parse(digest).is_ok()).or(tag);
    Some(Place { selector: selector.map(str::to_owned), ..Place::plain(name) })
}

pub(super) fn fuzz(text: &str, reference: &Reference) {
    let mut all = Registries::default();
    if all.add(Path::new("registries.conf"), text).is_ok() {
        let _ = all.places(reference.name(), &Wanted::of(reference));
        if let Ok(short) = Reference::parse("name") {
            all.meanings(&short);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registries(texts: &[&str]) -> Registries {
        let mut all = Registries::default();
        for (number, text) in texts.iter().enumerate() {
            all.add(Path::new(&format!("{number}.conf")), text).unwrap_or_else(|error| panic!("{error}"));
        }
        all
    }

    fn asked(all: &Registries, name: &str) -> Vec<String> {
        let reference = Reference::parse(name).unwrap();
        let places = all.places(reference.name(), &Wanted::of(&reference)).unwrap().unwrap_or_default();
        let shown = |place: &Place| {
            let selector = place.selector.clone().unwrap_or_default();
            let mark = if place.insecure { " insecure" } else { "" };
            format!("{} {selector}{mark}", place.name)
        };
        places.iter().map(shown).collect()
    }

    const DIGEST: &str = "sha256:0101010101010101010101010101010101010101010101010101010101010101";

    #[test]
    fn the_longest_prefix_that_fits_decides() {
        let all = registries(&[r#"
            [[registry]]
            location = "example.com"
            [[registry]]
            prefix = "example.com/team"
            location = "internal.example:5000/moved"
            insecure = true
            [[registry.mirror]]
            location = "mirror.example"
            [[registry.mirror]]
            location = "digests.example/a"
            insecure = true
            pull-from-mirror = "digest-only"
            [[registry.mirror]]
            location = "tags.example"
            pull-from-mirror = "tag-only"
            [[registry]]
            prefix = "*.wild.example"
            insecure = true
            [[registry]]
            prefix = "docker.io"
            [[registry.mirror]]
            location = "hub.example/cache"
        "#]);
        assert_eq!(asked(&all, "example.com/other:1"), ["example.com/other 1"]);
        assert_eq!(asked(&all, "example.com/teams:1"), ["example.com/teams 1"]);
        assert_eq!(asked(&all, "example.community/team:1"), [""; 0]);
        assert_eq!(
            asked(&all, "example.com/team/web:1"),
            ["mirror.example/web 1", "tags.example/web 1", "internal.example:5000/moved/web 1 insecure"]
        );
        assert_eq!(
            asked(&all, &format!("example.com/team/web@{DIGEST}")),
            [
                format!("mirror.example/web {DIGEST}"),
                format!("digests.example/a/web {DIGEST} insecure"),
                format!("internal.example:5000/moved/web {DIGEST} insecure"),
            ]
        );
        assert_eq!(asked(&all, "a.wild.example/x:1"), ["a.wild.example/x 1 insecure"]);
        assert_eq!(asked(&all, "a.b.wild.example:5000/x:1"), ["a.b.wild.example:5000/x 1 insecure"]);
        assert_eq!(asked(&all, "wild.example/x:1"), [""; 0]);
        assert_eq!(
            asked(&all, "debian:12"),
            ["hub.example/cache/library/debian 12", "docker.io/library/debian 12"]
        );
    }

    #[test]
    fn later_files_replace_what_earlier_ones_say() {
        let all = registries(&[
            "unqualified-search-registries = ['a.example', 'b.example']\n[aliases]\ntool = 'a.example/x/tool'\n\
             [[registry]]\nlocation = 'h.example'\nblocked = true\n",
            "[[registry]]\nlocation = 'h.example'\n[[registry.mirror]]\nlocation = 'm.example'\n[aliases]\ntool = 'c.example/tool'",
        ]);
        assert_eq!(asked(&all, "h.example/a:1"), ["m.example/a 1", "h.example/a 1"]);
        let meanings = |name: &str| -> Vec<String> {
            let meanings = all.meanings(&Reference::parse(name).unwrap());
            meanings.into_iter().map(|(meant, by)| format!("{meant} by {}", by.unwrap_or_default())).collect()
        };
        assert_eq!(meanings("tool:2"), ["c.example/tool:2 by the alias of `1.conf`"]);
        let by = "by unqualified-search-registries of `0.conf`";
        assert_eq!(
            meanings("web"),
            [format!("a.example/web:latest {by}"), format!("b.example/web:latest {by}")]
        );
    }

    #[test]
    fn what_is_blocked_is_not_asked() {
        let all = registries(&[
            "[[registry]]\nlocation = 'h.example/bad'\nblocked = true",
            "[registries.block]\nregistries = ['old.example']\n[registries.insecure]\nregistries = ['lab.example']\n\
             [registries.search]\nregistries = ['s.example']",
        ]);
        for name in ["h.example/bad", "h.example/bad/x:1", "old.example/a"] {
            let reference = Reference::parse(name).unwrap();
            let error = all.places(reference.name(), &Wanted::of(&reference)).unwrap_err();
            assert!(matches!(error, Error::Blocked { .. }) && error.is_usage(), "{name}: {error}");
        }
        assert_eq!(asked(&all, "lab.example/a:1"), ["lab.example/a 1 insecure"]);
        assert_eq!(all.meanings(&Reference::parse("web:1").unwrap())[0].0.to_string(), "s.example/web:1");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, said) in [
            ("[[registry]]\nlocation = 1", "line 2: invalid type"),
            ("[[registry]]\nlocation = 'https://h.example'", "must not have a scheme"),
            ("[[registry]]\ninsecure = true", "neither prefix nor location"),
            ("[[registry]]\nlocation = 'a b'", "names no host"),
            ("[[registry]]\nprefix = '-x'", "names no host"),
            ("[[registry]]\nlocation='h.x'\n[[registry.mirror]]\ninsecure=true", "has no location"),
            (
                "[[registry]]\nlocation='h.x'\n[[registry.mirror]]\nlocation='m.x'\npull-from-mirror='x'",
                "digest-only",
            ),
            ("[", "line 1"),
        ] {
            let error = Registries::default().add(Path::new("x.conf"), text).unwrap_err();
            let shown = error.to_string();
            assert!(shown.contains("x.conf") && shown.contains(said) && error.is_usage(), "{text}: {shown}");
        }
    }
}
