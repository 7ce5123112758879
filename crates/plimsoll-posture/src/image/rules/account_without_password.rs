//! Account that anybody may log into.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "account-without-password",
    title: "account that anybody may log into",
    severity: Level::Critical,
    what: "An empty password field in /etc/shadow, or in /etc/passwd, of an account with a shell.",
    why: "Nothing has to be guessed: su, login and SSH let anybody in.",
    fix: "lock the account (passwd -l)",
    references: &[("CWE", "258"), ("CVE-2019-5021", "")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"texts\": [{\"path\": \"etc/shadow\", \"layer\": 1, \"text\": \"root:::0:::::\\n\"}]}}",
    good: "{\"files\": {\"texts\": [{\"path\": \"etc/shadow\", \"layer\": 1, \"text\": \"root:*::0:::::\\napp:!:1::::::\\n\"}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    let without_login = |name: &str| {
        accounts(facts, "etc/passwd").any(|(_, fields)| {
            fields.first() == Some(&name)
                && fields.get(6).is_some_and(|shell| shell.ends_with("nologin") || shell.ends_with("/false"))
        })
    };
    for file in ["etc/shadow", "etc/passwd"] {
        for (part, fields) in accounts(facts, file) {
            if let (Some(name), Some(&"")) = (fields.first(), fields.get(1))
                && fields.len() >= 7
                && !without_login(name)
            {
                let name: String = name.chars().take(40).collect();
                report.part(part, format!("the account {name} has no password"));
            }
        }
    }
}
