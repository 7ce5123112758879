//! `plimsoll scan`.

mod many;
mod vex;

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use plimsoll_format::template::{self, BUILT_IN, Template};
use plimsoll_format::{Format, View};
use plimsoll_model::Report;
use plimsoll_model::in_use::{self, InUse};
use plimsoll_model::license::Lists;
use plimsoll_scan::exceptions::Exceptions;
use plimsoll_scan::git;
use plimsoll_scan::{BuildFile, Options, Platform, ScanError, Scanner, Scanners};

use super::Answer;
use super::db::update;
use super::whose::on_platform;
use crate::cli::{OutputArguments, ReadingArguments, ScanArguments};
use crate::environment::Environment;
use crate::print::{self, Failure, UNDECIDED, USAGE};
use crate::progress;

pub(crate) fn run(arguments: &ScanArguments, environment: &Environment) -> Answer {
    let exceptions = match &arguments.ignore_file {
        Some(path) => read_exceptions(path, environment)?,
        None => Exceptions::default(),
    };
    let vex = vex::read(&arguments.vex, environment)?;
    let template = template(arguments.format, &arguments.output)?;
    let database = database(arguments.db.as_ref(), environment);
    let (scanners, licenses) = scanners(arguments)?;
    let options = Options {
        base: arguments.base.clone(),
        database,
        max_database_age: arguments.max_db_age,
        supply: update::supply(&arguments.supply, arguments.db.as_deref(), &arguments.reading, environment)?,
        vex: vex.files,
        attached_vex: vex.attached,
        attached_sbom: vex::sboms(&arguments.sbom, environment)?,
        vex_hubs: vex::hubs(
            &arguments.vex,
            update::when(&arguments.supply, environment)?,
            &arguments.reading.registry,
            environment,
        )?,
        in_use: in_use(&arguments.in_use)?,
        exceptions,
        line: arguments.fail_on.unwrap_or_default(),
        now: environment.now,
        scanners,
        licenses,
        dockerfile: build_file(arguments)?,
        ..reading_options_with(&arguments.reading, arguments.controls.as_deref(), environment)?
    };
    if let Some(named) = many::named(arguments)? {
        return many::run(&named, arguments, template, options, environment);
    }
    let [target] = arguments.targets.as_slice() else {
        return Err(Failure::new(USAGE, anyhow::anyhow!("no target was named")));
    };
    if arguments.format == Format::Json && arguments.output.outputs.is_empty() {
        return as_json(target, &options, environment);
    }
    let report = scan(target, &options, environment)?;
    let view = View {
        all: arguments.all,
        explain: arguments.explain,
        by: arguments.by,
        suppressed: arguments.show_suppressed,
        template,
        ..view(&git::shown(target), environment)
    };
    write(&report, arguments.format, &arguments.output, &view)?;
    let code = report.verdict.outcome.exit_code();
    // The process ends: freeing the hundred thousand parts of a large report, one by one, is work for nobody.
    std::mem::forget(report);
    Ok(code)
}

/// A report that is wanted as JSON only, which may be known as such.
fn as_json(target: &str, options: &Options, environment: &Environment) -> Answer {
    let progress = progress::Line::new(environment.progress);
    let result = plimsoll_scan::answer(target, options, &mut std::io::stdin().lock(), &progress);
    drop(progress);
    match result.map_err(failed)? {
        plimsoll_scan::Answer::Text { json, outcome } => {
            print::data(&json)?;
            Ok(outcome.exit_code())
        }
        plimsoll_scan::Answer::Report(report) => {
            let text = render(&report, Format::Json, &view(&git::shown(target), environment))?;
            print::data(&text)?;
            let code = report.verdict.outcome.exit_code();
            std::mem::forget(report);
            Ok(code)
        }
    }
}

/// What to look for, and the lists of licences, which are looked at where they are given.
fn scanners(arguments: &ScanArguments) -> Result<(Scanners, Lists), Failure> {
    let mut scanners = arguments.scanners.clone().unwrap_or_else(Scanners::usual);
    let lists = Lists::parse(&arguments.license_allow, &arguments.license_deny)
        .map_err(|error| Failure::new(USAGE, error).hint("docs/licences.md lists the classes".to_owned()))?;
    if !lists.is_empty() {
        scanners.add(Scanner::Licenses);
    } else if scanners.has(Scanner::Licenses) {
        let hint =
            "name them with --license-allow or --license-deny; `plimsoll sbom` shows what packages declare";
        let error = anyhow::anyhow!("nothing says which licences are allowed");
        return Err(Failure::new(USAGE, error).hint(hint.to_owned()));
    }
    Ok((scanners, lists))
}

/// The Dockerfile that was named.
fn build_file(arguments: &ScanArguments) -> Result<Option<BuildFile>, Failure> {
    let Some(path) = &arguments.dockerfile else { return Ok(None) };
    let file = std::fs::File::open(path).and_then(|file| {
        let mut content = Vec::new();
        file.take(BuildFile::LARGEST + 1).read_to_end(&mut content)?;
        Ok(content)
    });
    let content = file
        .with_context(|| format!("cannot read the Dockerfile `{}`", path.display()))
        .map_err(|error| Failure::new(USAGE, error))?;
    let shown = path.display().to_string();
    let shown = shown.strip_prefix("./").unwrap_or(&shown).to_owned();
    Ok(Some(BuildFile { path: shown, content, stage: arguments.stage.clone() }))
}

/// The template that was named, when a form of the report asks for one. What is wrong with it is told before anything
/// is scanned.
pub(super) fn template(format: Format, outputs: &OutputArguments) -> Result<Option<Template>, Failure> {
    let asked = outputs.outputs.iter().map(|(format, _)| *format).chain([format]);
    let asked = asked.into_iter().any(|format| format == Format::Template);
    let built_in = || BUILT_IN.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let Some(path) = &outputs.template else {
        if !asked {
            return Ok(None);
        }
        let error = anyhow::anyhow!("the format `template` needs a template");
        return Err(Failure::new(USAGE, error)
            .hint(format!("name one: --template FILE, or one that comes with Plimsoll: {}", built_in())));
    };
    let name = path.display().to_string();
    if !asked {
        let error = anyhow::anyhow!("`{name}` is a template, and no format is `template`");
        return Err(Failure::new(USAGE, error).hint(
            "add --format template, or --output template=PATH for a file beside the report".to_owned(),
        ));
    }
    let template = if name.starts_with('@') {
        Template::built_in(&name).ok_or_else(|| {
            let error = anyhow::anyhow!("no template `{name}` comes with Plimsoll");
            let hint = format!("use one of {}; ./{name} is the file of that name", built_in());
            Failure::new(USAGE, error).hint(hint)
        })?
    } else {
        let mut source = String::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(template::LARGEST_SOURCE + 1).read_to_string(&mut source))
            .with_context(|| format!("cannot read the template `{name}`"))
            .map_err(|error| Failure::new(USAGE, error))?;
        Template { name, source }
    };
    template::check(&template).map_err(|error| Failure::new(USAGE, error))?;
    Ok(Some(template))
}

/// The database to ask: one that was asked for must be there, the default one may be absent.
pub(super) fn database(flag: Option<&PathBuf>, environment: &Environment) -> Option<PathBuf> {
    flag.or_else(|| environment.database.as_ref().filter(|path| path.exists())).cloned()
}

/// The options that say how to read a target.
pub(super) fn reading_options(
    arguments: &ReadingArguments,
    environment: &Environment,
) -> Result<Options, Failure> {
    reading_options_with(arguments, None, environment)
}

/// The same, where own platforms may be named.
fn reading_options_with(
    arguments: &ReadingArguments,
    controls: Option<&Path>,
    environment: &Environment,
) -> Result<Options, Failure> {
    let (mut platform, mut whose) = (None, None);
    for text in &arguments.platforms {
        let twice = if text.contains('/') {
            platform.replace(text.parse::<Platform>().map_err(|error| Failure::new(USAGE, error))?).is_some()
        } else {
            let on = on_platform(Some(text), controls).map_err(|failure| {
                failure.or_hint("of an image with several platforms one is named as in linux/arm64")
            })?;
            let before = whose.is_some();
            whose = on;
            before
        };
        if twice {
            let error =
                anyhow::anyhow!("--platform names one platform of the image, and one that it runs on");
            return Err(Failure::new(USAGE, error));
        }
    }
    let threads = arguments
        .threads
        .map(usize::from)
        .or_else(|| std::thread::available_parallelism().ok().map(usize::from));
    let registries = Some(environment.network.registries(&arguments.registry));
    let cache = if arguments.registry.no_cache {
        None
    } else {
        super::cache::cache(&arguments.registry.cache, environment)
    };
    // One that was asked for must be there, the default one may be absent.
    let java_index = arguments
        .java_index
        .as_ref()
        .or_else(|| environment.java_index.as_ref().filter(|path| path.exists()));
    Ok(Options {
        platform,
        threads: threads.unwrap_or(1),
        registries,
        java_index: java_index.cloned(),
        daemons: Some(environment.network.daemons()),
        from: arguments.from.clone(),
        git: Some(environment.git.clone()),
        tracked_only: arguments.git_tracked_only,
        cache,
        whose,
        ..Options::default()
    })
}

pub(super) fn scan(target: &str, options: &Options, environment: &Environment) -> Result<Report, Failure> {
    let progress = progress::Line::new(environment.progress);
    let result = plimsoll_scan::scan(target, options, &mut std::io::stdin().lock(), &progress);
    drop(progress);
    result.map_err(failed)
}

/// A scan that could not be done, as the program tells it.
pub(super) fn failed(error: ScanError) -> Failure {
    let code = if error.is_usage() { USAGE } else { UNDECIDED };
    let hint = error.hint();
    Failure::new(code, error).hint(hint)
}

pub(super) fn view(target: &str, environment: &Environment) -> View {
    View {
        width: environment.width,
        color: environment.stdout_color,
        links: environment.links,
        all: false,
        explain: false,
        by: None,
        suppressed: false,
        now: Some(environment.now),
        command: target.to_owned(),
        build: environment.build.clone(),
        aws: environment.aws.clone(),
        template: None,
    }
}

/// Renders one report. A format that this target has not the facts for is a mistake of use.
fn render(report: &Report, format: Format, view: &View) -> Result<String, Failure> {
    plimsoll_format::write(report, format, view).map_err(|error| {
        let code = match error {
            plimsoll_format::Error::NoSubject(_) | plimsoll_format::Error::Template(_) => USAGE,
            _ => UNDECIDED,
        };
        Failure::new(
            code,
            anyhow::Error::new(error).context(format!("cannot write the report as `{format}`")),
        )
    })
}

/// The report on standard output, and the further ones in their files.
pub(super) fn write(
    report: &Report,
    format: Format,
    outputs: &OutputArguments,
    view: &View,
) -> Result<(), Failure> {
    let in_file = View { color: false, links: false, width: 100, ..view.clone() };
    for (format, path) in &outputs.outputs {
        let text = render(report, *format, &in_file)?;
        print::file(path, &text).map_err(|error| Failure::new(USAGE, error))?;
    }
    let text = render(report, format, view)?;
    print::data(&text)?;
    Ok(())
}

/// Records of what ran.
pub(super) fn in_use(paths: &[PathBuf]) -> Result<Vec<InUse>, Failure> {
    let read = |path: &PathBuf| -> anyhow::Result<InUse> {
        let name = path.display();
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(in_use::LARGEST + 1).read_to_end(&mut bytes))
            .with_context(|| format!("cannot read the record of a watch `{name}`"))?;
        if bytes.len() as u64 > in_use::LARGEST {
            anyhow::bail!("the record of a watch `{name}` is larger than {} bytes", in_use::LARGEST);
        }
        InUse::parse(&bytes).with_context(|| format!("cannot read the record of a watch `{name}`"))
    };
    paths.iter().map(|path| read(path).map_err(|error| Failure::new(USAGE, error))).collect()
}

pub(super) fn read_exceptions(path: &Path, environment: &Environment) -> Result<Exceptions, Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the exceptions file `{name}`"))
        .map_err(|error| Failure::new(USAGE, error))?;
    let exceptions = Exceptions::parse(&name, &text).map_err(|error| Failure::new(USAGE, error))?;
    exceptions.check(environment.today()).map_err(|error| Failure::new(USAGE, error))?;
    Ok(exceptions)
}
