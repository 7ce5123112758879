//! `plimsoll db export|delta|import|pull|keygen`: a database on its way to other machines.

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_advisory::feed::upstream::Terms;
use plimsoll_advisory::update::source_named;
use plimsoll_advisory::{
    ApplyError, BUNDLE_NAME, BundleError, Installed, Manifest, NoDelta, PublicKey, SigningKey, Trust,
    delta_name, install_bundle, read_bundle, write_bundle,
};
use plimsoll_http::{Client, Request, Url};
use plimsoll_scan::Database;

use super::{make_folder_of, megabytes, open, place, registry};
use crate::cli::{DbPullArguments, InstallArguments, KeyArguments};
use crate::commands::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

/// The greatest size of a bundle that is downloaded. All feeds together have a hundredth of it.
pub(super) const DOWNLOAD_LIMIT: u64 = 4 << 30;
/// The greatest size of a file with keys.
const KEY_LIMIT: u64 = 65 << 10;

fn key_text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(KEY_LIMIT).read_to_string(&mut text))
        .with_context(|| format!("cannot read the key `{}`", path.display()))
        .map_err(|error| {
            Failure::new(USAGE, error).hint("`plimsoll db keygen FILE` makes a key pair".to_owned())
        })?;
    Ok(text)
}

/// The public keys that flags name, else the environment. None: signatures are not asked for.
pub(super) fn keys(arguments: &KeyArguments, environment: &Environment) -> Result<Vec<PublicKey>, Failure> {
    let paths: Vec<&PathBuf> = if arguments.keys.is_empty() {
        environment.database_key.iter().collect()
    } else {
        arguments.keys.iter().collect()
    };
    let mut keys = Vec::new();
    for path in paths {
        let found = PublicKey::all_from_pem(&key_text(path)?).map_err(|error| {
            Failure::new(
                USAGE,
                anyhow::Error::new(error).context(format!("`{}` holds no public key", path.display())),
            )
            .hint("it is the .pub file that `plimsoll db keygen` wrote".to_owned())
        })?;
        keys.extend(found);
    }
    Ok(keys)
}

pub(super) fn signing_key(path: Option<&Path>) -> Result<Option<SigningKey>, Failure> {
    let Some(path) = path else { return Ok(None) };
    SigningKey::from_pem(&key_text(path)?).map(Some).map_err(|error| {
        Failure::new(
            USAGE,
            anyhow::Error::new(error).context(format!("`{}` holds no private key", path.display())),
        )
        .hint("`plimsoll db keygen FILE` makes one".to_owned())
    })
}

pub(super) fn keygen(out: &Path) -> Answer {
    let mut random = [0; 32];
    // The kernel's own generator; nothing else is good enough for a key.
    std::fs::File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut random))
        .context("cannot read random bytes from `/dev/urandom`")?;
    let key = SigningKey::from_random(random);
    let mut name = out.as_os_str().to_owned();
    name.push(".pub");
    let public = PathBuf::from(name);
    for (path, text, mode) in [(out, key.to_pem(), 0o600), (&public, key.public().to_pem(), 0o644)] {
        use std::os::unix::fs::OpenOptionsExt as _;
        std::fs::OpenOptions::new()
            .write(true)
            // A key that is there is never lost.
            .create_new(true)
            .mode(mode)
            .open(path)
            .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
            .map_err(|error| {
                Failure::new(
                    USAGE,
                    anyhow::Error::new(error).context(format!("cannot write `{}`", path.display())),
                )
                .hint("a file that is there is not overwritten: name another".to_owned())
            })?;
    }
    print::data(&format!(
        "private key: {} (keep it where you publish from)\npublic key:  {} (give it to everybody: --db-key, PLIMSOLL_DB_KEY)\nkey id:      {}\n",
        out.display(),
        public.display(),
        key.public().id()
    ))?;
    Ok(0)
}

fn written(out: &Path, manifest: &Manifest, key: Option<&SigningKey>) -> Answer {
    let size = std::fs::metadata(out).map_or(manifest.size, |file| file.len());
    let signer =
        key.map_or_else(|| "not signed".to_owned(), |key| format!("signed by {}", key.public().id()));
    let from = manifest.from.as_ref().map_or_else(String::new, |from| format!("from    {from}\n"));
    print::data(&format!(
        "{}\n{from}content {}\n{} sources, the newest of {}, {:.1} MB, {signer}\n",
        out.display(),
        manifest.content,
        manifest.sources.len(),
        manifest.date.get(..10).unwrap_or("an unknown date"),
        megabytes(size)
    ))?;
    Ok(0)
}

/// Says which sources may not, or not certainly, be passed on.
pub(super) fn warn_of_terms(database: &Database) {
    for source in database.sources() {
        let terms = source_named(&source.name).map_or(Terms::Open, |row| row.terms);
        let word = match terms {
            Terms::Open => continue,
            Terms::NotStated => "states no licence that we know of",
            Terms::Restricted => "has a licence that restricts passing it on",
        };
        print::warning(&format!("the source `{}` {word}: see that you may give this to others", source.name));
    }
}

pub(super) fn export(database: &Path, out: &Path, sign: Option<&Path>) -> Answer {
    let key = signing_key(sign)?;
    let database = open(database)?;
    // What is damaged here must not become someone else's database with our signature.
    database.verify().map_err(|error| Failure::new(UNDECIDED, error))?;
    warn_of_terms(&database);
    make_folder_of(out)?;
    match write_bundle(&database, None, out, key.as_ref()).map_err(|error| Failure::new(UNDECIDED, error))? {
        Ok(manifest) => written(out, &manifest, key.as_ref()),
        Err(_) => Err(Failure::new(UNDECIDED, anyhow!("`{}` was not written", out.display()))),
    }
}

pub(super) fn delta(old: &Path, new: &Path, out: &Path, sign: Option<&Path>) -> Answer {
    let key = signing_key(sign)?;
    let (old, new) = (open(old)?, open(new)?);
    for database in [&old, &new] {
        database.verify().map_err(|error| Failure::new(UNDECIDED, error))?;
    }
    let out = match (old.digest(), new.digest()) {
        (Some(from), Some(to)) if out.is_dir() => out.join(delta_name(from, to)),
        _ => out.to_owned(),
    };
    make_folder_of(&out)?;
    match write_bundle(&new, Some(&old), &out, key.as_ref())
        .map_err(|error| Failure::new(UNDECIDED, error))?
    {
        Ok(manifest) => written(&out, &manifest, key.as_ref()),
        Err(NoDelta::Same) => {
            print::talk("both databases have the same content: nothing was written");
            Ok(0)
        }
        Err(NoDelta::TooDifferent) => {
            print::talk("too much has changed for a delta: the whole database is the smaller download");
            Ok(0)
        }
    }
}

/// A failure with the next step.
pub(super) fn refused(error: BundleError) -> Failure {
    let hint = match &error {
        BundleError::Read { .. } => Some("name a file of `plimsoll db export` or `plimsoll db delta`"),
        BundleError::Format { found, .. } if *found > 0 => {
            Some("use a program and a bundle of the same version; `plimsoll --version` says which this is")
        }
        BundleError::Broken { .. } | BundleError::Format { .. } => Some("copy or download it again"),
        BundleError::NotSigned { .. } => {
            Some("ask whoever exported it to sign it: `plimsoll db export --sign KEY`")
        }
        BundleError::OtherSigner { .. } => {
            Some("if the publisher has a new key, get it from them and name it with --db-key")
        }
        BundleError::Older { .. } => Some("if you want to go back, say --allow-older"),
        BundleError::OtherStart { .. } => {
            Some("install the whole database: the file of `plimsoll db export`")
        }
        BundleError::Apply { source: ApplyError::Database(_), .. } => {
            Some("the database that was there is untouched; see that the folder has space and can be written")
        }
        BundleError::Apply { .. } => {
            Some("the database that was there is untouched; get the whole database again")
        }
    };
    Failure::new(UNDECIDED, error).hint(hint.map(str::to_owned))
}

/// Says what is there now, and who vouches for it.
fn told(database: &Path, installed: &Installed, what: &str, vouched: Option<&str>) -> Answer {
    let vouched = vouched.map(|signer| format!(", signed by {}", plimsoll_format::clean(signer)));
    let signer = match (&installed.trust, vouched) {
        (Trust::Signed(key), vouched) => format!(", signed by {key}{}", vouched.unwrap_or_default()),
        (Trust::NotChecked { .. }, Some(vouched)) => vouched,
        (Trust::NotChecked { signed }, None) => {
            let word = if *signed { "its signature was not checked" } else { "it is not signed" };
            print::warning(&format!("{word}: no key is given (--db-key FILE or PLIMSOLL_DB_KEY)"));
            String::new()
        }
    };
    print::data(&format!(
        "{} {what}: {} sources, the newest of {}{signer}\n{}\n",
        database.display(),
        installed.manifest.sources.len(),
        installed.manifest.date.get(..10).unwrap_or("an unknown date"),
        installed.manifest.content
    ))?;
    Ok(0)
}

pub(super) fn import(file: &Path, into: &InstallArguments, environment: &Environment) -> Answer {
    let keys = keys(&into.keys, environment)?;
    let database = place(into.db.as_deref(), environment)?;
    make_folder_of(&database)?;
    let installed = install_bundle(file, &database, &keys, into.allow_older).map_err(refused)?;
    told(&database, &installed, "is installed", None)
}

pub(super) fn pull(arguments: &DbPullArguments, environment: &Environment) -> Answer {
    let DbPullArguments { source, into, publisher, ca_files, insecure } = arguments;
    let publisher = registry::publisher(publisher, environment)?;
    if publisher.is_some() && !source.starts_with(registry::SCHEME) {
        return Err(Failure::new(USAGE, anyhow!("only registries hold sigstore bundles beside a database"))
            .hint("name the publisher's key of `plimsoll db keygen` with --db-key".to_owned()));
    }
    let keys = keys(&into.keys, environment)?;
    let database = place(into.db.as_deref(), environment)?;
    make_folder_of(&database)?;
    let pull = Pull { database: &database, keys: &keys, older: into.allow_older };
    if source.starts_with("https://") || source.starts_with("http://") {
        if source.starts_with("http://") && keys.is_empty() {
            return Err(Failure::new(
                USAGE,
                anyhow!(
                    "`{source}` is not encrypted, and no key is given: anybody on the way could change it"
                ),
            )
            .hint("use https://, or name the publisher's key with --db-key".to_owned()));
        }
        let url = Url::parse(source).map_err(|error| Failure::new(USAGE, error))?;
        let client = Client::new(environment.network.http(ca_files));
        return pull.take_from(&Host { client, url, folder: source.ends_with('/') });
    }
    if source.starts_with(registry::SCHEME) {
        if let (Some(host), true) = (insecure.first(), keys.is_empty() && publisher.is_none()) {
            return Err(Failure::new(
                USAGE,
                anyhow!("`{host}` is not checked, and no key is given: anybody on the way could change the database"),
            )
            .hint("name the publisher: --db-key, --key, or --identity and --issuer".to_owned()));
        }
        let registries = environment.network.registries_by(ca_files, insecure);
        let mut shelf = registry::Shelf::open(source, &registries)?;
        if let Some(trust) = &publisher {
            shelf = shelf.ask(trust, environment.now.as_second())?;
        }
        return pull.take_from(&shelf);
    }
    if source.contains("://") {
        return Err(Failure::new(USAGE, anyhow!("`{source}` is no source of databases")).hint(
            "https://HOST/FOLDER/, https://HOST/FILE, oci://HOST/REPOSITORY:TAG, a folder, or a file"
                .to_owned(),
        ));
    }
    pull.take_file_or_folder(Path::new(source))
}

/// Where bundles are.
pub(super) trait Shelf {
    /// Who signed what is there, and the content that they signed, where somebody looked before anything of it is read.
    fn vouched(&self) -> Option<(&str, &str)> {
        None
    }
    /// Address of the whole database.
    fn name(&self) -> String;
    /// The whole database.
    fn whole(&self) -> Result<Box<dyn std::io::Read>, Failure>;
    /// The delta of this name, where there is one.
    fn delta(&self, name: &str) -> Result<Option<Box<dyn std::io::Read>>, Failure>;
}

/// A static host.
struct Host {
    client: Client,
    url: Url,
    /// A folder of bundles rather than one bundle.
    folder: bool,
}

impl Host {
    fn address(&self) -> Result<Url, Failure> {
        if self.folder { self.url.join(BUNDLE_NAME).map_err(network) } else { Ok(self.url.clone()) }
    }
}

impl Shelf for Host {
    fn name(&self) -> String {
        self.address().map_or_else(|_| self.url.to_string(), |url| url.to_string())
    }

    fn whole(&self) -> Result<Box<dyn std::io::Read>, Failure> {
        let request = Request::get(self.address()?);
        Ok(Box::new(self.client.download(request, DOWNLOAD_LIMIT).map_err(network)?))
    }

    fn delta(&self, name: &str) -> Result<Option<Box<dyn std::io::Read>>, Failure> {
        if !self.folder {
            return Ok(None);
        }
        let request = Request::get(self.url.join(name).map_err(network)?);
        match self.client.download(request, DOWNLOAD_LIMIT) {
            Ok(delta) => Ok(Some(Box::new(delta))),
            // Nobody promised one.
            Err(error) if matches!(error.status(), Some(403 | 404 | 410)) => Ok(None),
            Err(error) => Err(network(error)),
        }
    }
}

struct Pull<'pull> {
    database: &'pull Path,
    keys: &'pull [PublicKey],
    older: bool,
}

impl Pull<'_> {
    fn install(&self, file: &Path) -> Result<Installed, BundleError> {
        install_bundle(file, self.database, self.keys, self.older)
    }

    /// What is there, when it can be read.
    fn there(&self) -> Option<Database> {
        Database::open(self.database).ok()
    }

    fn take_file_or_folder(&self, source: &Path) -> Answer {
        if !source.is_dir() {
            return told(self.database, &self.install(source).map_err(refused)?, "is installed", None);
        }
        let whole = source.join(BUNDLE_NAME);
        let mut front = std::fs::File::open(&whole).map_err(|error| {
            Failure::new(
                UNDECIDED,
                anyhow::Error::new(error).context(format!("cannot read `{}`", whole.display())),
            )
            .hint("`plimsoll db export` writes it".to_owned())
        })?;
        let offered = read_bundle(&mut front, &whole, self.keys).map_err(refused)?;
        if let Some(there) = self.there().as_ref().and_then(Database::digest) {
            if *there == offered.manifest.content {
                return told(self.database, &offered, "is up to date", None);
            }
            let delta = source.join(delta_name(there, &offered.manifest.content));
            if delta.is_file() {
                match self.install(&delta) {
                    Ok(installed) => return told(self.database, &installed, "is updated by a delta", None),
                    Err(error) => go_whole(&refused(error)),
                }
            }
        }
        told(self.database, &self.install(&whole).map_err(refused)?, "is installed", None)
    }

    fn take_from(&self, shelf: &dyn Shelf) -> Answer {
        // Names in messages: what is downloaded has no better one than its address.
        let name = PathBuf::from(shelf.name());
        let mut download = shelf.whole()?;
        // The beginning says what it is: mostly nothing else is needed.
        let mut front = Vec::new();
        let offered = read_bundle(&mut Recorded { from: &mut *download, kept: &mut front }, &name, self.keys)
            .map_err(refused)?;
        let vouched = shelf.vouched();
        if let Some((_, content)) = vouched
            && offered.manifest.content.to_string() != content
        {
            // The digest of the whole is known only at its end.
            return Err(Failure::new(
                UNDECIDED,
                anyhow!("`{}` holds another content than its signed manifest says", name.display()),
            )
            .hint(
                "the database that was there is untouched; try again, or ask whoever publishes it".to_owned(),
            ));
        }
        let signer = vouched.map(|(signer, _)| signer);
        if let Some(there) = self.there().as_ref().and_then(Database::digest) {
            if *there == offered.manifest.content {
                return told(self.database, &offered, "is up to date", signer);
            }
            let delta = shelf
                .delta(&delta_name(there, &offered.manifest.content))
                .and_then(|delta| delta.map(|mut delta| self.fetched(&[], &mut *delta)).transpose());
            match delta {
                Ok(Some(installed)) => {
                    return told(self.database, &installed, "is updated by a delta", signer);
                }
                Ok(None) => {}
                Err(failure) => go_whole(&failure),
            }
        }
        told(self.database, &self.fetched(&front, &mut *download)?, "is installed", signer)
    }

    /// Installs what is downloaded, with what was read of it before.
    fn fetched(&self, front: &[u8], download: &mut dyn std::io::Read) -> Result<Installed, Failure> {
        let file = plimsoll_advisory::temporary_beside(self.database)
            .with_context(|| format!("cannot write beside `{}`", self.database.display()))?;
        let mut out = file.as_file();
        out.write_all(front)
            .and_then(|()| std::io::copy(download, &mut out))
            .context("the download was not finished")
            .map_err(|error| {
                Failure::new(UNDECIDED, error).hint(
                    "the database that was there is untouched; try again, and see that the disk has space"
                        .to_owned(),
                )
            })?;
        self.install(file.path()).map_err(refused)
    }
}

fn go_whole(why: &Failure) {
    print::warning(&format!("the delta was not used, the whole database is taken: {why}"));
}

fn network(error: plimsoll_http::Error) -> Failure {
    Failure::new(UNDECIDED, error).hint(
        "the database that was there is untouched; without a network: `plimsoll db export` there, `plimsoll db import FILE` here".to_owned(),
    )
}

/// Keeps what is read.
pub(super) struct Recorded<'read> {
    pub(super) from: &'read mut dyn std::io::Read,
    pub(super) kept: &'read mut Vec<u8>,
}

impl std::io::Read for Recorded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.kept.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
