//! Another account with the number of root.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "second-root-account",
    title: "another account with the number of root",
    severity: Level::High,
    what: "An account of /etc/passwd with the number 0 that is not called root.",
    why: "It is root under another name, which those who look for root do not see.",
    fix: "give the account a number of its own",
    references: &[("CIS", "Distribution Independent Linux 6.2.5"), ("MITRE ATT&CK", "T1136.001")],
    needs: &[Input::Files],
    bad: "{\"files\": {\"texts\": [{\"path\": \"etc/passwd\", \"layer\": 2, \"text\": \"root:x:0:0::/root:/bin/sh\\ntoor:x:0:0::/root:/bin/sh\\n\"}]}}",
    good: "{\"files\": {\"texts\": [{\"path\": \"etc/passwd\", \"layer\": 2, \"text\": \"root:x:0:0::/root:/bin/sh\\n\"}]}}",
    check: Check::Image(check),
};

fn check(facts: &ImageFacts, report: &mut Reporter<'_>) {
    for (part, fields) in accounts(facts, "etc/passwd") {
        if let (Some(name), Some(&"0")) = (fields.first(), fields.get(2))
            && *name != "root"
        {
            let name: String = name.chars().take(40).collect();
            report.part(part, format!("the account {name} has the number 0"));
        }
    }
}
