//! Repositories of git: fetched by the real program over what it speaks, and work trees that are read without it.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Place, Run, database, ids, text};

const LOCK: &str = r#"{"name": "web", "version": "1.0.0", "lockfileVersion": 3, "packages": {
  "": {"name": "web", "version": "1.0.0"},
  "node_modules/keelson": {"version": "4.17.15", "resolved": "https://registry.npmjs.org/keelson/-/keelson-4.17.15.tgz"}}}"#;
const KEELSON: &str = "CVE-2099-0020@pkg:npm/keelson@4.17.15";

#[expect(clippy::disallowed_methods, reason = "where git is")]
fn path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// Runs git as a user without settings; what it says.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .envs(["GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"].map(|name| (name, "Sailor")))
        .envs(["GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"].map(|name| (name, "sailor@example.org")))
        .envs(["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"].map(|name| (name, "2026-01-02T03:04:05Z")))
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A repository with a branch `next`, which has one commit more, and a tag `v1`.
fn repository(place: &Place) {
    let folder = place.path("origin");
    std::fs::create_dir_all(folder.join("web")).unwrap();
    git(&folder, &["init", "--quiet", "--initial-branch=main"]);
    std::fs::write(folder.join("README"), "nothing\n").unwrap();
    std::fs::write(folder.join("web/package-lock.json"), LOCK).unwrap();
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "one"]);
    git(&folder, &["tag", "-a", "v1", "-m", "one"]);
    git(&folder, &["switch", "--quiet", "-c", "next"]);
    std::fs::write(folder.join("package-lock.json"), LOCK.replace("keelson", "left-line")).unwrap();
    git(&folder, &["add", "."]);
    git(&folder, &["commit", "--quiet", "-m", "two"]);
    git(&folder, &["switch", "--quiet", "main"]);
}

/// Scans with git at hand, and a folder for temporary files that must be empty afterwards.
fn scan(place: &Place, target: &str, more: &[&str], variables: &[(&str, &str)]) -> Run {
    let temporary = place.path("temporary");
    std::fs::create_dir_all(&temporary).unwrap();
    let path = path();
    let mut all = vec![("PATH", path.as_str()), ("TMPDIR", temporary.to_str().unwrap())];
    all.extend(variables);
    let run = place.run_with(&[&["scan", target, "--db", database()], more].concat(), &all);
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().collect();
    assert!(left.is_empty(), "{target}: {left:?}");
    run
}

fn report(place: &Place, target: &str, more: &[&str]) -> Value {
    scan(place, target, &[&["--format", "json"], more].concat(), &[]).json()
}

#[test]
fn a_commit_of_a_repository() {
    let place = Place::new();
    repository(&place);
    let origin = place.path("origin");
    let (main, next) = (git(&origin, &["rev-parse", "main"]), git(&origin, &["rev-parse", "next"]));
    let url = format!("file://{}", place.text("origin"));
    let facts = |commit: &str, more: Value| {
        let mut facts = json!({ "remote": url, "commit": commit, "dirty": false });
        facts.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        facts
    };
    for (target, expected) in [
        (format!("git:{url}"), facts(&main, json!({ "branch": "main" }))),
        (format!("git:{url}#next"), facts(&next, json!({ "branch": "next" }))),
        (format!("git:{url}#v1"), facts(&main, json!({ "tag": "v1" }))),
        (format!("git:{url}#refs/heads/next"), facts(&next, json!({ "branch": "next" }))),
        (format!("git:{url}#{next}"), facts(&next, json!({}))),
        (format!("git:{url}#main:web"), facts(&main, json!({ "branch": "main", "folder": "web" }))),
        (format!("git:{url}#:web"), facts(&main, json!({ "branch": "main", "folder": "web" }))),
        (
            "git:./origin".to_owned(),
            facts(&main, json!({ "branch": "main", "remote": place.text("origin") })),
        ),
    ] {
        let report = report(&place, &target, &[]);
        assert_eq!(report["target"]["git"], expected, "{target}");
        assert!(ids(&report).contains(&KEELSON.to_owned()), "{target}: {:?}", ids(&report));
        let other = ids(&report).iter().any(|id| id.contains("left-line"));
        assert_eq!(other, expected["commit"] == next.as_str(), "{target}");
        assert_eq!(report["problems"], json!([]), "{target}");
    }
    let lines = scan(&place, &format!("git:{url}"), &[], &[]).stdout;
    assert!(lines.contains(&format!("main {}, of file://", &main[..12])), "{lines}");
    let sarif = scan(&place, &format!("git:{url}"), &["--format", "sarif"], &[]).json();
    let expected = json!([{ "repositoryUri": url, "revisionId": main, "branch": "main" }]);
    assert_eq!(sarif["runs"][0]["versionControlProvenance"], expected);
}

/// A server of git's own, until it is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its group is its own: what it started for a client ends with it.
        let _ = Command::new("kill").args(["--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

#[test]
fn over_a_connection() {
    use std::os::unix::process::CommandExt as _;
    let place = Place::new();
    repository(&place);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Command::new("git")
        .args(["daemon", "--export-all", "--reuseaddr", "--listen=127.0.0.1"])
        .arg(format!("--port={port}"))
        .arg(format!("--base-path={}", place.path("").display()))
        .process_group(0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _daemon = Daemon(daemon);
    for _ in 0..200 {
        if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let report = report(&place, &format!("git://127.0.0.1:{port}/origin#next"), &[]);
    assert_eq!(report["target"]["git"]["branch"], "next");
    assert!(report["problems"].to_string().contains("without TLS"), "{}", report["problems"]);
    scan(&place, &format!("git://127.0.0.1:{port}/absent"), &[], &[])
        .exits(3)
        .says(&["error: git cannot fetch"]);

    // What stands for ssh runs what the other side would be asked to.
    let script =
        place.put("ssh", "#!/bin/sh\necho \"$@\" >> \"$0.log\"\nshift $(($# - 1))\nexec sh -c \"$1\"\n");
    Command::new("chmod").args(["+x", &script]).status().unwrap();
    let address = format!("git:sailor@ship.example:{}#next", place.text("origin"));
    let run =
        scan(&place, &address, &["--format", "json"], &[("GIT_SSH", &script), ("GIT_SSH_VARIANT", "ssh")]);
    let facts = run.json()["target"]["git"].clone();
    assert_eq!(facts["remote"], format!("sailor@ship.example:{}", place.text("origin")));
    let asked = std::fs::read_to_string(place.path("ssh.log")).unwrap();
    assert!(asked.contains("sailor@ship.example git-upload-pack"), "{asked}");
}

#[test]
fn what_cannot_be_fetched() {
    let place = Place::new();
    repository(&place);
    let url = format!("git:file://{}", place.text("origin"));
    let failed =
        |target: &str, code: i32, parts: &[&str]| scan(&place, target, &[], &[]).exits(code).says(parts);
    failed(
        &format!("{url}#absent"),
        3,
        &["couldn't find remote ref absent", "hint: check the name behind #"],
    );
    failed(&format!("{url}#{}", "0".repeat(40)), 3, &["git cannot fetch"]);
    failed(&format!("{url}#main:absent"), 2, &["has no folder `absent`"]);
    failed(&format!("{url}#main:README"), 2, &["has no folder `README`"]);
    failed(&format!("{url}-absent"), 3, &["does not appear to be a git repository"]);
    failed("git:ext::sh -c id", 2, &["is no repository that can be fetched", "hint: as in git:https://"]);
    failed("git:https://host/name#--upload-pack=id", 2, &["no name of a branch or tag"]);
    let run = failed("git:https://sailor:hidden@127.0.0.1:1/ship", 3, &["https://127.0.0.1:1/ship"]);
    assert!(!run.transcript().contains("hidden"), "{}", run.transcript());
    let list = ["git:https://sailor:hidden@127.0.0.1:1/ship", "dir:origin"];
    let run = scan(&place, list[0], &[list[1]], &[]);
    assert!(!run.transcript().contains("hidden"), "{}", run.transcript());
    scan(&place, &url, &[], &[("PATH", "/absent")])
        .exits(3)
        .says(&["git cannot be run", "hint: install git"]);
}

#[test]
fn nothing_of_the_other_side_runs() {
    let place = Place::new();
    repository(&place);
    let origin = place.path("origin");
    let touch = format!("touch {}", place.text("touched"));
    // A filter that users may well have defined, a submodule, a link out of the repository.
    std::fs::write(origin.join(".gitattributes"), "*.json filter=evil\n*.bin filter=lfs\n").unwrap();
    std::fs::write(origin.join("a.bin"), "version https://git-lfs.github.com/spec/v1\n").unwrap();
    std::fs::write(origin.join(".gitmodules"), "[submodule \"x\"]\n\tpath = sub\n\turl = ../origin\n")
        .unwrap();
    std::os::unix::fs::symlink("/", origin.join("out")).unwrap();
    git(&origin, &["add", "."]);
    let head = git(&origin, &["rev-parse", "HEAD"]);
    git(&origin, &["update-index", "--add", "--cacheinfo", &format!("160000,{head},sub")]);
    git(&origin, &["commit", "--quiet", "-m", "three"]);
    place.put(
        ".gitconfig",
        format!(
            "[filter \"evil\"]\n\tsmudge = {touch}; cat\n\trequired = true\n[core]\n\thooksPath = {}\n\tfsmonitor = {touch}\n\
             [submodule]\n\trecurse = true\n",
            place.text("hooks")
        ),
    );
    std::fs::create_dir(place.path("hooks")).unwrap();
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        let hook = place.put(&format!("hooks/{hook}"), format!("#!/bin/sh\n{touch}\n"));
        Command::new("chmod").args(["+x", &hook]).status().unwrap();
    }
    let url = format!("git:file://{}", place.text("origin"));
    let report = report(&place, &url, &[]);
    assert!(!place.path("touched").exists());
    assert!(ids(&report).contains(&KEELSON.to_owned()));
    let problems = report["problems"].to_string();
    assert!(problems.contains("a submodule: it is another repository, which was not fetched"), "{problems}");
    assert!(problems.contains("1 files are kept outside of the repository (LFS)"), "{problems}");
    scan(&place, &format!("{url}#main:out"), &[], &[]).exits(2).says(&["has no folder `out`"]);
}

#[test]
fn a_killed_scan_leaves_nothing() {
    let place = Place::new();
    std::fs::create_dir_all(place.path("bin")).unwrap();
    std::fs::create_dir_all(place.path("temporary")).unwrap();
    let script = place.put("bin/git", "#!/bin/sh\ntouch ../started; exec sleep 20\n");
    Command::new("chmod").args(["+x", &script]).status().unwrap();
    let mut child = place
        .command(&["scan", "git:https://ship.example/name", "--db", database()])
        .env("PATH", format!("{}:{}", place.text("bin"), path()))
        .env("TMPDIR", place.path("temporary"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let left = || std::fs::read_dir(place.path("temporary")).unwrap().count();
    let wait = |done: &dyn Fn() -> bool| {
        (0..400).any(|_| {
            std::thread::sleep(Duration::from_millis(25));
            done()
        })
    };
    assert!(wait(&|| left() == 1));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(wait(&|| left() == 0));
}

/// What our reading of a work tree says, against git's own.
#[test]
fn work_trees_are_told_as_git_tells_them() {
    let place = Place::new();
    repository(&place);
    let origin = place.path("origin");
    git(
        &origin,
        &["remote", "add", "origin", "https://sailor:hidden@ship.example/fleet/web.git?token=hidden"],
    );
    let check = |what: &str, folder: &Path| {
        let report = report(&place, &format!("dir:{}", folder.display()), &[]);
        let told = &report["target"]["git"];
        let head = git(folder, &["rev-parse", "HEAD"]);
        assert_eq!(told["commit"], head.as_str(), "{what}");
        // Whoever looks at the list of files first writes it anew, with what was found: we do, before git does.
        let dirty = !git(folder, &["status", "--porcelain", "--untracked-files=no"]).is_empty();
        assert_eq!(told["dirty"], dirty, "{what}: {told} {}", report["problems"]);
        let branch = git(folder, &["branch", "--show-current"]);
        assert_eq!(told["branch"].as_str().unwrap_or_default(), branch, "{what}");
        assert_eq!(report["problems"], json!([]), "{what}");
        report
    };
    let first = check("as committed", &origin);
    assert_eq!(first["target"]["git"]["remote"], "https://ship.example/fleet/web.git");
    assert_eq!(first["target"]["git"]["untracked"], 0);
    assert!(!first.to_string().contains("hidden"));

    std::fs::write(origin.join("README"), "notching\n").unwrap();
    assert_eq!(check("changed, same size", &origin)["target"]["git"]["dirty"], true);
    git(&origin, &["add", "."]);
    assert_eq!(check("staged", &origin)["target"]["git"]["dirty"], true);
    git(&origin, &["commit", "--quiet", "-m", "three"]);
    check("committed", &origin);
    // As a copy of a checkout looks: all times are new.
    Command::new("touch").args(["-d", "2030-01-01"]).arg(origin.join("README")).status().unwrap();
    assert_eq!(check("touched", &origin)["target"]["git"]["dirty"], false);
    std::fs::remove_file(origin.join("README")).unwrap();
    check("removed", &origin);
    git(&origin, &["checkout", "--", "README"]);
    Command::new("chmod").args(["+x"]).arg(origin.join("README")).status().unwrap();
    check("made executable", &origin);
    Command::new("chmod").args(["-x"]).arg(origin.join("README")).status().unwrap();
    check("and not", &origin);
    git(&origin, &["gc", "--quiet", "--aggressive"]);
    assert!(!origin.join(".git/refs/heads/main").exists(), "packed");
    check("packed", &origin);
    git(&origin, &["update-index", "--index-version=4"]);
    check("shorter list", &origin);
    git(&origin, &["checkout", "--quiet", "--detach", "next"]);
    check("no branch", &origin);
    git(&origin, &["worktree", "add", "--quiet", "-b", "side", "../side"]);
    check("a further work tree", &place.path("side"));
    git(&origin, &["switch", "--quiet", "main"]);
    git(&origin, &["clone", "--quiet", "--depth=1", &format!("file://{}", origin.display()), "../clone"]);
    check("a clone", &place.path("clone"));
    let clone = place.path("clone");
    git(&clone, &["config", "core.autocrlf", "true"]);
    std::fs::remove_file(clone.join("README")).unwrap();
    git(&clone, &["checkout", "--", "README"]);
    assert_eq!(std::fs::read(clone.join("README")).unwrap(), b"notching\r\n");
    Command::new("touch").args(["-d", "2030-01-01"]).arg(clone.join("README")).status().unwrap();
    assert_eq!(check("line ends", &clone)["target"]["git"]["dirty"], false);
    let within = check("a folder of it", &origin.join("web"));
    assert_eq!(within["target"]["git"]["folder"], "web");

    let longer = place.path("longer");
    std::fs::create_dir(&longer).unwrap();
    git(&longer, &["init", "--quiet", "--object-format=sha256", "--initial-branch=main"]);
    std::fs::write(longer.join("package-lock.json"), LOCK).unwrap();
    git(&longer, &["add", "."]);
    assert_eq!(report(&place, "dir:longer", &[])["target"]["git"]["dirty"], true, "no commit yet");
    git(&longer, &["commit", "--quiet", "-m", "one"]);
    check("longer ids", &longer);

    git(&place.path("clone"), &["submodule", "--quiet", "add", &place.text("origin"), "part"]);
    git(&place.path("clone"), &["commit", "--quiet", "-m", "part"]);
    check("a submodule", &place.path("clone/part"));
    check("around it", &place.path("clone"));
}

#[test]
fn untracked_files_are_counted_or_left_out() {
    let place = Place::new();
    repository(&place);
    let origin = place.path("origin");
    std::fs::write(origin.join(".gitignore"), "node_modules\n").unwrap();
    std::fs::create_dir_all(origin.join("node_modules/left-line")).unwrap();
    let package = r#"{"name": "left-line", "version": "1.0.0"}"#;
    std::fs::write(origin.join("node_modules/left-line/package.json"), package).unwrap();
    let names = |report: &Value| -> Vec<String> {
        report["packages"].as_array().unwrap().iter().map(|package| text(&package["name"])).collect()
    };
    let all = report(&place, "dir:origin", &[]);
    assert!(names(&all).contains(&"left-line".to_owned()));
    assert_eq!(all["target"]["git"]["untracked"], 1);
    let shown = scan(&place, "dir:origin", &[], &[]).stdout;
    assert!(shown.contains("1 untracked file read too"), "{shown}");
    let tracked = report(&place, "dir:origin", &["--git-tracked-only"]);
    assert!(
        !names(&tracked).contains(&"left-line".to_owned()) && names(&tracked).contains(&"keelson".to_owned())
    );
    assert_eq!(tracked["target"]["git"].get("untracked"), None);
    let within = report(&place, "dir:origin/web", &["--git-tracked-only"]);
    assert!(names(&within).contains(&"keelson".to_owned()));

    // Nothing of it is tracked: not this repository's files, though they lie within.
    assert_eq!(report(&place, "dir:origin/node_modules", &[])["target"].get("git"), None);
    let refused = scan(&place, "dir:origin/node_modules", &["--git-tracked-only"], &[]);
    refused.exits(2).says(&["which files of `origin/node_modules` git tracks is not known", "hint:"]);
    std::fs::write(origin.join(".git/index"), "DIRCxxxx").unwrap();
    scan(&place, "dir:origin", &["--git-tracked-only"], &[]).exits(3).says(&["not known", "not told"]);
    let damaged = report(&place, "dir:origin", &[]);
    assert!(damaged["problems"].to_string().contains("which files are tracked"), "{}", damaged["problems"]);
    assert!(damaged["target"]["git"]["commit"].is_string());
    std::fs::write(origin.join(".git/HEAD"), "root:x:0:0\n").unwrap();
    let damaged = report(&place, "dir:origin", &[]);
    assert!(
        damaged["problems"].to_string().contains("which commit this is is not told"),
        "{}",
        damaged["problems"]
    );
}
