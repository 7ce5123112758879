//! Charts of Helm and folders of Kustomize: found, rendered by the user's own programs, and given back as manifests.
//!
//! A template is no manifest: what stands in one is never judged. What a chart makes is asked of `helm template`, what a folder
//! of Kustomize makes of `kustomize build` or `kubectl kustomize`. They run on what somebody else wrote, so they get no
//! variables, no home, no network that could be taken from them (an own network namespace where the machine gives one, else
//! proxies that lead nowhere and a git without protocols), and bounds of time, memory and output. A chart that cannot be
//! rendered is unknown, by name and with the reason.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use plimsoll_model::{Problem, ProblemKind};
use plimsoll_posture::kubernetes::template::Outline;
use plimsoll_posture::kubernetes::yaml;

use super::package::{self, Found, is_package};
use crate::git::{last_of, said};

/// Most bytes that one chart may render to.
const MAX_OUTPUT: u64 = 64 << 20;
/// Most bytes of memory that a renderer may ask for.
const MAX_MEMORY: u64 = 8 << 30;
/// Largest description of a chart or of a folder of Kustomize, and largest template that lines are looked up in.
const MAX_FILE: u64 = 1 << 20;
/// Templates of one chart, or manifests of one folder, that lines are looked up in, and their bytes together.
const MAX_TEMPLATES: usize = 5_000;
const MAX_TEMPLATES_BYTES: usize = 16 << 20;

/// The user's programs, and within which bounds they run.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Variables of the user: `PATH` says where programs are, and is all that they get.
    pub path: OsString,
    /// Where temporary folders are made.
    pub temporary: PathBuf,
    /// Longest time for one chart.
    pub longest: Duration,
    /// Longest time for all charts of a check.
    pub longest_of_all: Duration,
    /// Files of values that charts are rendered with, beside their own.
    pub values: Vec<PathBuf>,
}

impl Default for Programs {
    /// No program at all.
    fn default() -> Self {
        Programs::new(OsString::new(), PathBuf::from("/tmp"))
    }
}

impl Programs {
    /// The usual bounds.
    pub fn new(path: OsString, temporary: PathBuf) -> Self {
        Programs {
            path,
            temporary,
            longest: Duration::from_mins(1),
            longest_of_all: Duration::from_mins(5),
            values: Vec::new(),
        }
    }

    /// Where a program is. Folders that are not absolute are left out: what is checked may lie in them.
    fn find(&self, name: &str) -> Option<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        std::env::split_paths(&self.path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(name))
            .find(|path| {
                fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
            })
    }
}

/// Something that is rendered as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) engine: Engine,
    /// The folder.
    pub(super) root: PathBuf,
    /// The package that it was laid out from, as it is shown.
    pub(super) package: Option<String>,
}

impl Unit {
    /// For people: what they know it by.
    pub(super) fn shown(&self) -> String {
        self.package.clone().unwrap_or_else(|| shown(&self.root))
    }

    /// A file of it for people: of a package below its name, as `tar` lists it.
    fn shown_file(&self, path: &Path) -> String {
        let below = self.root.parent().and_then(|above| path.strip_prefix(above).ok());
        match (&self.package, below) {
            (Some(package), Some(below)) => format!("{package}/{}", below.display()),
            _ => shown(path),
        }
    }
}

/// What renders it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Engine {
    Helm,
    Kustomize,
}

impl Engine {
    fn what(self) -> &'static str {
        match self {
            Engine::Helm => "chart of Helm",
            Engine::Kustomize => "folder of Kustomize",
        }
    }
}

/// The files of a folder, told apart.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// What is read as it is.
    pub(super) plain: Vec<PathBuf>,
    /// What is rendered.
    pub(super) units: Vec<Unit>,
    /// What may be a package of a chart.
    pub(super) packages: Vec<PathBuf>,
    /// All files by their names, to find again what a renderer names.
    pub(super) known: BTreeSet<PathBuf>,
}

pub(super) const CHART: &str = "Chart.yaml";
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Whether a file is the description of something that is rendered.
pub(super) fn engine_of(path: &Path) -> Option<Engine> {
    let name = path.file_name()?.to_str()?;
    let kustomization = || KUSTOMIZATIONS.contains(&name).then_some(Engine::Kustomize);
    (name == CHART).then_some(Engine::Helm).or_else(kustomization)
}

/// The chart whose template a file is, by the folders above it.
pub(super) fn chart_above(path: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(path).ok()?;
    path.ancestors()
        .skip(1)
        .filter(|folder| folder.file_name() == Some(OsStr::new("templates")))
        .filter_map(Path::parent)
        .find(|folder| folder.join(CHART).is_file())
        .map(Path::to_owned)
}

/// Tells charts and folders of Kustomize from what is read as it is.
pub(super) fn sort_out(files: &[PathBuf]) -> Sorted {
    let known: BTreeSet<PathBuf> = files.iter().cloned().collect();
    let folder = |path: &Path| path.parent().map(Path::to_owned).unwrap_or_default();
    let charts: BTreeSet<PathBuf> =
        files.iter().filter(|path| engine_of(path) == Some(Engine::Helm)).map(|path| folder(path)).collect();
    // A chart in another's `charts/` is rendered with it, and one in `templates/` is a template.
    let within =
        |path: &Path| {
            path.ancestors().skip(1).any(|above| {
                charts.contains(above)
                    && path.strip_prefix(above).ok().and_then(|rest| rest.components().next()).is_some_and(
                        |first| matches!(first.as_os_str().to_str(), Some("charts" | "templates")),
                    )
            })
        };
    let mut units: Vec<Unit> = charts
        .iter()
        .filter(|root| !within(root))
        .map(|root| Unit { engine: Engine::Helm, root: root.clone(), package: None })
        .collect();
    let kustomizations: BTreeMap<PathBuf, &PathBuf> = files
        .iter()
        .filter(|path| engine_of(path) == Some(Engine::Kustomize) && !within(path))
        .map(|path| (folder(path), path))
        .collect();
    let names: BTreeMap<&PathBuf, BTreeSet<PathBuf>> = kustomizations
        .iter()
        .map(|(root, path)| (root, named_by(path).iter().map(|name| joined(root, name)).collect()))
        .collect();
    let named: BTreeSet<&PathBuf> = names.values().flatten().collect();
    // First those that no other names; then what none of these leads to, so that a circle hides nothing.
    let (first, rest): (Vec<&PathBuf>, Vec<&PathBuf>) =
        kustomizations.keys().partition(|root| !named.contains(root));
    let mut reached: BTreeSet<&PathBuf> = BTreeSet::new();
    for root in first.into_iter().chain(rest) {
        if reached.contains(root) {
            continue;
        }
        units.push(Unit { engine: Engine::Kustomize, root: root.clone(), package: None });
        let mut waiting = vec![root];
        while let Some(folder) = waiting.pop() {
            if reached.insert(folder) {
                waiting.extend(names.get(folder).into_iter().flatten());
            }
        }
    }
    let is_package = |path: &Path| path.file_name().is_some_and(|name| is_package(&name.to_string_lossy()));
    let (packages, plain) = files
        .iter()
        .filter(|path| !within(path) && engine_of(path).is_none() && !named.contains(path))
        .cloned()
        .partition(|path| is_package(path));
    Sorted { plain, units, packages, known }
}

/// What a description of a folder of Kustomize makes objects from: files and folders. What it names otherwise (data of
/// ConfigMaps, schemas) is not in what comes out as an object.
fn named_by(path: &Path) -> Vec<String> {
    const FIELDS: [&str; 7] = [
        "resources",
        "bases",
        "components",
        "patchesStrategicMerge",
        "patches",
        "patchesJson6902",
        "replacements",
    ];
    let Some(text) = small_text(path) else { return Vec::new() };
    let mut names = Vec::new();
    for document in &yaml::read(&text).documents {
        let value = document.value();
        for entry in FIELDS.iter().flat_map(|field| value.get(*field).as_array().unwrap_or_default()) {
            let name = entry.as_str().or_else(|| entry.get("path").as_str());
            names.extend(name.map(str::to_owned));
        }
    }
    names
}

fn small_text(path: &Path) -> Option<String> {
    let mut text = String::new();
    let read = fs::File::open(path).ok()?.take(MAX_FILE + 1).read_to_string(&mut text).ok()?;
    (read as u64 <= MAX_FILE).then_some(text)
}

/// A path below or beside a folder without `.` and `..`, as far as names go.
fn joined(folder: &Path, name: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for part in folder.components().chain(Path::new(name).components()) {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    // `files_below` begins with what was typed, which may be `.`.
    let dotted = folder.components().next() == Some(Component::CurDir);
    if dotted && !path.starts_with("..") { Path::new(".").join(path) } else { path }
}

/// What came out.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) text: String,
    pub(super) sources: Sources,
}

/// Where what came out was written.
#[derive(Debug)]
pub(super) enum Sources {
    /// Templates by the name that Helm gives them (`shop/templates/web.yaml`), each with the path to show.
    Templates { root: String, by_name: BTreeMap<String, (String, Outline)> },
    /// The manifests that a folder of Kustomize is made of, by the path to show; the folder's description stands for the rest.
    Manifests { description: String, files: Vec<(String, String)> },
}

/// Runs renderers, one after another.
pub(super) struct Renderer<'a> {
    programs: &'a Programs,
    until: Instant,
    /// What starts a program without network, once it is known.
    apart: OnceCell<Option<PathBuf>>,
}

impl<'a> Renderer<'a> {
    pub(super) fn new(programs: &'a Programs) -> Self {
        Renderer { programs, until: Instant::now() + programs.longest_of_all, apart: OnceCell::new() }
    }

    /// Lays a packed chart out, while there is time.
    pub(super) fn lay_out(&self, path: &Path, shown: &str, named: bool) -> Result<Found, Problem> {
        if Instant::now() >= self.until {
            let seconds = self.programs.longest_of_all.as_secs();
            let detail = format!("it was not opened: all charts together took {seconds} s already");
            return Err(Problem::incomplete(ProblemKind::LimitExceeded, shown, detail));
        }
        package::lay_out(path, shown, named, &self.programs.temporary)
    }

    /// Renders a chart or a folder. `Ok(None)` when it makes nothing by itself.
    pub(super) fn render(
        &mut self,
        unit: &Unit,
        known: &BTreeSet<PathBuf>,
    ) -> Result<Option<Rendered>, Problem> {
        let shown = unit.shown();
        let library = unit.engine == Engine::Helm
            && small_text(&unit.root.join(CHART)).is_some_and(|text| {
                let documents = yaml::read(&text).documents;
                documents.first().is_some_and(|first| first.value().get("type").as_str() == Some("library"))
            });
        if library {
            return Ok(None);
        }
        let hint = match unit.engine {
            Engine::Helm => format!("helm template {shown} --values ... | plimsoll check -"),
            Engine::Kustomize => format!("kustomize build {shown} | plimsoll check -"),
        };
        let unknown = |kind: ProblemKind, reason: String| {
            let what = unit.engine.what();
            Problem::incomplete(kind, &shown, format!("this {what} is unknown, {reason}: {hint}"))
        };
        let program = self.program(unit).ok_or_else(|| {
            let missing = match unit.engine {
                Engine::Helm => "`helm` is not installed; install it",
                Engine::Kustomize => "neither `kustomize` nor `kubectl` is installed; install one",
            };
            unknown(ProblemKind::Unsupported, format!("{missing}, or render it yourself"))
        })?;
        let bytes = self.run(&program).map_err(|(kind, reason)| {
            let name = program.path.file_name().unwrap_or_default().to_string_lossy();
            unknown(kind, format!("`{name}` {reason}; put it right, or render it yourself"))
        })?;
        let text = String::from_utf8(bytes)
            .map_err(|_| unknown(ProblemKind::Corrupt, "what comes out is not UTF-8".to_owned()))?;
        let sources = match unit.engine {
            Engine::Helm => templates(unit, &text, known),
            Engine::Kustomize => manifests(&unit.root, known),
        };
        Ok(Some(Rendered { text, sources }))
    }

    fn program(&self, unit: &Unit) -> Option<Program> {
        // Absolute, so that no name of a folder is taken for an option.
        let root = std::path::absolute(&unit.root).unwrap_or_else(|_| unit.root.clone()).into_os_string();
        let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        match unit.engine {
            Engine::Helm => {
                // The namespace is not known before it is installed, and it is not `default`.
                let mut arguments = words(&["template", "release-name"]);
                arguments.push(root);
                arguments.extend(words(&["--namespace", "release-namespace"]));
                for file in &self.programs.values {
                    arguments.push("--values".into());
                    arguments
                        .push(std::path::absolute(file).unwrap_or_else(|_| file.clone()).into_os_string());
                }
                Some(Program { path: self.programs.find("helm")?, arguments })
            }
            Engine::Kustomize => {
                let (path, mut arguments) = match self.programs.find("kustomize") {
                    Some(path) => (path, words(&["build"])),
                    None => (self.programs.find("kubectl")?, words(&["kustomize"])),
                };
                arguments.push(root);
                Some(Program { path, arguments })
            }
        }
    }

    /// A way to run a program in a network namespace of its own, where the machine gives one.
    fn apart(&self) -> Option<PathBuf> {
        let programs = self.programs;
        self.apart
            .get_or_init(|| {
                let path = programs.find("unshare")?;
                let tried = Command::new(&path)
                    .args(["-r", "-n", "true"])
                    .env_clear()
                    .env("PATH", &programs.path)
                    .stdin(Stdio::null())
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                tried.is_ok_and(|status| status.success()).then_some(path)
            })
            .clone()
    }

    fn run(&mut self, program: &Program) -> Result<Vec<u8>, (ProblemKind, String)> {
        let failed = |error: &std::io::Error| (ProblemKind::Unreadable, format!("cannot be run: {error}"));
        let now = Instant::now();
        if now >= self.until {
            let seconds = self.programs.longest_of_all.as_secs();
            return Err((
                ProblemKind::LimitExceeded,
                format!("was not run: all charts together took {seconds} s already"),
            ));
        }
        let home = tempfile::Builder::new()
            .prefix("plimsoll-render-")
            .tempdir_in(&self.programs.temporary)
            .map_err(|error| failed(&error))?;
        let mut command = match self.apart() {
            Some(unshare) => {
                let mut command = Command::new(unshare);
                command.args(["-r", "-n", "--"]).arg(&program.path);
                command
            }
            None => Command::new(&program.path),
        };
        command.args(&program.arguments).env_clear().env("PATH", &self.programs.path).env("LC_ALL", "C");
        for name in ["HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
            command.env(name, home.path());
        }
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command.env(name, "http://127.0.0.1:9");
        }
        let mut child = command
            .env("KUBECONFIG", "/dev/null")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .env("GIT_TERMINAL_PROMPT", "0")
            // Not in the folder: what lies there is not ours.
            .current_dir(home.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let group = rustix::process::Pid::from_child(&child);
        let memory = rustix::process::Rlimit { current: Some(MAX_MEMORY), maximum: Some(MAX_MEMORY) };
        // Where it cannot be set, time and output are bounded still.
        let _ = rustix::process::prlimit(Some(group), rustix::process::Resource::As, memory);
        let answer = answered(&mut child, self.until.min(now + self.programs.longest));
        // What it started goes with it.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = child.wait();
        match answer.map_err(|error| failed(&error))? {
            Answer::Bytes(bytes) => Ok(bytes),
            Answer::Refused(talk) => Err((ProblemKind::Unreadable, format!("says: {}", said(&talk)))),
            Answer::TooLong => {
                let seconds = self.programs.longest.as_secs();
                Err((ProblemKind::LimitExceeded, format!("was stopped: it took longer than {seconds} s")))
            }
            Answer::TooLarge => Err((
                ProblemKind::LimitExceeded,
                format!("was stopped: it made more than {} MB", MAX_OUTPUT >> 20),
            )),
        }
    }
}

struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

enum Answer {
    Bytes(Vec<u8>),
    Refused(Vec<u8>),
    TooLong,
    TooLarge,
}

/// Waits for the end of a program, of its time, or of what it may write.
fn answered(child: &mut Child, until: Instant) -> std::io::Result<Answer> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (sender, answer) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_OUTPUT + 1).read_to_end(&mut bytes));
        let _ = sender.send(read.transpose().map(|_| bytes));
    });
    let (sender, talk) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = sender.send(stderr.map(last_of).unwrap_or_default());
    });
    // The output ends with the program, or when it is too much.
    let Ok(bytes) = answer.recv_timeout(until.saturating_duration_since(Instant::now())) else {
        return Ok(Answer::TooLong);
    };
    let bytes = bytes?;
    if bytes.len() as u64 > MAX_OUTPUT {
        return Ok(Answer::TooLarge);
    }
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(if status.success() {
                Answer::Bytes(bytes)
            } else {
                Answer::Refused(talk.recv_timeout(Duration::from_secs(5)).unwrap_or_default())
            });
        }
        if Instant::now() >= until {
            return Ok(Answer::TooLong);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

pub(super) fn shown(path: &Path) -> String {
    let shown = path.display().to_string();
    match shown.strip_prefix("./") {
        Some(rest) => rest.to_owned(),
        None if shown.is_empty() => ".".to_owned(),
        None => shown,
    }
}

/// A line of Helm that says where the next document comes from.
pub(super) fn source_line(line: &str) -> Option<&str> {
    line.strip_prefix("# Source: ").map(str::trim)
}

/// The templates that a rendered chart names, where they are files of the chart that were found.
fn templates(unit: &Unit, text: &str, known: &BTreeSet<PathBuf>) -> Sources {
    let (mut by_name, mut bytes) = (BTreeMap::new(), 0);
    for name in text.lines().filter_map(source_line) {
        if by_name.contains_key(name) || by_name.len() >= MAX_TEMPLATES {
            continue;
        }
        let rest = Path::new(name).components().skip(1).collect::<PathBuf>();
        let plain = rest.components().all(|part| matches!(part, Component::Normal(_)));
        let path = unit.root.join(rest);
        if plain && known.contains(&path) {
            // Of what is over the bound the file is known, and no line.
            let text = small_text(&path).filter(|text| {
                bytes += text.len();
                bytes <= MAX_TEMPLATES_BYTES
            });
            let outline = text.map(|text| Outline::read(&text)).unwrap_or_default();
            by_name.insert(name.to_owned(), (unit.shown_file(&path), outline));
        }
    }
    Sources::Templates { root: unit.shown(), by_name }
}

/// The manifests that a folder of Kustomize and those that it names are made of.
fn manifests(root: &Path, known: &BTreeSet<PathBuf>) -> Sources {
    let description =
        |folder: &Path| KUSTOMIZATIONS.iter().map(|name| folder.join(name)).find(|path| known.contains(path));
    let own = description(root).unwrap_or_else(|| root.join(KUSTOMIZATIONS[0]));
    let (mut files, mut bytes, mut seen) = (Vec::new(), 0, BTreeSet::from([root.to_owned()]));
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        let Some(path) = description(&folder) else { continue };
        for name in named_by(&path) {
            let path = joined(&folder, &name);
            if !seen.insert(path.clone()) {
                continue;
            }
            if known.contains(&path) {
                if files.len() < MAX_TEMPLATES
                    && let Some(text) = small_text(&path)
                    && bytes + text.len() <= MAX_TEMPLATES_BYTES
                {
                    bytes += text.len();
                    files.push((shown(&path), text));
                }
            } else {
                waiting.push(path);
            }
        }
    }
    files.sort();
    Sources::Manifests { description: shown(&own), files }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(script: &str) -> (tempfile::TempDir, Programs) {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("helm");
        fs::write(&path, script).expect("a script");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its mode");
        fs::write(folder.path().join(CHART), "name: shop\n").expect("a chart");
        let mut all = folder.path().as_os_str().to_owned();
        all.push(":/usr/bin:/bin");
        let programs = Programs::new(all, folder.path().to_owned());
        (folder, programs)
    }

    fn render(folder: &tempfile::TempDir, programs: &Programs) -> Result<Option<Rendered>, Problem> {
        let unit = Unit { engine: Engine::Helm, root: folder.path().to_owned(), package: None };
        Renderer::new(programs).render(&unit, &BTreeSet::new())
    }

    #[test]
    fn time_and_output_are_bounded_and_what_it_started_ends() {
        let (folder, mut programs) = programs("#!/bin/sh\nsleep 77 & sleep 77\n");
        programs.longest = Duration::from_millis(300);
        let before = Instant::now();
        let problem = render(&folder, &programs).expect_err("too long");
        assert_eq!(problem.kind, ProblemKind::LimitExceeded, "{problem:?}");
        assert!(before.elapsed() < Duration::from_secs(20), "{:?}", before.elapsed());
        programs.longest_of_all = Duration::ZERO;
        let problem = render(&folder, &programs).expect_err("no time");
        assert!(problem.detail.contains("was not run"), "{problem:?}");
        let (folder, programs) = self::programs("#!/bin/sh\nexec yes\n");
        let problem = render(&folder, &programs).expect_err("too much");
        assert!(problem.detail.contains("more than 64 MB"), "{problem:?}");
    }

    #[test]
    fn it_gets_no_variable_no_home_and_no_network() {
        let (folder, programs) =
            programs("#!/bin/sh\nenv\necho at $(pwd)\necho arguments \"$@\"\ncat /proc/net/dev\n");
        let text = render(&folder, &programs).expect("an answer").expect("a chart").text;
        let shown = folder.path().display();
        assert!(text.contains(&format!("HOME={shown}/plimsoll-render-")), "{text}");
        assert!(text.contains("HTTPS_PROXY=http://127.0.0.1:9") && !text.contains("CARGO"), "{text}");
        assert!(text.contains(&format!("arguments template release-name {shown} --namespace")), "{text}");
        // Only where the machine gives namespaces to users.
        let tried = Command::new("unshare").args(["-r", "-n", "true"]).stderr(Stdio::null()).status();
        if tried.is_ok_and(|status| status.success()) {
            let names: Vec<&str> = text
                .lines()
                .skip_while(|line| !line.contains("face |bytes"))
                .skip(1)
                .filter_map(|line| line.split_once(':').map(|(name, _)| name.trim()))
                .collect();
            assert!(names.iter().all(|name| *name == "lo" || name.contains("tunl")), "{names:?}");
        }
    }

    #[test]
    fn what_it_says_is_the_reason() {
        let (folder, programs) = programs("#!/bin/sh\necho 'Error: no value for \x1b[1mimage' >&2\nexit 1\n");
        let problem = render(&folder, &programs).expect_err("an error");
        assert!(problem.detail.contains("`helm` says: Error: no value for [1mimage; "), "{problem:?}");
        assert!(problem.detail.contains("| plimsoll check -"), "{problem:?}");
        let none = Programs::default();
        let problem = render(&folder, &none).expect_err("no program");
        assert!(problem.detail.contains("`helm` is not installed"), "{problem:?}");
        fs::write(folder.path().join(CHART), "name: shop\ntype: library\n").expect("a chart");
        assert!(render(&folder, &none).expect("nothing").is_none());
        // A folder that is not absolute may be that of whoever wrote the chart.
        assert!(Programs::new(".:bin".into(), "/tmp".into()).find("sh").is_none());
    }

    #[test]
    fn files_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(&path, text).expect("a file");
            path
        };
        let mut files = vec![
            put("shop/Chart.yaml", "name: shop"),
            put("shop/values.yaml", ""),
            put("shop/values-prod.yaml", ""),
            put("shop/templates/web.yaml", ""),
            put("shop/templates/tests/t.yaml", ""),
            put("shop/charts/db/Chart.yaml", "name: db"),
            put("shop/charts/db/templates/db.yaml", ""),
            put("shop/crds/own.yaml", ""),
            put("base/kustomization.yaml", "resources: [web.yaml]"),
            put("base/web.yaml", ""),
            put("base/other.yaml", ""),
            put("prod/Kustomization", "resources:\n- ../base/\npatches:\n- path: ./patch.yaml\n"),
            put("prod/patch.yaml", ""),
            put("part/kustomization.yml", "kind: Component\n"),
            put("round/kustomization.yml", "resources: [../trip, .]\n"),
            put("trip/kustomization.yml", "resources: [../round]\nnamePrefix: pod.yaml\n"),
            put("pod.yaml", ""),
            put("shop-1.0.tgz", ""),
            put("shop/charts/db-1.0.tgz", ""),
        ];
        files.sort();
        let below = |path: &PathBuf| path.strip_prefix(folder.path()).expect("below").display().to_string();
        let sorted = sort_out(&files);
        let plain: Vec<String> = sorted.plain.iter().map(below).collect();
        assert_eq!(
            plain,
            [
                "base/other.yaml",
                "pod.yaml",
                "shop/crds/own.yaml",
                "shop/values-prod.yaml",
                "shop/values.yaml"
            ]
        );
        // One that another chart brings is rendered with it.
        let packages: Vec<String> = sorted.packages.iter().map(below).collect();
        assert_eq!(packages, ["shop-1.0.tgz"]);
        let units: Vec<String> = sorted.units.iter().map(|unit| below(&unit.root)).collect();
        assert_eq!(units, ["shop", "part", "prod", "round"]);
        let Sources::Manifests { description, files } = manifests(&folder.path().join("prod"), &sorted.known)
        else {
            panic!("manifests")
        };
        assert!(description.ends_with("prod/Kustomization"));
        let files: Vec<String> = files.iter().map(|(path, _)| below(&PathBuf::from(path))).collect();
        assert_eq!(files, ["base/web.yaml", "prod/patch.yaml"]);
        let template = folder.path().join("shop/templates/tests/t.yaml");
        assert_eq!(chart_above(&template), Some(folder.path().join("shop")));
        assert_eq!(chart_above(&folder.path().join("pod.yaml")), None);
    }

    #[test]
    fn names_are_joined_as_names() {
        for (folder, name, path) in [
            ("a/b", "../c/d.yaml", "a/c/d.yaml"),
            ("a", "../../c", "../c"),
            (".", "x.yaml", "./x.yaml"),
            ("./a", "../b", "./b"),
            ("/a", "../../b", "/../b"),
            ("", "x", "x"),
        ] {
            assert_eq!(joined(Path::new(folder), name), Path::new(path), "{folder} {name}");
        }
    }
}
