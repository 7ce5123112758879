//! Base image gets no more fixes.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "base-out-of-support",
    title: "base image gets no more fixes",
    severity: Level::Medium,
    what: "A `FROM` whose image and tag name a release of a distribution that is out of support, at the date of the advisory database.",
    why: "Flaws that are found from now on stay in the image: nobody publishes fixes for it.",
    fix: "move to a release that gets fixes",
    references: &[],
    needs: &[Input::SupportDates],
    bad: "FROM debian:8\n",
    good: "FROM debian:12.11\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    let Some(support) = &scene.around.support else { return };
    for stage in scene.file.stages.iter().filter(|stage| stage.base == Base::Image) {
        let Some(image) = stage.image.value.known() else { continue };
        if let Some(Support::Ended(since)) = support.get(image) {
            let step = &scene.file.steps[stage.steps.start];
            report.argument(step, stage.image.at, since.clone(), "");
        }
    }
}
