//! VOLUME over a path of the host or system.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "sensitive-volume",
    title: "VOLUME over a path of the host or system",
    severity: Level::Medium,
    what: "A `VOLUME` at the socket of a container engine, or at /, /etc, /proc, /sys, /dev, /root, /boot, /usr, /bin, /sbin, /lib.",
    why: "The socket gives root on the host; a volume over system folders hides the image's files and outlives updates.",
    fix: "take it out; keep data in a folder of its own",
    references: &[("CIS Docker", "5.5"), ("CIS Docker", "5.31")],
    needs: &[],
    bad: "FROM debian:12\nVOLUME /var/run/docker.sock\n",
    good: "FROM debian:12\nVOLUME /data\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Volume) {
        for argument in &step.arguments {
            if crate::image::is_sensitive_volume(&argument.value.text) {
                report.argument(
                    step,
                    argument.at,
                    format!("VOLUME at `{}`", short(&argument.value.text)),
                    "",
                );
            }
        }
    }
}
