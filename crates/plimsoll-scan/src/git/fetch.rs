//! A remote repository: one commit of it, as files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use base64::Engine as _;
use plimsoll_model::{Git as Facts, Problem, ProblemKind};

use super::program::{Bounds, Folder, Git, Settings};
use super::{Address, GitError, GitSettings};

/// Submodules that are named one by one.
const NAMED: usize = 20;

/// The files of one commit. They go with this value.
pub(crate) struct Fetched {
    folder: Folder,
    /// What the report says of them.
    pub(crate) facts: Facts,
    /// What was left out.
    pub(crate) problems: Vec<Problem>,
}

impl Fetched {
    /// Where the files are that were asked for.
    pub(crate) fn tree(&self) -> PathBuf {
        let tree = tree(self.folder.path());
        self.facts.folder.as_ref().map_or(tree.clone(), |folder| tree.join(folder))
    }
}

fn tree(folder: &Path) -> PathBuf {
    folder.join("tree")
}

/// Fetches one commit, without its history, and writes its files.
pub(crate) fn fetch(address: &Address, settings: &GitSettings) -> Result<Fetched, GitError> {
    let folder = Folder::new(settings)?;
    let (repository, tree) = (folder.path().join("repository"), tree(folder.path()));
    std::fs::create_dir(&tree).map_err(GitError::Temporary)?;
    let bounds = Bounds { until: Instant::now() + settings.longest, folder: Some(folder.path()) };
    let mut git = Git::new(settings, &tree);
    git.variables = vec![
        ("GIT_DIR", repository.clone().into_os_string()),
        ("GIT_WORK_TREE", tree.clone().into_os_string()),
    ];
    git.run(Settings::None, &["init", "--quiet", "--template="], "make a repository", &bounds)?;
    configure(address, &repository).map_err(GitError::Temporary)?;

    let doing = format!("fetch `{address}`");
    let mut facts = Facts { remote: Some(address.url().to_owned()), dirty: Some(false), ..Facts::default() };
    if address.reference().is_none() {
        let head = ["ls-remote", "--symref", "--", "origin", "HEAD"];
        facts.branch = branch_of_head(&git.run(Settings::Users, &head, &doing, &bounds)?);
    }
    let wanted = address.reference().unwrap_or("HEAD");
    let fetch = [
        "fetch",
        "--quiet",
        "--depth=1",
        "--no-tags",
        "--no-recurse-submodules",
        "--refmap=",
        "--",
        "origin",
    ];
    git.run(Settings::Users, &[&fetch[..], &[wanted]].concat(), &doing, &bounds)?;
    let said = std::fs::read(repository.join("FETCH_HEAD")).map_err(GitError::Temporary)?;
    match name_of_fetched(&said) {
        Some(("branch", name)) => facts.branch = Some(name),
        Some((_, name)) => facts.tag = Some(name),
        None => {}
    }

    let doing = format!("write the files of `{address}`");
    let commit =
        git.run(Settings::None, &["rev-parse", "--verify", "FETCH_HEAD^{commit}"], &doing, &bounds)?;
    let commit = String::from_utf8_lossy(&commit).trim().to_owned();
    // What users set for all their repositories does not count here: no filter is defined, so none runs.
    git.run(Settings::None, &["checkout", "--quiet", "--force", "--detach", &commit], &doing, &bounds)?;
    facts.commit = Some(commit);
    if let Some(named) = address.folder() {
        // A link among its parts would lead out of the repository.
        let mut path = tree.clone();
        let is_folder = named.split('/').all(|part| {
            path.push(part);
            path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
        });
        if !is_folder {
            return Err(GitError::NoFolder { address: address.to_string(), folder: named.to_owned() });
        }
        facts.folder = Some(named.to_owned());
    }
    let mut problems = left_out(&git, &bounds)?;
    if address.is_open() {
        let detail =
            "it was fetched over a connection without TLS: whoever stands between may have changed it";
        problems.push(Problem::note(ProblemKind::NotCovered, address.url(), detail));
    }
    Ok(Fetched { folder, facts, problems })
}

/// Where it is fetched from and with which secret, in a file that only we may read: arguments of programs are seen by all.
fn configure(address: &Address, repository: &Path) -> std::io::Result<()> {
    let mut text = format!("[remote \"origin\"]\n\turl = {}\n", quoted(address.url()));
    if let (Some((user, password)), Some(origin)) = (address.secret(), address.origin()) {
        let secret = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        let header = format!("\textraHeader = \"Authorization: Basic {secret}\"\n");
        text = [text, format!("[http {}]\n", quoted(origin)), header].concat();
    }
    std::fs::File::options().append(true).open(repository.join("config"))?.write_all(text.as_bytes())
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `ref: refs/heads/main<TAB>HEAD`.
fn branch_of_head(answer: &[u8]) -> Option<String> {
    let answer = String::from_utf8_lossy(answer);
    let line = answer.lines().find_map(|line| line.strip_prefix("ref: refs/heads/"))?;
    line.strip_suffix("\tHEAD").map(str::to_owned)
}

/// `OBJECT<TAB><TAB>branch 'main' of URL`.
fn name_of_fetched(said: &[u8]) -> Option<(&'static str, String)> {
    let said = String::from_utf8_lossy(said);
    let told = said.lines().next()?.splitn(3, '\t').nth(2)?;
    ["branch", "tag"].iter().find_map(|kind| {
        let rest = told.strip_prefix(kind)?.strip_prefix(" '")?;
        Some((*kind, rest.rsplit_once("' of ")?.0.to_owned()))
    })
}

/// What belongs to the commit and is not among the files.
fn left_out(git: &Git<'_>, bounds: &Bounds<'_>) -> Result<Vec<Problem>, GitError> {
    let doing = "list the files";
    let staged = git.run(Settings::None, &["ls-files", "--stage", "-z"], doing, bounds)?;
    // `MODE OBJECT STAGE<TAB>PATH`
    let mut submodules: Vec<String> = staged
        .split(|byte| *byte == 0)
        .filter(|entry| entry.starts_with(b"160000 "))
        .filter_map(|entry| entry.splitn(2, |byte| *byte == b'\t').nth(1))
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    let further = submodules.len().saturating_sub(NAMED);
    submodules.truncate(NAMED);
    let mut problems: Vec<Problem> = submodules
        .iter()
        .map(|path| {
            let detail = "a submodule: it is another repository, which was not fetched";
            Problem::note(ProblemKind::NotCovered, path, detail)
        })
        .collect();
    if further > 0 {
        let detail = format!("{further} more were not fetched");
        problems.push(Problem::note(ProblemKind::NotCovered, "submodules", detail));
    }
    let large = ["ls-files", "-z", "--", ":(top,attr:filter=lfs)"];
    let large = git.run(Settings::None, &large, doing, bounds)?;
    let count = large.split(|byte| *byte == 0).filter(|path| !path.is_empty()).count();
    if count > 0 {
        let detail =
            format!("{count} files are kept outside of the repository (LFS): their content was not fetched");
        problems.push(Problem::note(ProblemKind::NotCovered, "large files", detail));
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let name = |text: &str| name_of_fetched(text.as_bytes());
        assert_eq!(name("a1\t\tbranch 'a' of b' of host"), Some(("branch", "a' of b".into())));
        assert_eq!(name("a1\tnot-for-merge\ttag 'v1' of host\n"), Some(("tag", "v1".into())));
        assert_eq!(name("a1\t\thttps://host/branch 'x' of"), None);
        assert_eq!(name(""), None);
        assert_eq!(branch_of_head(b"ref: refs/heads/a/b\tHEAD\na1\tHEAD\n"), Some("a/b".into()));
        assert_eq!(branch_of_head(b"a1\tHEAD\n"), None);
        assert_eq!(quoted(r#"a"\b"#), r#""a\"\\b""#);
    }
}
