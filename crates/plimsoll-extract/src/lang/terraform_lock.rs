//! Providers in `.terraform.lock.hcl`, as Terraform and OpenTofu write it.
//!
//! Format: developer.hashicorp.com, "Dependency Lock File".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Problem};

use super::{MOST_PACKAGES, Problems, declared, is_plain, too_many, tree};
use crate::{Extraction, Extractor, Reader};

/// Terraform's lockfile.
pub static TERRAFORM_LOCK: Extractor = Extractor {
    name: "lang/terraform_lock",
    version: 1,
    declares: true,
    wants: |entry: &Entry<'_>| entry.path.file_name() == b".terraform.lock.hcl",
    read: Reader::Whole { limit: super::LOCKFILE_LIMIT, parse },
};

/// Reads a lockfile line by line: a broken block costs no other.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let mut problems = Problems::new(path);
    let mut packages = Vec::new();
    // The block that is open, and whether its version was there.
    let mut open: Option<(u32, &str, bool)> = None;
    for (raw, number) in text.lines().zip(1_u32..) {
        let line = raw.trim();
        if let Some(heading) = line.strip_prefix("provider ") {
            if let Some((start, _, false)) = open {
                problems.line(start, "a provider without version");
            }
            let name = heading.trim().strip_prefix('"').and_then(|rest| rest.split_once('"'));
            match name.filter(|(name, rest)| is_plain(name) && rest.trim() == "{") {
                Some((name, _)) => open = Some((number, name, false)),
                None => {
                    open = None;
                    problems.line(number, "no provider");
                }
            }
        } else if raw.starts_with('}') {
            if let Some((start, _, false)) = open.take() {
                problems.line(start, "a provider without version");
            }
        } else if let Some((start, name, is_known)) = &mut open {
            let value = line
                .split_once('=')
                .filter(|(key, _)| key.trim() == "version")
                .map(|(_, value)| value.trim().trim_matches('"'));
            if let Some(version) = value.filter(|version| is_plain(version) && !*is_known) {
                if packages.len() >= MOST_PACKAGES {
                    problems.push(too_many(path, number));
                    return Extraction { packages, problems: problems.finish(), ..Extraction::default() };
                }
                *is_known = true;
                packages.push(declared(Ecosystem::Terraform, path, *start, name, version));
            }
        } else if !line.is_empty() && !line.starts_with(['#', '/']) {
            problems.line(number, "no provider");
        }
    }
    if let Some((start, ..)) = open {
        problems.push(Problem::corrupt(path, format!("line {start}: a provider has no end")));
    }
    Extraction { packages, problems: problems.finish(), ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lockfile() {
        let path = ImagePath::from(".terraform.lock.hcl");
        let good = include_bytes!("../../fixtures/lang/terraform_lock/good.hcl");
        crate::lang::expect(
            &parse(&path, good),
            &[
                "registry.terraform.io/hashicorp/aws@5.31.0 3 Unknown Runtime",
                "registry.opentofu.org/a/b@0.1.0-beta1 11 Unknown Runtime",
            ],
            0,
        );
        let bad = include_bytes!("../../fixtures/lang/terraform_lock/bad.hcl");
        crate::lang::expect(&parse(&path, bad), &["x/a/b@1.0.0 1 Unknown Runtime"], 3);
        crate::lang::expect(&parse(&path, b""), &[], 0);
    }
}
