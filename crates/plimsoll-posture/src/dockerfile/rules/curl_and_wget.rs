//! Both curl and wget are used.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "curl-and-wget",
    title: "both curl and wget are used",
    severity: Level::Negligible,
    what: "A file in which one `RUN` calls curl and another wget.",
    why: "Both have to be installed and kept, where one is enough.",
    fix: "use one of the two",
    references: &[("hadolint", "DL4001"), ("trivy", "DS-0014")],
    needs: &[],
    bad: "FROM debian:12\nRUN curl -f https://a.example/x -o /x\nRUN wget https://a.example/y\n",
    good: "FROM debian:12\nRUN wget https://a.example/x\nRUN wget https://a.example/y\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for stage in &scene.file.stages {
        let calls = || {
            scene.file.steps[stage.steps.clone()]
                .iter()
                .flat_map(|step| step.commands.iter().map(move |call| (step, call)))
        };
        let wget = calls().find(|(_, call)| call.command.is(&["wget"]));
        let curl = calls().find(|(_, call)| call.command.is(&["curl"]));
        if let (Some(wget), Some(curl)) = (wget, curl) {
            let (step, call) =
                if wget.0.instruction.place() > curl.0.instruction.place() { wget } else { curl };
            report.call(step, call, "this stage uses both curl and wget");
        }
    }
}
