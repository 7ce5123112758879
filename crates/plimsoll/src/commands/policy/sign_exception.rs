//! `plimsoll policy sign-exception`.

use anyhow::{Context as _, anyhow};
use plimsoll_scan::policy::{SIGNED_EXCEPTION, sign_exception};

use super::super::attest::signing_key;
use super::{Answer, verify};
use crate::cli::PolicySignExceptionArguments;
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(super) fn run(arguments: &PolicySignExceptionArguments, environment: &Environment) -> Answer {
    let usage = |error| Failure::new(USAGE, error);
    let named = arguments.file.display().to_string();
    let text = verify::bytes_or_input(&arguments.file)
        .and_then(|bytes| String::from_utf8(bytes).map_err(|_| anyhow!("`{named}` is not text")))
        .map_err(usage)?;
    let key =
        signing_key(&arguments.key, arguments.key_password_file.as_deref(), environment).map_err(usage)?;
    let mut sign = |bytes: &[u8]| {
        key.sign_kind(SIGNED_EXCEPTION, bytes).map_err(|error| plimsoll_model::one_line(&error))
    };
    let document = sign_exception(&text, &mut sign)
        .map_err(|error| usage(anyhow!("`{named}`: {}", print::plain(&error))))?;
    let text = serde_saphyr::to_string(&document)
        .context("cannot write the exception")
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    // What was written is read again: one that cannot be loaded would be found when it is needed.
    plimsoll_policy::Policies::default()
        .add("what was made of it", &text)
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    match &arguments.out {
        Some(file) => print::file(file, &text)?,
        None => print::data(&text)?,
    }
    Ok(0)
}
