//! `cargo xtask cel-oracle`: what Kubernetes' own CEL environment answers to our expressions, as golden files.
//!
//! The expressions are ours; the oracle is a small Go program (`xtask/cel-oracle`) on the libraries that the API server is
//! made of, taken from Debian. The tests need the answers only, which are committed.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::places;

pub(crate) fn run() -> Result<()> {
    let folder = places::cache()?.join("cel-oracle");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = Command::new(here.join("cel-oracle/build.sh")).arg(&folder).status()?;
    ensure!(built.success(), "the oracle could not be built: {built}");
    let golden = here.join("../crates/plimsoll-cel/tests/oracle");
    let read = |name: &str| {
        let path = golden.join(name);
        std::fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let expressions: Vec<String> = read("expressions.txt")?
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("# "))
        .map(str::to_owned)
        .collect();
    let object: Value = serde_json::from_str(&read("object.json")?).context("object.json")?;
    let mut child = Command::new(folder.join("celoracle"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the oracle")?;
    let questions = json!({"object": object, "expressions": expressions}).to_string();
    let mut input = child.stdin.take().context("the oracle takes no input")?;
    let writer = std::thread::spawn(move || input.write_all(questions.as_bytes()));
    let output = child.wait_with_output().context("cannot wait for the oracle")?;
    writer.join().ok().context("the writer of questions failed")??;
    ensure!(output.status.success(), "the oracle failed: {}", output.status);
    let text = String::from_utf8(output.stdout).context("the oracle's answers are no text")?;
    ensure!(text.lines().count() == expressions.len(), "the oracle left out answers");
    let path = golden.join("answers.jsonl");
    std::fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    println!("cel-oracle: {} answers", expressions.len());
    Ok(())
}
