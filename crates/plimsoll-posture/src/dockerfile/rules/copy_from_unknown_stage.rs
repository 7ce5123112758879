//! COPY --from a stage that does not exist.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "copy-from-unknown-stage",
    title: "COPY --from a stage that does not exist",
    severity: Level::Medium,
    what: "A `COPY --from` that names neither an earlier stage nor an image with a tag or digest.",
    why: "The builder then looks for an image of that name in the registry: at best the build fails, at worst somebody has published one.",
    fix: "name an earlier stage, or an image with its tag or digest",
    references: &[("hadolint", "DL3022"), ("trivy", "DS-0011")],
    needs: &[],
    bad: "FROM debian:12\nCOPY --from=build /a /b\n",
    good: "FROM debian:12 AS build\nFROM debian:12\nCOPY --from=build /a /b\nCOPY --from=docker.io/library/busybox:1.36 /bin/busybox /\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Copy) {
        let (Some(from), Some(index)) = (step.instruction.flag("from"), step.stage) else { continue };
        let earlier = &scene.file.stages[..index];
        let named = earlier
            .iter()
            .any(|stage| stage.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(from)));
        let numbered = from.parse::<usize>().is_ok_and(|number| number < index);
        let own =
            scene.file.stages[index].name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(from));
        let image = ImageName::parse(from);
        if !named && !numbered && !own && !from.contains('$') && image.tag.is_none() && image.digest.is_none()
        {
            report.step(step, format!("there is no earlier stage `{}`", short(from)));
        }
    }
}
