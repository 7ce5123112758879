//! The build information that the Go linker writes: toolchain, main module, dependencies, settings.
//!
//! Format: Go `runtime/debug`, `ParseBuildInfo` (1.18 to 1.25); before 1.18 the same without `build` lines.

use std::collections::BTreeMap;

use plimsoll_model::functions::Functions;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem, ProblemKind};

use crate::Extraction;

/// Build settings that are kept: the first two decide whether an advisory applies, the others name the source.
const SETTINGS: &[(&str, &str)] = &[
    ("GOOS", "goos"),
    ("GOARCH", "goarch"),
    ("vcs.revision", "vcs.revision"),
    ("vcs.modified", "vcs.modified"),
];

/// The module list between its two marks of 16 bytes. Like Go's own reader, judges by the line feed before the second.
pub(super) fn without_sentinels(text: &[u8]) -> Option<&[u8]> {
    let inner = text.get(16..text.len().checked_sub(16)?)?;
    (inner.last() == Some(&b'\n')).then_some(inner)
}

/// The semantic version of a toolchain: `go1.21rc2` is 1.21.0-rc.2, as Go's advisories write it. `None` for development
/// builds, whose version says nothing of what is fixed in them.
///
/// What a vendor appends (` X:boringcrypto`, ` (Red Hat 1.19.9-1.el9)`, `-fips`) does not change the release it is made from.
pub(super) fn semantic_version(toolchain: &str) -> Option<String> {
    let text = toolchain.strip_prefix("go")?;
    let end = text.find(|letter: char| letter.is_whitespace() || letter == '-').unwrap_or(text.len());
    let text = &text[..end];
    let numbers_end =
        text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (numbers, suffix) = text.split_at(numbers_end);
    let mut parts = numbers.split('.');
    let mut number = |default: Option<&'static str>| match parts.next() {
        Some(part) if !part.is_empty() && part.len() <= 9 => Some(part.to_owned()),
        Some(_) => None,
        None => default.map(str::to_owned),
    };
    let (major, minor, patch) = (number(None)?, number(None)?, number(Some("0"))?);
    if parts.next().is_some() {
        return None;
    }
    let release = format!("{major}.{minor}.{patch}");
    for word in ["rc", "beta"] {
        if let Some(count) = suffix.strip_prefix(word)
            && !count.is_empty()
            && count.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Some(format!("{release}-{word}.{count}"));
        }
    }
    Some(release)
}

/// Adds what one program says: `toolchain` as written (`go1.21.3`), its module list without marks, and its functions.
pub(super) fn packages(
    path: &ImagePath,
    toolchain: Option<&str>,
    modules: Option<&[u8]>,
    functions: &Functions,
    found: &mut Extraction,
) {
    let text = String::from_utf8_lossy(modules.unwrap_or_default());
    let mut settings = BTreeMap::new();
    let mut list = Vec::new();
    let mut bad_lines = 0_usize;
    let mut built = "";
    for line in text.lines() {
        let (kind, rest) = line.split_once('\t').unwrap_or((line, ""));
        let mut fields = rest.split('\t');
        match kind {
            "mod" | "dep" => match (fields.next(), fields.next()) {
                (Some(name), Some(version)) if !name.is_empty() => {
                    list.push(Module { is_main: kind == "mod", name, version, replacement: None });
                }
                _ => bad_lines += 1,
            },
            "=>" => match (list.last_mut(), fields.next(), fields.next()) {
                (Some(module), Some(name), Some(version)) if !name.is_empty() => {
                    module.replacement = Some((name, version));
                }
                _ => bad_lines += 1,
            },
            "build" => {
                let setting = rest.split_once('=').and_then(|(key, value)| {
                    let (_, property) = SETTINGS.iter().find(|(name, _)| *name == key)?;
                    Some((*property, value.trim_matches('"')))
                });
                settings.extend(setting.map(|(key, value)| (key.to_owned(), value.to_owned())));
            }
            "path" => built = rest,
            // Kinds of lines that later releases add.
            _ => {}
        }
    }
    if bad_lines > 0 {
        found.problems.push(Problem::incomplete(
            ProblemKind::Corrupt,
            path,
            format!("the Go module list has {bad_lines} broken lines"),
        ));
    }
    // Programs of the toolchain itself are made of the standard library only.
    let is_toolchain = built.starts_with("cmd/");
    // Functions of the package that was built are called `main`, whatever its import path is: a name that is not found says
    // nothing there.
    let functions_of = |is_renamed: bool| {
        let mut functions = functions.clone();
        if is_renamed {
            functions.join(Functions::hidden());
        }
        functions
    };
    // Only these two decide about advisories; the revision is the main module's own.
    let platform: BTreeMap<_, _> = settings
        .iter()
        .filter(|(key, _)| key.starts_with("go"))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let package = |name: &str, version: &str| {
        let mut package = Package::new(Ecosystem::Go, name, version, Location::new(path.clone()));
        package.properties.clone_from(&platform);
        package
    };
    if let Some(toolchain) = toolchain {
        let mut stdlib = package("stdlib", &semantic_version(toolchain).unwrap_or_default());
        stdlib.properties.insert("go-version".into(), toolchain.to_owned());
        stdlib.functions = functions_of(is_toolchain);
        found.packages.push(stdlib);
    }
    if toolchain.is_some() && list.is_empty() && !is_toolchain {
        found.problems.push(Problem::note(
            ProblemKind::Unsupported,
            path,
            "a Go program built without modules: only its standard library is known",
        ));
    }
    for module in list {
        let inside =
            built.strip_prefix(module.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let mut package = module.package(&package, &settings);
        // Names of a replacement are those of what it replaces.
        package.functions = functions_of(module.is_main || inside || module.replacement.is_some());
        found.packages.push(package);
    }
}

struct Module<'a> {
    is_main: bool,
    name: &'a str,
    version: &'a str,
    replacement: Option<(&'a str, &'a str)>,
}

impl Module<'_> {
    fn package(&self, new: &dyn Fn(&str, &str) -> Package, settings: &BTreeMap<String, String>) -> Package {
        // `(devel)` is a directory, not a version.
        let known = |version: &str| if version == "(devel)" { String::new() } else { version.to_owned() };
        let mut package = match self.replacement {
            None => new(self.name, &known(self.version)),
            // What was built is the replacement. A directory has no name that others know, so the module keeps its own.
            Some((path, version)) if version.is_empty() || version == "(devel)" => {
                let mut package = new(self.name, "");
                package.properties.insert("replaced-by".into(), path.to_owned());
                package
            }
            Some((path, version)) => {
                let mut package = new(path, version);
                package.properties.insert("replaces".into(), format!("{}@{}", self.name, self.version));
                package
            }
        };
        if self.is_main {
            package.properties.insert("main".into(), "true".into());
            for key in ["vcs.revision", "vcs.modified"] {
                if let Some(value) = settings.get(key) {
                    package.properties.insert(key.into(), value.clone());
                }
            }
        }
        package
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toolchain_versions() {
        for (toolchain, expected) in [
            ("go1.21.3", Some("1.21.3")),
            ("go1.20", Some("1.20.0")),
            ("go1.21rc2", Some("1.21.0-rc.2")),
            ("go1.9.2rc2", Some("1.9.2-rc.2")),
            ("go1.18beta1", Some("1.18.0-beta.1")),
            ("go1.19.9 (Red Hat 1.19.9-1.el9)", Some("1.19.9")),
            ("go1.21.3 X:boringcrypto", Some("1.21.3")),
            ("go1.22.1-fips", Some("1.22.1")),
            ("devel go1.23-abcdef Mon Jan 1", None),
            ("devel +5e5a7ab", None),
            ("go", None),
            ("go1", None),
            ("go1..2", None),
            ("go1.2.3.4", None),
        ] {
            assert_eq!(semantic_version(toolchain).as_deref(), expected, "{toolchain}");
        }
    }

    fn check(modules: &str, expected: &[(&str, &str)]) {
        let mut found = Extraction::default();
        packages(&"app".into(), None, Some(modules.as_bytes()), &Functions::default(), &mut found);
        let got: Vec<_> = found.packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
        assert_eq!(got, expected, "{modules:?}");
        assert!(found.problems.is_empty(), "{:?}", found.problems);
    }

    #[test]
    fn module_lists() {
        check("path\tcommand-line-arguments\n", &[]);
        check("mod\texample.com/app\t(devel)\t\n", &[("example.com/app", "")]);
        check(
            "mod\ta\tv1.0.0\nbuild\tGOOS=linux\ndep\tb\tv2.0.0+incompatible\th1:x=\ndep\tc\tv0.0.0-20200101000000-abcdefabcdef\th1:y=\n",
            &[("a", "v1.0.0"), ("b", "v2.0.0+incompatible"), ("c", "v0.0.0-20200101000000-abcdefabcdef")],
        );
        check("dep\told\tv1.0.0\n=>\tnew\tv1.0.1\th1:z=\n", &[("new", "v1.0.1")]);
        check("dep\told\tv1.0.0\n=>\t./local\t(devel)\t\n", &[("old", "")]);
        check("dep\told\tv1.0.0\n=>\t./local\t\t\n", &[("old", "")]);
    }

    #[test]
    fn broken_lines_are_told() {
        let mut found = Extraction::default();
        packages(
            &"app".into(),
            None,
            Some(b"dep\n=>\tx\ty\ndep\ta\tv1\n"),
            &Functions::default(),
            &mut found,
        );
        assert_eq!(found.packages.len(), 1);
        assert_eq!(found.problems.len(), 1);
    }

    #[test]
    fn platform_is_known_to_all_and_the_revision_to_the_main_module() {
        let mut found = Extraction::default();
        let modules = b"mod\ta\t(devel)\t\ndep\tb\tv1.0.0\t\nbuild\tGOOS=linux\nbuild\tGOARCH=arm64\nbuild\tvcs.revision=0a1b\n";
        packages(&"app".into(), Some("go1.21.3"), Some(modules), &Functions::default(), &mut found);
        for package in &found.packages {
            assert_eq!(package.properties["goos"], "linux");
            assert_eq!(package.properties["goarch"], "arm64");
            assert_eq!(package.properties.contains_key("vcs.revision"), package.name == "a");
        }
        assert_eq!(found.packages[0].properties["go-version"], "go1.21.3");
    }
}
