//! Gradle's dependency locks: `gradle.lockfile`, `buildscript-gradle.lockfile`, `settings-gradle.lockfile`, and one file per
//! configuration below `gradle/dependency-locks` (before Gradle 7).
//!
//! A line is `group:artifact:version=configuration,configuration`. What stands only in configurations of tests, code checks and
//! annotation processors is for development; what locks the build itself is too.
//!
//! Format: Gradle 9 user manual, "Locking Dependencies".

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Presence, Problem, Scope};

use super::{LOCKFILE_LIMIT, bounded};
use crate::{Extraction, Extractor, Reader};

/// Java artifacts locked by Gradle.
pub static GRADLE_LOCKFILE: Extractor = Extractor {
    name: "lang/gradle_lockfile",
    version: 1,
    declares: true,
    wants,
    read: Reader::Whole { limit: LOCKFILE_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    match entry.path.file_name() {
        b"gradle.lockfile" | b"buildscript-gradle.lockfile" | b"settings-gradle.lockfile" => true,
        name => name.ends_with(b".lockfile") && is_old_folder(entry.path),
    }
}

fn is_old_folder(path: &ImagePath) -> bool {
    let folder = path.parent().unwrap_or_default();
    folder == b"gradle/dependency-locks" || folder.ends_with(b"/gradle/dependency-locks")
}

/// Reads a lock. Public for fuzzing.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Extraction::default();
    let file_name = String::from_utf8_lossy(path.file_name());
    let locks_build = matches!(&*file_name, "buildscript-gradle.lockfile" | "settings-gradle.lockfile");
    let old_configuration = file_name.strip_suffix(".lockfile").filter(|_| is_old_folder(path));
    for (line, number) in text.lines().zip(1_u32..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (coordinates, configurations) =
            line.split_once('=').unwrap_or((line, old_configuration.unwrap_or("")));
        if coordinates == "empty" {
            continue;
        }
        let mut parts = coordinates.split(':');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(group), Some(artifact), Some(version), None)
                if !group.is_empty() && !artifact.is_empty() && !version.is_empty() =>
            {
                let location = Location::at_line(path.clone(), number);
                let mut package =
                    Package::new(Ecosystem::Maven, format!("{group}:{artifact}"), version, location);
                package.presence = Presence::Declared;
                let mut names = configurations.split(',').filter(|name| !name.is_empty()).peekable();
                let only_development = names.peek().is_some() && names.all(is_development);
                if locks_build || only_development {
                    package.scope = Scope::Development;
                }
                found.packages.push(package);
            }
            _ => found
                .problems
                .push(Problem::corrupt(path, format!("line {number} is not `group:artifact:version`"))),
        }
    }
    found.problems = bounded(path, found.problems);
    found
}

/// Nothing of such a configuration is shipped.
fn is_development(configuration: &str) -> bool {
    configuration.starts_with("test")
        || configuration.contains("Test")
        || configuration.ends_with("nnotationProcessor")
        || [
            "kapt",
            "ksp",
            "checkstyle",
            "pmd",
            "spotbugs",
            "jacoco",
            "ktlint",
            "detekt",
            "errorprone",
            "kotlinCompiler",
        ]
        .iter()
        .any(|tool| configuration.starts_with(tool))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::lang::describe;

    fn check(path: &str, text: &str, expected: &[&str], problems: usize) {
        assert!(wants(&Entry { path: &path.into(), size: 1, mode: 0o644 }), "{path}");
        let found = parse(&path.into(), text.as_bytes());
        assert_eq!(found.packages.iter().map(describe).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(found.problems.len(), problems, "{text}: {:?}", found.problems);
    }

    #[test]
    fn locks() {
        check(
            "app/gradle.lockfile",
            "# comment\na.b:c:1.0=compileClasspath,testCompileClasspath\nj:j:4=testRuntimeClasspath,integrationTestCompileClasspath\nl:l:1=annotationProcessor\nx:y:1\nempty=a,b\n",
            &[
                "a.b:c@1.0 2 Unknown Runtime",
                "j:j@4 3 Unknown Development",
                "l:l@1 4 Unknown Development",
                "x:y@1 5 Unknown Runtime",
            ],
            0,
        );
        check("buildscript-gradle.lockfile", "a:b:1=classpath\n", &["a:b@1 1 Unknown Development"], 0);
        check(
            "gradle/dependency-locks/testRuntimeClasspath.lockfile",
            "a:b:1\n",
            &["a:b@1 1 Unknown Development"],
            0,
        );
        check(
            "x/gradle/dependency-locks/runtimeClasspath.lockfile",
            "a:b:1\n",
            &["a:b@1 1 Unknown Runtime"],
            0,
        );
        check("gradle.lockfile", "a:b\na:b:1:2=x\n::\n<<<<<<<\na:b:1=x\n", &["a:b@1 5 Unknown Runtime"], 4);
    }

    proptest! {
        #[test]
        fn never_panics(text in "([a-z:=,.\n#]|\\PC){0,80}") {
            parse(&"gradle.lockfile".into(), text.as_bytes());
        }
    }
}
