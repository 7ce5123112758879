//! `plimsoll db java-index`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::anyhow;
use plimsoll_advisory::{Error, JavaIndexReport, sha1_of};
use plimsoll_scan::JavaIndex;

use super::{make_folder_of, megabytes};
use crate::cli::JavaIndexCommand;
use crate::commands::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(super) fn run(command: &JavaIndexCommand, environment: &Environment) -> Answer {
    match command {
        JavaIndexCommand::Build { from, out } => build(from, &place(out.as_deref(), environment)?),
        JavaIndexCommand::Status { archive, java_index } => {
            status(archive.as_deref(), &place(java_index.as_deref(), environment)?)
        }
    }
}

fn place(flag: Option<&Path>, environment: &Environment) -> Result<PathBuf, Failure> {
    flag.map(Path::to_owned).or_else(|| environment.java_index.clone()).ok_or_else(|| {
        Failure::new(
            USAGE,
            anyhow!("there is no place for the Java index: neither PLIMSOLL_JAVA_INDEX nor HOME is set"),
        )
        .hint("name a file with --out or --java-index".to_owned())
    })
}

fn build(from: &[PathBuf], out: &Path) -> Answer {
    make_folder_of(out)?;
    let report = plimsoll_advisory::build_java_index(from, out).map_err(|error| {
        let code = if matches!(error, Error::Read { .. }) { USAGE } else { UNDECIDED };
        Failure::new(code, error)
    })?;
    let JavaIndexReport { archives, skipped, example, size } = report;
    let mut text = format!("{archives} archives, {:.1} MB\nwritten to {}\n", megabytes(size), out.display());
    if let Some(example) = example {
        let _ = writeln!(text, "{skipped} could not be named, for example {example}");
    }
    print::data(&plimsoll_format::clean_lines(&text))?;
    Ok(0)
}

fn status(archive: Option<&str>, path: &Path) -> Answer {
    let failed = |error| Failure::new(UNDECIDED, error);
    let index = JavaIndex::open(path).map_err(|error| {
        failed(error).hint("build one with `plimsoll db java-index build --from ~/.m2`".to_owned())
    })?;
    let Some(archive) = archive else {
        let count = index.count().map_err(failed)?;
        print::data(&format!("{}\n{count} archives\n", index.path().display()))?;
        return Ok(0);
    };
    let digest = sha1_of(archive).map_err(|error| Failure::new(USAGE, error))?;
    let names = index.named(&digest).map_err(failed)?;
    let mut text = String::new();
    for name in &names {
        let _ = writeln!(text, "{}:{}:{}", name.group, name.artifact, name.version);
    }
    if names.is_empty() {
        text.push_str("not in the index\n");
    }
    print::data(&plimsoll_format::clean_lines(&text))?;
    Ok(u8::from(names.is_empty()))
}
