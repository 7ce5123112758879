//! `plimsoll db`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_advisory::{BuildOptions, BuildReport, SourceInfo};
use plimsoll_scan::Database;

use super::Answer;
use crate::cli::DbCommand;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(command: &DbCommand, environment: &Environment) -> Answer {
    match command {
        DbCommand::Build { from, out } => build(from, &place(out.as_deref(), environment)?, environment),
        DbCommand::Status { db, json } => status(&place(db.as_deref(), environment)?, *json),
        DbCommand::Verify { db } => verify(&place(db.as_deref(), environment)?),
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
    if let Some(folder) = out.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(USAGE, anyhow!("cannot make the folder `{}`: {error}", folder.display()))
        })?;
    }
    let options = BuildOptions {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        today: Some(environment.today().to_string()),
    };
    let report =
        plimsoll_advisory::build(from, out, &options).map_err(|error| Failure::new(UNDECIDED, error))?;
    let mut text = sources(&report.sources);
    let BuildReport { records, packages, size, digest, .. } = report;
    let _ = writeln!(
        text,
        "\n{records} advisories about {packages} packages, {:.1} MB, {digest}\nwritten to {}",
        megabytes(size),
        out.display()
    );
    print::data(&text)?;
    Ok(0)
}

#[expect(clippy::cast_precision_loss, reason = "shown to people")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn status(path: &Path, json: bool) -> Answer {
    let database = open(path)?;
    let info = plimsoll_advisory::Source::info(&database);
    if json {
        let text = serde_json::to_string_pretty(&info).map_err(anyhow::Error::from)?;
        print::data(&format!("{text}\n"))?;
        return Ok(0);
    }
    let mut text = format!("{}\n", path.display());
    if let Some(digest) = &info.digest {
        let _ = writeln!(text, "{digest}");
    }
    text.push('\n');
    text.push_str(&sources(database.sources()));
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

fn verify(path: &Path) -> Answer {
    let info = plimsoll_advisory::verify(path).map_err(|error| Failure::new(UNDECIDED, error))?;
    let digest = info.digest.map_or_else(String::new, |digest| digest.to_string());
    print::data(&format!("{} is whole: {digest}\n", path.display()))?;
    Ok(0)
}
