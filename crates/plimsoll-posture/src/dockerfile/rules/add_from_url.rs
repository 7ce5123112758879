//! ADD of an address without a checksum.

use super::prelude::*;

pub(crate) static RULE: Rule = Rule {
    id: "add-from-url",
    title: "ADD of an address without a checksum",
    severity: Level::Medium,
    what: "An `ADD` whose source is an http or https address, without `--checksum`. Git repositories are looked at for a commit or tag behind `#`.",
    why: "What the address holds tomorrow is another's decision, and the file goes into the image unseen.",
    fix: "add --checksum=sha256:..., or download and check in a RUN",
    references: &[
        ("trivy", "DS-0005"),
        ("checkov", "CKV_DOCKER_4"),
        ("OpenSSF Scorecard", "Pinned-Dependencies"),
    ],
    needs: &[],
    bad: "FROM debian:12\nADD https://example.org/x.tar.gz /srv/\n",
    good: "FROM debian:12\nADD --checksum=sha256:24454f830cdb571e2c4ad15481119c43b3cafd48dd869a9b2945d1036d1dc68d https://example.org/x.tar.gz /srv/\n",
    check: Check::Dockerfile(check),
};

fn check(scene: &Scene<'_>, report: &mut Reporter<'_>) {
    for step in scene.file.of(Keyword::Add).filter(|step| step.instruction.flag("checksum").is_none()) {
        let Some((_, sources)) = step.arguments.split_last() else { continue };
        for source in sources {
            let text = &source.value.text;
            let git = text.starts_with("git@") || text.starts_with("ssh://") || text.contains(".git");
            let pinned_git = git && text.contains('#');
            if (text.starts_with("http://") || text.starts_with("https://") || git && text.contains("://"))
                && !pinned_git
            {
                report.argument(
                    step,
                    source.at,
                    format!("`{}` goes into the image without a checksum", short(text)),
                    "",
                );
            }
        }
    }
}
