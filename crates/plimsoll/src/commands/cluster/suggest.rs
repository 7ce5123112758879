//! `plimsoll cluster suggest`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, anyhow};
use plimsoll_format::suggestion;
use plimsoll_scan::cluster::suggest;

use super::{Answer, seen};
use crate::cli::{SuggestArguments, SuggestFormat};
use crate::commands::{scan, whose};
use crate::environment::Environment;
use crate::print::{self, Failure, USAGE};

pub(super) fn run(arguments: &SuggestArguments, environment: &Environment) -> Answer {
    let on = whose::on(&arguments.platform)?;
    let seen = seen(&arguments.input, environment)?;
    let namespaces: BTreeSet<String> = arguments.input.cluster.namespaces.iter().cloned().collect();
    let mut answer = suggest(&seen.cluster, &seen.info, &namespaces);
    if let Some(on) = &on {
        on.tell_suggestion(&mut answer);
    }
    let text = match (&arguments.output, arguments.format) {
        (Some(folder), _) => {
            let written = answer.namespaces.iter().map(|one| (one.name.as_str(), suggestion::policies(one)));
            let files = write(folder, &written.collect::<Vec<_>>())?;
            suggestion::summary(&answer, &files, &scan::view("", environment))
        }
        (None, SuggestFormat::Yaml) => suggestion::yaml(&answer),
        (None, SuggestFormat::Json) => {
            suggestion::json(&answer).map_err(|error| Failure::new(USAGE, anyhow::Error::new(error)))?
        }
    };
    print::data(&text).context("cannot write the answer")?;
    Ok(answer.verdict.exit_code())
}

/// One file for each namespace. None is overwritten, and none is written when one is there.
fn write(folder: &Path, namespaces: &[(&str, String)]) -> Result<Vec<String>, Failure> {
    let usage = |error| Failure::new(USAGE, error);
    let mut files = Vec::new();
    for (name, yaml) in namespaces {
        let plain = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !plain {
            return Err(usage(anyhow!("`{}` is no name of a namespace", name.escape_debug())));
        }
        let path = folder.join(format!("{name}.yaml"));
        if path.symlink_metadata().is_ok() {
            return Err(usage(anyhow!("`{}` is there already", path.display()))
                .hint("name another folder with --output, or remove the file".to_owned()));
        }
        files.push((path, yaml));
    }
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
        .map_err(usage)?;
    let mut names = Vec::new();
    for (path, yaml) in files {
        std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(yaml.as_bytes()))
            .with_context(|| format!("cannot write `{}`", path.display()))
            .map_err(usage)?;
        names.push(path.display().to_string());
    }
    Ok(names)
}
