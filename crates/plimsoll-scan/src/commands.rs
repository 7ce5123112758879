//! What to type to upgrade a package: by the file that names it, else by its ecosystem.

use plimsoll_model::{Ecosystem, ImagePath, Package, Relation};

/// One lockfile or manifest, and the commands that change it. `NAME` and `VERSION` are filled in.
struct Row {
    file: &'static str,
    direct: &'static str,
    /// For a package that another one pulled in; empty when the same command serves.
    transitive: &'static str,
}

/// Files that have a command of their own. A new one is one line here.
const FILES: &[Row] = &[
    // A copy below another package stays as it is, whatever is installed above it: only an override reaches it.
    Row {
        file: "package-lock.json",
        direct: "npm install NAME@VERSION",
        transitive: "npm pkg set overrides.NAME=VERSION && npm install",
    },
    Row {
        file: "npm-shrinkwrap.json",
        direct: "npm install NAME@VERSION",
        transitive: "npm pkg set overrides.NAME=VERSION && npm install",
    },
    Row { file: "yarn.lock", direct: "yarn upgrade NAME@VERSION", transitive: "" },
    Row {
        file: "pnpm-lock.yaml",
        direct: "pnpm update NAME@VERSION",
        transitive: "pnpm update --depth Infinity NAME",
    },
    Row { file: "bun.lock", direct: "bun add NAME@VERSION", transitive: "bun update NAME" },
    Row { file: "poetry.lock", direct: "poetry add 'NAME>=VERSION'", transitive: "poetry update NAME" },
    Row { file: "uv.lock", direct: "uv lock --upgrade-package NAME==VERSION", transitive: "" },
    Row { file: "pdm.lock", direct: "pdm update NAME", transitive: "" },
    Row { file: "Pipfile.lock", direct: "pipenv install 'NAME>=VERSION'", transitive: "pipenv update NAME" },
    Row { file: "Cargo.lock", direct: "cargo update -p NAME --precise VERSION", transitive: "" },
    Row { file: "go.mod", direct: "go get NAME@VERSION", transitive: "" },
    Row { file: "Gemfile.lock", direct: "bundle update --conservative NAME", transitive: "" },
    Row {
        file: "composer.lock",
        direct: "composer require NAME:^VERSION",
        transitive: "composer update NAME",
    },
    Row { file: "packages.lock.json", direct: "dotnet add package NAME --version VERSION", transitive: "" },
];

/// The command that upgrades `package`, as named in the file `place`, to `version`; `None` when it is an edit by hand.
///
/// Names and versions come from hostile input: one that is not made of plain characters gives no command, so that
/// nobody pastes a shell injection.
pub fn upgrade(package: &Package, place: &ImagePath, version: &str) -> Option<String> {
    if !(is_plain(&package.name) && is_plain(version)) {
        return None;
    }
    if package.ecosystem == Ecosystem::Go && package.name == "stdlib" {
        return None;
    }
    let file = place.file_name();
    let template = match FILES.iter().find(|row| row.file.as_bytes() == file) {
        Some(row) if package.relation == Relation::Transitive && !row.transitive.is_empty() => row.transitive,
        Some(row) => row.direct,
        None if file.ends_with(b".txt") => return None,
        None => package.ecosystem.row().upgrade,
    };
    let version = match package.ecosystem {
        Ecosystem::Go if !version.starts_with('v') => format!("v{version}"),
        _ => version.to_owned(),
    };
    if package.ecosystem == Ecosystem::Cargo && !is_compatible(&package.version, &version) {
        // Cargo refuses a version that the requirement in Cargo.toml does not allow: that is an edit by hand.
        return None;
    }
    let mut template = template.replace("vVERSION", "VERSION");
    if package.ecosystem == Ecosystem::PyPi {
        // Without an upper bound pip takes the newest release of all, majors ahead.
        // Where versions are years there is no branch to stay in.
        let major: u64 = version.split('.').next()?.parse().ok()?;
        if major < 1990 {
            template = template.replace("NAME>=VERSION", &format!("NAME>=VERSION,<{}", major + 1));
        }
    }
    (!template.is_empty()).then(|| template.replace("NAME", &package.name).replace("VERSION", &version))
}

/// Does Cargo take `to` for a requirement that `from` met? Up to the first number that is not zero they are equal.
fn is_compatible(from: &str, to: &str) -> bool {
    let numbers = |version: &str| -> Vec<u64> {
        version.split(['.', '-', '+']).take(3).map(|part| part.parse().unwrap_or(0)).collect()
    };
    let (from, to) = (numbers(from), numbers(to));
    let until = from.iter().position(|number| *number != 0).map_or(from.len(), |at| at + 1);
    from.get(..until) == to.get(..until)
}

/// The command that upgrades distribution packages to the newest version their repositories have.
pub fn upgrade_distribution(ecosystem: Ecosystem, names: &[&str]) -> Option<String> {
    /// More names than this make a command that nobody reads.
    const MANY: usize = 6;
    if !names.iter().all(|name| is_plain(name)) {
        return None;
    }
    let list = names.join(" ");
    Some(match (ecosystem, names.len() > MANY) {
        (Ecosystem::Deb, false) => format!("apt-get update && apt-get install --only-upgrade {list}"),
        (Ecosystem::Deb, true) => "apt-get update && apt-get upgrade".to_owned(),
        (Ecosystem::Apk, false) => format!("apk upgrade --no-cache {list}"),
        (Ecosystem::Apk, true) => "apk upgrade --no-cache".to_owned(),
        (Ecosystem::Rpm, false) => format!("dnf upgrade {list}"),
        (Ecosystem::Rpm, true) => "dnf upgrade --security".to_owned(),
        _ => return None,
    })
}

/// Safe to paste into a shell: letters, digits and the few marks that package names and versions have.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/._-+:~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use plimsoll_model::Location;

    use super::*;

    fn check(ecosystem: Ecosystem, name: &str, place: &str, relation: Relation, expected: Option<&str>) {
        let place = ImagePath::from(place);
        let mut package = Package::new(ecosystem, name, "1.0.0", Location::new(place.clone()));
        package.relation = relation;
        assert_eq!(upgrade(&package, &place, "1.2.3").as_deref(), expected);
    }

    #[test]
    fn by_file_then_by_ecosystem() {
        let direct = Relation::Direct;
        check(Ecosystem::Npm, "lodash", "web/package-lock.json", direct, Some("npm install lodash@1.2.3"));
        check(
            Ecosystem::Npm,
            "lodash",
            "web/package-lock.json",
            Relation::Transitive,
            Some("npm pkg set overrides.lodash=1.2.3 && npm install"),
        );
        check(Ecosystem::Npm, "lodash", "web/yarn.lock", direct, Some("yarn upgrade lodash@1.2.3"));
        check(
            Ecosystem::Npm,
            "lodash",
            "web/node_modules/lodash/package.json",
            direct,
            Some("npm install lodash@1.2.3"),
        );
        check(
            Ecosystem::PyPi,
            "django",
            "venv/Django.dist-info/METADATA",
            direct,
            Some("pip install 'django>=1.2.3,<2'"),
        );
        check(Ecosystem::PyPi, "django", "requirements.txt", direct, None);
        check(
            Ecosystem::Go,
            "github.com/a/b/v4",
            "usr/bin/api",
            direct,
            Some("go get github.com/a/b/v4@v1.2.3"),
        );
        check(Ecosystem::Go, "stdlib", "usr/bin/api", direct, None);
        check(Ecosystem::Maven, "a:b", "app.jar", direct, None);
    }

    #[test]
    fn hostile_names_never_become_commands() {
        for name in ["x; rm -rf /", "$(id)", "--registry=http://evil", "a b", "", "é"] {
            check(Ecosystem::Npm, name, "package-lock.json", Relation::Direct, None);
            assert_eq!(upgrade_distribution(Ecosystem::Deb, &[name]), None);
        }
    }
}
