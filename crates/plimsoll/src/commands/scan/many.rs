//! `plimsoll scan` of several targets.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use plimsoll_format::survey::{Overview, Writer, file_names};
use plimsoll_format::template::Template;
use plimsoll_format::{Format, View};
use plimsoll_model::survey::Surveyed;
use plimsoll_model::{Problem, Verdict};
use plimsoll_scan::many::{Choice, Tally, is_pattern, list, read_list, scan_many};
use plimsoll_scan::{Options, ScanError};

use crate::cli::ScanArguments;
use crate::commands::Answer;
use crate::environment::Environment;
use crate::print::{self, Failure, Pending, UNDECIDED, USAGE};
use crate::progress;

/// A list of targets of this size in bytes names more than one run takes.
const LARGEST_LIST: u64 = 16 * 1024 * 1024;

/// What was named, when it is to be told as several targets: more than one, a list, a pattern, or files in a folder.
pub(super) fn named(arguments: &ScanArguments) -> Result<Option<Vec<String>>, Failure> {
    let mut named = arguments.targets.clone();
    if let Some(path) = &arguments.many.targets_from {
        named.extend(from_file(path)?);
        let on_stdin = |name: &String| name == "-";
        if named.iter().any(on_stdin) && path.as_os_str() == "-" {
            let error = anyhow!("standard input cannot be both the list of targets and a target");
            return Err(Failure::new(USAGE, error));
        }
    }
    let several = named.len() != 1
        || arguments.many.targets_from.is_some()
        || arguments.many.output_dir.is_some()
        || named.iter().any(|name| is_pattern(name));
    Ok(several.then_some(named))
}

fn from_file(path: &Path) -> Result<Vec<String>, Failure> {
    let reader: std::io::Result<Box<dyn Read>> = if path.as_os_str() == "-" {
        Ok(Box::new(std::io::stdin()))
    } else {
        std::fs::File::open(path).map(|file| Box::new(file) as Box<dyn Read>)
    };
    let mut bytes = Vec::new();
    reader
        .and_then(|reader| reader.take(LARGEST_LIST + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read the list of targets `{}`", path.display()))
        .map_err(|error| Failure::new(USAGE, error))?;
    if bytes.len() as u64 > LARGEST_LIST {
        let error = anyhow!("the list of targets `{}` is larger than 16 MiB", path.display());
        return Err(Failure::new(USAGE, error));
    }
    read_list(&bytes)
        .with_context(|| format!("cannot read the list of targets `{}`", path.display()))
        .map_err(|error| Failure::new(USAGE, error))
}

/// Where one document about all goes.
struct Sink {
    writer: Writer,
    file: Option<Pending>,
}

impl Sink {
    fn new(format: Format, view: &View, targets: usize, path: Option<&Path>) -> Result<Self, Failure> {
        let writer = Writer::new(format, view, targets).map_err(|error| Failure::new(USAGE, error))?;
        let file = path.map(Pending::new).transpose().map_err(|error| Failure::new(USAGE, error))?;
        let mut sink = Sink { writer, file };
        let begin = sink.writer.begin().map_err(unwritten)?;
        sink.put(&begin)?;
        Ok(sink)
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        match &mut self.file {
            _ if text.is_empty() => Ok(()),
            Some(file) => file.write(text).map_err(|error| Failure::new(USAGE, error)),
            None => Ok(print::data(text)?),
        }
    }

    fn add(&mut self, surveyed: &Surveyed) -> Result<(), Failure> {
        let text = self.writer.add(surveyed).map_err(unwritten)?;
        self.put(&text)
    }

    fn finish(self, verdict: &Verdict, problems: &[Problem]) -> Result<(), Failure> {
        let Sink { writer, file } = self;
        let text = writer.finish(verdict, problems).map_err(unwritten)?;
        match file {
            Some(mut file) => {
                file.write(&text).and_then(|()| file.finish()).map_err(|error| Failure::new(USAGE, error))
            }
            None => Ok(print::data(&text)?),
        }
    }
}

fn unwritten(error: plimsoll_format::Error) -> Failure {
    Failure::new(UNDECIDED, anyhow::Error::new(error).context("cannot write the report"))
}

/// A file for each target, and the overview of them.
struct Folder {
    path: PathBuf,
    names: Vec<String>,
    written: usize,
    overview: Overview,
}

impl Folder {
    fn add(&mut self, surveyed: &Surveyed, format: Format, view: &View) -> Result<(), Failure> {
        let path = self.names.get(self.written).map(|name| self.path.join(name)).unwrap_or_default();
        self.written += 1;
        self.overview.add(surveyed);
        match &surveyed.report {
            Some(report) => {
                let view = View { command: surveyed.name.clone(), ..view.clone() };
                let text = super::render(report, format, &view)?;
                print::file(&path, &text).map_err(|error| Failure::new(USAGE, error))
            }
            None => {
                // What an earlier run left there would pass for today's answer.
                match std::fs::remove_file(&path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        let error = anyhow::Error::new(error)
                            .context(format!("cannot remove the old report `{}`", path.display()));
                        Err(Failure::new(USAGE, error))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

/// Why the run stops.
enum Stop {
    Scan(ScanError),
    Failed(Failure),
}

impl From<ScanError> for Stop {
    fn from(error: ScanError) -> Self {
        Stop::Scan(error)
    }
}

pub(super) fn run(
    named: &[String],
    arguments: &ScanArguments,
    template: Option<Template>,
    mut options: Options,
    environment: &Environment,
) -> Answer {
    let view = View {
        all: arguments.all,
        explain: arguments.explain,
        by: arguments.by,
        suppressed: arguments.show_suppressed,
        template,
        ..super::view("", environment)
    };
    let in_file = View { color: false, links: false, width: 100, ..view.clone() };
    // Before any registry is asked: a format that cannot hold several is told at once.
    let formats = arguments.output.outputs.iter().map(|(format, _)| *format);
    let formats = formats.chain(arguments.many.output_dir.is_none().then_some(arguments.format));
    for format in formats {
        Writer::new(format, &view, 0).map_err(|error| Failure::new(USAGE, error))?;
    }
    let choice = Choice {
        tags: arguments.many.tags.clone(),
        newest: usize::from(arguments.many.newest),
        most: arguments.many.max_targets as usize,
    };
    let list = list(named, &choice, &options);
    for problem in &list.problems {
        print::warning(&plimsoll_format::summary::describe(problem));
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.many.jobs.map_or(cores, usize::from).clamp(1, list.targets.len().max(1));
    if arguments.reading.threads.is_none() {
        // The targets share what there is.
        options.threads = (cores / jobs).max(1);
    }
    let mut folder = match &arguments.many.output_dir {
        None => None,
        Some(path) => {
            std::fs::create_dir_all(path)
                .with_context(|| format!("cannot make the folder `{}`", path.display()))
                .map_err(|error| Failure::new(USAGE, error))?;
            let extension = match &view.template {
                Some(template) if arguments.format == Format::Template => template.extension(),
                _ => arguments.format.extension().to_owned(),
            };
            let names = list.targets.iter().map(|target| target.name.as_str());
            Some(Folder {
                path: path.clone(),
                names: file_names(names, &extension),
                written: 0,
                overview: Overview::default(),
            })
        }
    };
    let mut sinks = Vec::new();
    for (format, path) in &arguments.output.outputs {
        sinks.push(Sink::new(*format, &in_file, list.targets.len(), Some(path))?);
    }
    if folder.is_none() {
        sinks.push(Sink::new(arguments.format, &view, list.targets.len(), None)?);
    }
    let mut tally = Tally::new(&options);
    let progress = progress::Line::new(environment.progress);
    let result = scan_many(
        &list.targets,
        jobs,
        &options,
        &|| Box::new(std::io::stdin()),
        &progress,
        &mut |surveyed| {
            tally.add(&surveyed);
            for sink in &mut sinks {
                sink.add(&surveyed).map_err(Stop::Failed)?;
            }
            match &mut folder {
                Some(folder) => folder.add(&surveyed, arguments.format, &in_file).map_err(Stop::Failed),
                None => Ok(()),
            }
        },
    );
    drop(progress);
    result.map_err(|stop| match stop {
        Stop::Failed(failure) => failure,
        Stop::Scan(error) => super::failed(error),
    })?;
    let verdict = tally.verdict(&list.problems);
    if let Some(folder) = folder {
        print::data(&folder.overview.finish(&verdict, &list.problems, &view))?;
    }
    for sink in sinks {
        sink.finish(&verdict, &list.problems)?;
    }
    Ok(verdict.outcome.exit_code())
}
