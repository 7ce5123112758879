//! Text files and phar archives that name a product and its version, where the program itself does not: the `VERSION` of a Go
//! toolchain, `OTP_VERSION`, the `release` file of a Java runtime.
//!
//! Formats: one row each; `release` is that of JEP 223 and later, and of Java 7 and 8 before it.

use std::sync::OnceLock;

use plimsoll_fs::Entry;
use plimsoll_model::product::{JavaKind, java_builder};
use plimsoll_model::{ImagePath, Package};
use regex::bytes::{Regex, RegexBuilder};

use super::products;
use crate::{Extraction, Extractor, Reader};

/// Products named by a file beside them.
pub static PRODUCT_FILE: Extractor = Extractor {
    name: "binary/product_file",
    version: 2,
    declares: false,
    wants,
    read: Reader::Whole { limit: LARGEST, parse },
};

/// The largest file of any row, in bytes.
const LARGEST: u64 = 16 << 20;

/// How one product is named.
struct Row {
    product: &'static str,
    /// How the path ends. `*` stands for one part of it.
    path: &'static str,
    /// Larger files are something else.
    largest: u64,
    /// The version is the capture. Bytes, not characters.
    pattern: &'static str,
}

const ROWS: &[Row] = &[
    Row {
        product: "composer",
        path: "composer.phar",
        largest: LARGEST,
        pattern: r"const VERSION = '([12]\.[0-9]{1,3}\.[0-9]{1,3})'",
    },
    Row {
        product: "composer",
        path: "bin/composer",
        largest: LARGEST,
        pattern: r"const VERSION = '([12]\.[0-9]{1,3}\.[0-9]{1,3})'",
    },
    Row {
        product: "dart",
        path: "dart-sdk/version",
        largest: 256,
        pattern: r"^([1-9]\.[0-9]{1,3}\.[0-9]{1,3}(?:-[0-9a-z.]{1,40})?)\s*$",
    },
    Row {
        product: "dotnet",
        path: "shared/Microsoft.NETCore.App/*/.version",
        largest: 4096,
        pattern: r"(?m)^([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,4}(?:-(?:preview|rc)\.[0-9.]{1,16})?)\s*$",
    },
    Row {
        product: "elixir",
        path: "elixir/ebin/elixir.app",
        largest: 1 << 20,
        pattern: r#"\{vsn, ?"([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?:-rc\.[0-9]{1,3})?)"\}"#,
    },
    Row {
        product: "erlang",
        path: "releases/*/OTP_VERSION",
        largest: 256,
        pattern: r"^([0-9]{2}(?:\.[0-9]{1,4}){1,4}(?:-rc[0-9])?)\s*$",
    },
    Row {
        product: "go",
        path: "VERSION",
        largest: 4096,
        pattern: r"^go([0-9]{1,3}\.[0-9]{1,3}(?:\.[0-9]{1,3})?(?:(?:rc|beta)[0-9]{1,3})?)(?:[\s-]|$)",
    },
    Row {
        product: "java",
        path: "release",
        largest: 64 << 10,
        pattern: r#"(?m)^JAVA_VERSION="([0-9]{1,3}(?:[._][0-9]{1,5}){0,6})(?:-internal|-ea|-adhoc[^"\n]*)?"\s*$"#,
    },
    Row {
        product: "wp-cli",
        path: "bin/wp",
        largest: LARGEST,
        pattern: r"wp-cli/wp-cli ([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})'",
    },
    Row {
        product: "wp-cli",
        path: "wp-cli.phar",
        largest: LARGEST,
        pattern: r"wp-cli/wp-cli ([0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})'",
    },
];

fn wants(entry: &Entry<'_>) -> bool {
    rows(entry.path).any(|row| entry.size <= ROWS[row].largest)
}

fn rows(path: &ImagePath) -> impl Iterator<Item = usize> + '_ {
    ROWS.iter().enumerate().filter(|(_, row)| ends_with(path.as_bytes(), row.path)).map(|(index, _)| index)
}

/// Does the path end in these parts?
fn ends_with(path: &[u8], parts: &str) -> bool {
    let mut own = path.rsplit(|byte| *byte == b'/');
    parts
        .rsplit('/')
        .all(|part| own.next().is_some_and(|own| own == part.as_bytes() || (part == "*" && !own.is_empty())))
}

fn compiled(index: usize) -> Option<&'static Regex> {
    static COMPILED: [OnceLock<Option<Regex>>; ROWS.len()] = [const { OnceLock::new() }; ROWS.len()];
    COMPILED[index]
        .get_or_init(|| RegexBuilder::new(ROWS[index].pattern).unicode(false).build().ok())
        .as_ref()
}

/// Reads one file. Public for fuzzing. A file of such a name that says something else is nobody's problem: the names are common.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let mut found = Extraction::default();
    for index in rows(path) {
        let row = &ROWS[index];
        if bytes.len() as u64 > row.largest {
            continue;
        }
        let version = compiled(index)
            .and_then(|regex| regex.captures(bytes)?.get(1))
            .and_then(|version| std::str::from_utf8(version.as_bytes()).ok());
        let Some(version) = version else { continue };
        let mut package = products::package(row.product, version, path);
        if row.product == "java" {
            describe_java(&mut package, bytes);
        }
        found.packages.push(package);
    }
    found
}

/// Who built the runtime, and what is in it.
fn describe_java(package: &mut Package, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut kind = JavaKind::Plain;
    for line in text.lines() {
        let Some((key, value)) = line.split_once('=') else { continue };
        let value: String =
            value.trim().trim_matches('"').chars().filter(|letter| !letter.is_control()).take(200).collect();
        match key.trim() {
            "IMPLEMENTOR" => package.vendor = Some(value).filter(|value| !value.is_empty()),
            "GRAALVM_VERSION" => kind = JavaKind::Graal,
            "BUILD_TYPE" if value == "commercial" && kind == JavaKind::Plain => kind = JavaKind::Sold,
            "IMAGE_TYPE" => {
                package.properties.insert("image-type".into(), value);
            }
            "JAVA_RUNTIME_VERSION" => {
                package.properties.insert("runtime-version".into(), value);
            }
            _ => {}
        }
    }
    let builder = package.vendor.as_deref().and_then(|vendor| java_builder(vendor, kind));
    if let Some(builder) = builder {
        package.properties.insert("distribution".into(), builder.name.into());
        let cpe = format!("cpe:2.3:a:{}:{}:*:*:*:*:*:*:*", builder.cpe, package.version);
        package.properties.insert("cpe".into(), cpe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, content: &str, expected: &[(&str, &str)]) {
        let path = ImagePath::from(path);
        let entry = Entry { path: &path, size: content.len() as u64, mode: 0o644 };
        assert_eq!(wants(&entry), rows(&path).next().is_some(), "{path}");
        let found = parse(&path, content.as_bytes());
        let got: Vec<_> = found.packages.iter().map(|p| (p.name.as_str(), p.version.as_str())).collect();
        assert_eq!(got, expected, "{path}: {content:?}");
        assert!(found.problems.is_empty());
    }

    #[test]
    fn rows_are_sound() {
        for (index, row) in ROWS.iter().enumerate() {
            assert!(compiled(index).is_some(), "{}", row.pattern);
            assert!(plimsoll_model::product::Product::named(row.product).is_some(), "{}", row.product);
            assert!(row.largest <= LARGEST);
        }
    }

    #[test]
    fn files_that_name_a_product() {
        check("usr/local/go/VERSION", "go1.22.5\ntime 2024-06-27T20:11:12Z\n", &[("go", "1.22.5")]);
        check("usr/lib/go-1.19/VERSION", "go1.19.8", &[("go", "1.19.8")]);
        check("srv/app/VERSION", "1.2.3\n", &[]);
        check("srv/app/VERSION", "gone1.2", &[]);
        check("usr/lib/erlang/releases/25/OTP_VERSION", "25.2.3\n", &[("erlang", "25.2.3")]);
        check("opt/dart-sdk/version", "3.2.3\n", &[("dart", "3.2.3")]);
        check("opt/version", "3.2.3\n", &[]);
        let app = "{application,elixir,\n [{description,\"elixir\"},\n  {vsn,\"1.14.0\"},\n";
        check("usr/lib/elixir/lib/elixir/ebin/elixir.app", app, &[("elixir", "1.14.0")]);
        check(
            "usr/local/bin/composer",
            "<?php ...\npublic const VERSION = '2.7.1';",
            &[("composer", "2.7.1")],
        );
        check("usr/local/bin/wp", "#!/usr/bin/env php\n'wp-cli/wp-cli 2.9.0' => ", &[("wp-cli", "2.9.0")]);
    }

    #[test]
    fn java_runtimes() {
        let release = "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_RUNTIME_VERSION=\"17.0.9+9\"\nJAVA_VERSION=\"17.0.9\"\nIMAGE_TYPE=\"JRE\"\n";
        check("opt/java/openjdk/release", release, &[("java", "17.0.9")]);
        let found = parse(&"opt/java/openjdk/release".into(), release.as_bytes());
        let package = &found.packages[0];
        assert_eq!(package.vendor.as_deref(), Some("Eclipse Adoptium"));
        assert_eq!(package.properties["image-type"], "JRE");
        assert_eq!(package.properties["runtime-version"], "17.0.9+9");
        assert_eq!(package.properties["distribution"], "Eclipse Temurin");
        assert_eq!(package.properties["cpe"], "cpe:2.3:a:eclipse:temurin:17.0.9:*:*:*:*:*:*:*");
        for (more, expected) in [
            ("IMPLEMENTOR=\"Oracle Corporation\"\nBUILD_TYPE=\"commercial\"\n", Some("Oracle JDK")),
            ("IMPLEMENTOR=\"Oracle Corporation\"\n", Some("OpenJDK of Oracle")),
            (
                "GRAALVM_VERSION=\"23.1\"\nIMPLEMENTOR=\"GraalVM Community\"\n",
                Some("GraalVM Community Edition"),
            ),
            ("IMPLEMENTOR=\"Somebody\"\n", None),
        ] {
            let found =
                parse(&"opt/jdk/release".into(), format!("JAVA_VERSION=\"21.0.1\"\n{more}").as_bytes());
            let distribution = found.packages[0].properties.get("distribution").map(String::as_str);
            assert_eq!(distribution, expected, "{more}");
        }
        let commit = "4c7b9a1c0e\n8.0.1\n";
        check("usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/.version", commit, &[("dotnet", "8.0.1")]);
        check("opt/shared/Microsoft.AspNetCore.App/8.0.1/.version", commit, &[]);
        check("opt/jdk8/release", "JAVA_VERSION=\"1.8.0_392\"\n", &[("java", "1.8.0_392")]);
        check("opt/release", "JAVA_VERSION=\"${version}\"\n", &[]);
        check("opt/release", "Fedora release 39\n", &[]);
    }
}
