//! Calls of package managers: which packages does a command install?

use crate::dockerfile::shell::{Command, Word};

/// How a package manager is called.
pub(super) struct Manager {
    /// Programs.
    pub(super) programs: &'static [&'static str],
    /// Words that install.
    pub(super) verbs: &'static [&'static str],
    /// Flags whose value is the next word.
    pub(super) values: &'static [&'static str],
}

pub(super) static APT: Manager = Manager {
    programs: &["apt-get", "apt", "aptitude"],
    verbs: &["install"],
    values: &[
        "-o",
        "--option",
        "-t",
        "--target-release",
        "--default-release",
        "-c",
        "--config-file",
        "-a",
        "--host-architecture",
    ],
};

pub(super) static APK: Manager = Manager {
    programs: &["apk"],
    verbs: &["add"],
    values: &[
        "-t",
        "--virtual",
        "-X",
        "--repository",
        "-p",
        "--root",
        "--repositories-file",
        "--keys-dir",
        "--arch",
        "--wait",
        "--cache-dir",
    ],
};

pub(super) static RPM: Manager = Manager {
    programs: &["yum", "dnf", "microdnf", "tdnf", "dnf5", "zypper"],
    verbs: &["install", "in", "reinstall", "localinstall", "groupinstall"],
    values: &[
        "-c",
        "--config",
        "-x",
        "--exclude",
        "--enablerepo",
        "--disablerepo",
        "--repo",
        "--installroot",
        "--releasever",
        "--setopt",
        "--forcearch",
        "-R",
        "--root",
        "-D",
        "--reposd-dir",
        "-C",
        "--cache-dir",
        "-r",
        "--from",
        "-t",
        "--type",
        "-p",
        "--plus-repo",
    ],
};

pub(super) static PIP: Manager = Manager {
    programs: &["pip", "pip3", "pip2"],
    verbs: &["install"],
    values: &[
        "-r",
        "--requirement",
        "-c",
        "--constraint",
        "-e",
        "--editable",
        "-t",
        "--target",
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "--platform",
        "--python-version",
        "--implementation",
        "--abi",
        "--root",
        "--prefix",
        "-b",
        "--build",
        "--src",
        "--upgrade-strategy",
        "--install-option",
        "--global-option",
        "--no-binary",
        "--only-binary",
        "--progress-bar",
        "--proxy",
        "--retries",
        "--timeout",
        "--exists-action",
        "--trusted-host",
        "--cert",
        "--client-cert",
        "--cache-dir",
        "--log",
        "--report",
        "--config-settings",
        "-C",
        "--use-feature",
        "--use-deprecated",
        "--group",
    ],
};

pub(super) static NPM: Manager = Manager {
    programs: &["npm"],
    verbs: &["install", "i", "add", "in"],
    values: &[
        "--registry",
        "--prefix",
        "-C",
        "--loglevel",
        "--cache",
        "--tag",
        "--userconfig",
        "--globalconfig",
        "-w",
        "--workspace",
        "--omit",
        "--include",
        "--fetch-retries",
        "--fetch-timeout",
        "--network-timeout",
        "--before",
    ],
};

pub(super) static GEM: Manager = Manager {
    programs: &["gem"],
    verbs: &["install", "i"],
    values: &[
        "-i",
        "--install-dir",
        "-n",
        "--bindir",
        "-s",
        "--source",
        "-P",
        "--trust-policy",
        "--platform",
        "--document",
        "--build-root",
        "-p",
        "--http-proxy",
    ],
};

/// The packages that a command installs; `None` when it installs nothing by this manager.
pub(super) fn install<'c>(command: &'c Command, manager: &'static Manager) -> Option<Vec<&'c Word>> {
    if !is_program(command.program(), manager) {
        return None;
    }
    let mut operands = command.operands(manager.values);
    let verb = operands.next()?;
    manager.verbs.contains(&verb.text.as_str()).then(|| operands.collect())
}

/// `pip3.11` is pip.
fn is_program(program: &str, manager: &Manager) -> bool {
    manager.programs.contains(&program)
        || manager.programs.contains(&"pip")
            && program
                .strip_prefix("pip3.")
                .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A file or an address, not the name of a package.
pub(super) fn is_file(word: &Word) -> bool {
    let text = &word.text;
    text.starts_with(['.', '/'])
        || text.contains("://")
        || text.starts_with("git+")
        || text.starts_with("file:")
}
