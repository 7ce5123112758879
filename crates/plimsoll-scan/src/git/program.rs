//! Running `git`: what it may not do, how long, and how much it may write.

use std::ffi::OsString;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use super::address::{PROTOCOLS, without_secret};
use super::{GitError, GitSettings};

/// What is told of a git that fails in silence.
pub(super) const SAID_NOTHING: &str = "it does not say why";

/// Most bytes that are kept of what git says about failures.
const LARGEST_TALK: usize = 64 * 1024;
/// Most bytes of an answer.
const LARGEST_ANSWER: u64 = 64 << 20;
/// What may not be run in any of our repositories.
const SETTINGS: [&str; 14] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.untrackedCache=false",
    "core.alternateRefsCommand=true",
    "core.askPass=",
    "core.protectHFS=true",
    "core.protectNTFS=true",
    "core.attributesFile=/dev/null",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.version=2",
    "advice.detachedHead=false",
];
/// Variables of git that it gets although they begin like those that say where and how, which we do ourselves: how it
/// connects is the user's matter.
const KEPT: [&str; 8] = [
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
    "GIT_EXEC_PATH",
];

/// Whose settings count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Settings {
    /// The user's: credential helpers, proxies, authorities.
    Users,
    /// Nobody's: what an attribute of the other side names is defined nowhere.
    None,
}

/// Until when, and how large a folder may become.
pub(super) struct Bounds<'a> {
    pub(super) until: Instant,
    pub(super) folder: Option<&'a Path>,
}

pub(super) struct Git<'a> {
    settings: &'a GitSettings,
    /// Further variables.
    pub(super) variables: Vec<(&'static str, OsString)>,
    /// Further settings, `NAME=VALUE`.
    pub(super) further: Vec<String>,
    /// Where it runs.
    pub(super) at: PathBuf,
}

impl<'a> Git<'a> {
    /// Runs at `at`.
    pub(super) fn new(settings: &'a GitSettings, at: &Path) -> Self {
        Git { settings, variables: Vec::new(), further: Vec::new(), at: at.to_owned() }
    }

    /// A command that can neither ask nor run what the other side says.
    fn command(&self, whose: Settings, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.settings.program);
        let users = |name: &str| whose == Settings::Users && name.starts_with("GIT_CONFIG");
        let ours = |name: &str| name.starts_with("GIT_") && !KEPT.contains(&name) && !users(name);
        let variables = self.settings.variables.iter().filter(|(name, _)| {
            // A variable that is no text is none of git's.
            !name.to_str().is_some_and(|name| ours(name) || name == "SSH_ASKPASS")
        });
        command.env_clear().envs(variables.cloned());
        let connects = ["GIT_SSH", "GIT_SSH_COMMAND"];
        if !self.settings.variables.iter().any(|(name, _)| connects.iter().any(|known| name == known)) {
            command.env("GIT_SSH_COMMAND", "ssh -oBatchMode=yes -oConnectTimeout=30");
        }
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "")
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("GCM_INTERACTIVE", "never")
            .env("GIT_ALLOW_PROTOCOL", PROTOCOLS.join(":"))
            .env("GIT_PROTOCOL_FROM_USER", "0")
            .env("GIT_LFS_SKIP_SMUDGE", "1")
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_ATTR_NOSYSTEM", "1");
        if whose == Settings::None {
            command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        for setting in SETTINGS.into_iter().chain(self.further.iter().map(String::as_str)) {
            command.args(["-c", setting]);
        }
        command
            .current_dir(&self.at)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it and gives what it answers; `doing` says for people what it was to do.
    pub(super) fn run(
        &self,
        whose: Settings,
        arguments: &[&str],
        doing: &str,
        bounds: &Bounds<'_>,
    ) -> Result<Vec<u8>, GitError> {
        let mut child = self.command(whose, arguments).spawn().map_err(GitError::Run)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (sender, answer) = mpsc::channel();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(stdout) = stdout {
                let _ = stdout.take(LARGEST_ANSWER + 1).read_to_end(&mut bytes);
            }
            let _ = sender.send(bytes);
        });
        let (sender, talk) = mpsc::channel();
        std::thread::spawn(move || {
            let _ = sender.send(stderr.map(last_of).unwrap_or_default());
        });
        let status = self.wait(&mut child, doing, bounds)?;
        // What git started may hold its output open: it gets a moment.
        const MOMENT: Duration = Duration::from_secs(5);
        let answer = answer.recv_timeout(MOMENT).unwrap_or_default();
        if status.success() && answer.len() as u64 <= LARGEST_ANSWER {
            return Ok(answer);
        }
        let said = if status.success() {
            format!("it answered with more than {LARGEST_ANSWER} bytes")
        } else {
            shown(&talk.recv_timeout(MOMENT).unwrap_or_default())
        };
        Err(GitError::Failed { doing: doing.to_owned(), said })
    }

    fn wait(&self, child: &mut Child, doing: &str, bounds: &Bounds<'_>) -> Result<ExitStatus, GitError> {
        let mut pause = Duration::from_millis(1);
        let mut look = Instant::now() + Duration::from_millis(200);
        loop {
            if let Some(status) = child.try_wait().map_err(GitError::Run)? {
                if let Some(folder) = bounds.folder
                    && is_larger(folder, self.settings.largest)
                {
                    return Err(self.too_large(doing));
                }
                return Ok(status);
            }
            let now = Instant::now();
            let mut wrong = (now >= bounds.until)
                .then(|| GitError::TooLong { doing: doing.to_owned(), longest: self.settings.longest });
            if let Some(folder) = bounds.folder.filter(|_| now >= look) {
                if is_larger(folder, self.settings.largest) {
                    wrong = Some(self.too_large(doing));
                }
                // Looking at a million files must not become the work itself.
                look = Instant::now() + Duration::from_millis(200).max(now.elapsed() * 10);
            }
            if let Some(wrong) = wrong {
                let _ = child.kill();
                let _ = child.wait();
                return Err(wrong);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn too_large(&self, doing: &str) -> GitError {
        GitError::TooLarge { doing: doing.to_owned(), largest: self.settings.largest }
    }
}

/// The end of what is said.
fn last_of(mut talk: impl std::io::Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut piece = [0_u8; 8 * 1024];
    while let Ok(read) = talk.read(&mut piece)
        && read > 0
    {
        kept.extend_from_slice(&piece[..read]);
        if kept.len() > 2 * LARGEST_TALK {
            kept.drain(..kept.len() - LARGEST_TALK);
        }
    }
    kept
}

/// What git said last, on one line, without secrets: redirects and settings of the user may bring addresses with some.
fn shown(talk: &[u8]) -> String {
    const LONGEST: usize = 400;
    let text = String::from_utf8_lossy(talk);
    // Progress and advice are not why it failed.
    let why = |line: &&str| ["fatal:", "error:", "remote:", "ssh:"].iter().any(|word| line.starts_with(word));
    let lines: Vec<&str> = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).collect();
    let told: Vec<&str> = lines.iter().copied().filter(why).collect();
    let told = if told.is_empty() { lines.last().copied().into_iter().collect() } else { told };
    let words: Vec<String> = told.join("; ").split(' ').map(without_quoted_secret).collect();
    let said: String =
        words.join(" ").chars().filter(|character| !character.is_control()).take(LONGEST).collect();
    if said.is_empty() { SAID_NOTHING.to_owned() } else { said }
}

fn without_quoted_secret(word: &str) -> String {
    match word.find("://") {
        Some(at) => {
            let begin = word[..at].rfind(|character: char| !character.is_ascii_alphanumeric());
            let begin = begin.map_or(0, |quote| quote + 1);
            format!("{}{}", &word[..begin], without_secret(&word[begin..]))
        }
        None => word.to_owned(),
    }
}

/// Do the files below a folder take more than so many bytes? What goes away meanwhile is not counted.
pub(super) fn is_larger(folder: &Path, most: u64) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let mut folders = vec![folder.to_owned()];
    let mut bytes = 0_u64;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            }
            // A file full of holes takes what it holds.
            bytes = bytes.saturating_add(metadata.blocks() * 512);
            if bytes > most {
                return true;
            }
        }
    }
    false
}

/// A temporary folder that goes whatever happens to this process: a shell waits for the end of its input, which comes
/// with our end however that comes, and then removes it.
pub(super) struct Folder {
    inner: Option<tempfile::TempDir>,
    guard: Option<(Child, ChildStdin)>,
}

impl Folder {
    pub(super) fn new(settings: &GitSettings) -> Result<Self, GitError> {
        let inner = tempfile::Builder::new()
            .prefix("plimsoll-git-")
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .tempdir_in(&settings.temporary)
            .map_err(GitError::Temporary)?;
        // In a group of its own: what ends us from a terminal does not end it. Git may still write for a moment.
        let guard = Command::new("sh")
            .args(["-c", r#"read -r _ && exit; rm -rf -- "$1"; sleep 2; rm -rf -- "$1""#, "sh"])
            .arg(inner.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let guard = guard.ok().and_then(|mut child| child.stdin.take().map(|stdin| (child, stdin)));
        Ok(Folder { inner: Some(inner), guard })
    }

    pub(super) fn path(&self) -> &Path {
        self.inner.as_ref().map_or(Path::new("/nonexistent"), tempfile::TempDir::path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        use std::io::Write as _;
        // A checkout may make folders that nobody may write to: then the guard tries, too, and fails as well.
        let removed = self.inner.take().is_none_or(|inner| inner.close().is_ok());
        if let Some((mut child, mut stdin)) = self.guard.take() {
            if removed {
                let _ = stdin.write_all(b"done\n");
            }
            drop(stdin);
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &Path) -> GitSettings {
        let path = std::env::var_os("PATH").unwrap_or_default();
        GitSettings::new(vec![("PATH".into(), path)], folder.to_owned())
    }

    #[test]
    fn what_is_said_is_shown_without_secrets() {
        let said = shown(
            b"Cloning...\rhint: x\nfatal: unable to access 'https://u:hidden@host/a.git/': refused\x1b[1m\n",
        );
        assert_eq!(said, "fatal: unable to access 'https://host/a.git/': refused[1m");
        assert_eq!(shown(b""), SAID_NOTHING);
        assert_eq!(shown(b"a\nlast words\n"), "last words");
    }

    #[test]
    fn time_and_size_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("git");
        let write = |text: &str| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::write(&script, text).unwrap();
            std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        };
        let mut settings = settings(folder.path());
        settings.program = script.clone();
        settings.largest = 1 << 20;
        let run = |settings: &GitSettings, time: Duration| {
            let bounds = Bounds { until: Instant::now() + time, folder: Some(folder.path()) };
            Git::new(settings, folder.path()).run(Settings::None, &["x"], "do it", &bounds)
        };
        write("#!/bin/sh\nexec sleep 60\n");
        assert!(matches!(run(&settings, Duration::from_millis(50)), Err(GitError::TooLong { .. })));
        write(&format!(
            "#!/bin/sh\nhead -c 3000000 /dev/zero > {}/large\nexec sleep 60\n",
            folder.path().display()
        ));
        assert!(matches!(run(&settings, Duration::from_secs(50)), Err(GitError::TooLarge { .. })));
        std::fs::remove_file(folder.path().join("large")).unwrap();
        write("#!/bin/sh\necho fatal: no >&2\nexit 1\n");
        let failed = run(&settings, Duration::from_secs(50)).unwrap_err().to_string();
        assert_eq!(failed, "git cannot do it: fatal: no");
        write("#!/bin/sh\nenv\n");
        settings.variables.push(("GIT_DIR".into(), "/elsewhere".into()));
        let seen = String::from_utf8(run(&settings, Duration::from_secs(50)).unwrap()).unwrap();
        assert!(seen.contains("GIT_TERMINAL_PROMPT=0") && !seen.contains("elsewhere"), "{seen}");
        settings.program = folder.path().join("absent");
        assert!(matches!(run(&settings, Duration::from_secs(50)), Err(GitError::Run(_))));
    }

    #[test]
    fn the_folder_goes_in_the_end() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::new(&settings(parent.path())).unwrap();
        let path = folder.path().to_owned();
        std::fs::write(path.join("a"), "b").unwrap();
        drop(folder);
        assert!(!path.exists());
        // As if this process ended: its end of the pipe is closed, and nothing else is done.
        let mut folder = Folder::new(&settings(parent.path())).unwrap();
        let path = folder.path().to_owned();
        let (mut child, stdin) = folder.guard.take().unwrap();
        std::mem::forget(folder.inner.take());
        drop(stdin);
        child.wait().unwrap();
        assert!(!path.exists());
    }
}
