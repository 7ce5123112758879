//! `plimsoll whose`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use plimsoll_format::View;
use plimsoll_format::benchmark::BenchmarkForm;
use plimsoll_format::chain::ChainForm;
use plimsoll_format::responsibility::{self as form, ResponsibilityForm};
use plimsoll_model::Outcome;
use plimsoll_model::bundle::BundleSignature;
use plimsoll_model::responsibility::Responsibility;
use plimsoll_scan::bundle::{self, BundleError};
use plimsoll_scan::party::OnPlatform;
use plimsoll_scan::responsibility::attest::Statements;
use plimsoll_scan::responsibility::{
    BENCHMARKS, Cloud, Framework, Gathered, MAX_FILE, MAX_FILES, Matrix, ResponsibilityError, what_if,
};
use plimsoll_scan::trust::{PublicKey, SigningKey};

use super::attest::signing_key;
use super::{Answer, audit, scan};
use crate::cli::PlatformArguments;
use crate::cli::whose::{WhoseArguments, WhoseFormat};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};

pub(crate) fn run(arguments: &WhoseArguments, environment: &Environment) -> Answer {
    if let Some(folder) = &arguments.verify {
        return verify(folder, arguments);
    }
    // What conflicts with --verify would silence that --key needs it.
    if !arguments.keys.is_empty() {
        return Err(Failure::new(USAGE, anyhow!("--key checks who signed evidence: it needs --verify DIR")));
    }
    let matrix = matrix(arguments.controls.as_deref())?;
    let today = jiff::tz::TimeZone::UTC.to_datetime(environment.now).date();
    let statements = statements(arguments.attestations.as_deref(), today, arguments.attest.is_some())?;
    for statement in statements.all() {
        if matrix.control_named(&statement.control).is_none() && !is_check(&statement.control)? {
            let error = anyhow!("`{}` is stated, and there is no such control", statement.control);
            return Err(Failure::new(USAGE, error).hint(no_control(&matrix, &statement.control)));
        }
    }
    if let Some(control) = &arguments.attest {
        return attest(arguments, control, &matrix, statements);
    }
    if let Some(name) = &arguments.framework {
        return framework(name, arguments, &matrix, &statements, environment);
    }
    let subject = match &arguments.subject {
        None => None,
        Some(typed) => match matrix.control_named(typed) {
            Some(control) => Some(control),
            None if is_like_a_control(typed) => {
                let error = anyhow!("there is no control `{typed}`");
                return Err(Failure::new(USAGE, error).hint(no_control(&matrix, typed)));
            }
            None => return followed(typed, arguments, &matrix, &statements, environment),
        },
    };
    if subject.is_some() && !matches!(arguments.format, WhoseFormat::Table | WhoseFormat::Json) {
        let error = anyhow!("one control is explained as table or json");
        return Err(Failure::new(USAGE, error));
    }
    // A key that cannot be used is told before anything is read.
    let key = arguments.sign_key.as_deref().map(|path| {
        signing_key(path, arguments.key_password_file.as_deref(), environment)
            .map_err(|error| Failure::new(USAGE, error))
    });
    let key = key.transpose()?;
    let gathered = gather(arguments, environment)?;
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let view = View { command: command(arguments), ..view };
    let pool = arguments.pool.as_deref();
    let target = arguments.what_if.as_deref();
    if let Some(target) = target.filter(|target| matrix.platform(target).is_none()) {
        return Err(failed(ResponsibilityError::Platform { name: target.to_owned() }, &matrix));
    }
    let (answer, change) = gathered
        .evaluate(
            &matrix,
            arguments.platform.as_deref(),
            &statements,
            environment.now,
            |answer, evidence, _| {
                let column = match pool {
                    None => Some(0),
                    Some(pool) => answer.columns.iter().position(|column| column.name == pool),
                };
                Some(column.and_then(|column| what_if(&matrix, evidence, answer, column, target?)))
            },
        )
        .map_err(|error| failed(error, &matrix))?;
    let render = |error| Failure::new(UNDECIDED, error);
    if target.is_some() {
        let Some(change) = change.flatten() else {
            let names: Vec<&str> = answer.columns.iter().map(|column| column.name.as_str()).collect();
            let error = anyhow!("there is no node pool `{}`", pool.unwrap_or_default());
            return Err(Failure::new(USAGE, error).hint(format!("one of {}", names.join(", "))));
        };
        let text = match arguments.format {
            WhoseFormat::Json => form::what_if_json(&change).context("cannot render it").map_err(render)?,
            WhoseFormat::Table => form::what_if(&change, &view),
            _ => return Err(Failure::new(USAGE, anyhow!("--what-if is written as table or json"))),
        };
        print::data(&text)?;
        return Ok(0);
    }
    if let Some(control) = subject {
        return explained(answer, control, arguments, &view);
    }
    let text = form::write(&answer, arguments.format.form(), &view)
        .context("cannot render the answer")
        .map_err(render)?;
    if let Some(folder) = &arguments.evidence {
        keep(folder, &gathered, &answer, arguments, key.as_ref())?;
    }
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}

/// Keeps what the answer was made from.
fn keep(
    folder: &Path,
    gathered: &Gathered,
    answer: &Responsibility,
    arguments: &WhoseArguments,
    key: Option<&SigningKey>,
) -> Result<(), Failure> {
    let mut further = Vec::new();
    if let Some(own) = &arguments.controls {
        further.extend(yaml_files(own)?.into_iter().map(|path| ("controls", path)));
    }
    further.extend(arguments.attestations.iter().map(|path| ("attestations", path.clone())));
    let platform = arguments.platform.as_deref();
    let manifest = bundle::write(folder, gathered, answer, platform, &further, key).map_err(|error| {
        let hint = match &error {
            BundleError::Input { .. } => Some("write it to a file first".to_owned()),
            BundleError::NotEmpty { .. } => Some("name a folder that is not there yet".to_owned()),
            _ => None,
        };
        Failure::new(USAGE, error).hint(hint)
    })?;
    print::talk(&format!(
        "{} holds the answer and {} files that it was made from, for you alone to read: exports and manifests may hold secrets",
        folder.display(),
        manifest.files.len()
    ));
    print::talk(&format!("digest of its manifest: {}", manifest.digest));
    if let Some(key) = key {
        print::talk(&format!("signed by the key {}", key.public().fingerprint()));
    }
    if arguments.live {
        print::talk("the cluster was read as a snapshot, which is kept: what snapshots leave out is unknown");
    }
    Ok(())
}

/// Holds a folder of evidence against its digests, and decides anew.
fn verify(folder: &Path, arguments: &WhoseArguments) -> Answer {
    let format = arguments.format;
    if !matches!(format, WhoseFormat::Table | WhoseFormat::Json) {
        return Err(Failure::new(USAGE, anyhow!("--verify is written as table or json")));
    }
    let mut keys = Vec::new();
    for path in &arguments.keys {
        let key = crate::commands::verify::text(path)
            .and_then(|text| Ok(PublicKey::from_pem(&path.display().to_string(), &text)?));
        keys.push(key.map_err(|error| Failure::new(USAGE, error))?);
    }
    let check = bundle::verify(folder, &keys).map_err(|error| Failure::new(UNDECIDED, error))?;
    if format == WhoseFormat::Json {
        let text = serde_json::to_string_pretty(&check).context("cannot render it")?;
        print::data(&(text + "\n"))?;
        return Ok(check.verdict.exit_code());
    }
    let mut text = format!("{}  {}\n", check.verdict.word(), folder.display());
    let mut line = |told: &str| {
        text.push_str("  ");
        text.push_str(&plimsoll_format::clean(told));
        text.push('\n');
    };
    line(&format!("made by {} as of {}, {} files", check.made_by, check.taken_at, check.files));
    line(&format!("digest of its manifest: {}", check.digest));
    line(&match (check.signature, &check.signed_by) {
        (BundleSignature::Verified, Some(key)) => format!("signed by the key {key}"),
        (BundleSignature::NotChecked, _) => "signed; by whom was not checked: --key FILE".to_owned(),
        (BundleSignature::Wrong, _) => "its signature does not hold".to_owned(),
        _ => "not signed".to_owned(),
    });
    if let Some(answer) = check.answer {
        line(&format!("its answer is: {}", answer.word()));
    }
    for one in &check.differs {
        line(one);
    }
    if check.differs.is_empty() {
        line("every file has its digest, and the same inputs give the same answer");
    }
    print::data(&text)?;
    Ok(check.verdict.exit_code())
}

/// The benchmark with this name.
fn benchmark(name: &str) -> Result<Option<Framework>, Failure> {
    Framework::find(name).map_err(|fault| Failure::new(USAGE, fault))
}

/// Whether it is an id of a benchmark, as statements name it: `cis-gke/5.1.2`.
fn is_check(typed: &str) -> Result<bool, Failure> {
    let Some((name, id)) = typed.split_once('/') else { return Ok(false) };
    Ok(benchmark(name)?.is_some_and(|framework| framework.ids().any(|own| own == id)))
}

/// Every id of a benchmark.
fn framework(
    name: &str,
    arguments: &WhoseArguments,
    matrix: &Matrix,
    statements: &Statements,
    environment: &Environment,
) -> Answer {
    let form = match arguments.format {
        WhoseFormat::Table => BenchmarkForm::Table,
        WhoseFormat::Json => BenchmarkForm::Json,
        WhoseFormat::Markdown => BenchmarkForm::Markdown,
        WhoseFormat::Csv => BenchmarkForm::Csv,
        WhoseFormat::Html | WhoseFormat::Oscal | WhoseFormat::OscalComponent => {
            let error = anyhow!("a benchmark is written as table, json, markdown or csv");
            return Err(Failure::new(USAGE, error));
        }
    };
    let Some(framework) = benchmark(name)? else {
        let error = anyhow!("there is no benchmark `{name}`");
        return Err(Failure::new(USAGE, error).hint(format!("one of {}", BENCHMARKS.join(", "))));
    };
    let gathered = gather(arguments, environment)?;
    let answer = gathered
        .benchmark(&framework, matrix, arguments.platform.as_deref(), statements, environment.now)
        .map_err(|error| failed(error, matrix))?;
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = plimsoll_format::benchmark::write(&answer, form, &view)
        .context("cannot render the answer")
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}

/// `INF-1`: meant for a control, and no flaw has such an id.
fn is_like_a_control(typed: &str) -> bool {
    let Some((group, number)) = typed.split_once('-') else { return false };
    ["INF", "SC", "RT"].iter().any(|own| group.eq_ignore_ascii_case(own))
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The chain of responsibility of a flaw, a finding, an image or a workload.
fn followed(
    typed: &str,
    arguments: &WhoseArguments,
    matrix: &Matrix,
    statements: &Statements,
    environment: &Environment,
) -> Answer {
    let form = match arguments.format {
        WhoseFormat::Table => ChainForm::Table,
        WhoseFormat::Json => ChainForm::Json,
        WhoseFormat::Markdown => ChainForm::Markdown,
        WhoseFormat::Html => ChainForm::Html,
        WhoseFormat::Csv | WhoseFormat::Oscal | WhoseFormat::OscalComponent => {
            let error = anyhow!("a chain of responsibility is written as table, json, markdown or html");
            return Err(Failure::new(USAGE, error));
        }
    };
    let gathered = gather(arguments, environment)?;
    let chain = gathered
        .chain(typed, matrix, arguments.platform.as_deref(), statements, environment.now)
        .map_err(|error| failed(error, matrix))?;
    let view = View { all: arguments.all, ..scan::view("", environment) };
    let text = plimsoll_format::chain::write(&chain, form, &view)
        .context("cannot render the answer")
        .map_err(|error| Failure::new(UNDECIDED, error))?;
    print::data(&text)?;
    Ok(chain.verdict.exit_code())
}

/// One control; the exit code speaks of it alone.
fn explained(
    mut answer: Responsibility,
    control: &plimsoll_scan::responsibility::Control,
    arguments: &WhoseArguments,
    view: &View,
) -> Answer {
    answer.controls.retain(|row| row.id == control.id);
    answer.handovers.retain(|handover| handover.controls.contains(&control.id));
    answer.verdict = Responsibility::verdict_of(answer.controls.iter().flat_map(|row| &row.cells));
    let reads = control.decide.map(|rule| rule.reads).unwrap_or_default();
    let text = match arguments.format {
        WhoseFormat::Json => form::write(&answer, ResponsibilityForm::Json, view)
            .context("cannot render the control")
            .map_err(|error| Failure::new(UNDECIDED, error))?,
        _ => form::explain(&answer, &control.id, reads, view).unwrap_or_default(),
    };
    print::data(&text)?;
    Ok(answer.verdict.exit_code())
}

/// The command as it was typed, as far as it chooses what is looked at: what to type next begins with it.
fn command(arguments: &WhoseArguments) -> String {
    let mut words = vec!["plimsoll whose".to_owned()];
    let word = plimsoll_format::shell_word;
    let clouds = [("--gke", &arguments.gke), ("--eks", &arguments.eks), ("--aks", &arguments.aks)];
    for (flag, files) in clouds.into_iter().chain([
        ("--manifests", &arguments.manifests),
        ("--report", &arguments.reports),
        ("--node", &arguments.nodes),
    ]) {
        words.extend(files.iter().map(|file| format!("{flag} {}", word(file))));
    }
    if let Some(file) = &arguments.snapshot {
        words.push(format!("--snapshot {}", word(file)));
    }
    if arguments.live {
        words.push("--live".to_owned());
    }
    if let Some(platform) = &arguments.platform {
        words.push(format!("--platform {}", word(platform)));
    }
    for (flag, path) in [("--controls", &arguments.controls), ("--attestations", &arguments.attestations)] {
        if let Some(path) = path {
            words.push(format!("{flag} {}", word(&path.display().to_string())));
        }
    }
    words.join(" ")
}

fn no_control(matrix: &Matrix, typed: &str) -> String {
    let near = matrix
        .controls
        .iter()
        .min_by_key(|control| {
            plimsoll_model::edits(&control.id.to_ascii_lowercase(), &typed.to_ascii_lowercase())
        })
        .map_or("INF-001", |control| control.id.as_str());
    format!("did you mean {near}? `plimsoll whose --platform gke-standard --all` lists all")
}

fn failed(error: ResponsibilityError, matrix: &Matrix) -> Failure {
    let hint = match &error {
        ResponsibilityError::Platform { .. } => {
            let names: Vec<&str> = matrix.platforms.iter().map(|(name, _)| name.as_str()).collect();
            Some(format!("one of {}", names.join(", ")))
        }
        ResponsibilityError::Framework { .. } => {
            Some("give its export (--gke, --eks, --aks), nodes (--snapshot, --live), or --platform".into())
        }
        ResponsibilityError::Node { .. } => Some("make it on the node: plimsoll node > node.json".into()),
        ResponsibilityError::NoPlatform => {
            Some("give an export (--gke, --eks, --aks), nodes (--snapshot, --live), or --platform".into())
        }
        _ => None,
    };
    let code = match &error {
        ResponsibilityError::Snapshot(_) | ResponsibilityError::Cluster(_) => UNDECIDED,
        _ => USAGE,
    };
    Failure::new(code, error).hint(hint)
}

fn gather(arguments: &WhoseArguments, environment: &Environment) -> Result<Gathered, Failure> {
    let mut gathered = match &arguments.subject {
        _ if arguments.evidence.is_some() => Gathered::keeping(),
        Some(asked) => Gathered::following(asked),
        None => Gathered::default(),
    };
    let mut stdin = std::io::stdin().lock();
    let none = Matrix { platforms: Vec::new(), ..Matrix::default() };
    let wrong = |error| failed(error, &none);
    let clouds = [(Cloud::Gke, &arguments.gke), (Cloud::Eks, &arguments.eks), (Cloud::Aks, &arguments.aks)];
    for (cloud, files) in clouds {
        for file in files {
            gathered.export(cloud, file, &mut stdin).map_err(wrong)?;
        }
    }
    for path in &arguments.manifests {
        gathered.manifests(path, &mut stdin).map_err(wrong)?;
    }
    if let Some(file) = &arguments.snapshot {
        gathered.snapshot(file, &mut stdin).map_err(wrong)?;
    }
    if arguments.live {
        if !arguments.cluster.namespaces.is_empty() {
            let error = anyhow!("--namespace leaves a part of the cluster out, and whose is about all of it");
            return Err(Failure::new(USAGE, error));
        }
        let client = audit::client(&arguments.cluster, environment)?;
        gathered.live(&client, environment.now).map_err(|error| match error {
            ResponsibilityError::Cluster(error) => audit::failed(error),
            error => wrong(error),
        })?;
    }
    for file in &arguments.reports {
        gathered.report(file).map_err(wrong)?;
    }
    for file in &arguments.nodes {
        gathered.node(file, &mut stdin).map_err(wrong)?;
    }
    Ok(gathered)
}

/// The platform by which findings show whose they are, where one was named.
pub(super) fn on(arguments: &PlatformArguments) -> Result<Option<OnPlatform>, Failure> {
    on_platform(arguments.platform.as_deref(), arguments.controls.as_deref())
}

/// The same, where it stands among other arguments.
pub(super) fn on_platform(
    platform: Option<&str>,
    controls: Option<&Path>,
) -> Result<Option<OnPlatform>, Failure> {
    let Some(key) = platform else { return Ok(None) };
    let on = OnPlatform::named(Arc::new(matrix(controls)?), key);
    on.map(Some).map_err(|keys| {
        let error = anyhow!("there is no platform `{key}`");
        Failure::new(USAGE, error).hint(format!("one of {}", keys.join(", ")))
    })
}

/// Our controls, with those of a folder.
fn matrix(folder: Option<&Path>) -> Result<Matrix, Failure> {
    let usage = |error: anyhow::Error| Failure::new(USAGE, error);
    let mut files = Vec::new();
    if let Some(folder) = folder {
        for path in yaml_files(folder)? {
            files.push((path.display().to_string(), read(&path)?));
        }
    }
    Matrix::with(&files).map_err(|fault| usage(anyhow::Error::new(fault)))
}

/// The YAML files of a folder, in one order on every machine.
fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let usage = |error: anyhow::Error| Failure::new(USAGE, error);
    let named = || format!("cannot read `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(named).map_err(usage)? {
        let path = entry.with_context(named).map_err(usage)?.path();
        if path.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            paths.push(path);
        }
    }
    if paths.len() > MAX_FILES {
        return Err(usage(anyhow!("`{}` holds more than {MAX_FILES} files", folder.display())));
    }
    if paths.is_empty() {
        return Err(usage(anyhow!("`{}` holds no YAML file", folder.display())));
    }
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    let limit = MAX_FILE as u64 + 1;
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{}`", path.display()))
        .map_err(|error| Failure::new(USAGE, error))?;
    Ok(text)
}

/// The statements of the file. One that is to be written need not be there yet.
fn statements(
    path: Option<&Path>,
    today: jiff::civil::Date,
    to_be_written: bool,
) -> Result<Statements, Failure> {
    let Some(path) = path else { return Ok(Statements::none(today)) };
    if to_be_written && !path.exists() {
        return Ok(Statements::none(today));
    }
    let text = read(path)?;
    Statements::read(&path.display().to_string(), &text, today).map_err(|fault| {
        Failure::new(USAGE, fault)
            .hint("a statement that cannot be read counts for nothing: put it right".to_owned())
    })
}

fn attest(arguments: &WhoseArguments, control: &str, matrix: &Matrix, mut statements: Statements) -> Answer {
    let usage = |error: anyhow::Error| Failure::new(USAGE, error);
    let known = matrix.control_named(control);
    if known.is_none() && !is_check(control)? {
        return Err(usage(anyhow!("there is no control `{control}`")).hint(no_control(matrix, control)));
    }
    let id = known.map_or(control, |known| known.id.as_str());
    let (Some(path), Some(by), Some(until)) = (&arguments.attestations, &arguments.by, &arguments.until)
    else {
        return Err(usage(anyhow!("--attest needs --attestations, --by and --until")));
    };
    let statement = statements
        .add(id, arguments.on.as_deref(), by, until, &arguments.note)
        .map_err(|detail| usage(anyhow!("{detail}")))?;
    print::file(path, &statements.write())?;
    print::talk(&format!(
        "{} is stated to be met by {} until {}: {} is to be reviewed and committed",
        id,
        plimsoll_format::clean(&statement.by),
        statement.until,
        path.display()
    ));
    if known.is_none_or(|known| known.decide.is_some()) {
        print::talk("what evidence shows not to be met stays so, whatever is stated");
    }
    Ok(Outcome::Met.exit_code())
}
