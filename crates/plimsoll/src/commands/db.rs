//! `plimsoll db`.

mod java_index;
mod registry;
mod transfer;
pub(super) mod update;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_advisory::update::UpdateState;
use plimsoll_advisory::{BuildOptions, BuildReport, SourceInfo, Trust};
use plimsoll_scan::Database;

use super::Answer;
use crate::cli::{DbCommand, KeyArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(command: &DbCommand, environment: &Environment) -> Answer {
    match command {
        DbCommand::Update(arguments) => update::run(arguments, environment),
        DbCommand::Build { from, out } => build(from, &place(out.as_deref(), environment)?, environment),
        DbCommand::Status { db, json } => status(&place(db.as_deref(), environment)?, *json, environment),
        DbCommand::Verify { db, keys } => verify(&place(db.as_deref(), environment)?, keys, environment),
        DbCommand::Export { out, db, sign } => {
            transfer::export(&place(db.as_deref(), environment)?, out, sign.as_deref())
        }
        DbCommand::Delta { old, new, out, sign } => transfer::delta(old, new, out, sign.as_deref()),
        DbCommand::Import { file, into } => transfer::import(file, into, environment),
        DbCommand::Push(arguments) => {
            let database = place(arguments.db.as_deref(), environment)?;
            registry::push(arguments, &database, environment)
        }
        DbCommand::Pull(arguments) => transfer::pull(arguments, environment),
        DbCommand::JavaIndex(command) => java_index::run(command, environment),
        DbCommand::Keygen { out } => transfer::keygen(out),
    }
}

/// The database that a flag names, else the default one.
fn place(flag: Option<&Path>, environment: &Environment) -> Result<PathBuf, Failure> {
    flag.map(Path::to_owned).or_else(|| environment.database.clone()).ok_or_else(|| {
        Failure::new(
            USAGE,
            anyhow!("there is no place for the database: neither PLIMSOLL_DB nor HOME is set"),
        )
        .hint("name a file with --db or --out".to_owned())
    })
}

/// The database when there is one; a named one must be there.
pub(super) fn open_if_there(
    flag: Option<&Path>,
    environment: &Environment,
) -> Result<Option<Database>, Failure> {
    let path = match (flag, &environment.database) {
        (Some(path), _) => path,
        (None, Some(path)) if path.exists() => path,
        _ => return Ok(None),
    };
    open(path).map(Some)
}

fn open(path: &Path) -> Result<Database, Failure> {
    Database::open(path).map_err(|error| Failure::new(UNDECIDED, error))
}

fn build(from: &Path, out: &Path, environment: &Environment) -> Answer {
    if !from.is_dir() {
        return Err(Failure::new(USAGE, anyhow!("`{}` is not a folder", from.display()))
            .hint("it holds one folder for each feed: osv/, alpine/, debian/, kev/, ...".to_owned()));
    }
    make_folder_of(out)?;
    let report = built(from, out, environment.today())?;
    print::data(&format!("{}\n{}", sources(&report.sources), summary(&report, out)))?;
    Ok(0)
}

/// Builds with the means of this machine.
fn built(from: &Path, out: &Path, today: jiff::civil::Date) -> Result<BuildReport, Failure> {
    let options = BuildOptions {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        today: Some(today.to_string()),
    };
    plimsoll_advisory::build(from, out, &options).map_err(|error| Failure::new(UNDECIDED, error))
}

/// What was built, and where it is.
fn summary(report: &BuildReport, out: &Path) -> String {
    let BuildReport { records, packages, size, digest, .. } = report;
    format!(
        "{records} advisories about {packages} packages, {:.1} MB, {digest}\nwritten to {}\n",
        megabytes(*size),
        out.display()
    )
}

/// Makes the folder in which a file shall stand.
fn make_folder_of(file: &Path) -> Result<(), Failure> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(USAGE, anyhow!("cannot make the folder `{}`: {error}", folder.display()))
        })?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn status(path: &Path, json: bool, environment: &Environment) -> Answer {
    let database = open(path)?;
    let info = plimsoll_advisory::Source::info(&database);
    let state = UpdateState::read(&update::feeds_of(path));
    if json {
        let mut value = serde_json::to_value(&info).map_err(anyhow::Error::from)?;
        if let Some(fields) = value.as_object_mut().filter(|_| !state.sources.is_empty()) {
            fields.insert("updates".to_owned(), update::as_json(&state));
        }
        let text = serde_json::to_string_pretty(&value).map_err(anyhow::Error::from)?;
        print::data(&format!("{text}\n"))?;
        return Ok(0);
    }
    let mut text = format!("{}\n", path.display());
    if let Some(digest) = &info.digest {
        let _ = writeln!(text, "{digest}");
    }
    text.push('\n');
    text.push_str(&sources(database.sources()));
    if !state.sources.is_empty() {
        text.push('\n');
        text.push_str(&update::ages(&state, database.sources(), environment.now));
    }
    print::data(&text)?;
    Ok(0)
}

/// One line a source: what it is, how old, how many records, what was left out and why.
fn sources(sources: &[SourceInfo]) -> String {
    let mut text = String::new();
    let name = sources.iter().map(|source| source.name.chars().count()).max().unwrap_or(0);
    for source in sources {
        let date = source.date.get(..10).unwrap_or("no date");
        let _ =
            writeln!(text, "{:<name$}  {date:<10}  {:>7}  {}", source.name, source.records, source.licence);
        for left in &source.left_out {
            let word = if left.broken { "rejected" } else { "left out" };
            let _ = writeln!(
                text,
                "{:<name$}  {:>21} {word}: {} ({})",
                "", left.count, left.reason, left.example
            );
        }
    }
    plimsoll_format::clean_lines(&text)
}

fn verify(path: &Path, keys: &KeyArguments, environment: &Environment) -> Answer {
    let keys = transfer::keys(keys, environment)?;
    let info = plimsoll_advisory::verify(path).map_err(|error| Failure::new(UNDECIDED, error))?;
    let signer = if keys.is_empty() {
        String::new()
    } else {
        let trust =
            plimsoll_advisory::signer(&open(path)?, &keys).map_err(|error| Failure::new(UNDECIDED, error))?;
        let Some(Trust::Signed(key)) = trust else {
            return Err(Failure::new(
                UNDECIDED,
                anyhow!("`{}` did not come with a signature of the key that was given", path.display()),
            )
            .hint(
                "a database that was built here has none: install it with `plimsoll db import` or `db pull`"
                    .to_owned(),
            ));
        };
        format!(", signed by {key}")
    };
    let digest = info.digest.map_or_else(String::new, |digest| digest.to_string());
    print::data(&format!("{} is whole: {digest}{signer}\n", path.display()))?;
    Ok(0)
}
