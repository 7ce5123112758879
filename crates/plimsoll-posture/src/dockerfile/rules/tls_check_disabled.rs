//! Certificates are not checked.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "tls-check-disabled",
    title: "certificates are not checked",
    severity: Level::High,
    what: "A download with its certificate check off (curl -k, wget --no-check-certificate, git http.sslVerify=false, pip --trusted-host, npm strict-ssl false), or a variable that turns it off.",
    why: "Anybody on the way to the server can replace what is downloaded.",
    fix: "leave the check on; install the missing certificate authority instead",
    references: &[
        ("CWE", "295"),
        ("checkov", "CKV2_DOCKER_2"),
        ("checkov", "CKV2_DOCKER_3"),
        ("checkov", "CKV2_DOCKER_4"),
        ("checkov", "CKV2_DOCKER_5"),
        ("checkov", "CKV2_DOCKER_6"),
    ],
    needs: &[],
    bad: "FROM debian:12\nRUN curl -fk https://example.org/x -o /x\n",
    good: "FROM debian:12\nRUN curl -f https://example.org/x -o /x\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    const SWITCHES: &[(&str, &str)] = &[
        ("NODE_TLS_REJECT_UNAUTHORIZED", "0"),
        ("GIT_SSL_NO_VERIFY", ""),
        ("PYTHONHTTPSVERIFY", "0"),
        ("NPM_CONFIG_STRICT_SSL", "false"),
        ("npm_config_strict_ssl", "false"),
        ("PIP_TRUSTED_HOST", ""),
    ];
    let turns_off = |key: &str, value: &str| {
        let value = value.trim_matches(['"', '\'']);
        SWITCHES.iter().any(|(name, off)| {
            *name == key && (value == *off || off.is_empty() && !matches!(value, "" | "0" | "false"))
        })
    };
    for (step, calls) in runs(scene) {
        for call in calls {
            let command = &call.command;
            let says = |word: &str| command.words.iter().any(|have| have.text.contains(word));
            let pair = |first: &str, second: &str| {
                command.words.windows(2).any(|pair| pair[0].text == first && pair[1].text == second)
            };
            let off = match command.program() {
                "curl" => {
                    command.has_short('k')
                        || command.has_long("--insecure")
                        || command.has_long("--proxy-insecure")
                }
                "wget" => command.has_long("--no-check-certificate"),
                "git" => says("http.sslVerify=false") || pair("http.sslVerify", "false"),
                "pip" | "pip3" => command.has_long("--trusted-host"),
                "npm" | "yarn" | "pnpm" => {
                    pair("strict-ssl", "false") || says("strict-ssl=false") || says("--no-strict-ssl")
                }
                "apt-get" | "apt" => says("Verify-Peer=false") || says("Verify-Host=false"),
                "yum" | "dnf" | "microdnf" | "tdnf" => says("sslverify=false") || says("sslverify=0"),
                _ => false,
            };
            let assigned = command
                .assignments
                .iter()
                .find(|word| word.text.split_once('=').is_some_and(|(key, value)| turns_off(key, value)));
            if off {
                report.call(step, call, format!("{} does not check certificates", command.program()));
            } else if let Some(word) = assigned {
                report.word(
                    step,
                    call,
                    word,
                    format!("`{}` turns the check of certificates off", short(&word.text)),
                    "",
                );
            }
        }
    }
    for step in scene.file.of(Keyword::Env).chain(scene.file.of(Keyword::Arg)) {
        for pair in step.pairs.iter().filter(|pair| turns_off(&pair.key, &pair.raw)) {
            report.argument(
                step,
                pair.at,
                format!("`{}` turns the check of certificates off", short(&pair.key)),
                "",
            );
        }
    }
}
