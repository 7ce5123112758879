//! A benchmark over a cluster, for people and programs: every id on a line, never blank.

use std::fmt::Write as _;

use plimsoll_model::Outcome;
use plimsoll_model::benchmark::{Benchmark, BenchmarkCheck, Judgement};

use crate::text::{clean, columns, count, listing, markdown_text, wrap};
use crate::{Error, View, csv};

/// In which form the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BenchmarkForm {
    /// Text for a terminal.
    Table,
    /// The answer itself.
    Json,
    /// For merge requests and wikis.
    Markdown,
    /// One line for each id.
    Csv,
}

/// Writes the answer.
///
/// # Errors
/// When it cannot be rendered.
pub fn write(answer: &Benchmark, form: BenchmarkForm, view: &View) -> Result<String, Error> {
    Ok(match form {
        BenchmarkForm::Table => table(answer, view),
        BenchmarkForm::Json => crate::text::json(answer)?,
        BenchmarkForm::Markdown => markdown(answer),
        BenchmarkForm::Csv => comma(answer),
    })
}

/// `12 not met, 3 unknown, ...` of all ids.
fn totals(answer: &Benchmark) -> String {
    let parts: Vec<String> = answer
        .totals
        .iter()
        .filter(|total| total.number > 0)
        .map(|total| format!("{} {}", total.number, total.judgement.word()))
        .collect();
    format!("{} of {}", listing(&parts), count(answer.checks.len(), "id", "ids"))
}

/// Why it is judged so, one line.
fn why(check: &BenchmarkCheck) -> String {
    let missing = || {
        check.missing.first().map(|missing| match missing.input.as_str() {
            "attest" => format!("a person has to look at {}", missing.detail),
            input => format!("missing {input}: {}", missing.detail),
        })
    };
    match check.judgement {
        Judgement::NotMet | Judgement::Met => check.seen.first().cloned().unwrap_or_default(),
        Judgement::Unknown | Judgement::AttestOnly => missing().unwrap_or_default(),
        Judgement::Attested => check
            .attested
            .as_ref()
            .map(|attested| format!("{} until {}", attested.by, attested.until))
            .unwrap_or_default(),
        Judgement::Provider => "the provider's on this platform; it was not looked at".into(),
    }
}

fn table(answer: &Benchmark, view: &View) -> String {
    let width = view.width.clamp(60, 110);
    let mut text = String::new();
    let bold = |text: &str, code: &str| {
        if view.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    };
    let _ = writeln!(text, "{} {}", clean(&answer.title), clean(&answer.version));
    let pools: Vec<String> = answer
        .columns
        .iter()
        .map(|column| format!("{} ({})", clean(&column.name), clean(&column.platform_name)))
        .collect();
    for line in wrap(&format!("node pools: {}", listing(&pools)), width) {
        let _ = writeln!(text, "{line}");
    }
    let code = match answer.verdict {
        Outcome::Met => "1;32",
        Outcome::NotMet => "1;31",
        Outcome::Unknown => "1;35",
    };
    let word = answer.verdict.word();
    for (index, line) in
        wrap(&totals(answer), width.saturating_sub(columns(word) + 2).max(20)).iter().enumerate()
    {
        let head = if index == 0 { bold(word, code) } else { " ".repeat(columns(word)) };
        let _ = writeln!(text, "{head}  {line}");
    }
    text.push('\n');
    let ids = answer.checks.iter().map(|check| columns(&check.id)).max().unwrap_or(1);
    let words = Judgement::ALL.iter().map(|judgement| columns(judgement.word())).max().unwrap_or(1);
    let indent = 2 + ids + 2 + words + 2;
    for check in &answer.checks {
        let mark = check.judgement.mark();
        let mark = if check.judgement == Judgement::NotMet { bold(mark, "1;31") } else { mark.to_owned() };
        let mut said = clean(&check.about).into_owned();
        let why = why(check);
        if !why.is_empty() && (view.all || !matches!(check.judgement, Judgement::Met | Judgement::Provider)) {
            said = format!("{said}: {}", clean(&why));
        }
        for (index, line) in wrap(&said, width.saturating_sub(indent).max(20)).iter().enumerate() {
            if index == 0 {
                let _ = writeln!(
                    text,
                    "{mark} {:ids$}  {:words$}  {line}",
                    clean(&check.id),
                    check.judgement.word()
                );
            } else {
                let _ = writeln!(text, "{:indent$}{line}", "");
            }
        }
    }
    let open = answer.checks.iter().filter(|check| check.judgement == Judgement::AttestOnly).count();
    if open > 0 {
        text.push('\n');
        let _ = writeln!(
            text,
            "{} a statement: plimsoll whose --attestations FILE --attest {}/ID --by NAME --until DATE",
            if open == 1 { "1 id waits for".to_owned() } else { format!("{open} ids wait for") },
            clean(&answer.framework)
        );
    }
    text
}

fn markdown(answer: &Benchmark) -> String {
    let mut text =
        format!("# {} {}\n\n", markdown_text(&clean(&answer.title)), markdown_text(&clean(&answer.version)));
    let _ = writeln!(text, "**{}**: {}.\n", answer.verdict.word(), totals(answer));
    text.push_str(
        "| | id | verdict | what we look at | seen or missing | control |\n|---|---|---|---|---|---|\n",
    );
    for check in &answer.checks {
        let cells = [
            check.judgement.mark().to_owned(),
            check.id.clone(),
            check.judgement.word().to_owned(),
            check.about.clone(),
            why(check),
            check.control.clone(),
        ]
        .map(|cell| markdown_text(&clean(&cell)));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

fn comma(answer: &Benchmark) -> String {
    let mut text = String::from(
        "framework,version,id,verdict,about,control,decided by,seen,missing,attested by,attested until\n",
    );
    for check in &answer.checks {
        let attested = check.attested.as_ref();
        let fields = [
            answer.framework.clone(),
            answer.version.clone(),
            check.id.clone(),
            check.judgement.word().to_owned(),
            check.about.clone(),
            check.control.clone(),
            check.decided_by.clone(),
            check.seen.join("; "),
            check
                .missing
                .iter()
                .map(|missing| format!("{}: {}", missing.input, missing.detail))
                .collect::<Vec<_>>()
                .join("; "),
            attested.map(|attested| attested.by.clone()).unwrap_or_default(),
            attested.map(|attested| attested.until.clone()).unwrap_or_default(),
        ];
        text.push_str(&csv::record(&fields));
    }
    text
}
