//! Packages without signature are installed.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "unsigned-packages-allowed",
    title: "packages without signature are installed",
    severity: Level::High,
    what: "A package manager told to take unsigned or untrusted packages: apt `--allow-unauthenticated`, `--force-yes`, `[trusted=yes]`; apk `--allow-untrusted`; yum, dnf `--nogpgcheck`; zypper `--no-gpg-checks`; rpm `--nosignature`, `--nodigest`.",
    why: "The signature is the only thing that tells the distribution's packages from those of whoever sits on a mirror or on the way.",
    fix: "import the repository's key and leave the check on",
    references: &[
        ("CWE", "347"),
        ("checkov", "CKV2_DOCKER_7"),
        ("checkov", "CKV2_DOCKER_8"),
        ("checkov", "CKV2_DOCKER_9"),
        ("checkov", "CKV2_DOCKER_10"),
        ("checkov", "CKV2_DOCKER_11"),
    ],
    needs: &[],
    bad: "FROM debian:12\nRUN apt-get install -y --allow-unauthenticated x\n",
    good: "FROM debian:12\nRUN apt-get install -y x\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const FLAGS: &[(&str, &[&str])] = &[
        ("apt-get", &["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"]),
        ("apt", &["--allow-unauthenticated", "--force-yes", "--allow-insecure-repositories"]),
        ("apk", &["--allow-untrusted"]),
        ("yum", &["--nogpgcheck", "--no-gpgchecks"]),
        ("dnf", &["--nogpgcheck", "--no-gpgchecks"]),
        ("microdnf", &["--nogpgcheck"]),
        ("tdnf", &["--nogpgcheck"]),
        ("zypper", &["--no-gpg-checks", "--gpg-auto-import-keys-never"]),
        ("rpm", &["--nosignature", "--nodigest"]),
    ];
    for (step, calls) in runs(scene) {
        for call in calls {
            let program = call.command.program();
            let flags = FLAGS.iter().find(|(name, _)| *name == program).map_or(&[][..], |(_, flags)| *flags);
            let flag = flags.iter().find_map(|flag| call.command.long(flag));
            let settings = [
                "AllowUnauthenticated=true",
                "AllowInsecureRepositories=true",
                "gpgcheck=0",
                "[trusted=yes",
                "trusted=yes]",
            ];
            let setting = || {
                call.command
                    .words
                    .iter()
                    .find(|word| settings.iter().any(|setting| word.text.contains(setting)))
            };
            if let Some(word) = flag.or_else(setting) {
                report.word(
                    step,
                    call,
                    word,
                    format!("`{}` takes packages without a valid signature", short(&word.text)),
                    "",
                );
            }
        }
    }
}
