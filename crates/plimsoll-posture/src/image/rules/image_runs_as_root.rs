//! The container runs as root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "image-runs-as-root",
    title: "the container runs as root",
    severity: Level::High,
    what: "`config.User` is empty, root or 0, or a name that /etc/passwd gives the number 0.",
    why: "Whoever breaks into the process is root in the container, and every flaw of kernel or runtime starts from there.",
    fix: "set a USER that is not root",
    references: &[("trivy", "DS-0002"), ("CIS Docker", "4.1")],
    needs: &[Input::Configuration],
    bad: "{\"configuration\": {\"user\": \"\"}}",
    good: "{\"configuration\": {\"user\": \"65532:65532\"}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let Some(configuration) = &facts.configuration else { return };
    let user = configuration.user.split(':').next().unwrap_or_default();
    let part = Part::Configuration("config.User");
    match user {
        "" => report.part(part, "no user is set: it runs as root"),
        "root" | "0" => report.part(part, format!("it runs as {user}")),
        name => {
            let mut known = accounts(facts, "etc/passwd").filter(|(_, fields)| fields.first() == Some(&name));
            if known.any(|(_, fields)| fields.get(2) == Some(&"0")) {
                report.part(part, format!("it runs as {name}, which has the number of root"));
            } else if facts.files.is_none() && !name.bytes().all(|byte| byte.is_ascii_digit()) {
                report.undecided(None, "/etc/passwd, which says what number the user has");
            }
        }
    }
}
