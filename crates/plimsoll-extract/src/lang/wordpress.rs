//! WordPress: its own version (`wp-includes/version.php`), plugins and themes by the comment at the head of their main file.
//!
//! Format: developer.wordpress.org, "Header Requirements" and "Main Stylesheet"; `get_file_data`, which reads the first 8 KiB too.
//! WordPress itself is named as Bitnami's advisories name it.

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::{is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// WordPress itself.
pub static WORDPRESS_CORE: Extractor = Extractor {
    name: "lang/wordpress_core",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| {
        let path = entry.path.as_bytes();
        path == b"wp-includes/version.php" || path.ends_with(b"/wp-includes/version.php")
    },
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse: parse_core },
};

/// Plugins and themes.
pub static WORDPRESS_EXTENSION: Extractor = Extractor {
    name: "lang/wordpress_extension",
    version: 1,
    declares: false,
    wants: |entry: &Entry<'_>| place(entry.path).is_some(),
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse: parse_extension },
};

/// Bytes of a file that WordPress looks at for a header.
const HEAD: usize = 8 << 10;

/// Kind and folder's name: `wp-content/plugins/NAME/FILE.php`, `wp-content/plugins/NAME.php`, `wp-content/themes/NAME/style.css`.
fn place(path: &ImagePath) -> Option<(Ecosystem, &str)> {
    let bytes = path.as_bytes();
    let at = memchr::memmem::rfind(bytes, b"wp-content/")?;
    if at > 0 && bytes[at - 1] != b'/' {
        return None;
    }
    let mut parts = std::str::from_utf8(&bytes[at..]).ok()?.split('/').skip(1);
    let (kind, name, file) = (parts.next()?, parts.next()?, parts.next());
    let found = match (kind, file) {
        ("plugins" | "mu-plugins", None) => (Ecosystem::WordPressPlugin, name.strip_suffix(".php")?),
        ("plugins", Some(file)) if file.ends_with(".php") => (Ecosystem::WordPressPlugin, name),
        ("themes", Some("style.css")) => (Ecosystem::WordPressTheme, name),
        _ => return None,
    };
    (parts.next().is_none() && is_plain(found.1)).then_some(found)
}

/// Reads `$wp_version = '6.5.2';`.
pub fn parse_core(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let stated = text.lines().zip(1_u32..).find_map(|(line, number)| {
        let value = line.trim().strip_prefix("$wp_version")?.trim_start().strip_prefix('=')?;
        let value = value.trim().strip_suffix(';')?.trim().trim_matches(['\'', '"']);
        is_plain(value).then_some((value, number))
    });
    let Some((version, number)) = stated else {
        return Extraction::problem(Problem::corrupt(path, "no `$wp_version`"));
    };
    let location = Location::at_line(path.clone(), number);
    let package = Package::new(Ecosystem::Bitnami, "wordpress", version, location);
    Extraction { packages: vec![package], ..Extraction::default() }
}

/// Reads the header of a plugin's main file or of a theme. A plugin's other files have none.
pub fn parse_extension(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let Some((ecosystem, name)) = place(path) else { return Extraction::default() };
    let text = tree::decode(bytes.get(..HEAD).unwrap_or(bytes));
    let field = |wanted: &str| {
        text.lines().zip(1_u32..).find_map(|(line, number)| {
            let line = line.trim_start_matches([' ', '\t', '/', '*', '#', '@', '<', '?', 'p', 'h']);
            let (key, value) = line.split_once(':')?;
            let value = value.trim().trim_end_matches("*/").trim();
            (key.eq_ignore_ascii_case(wanted) && !value.is_empty()).then_some((value, number))
        })
    };
    let heading = if ecosystem == Ecosystem::WordPressTheme { "Theme Name" } else { "Plugin Name" };
    if field(heading).is_none() {
        return Extraction::default();
    }
    let Some((version, number)) = field("Version").filter(|(version, _)| is_plain(version)) else {
        return Extraction::problem(Problem::corrupt(path, "the header names no version"));
    };
    let location = Location::at_line(path.clone(), number);
    let mut package = Package::new(ecosystem, name, version, location);
    package.licenses.extend(field("License").map(|(license, _)| super::short(license).to_owned()));
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core() {
        let path = ImagePath::from("var/www/html/wp-includes/version.php");
        assert!((WORDPRESS_CORE.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let good = include_bytes!("../../fixtures/lang/wordpress/version.php");
        let found = parse_core(&path, good);
        crate::lang::expect(&found, &["wordpress@6.5.2 8 Unknown Runtime"], 0);
        let bad = include_bytes!("../../fixtures/lang/wordpress/bad.php");
        crate::lang::expect(&parse_core(&path, bad), &[], 1);
    }

    #[test]
    fn plugins_and_themes() {
        let path = ImagePath::from("var/www/html/wp-content/plugins/contact-form/main.php");
        assert!((WORDPRESS_EXTENSION.wants)(&Entry { path: &path, size: 1, mode: 0o644 }));
        let plugin = parse_extension(&path, include_bytes!("../../fixtures/lang/wordpress/plugin.php"));
        crate::lang::expect(&plugin, &["contact-form@5.3.1 4 Unknown Runtime"], 0);
        assert_eq!(plugin.packages[0].licenses, ["GPLv2 or later"]);
        let style = ImagePath::from("wp-content/themes/twentyten/style.css");
        let theme = parse_extension(&style, include_bytes!("../../fixtures/lang/wordpress/style.css"));
        crate::lang::expect(&theme, &["twentyten@3.9 3 Unknown Runtime"], 0);
        assert_eq!(theme.packages[0].ecosystem, Ecosystem::WordPressTheme);
        // Another file of a plugin, and a header without version.
        crate::lang::expect(&parse_extension(&path, b"<?php\n// Version: 1\n"), &[], 0);
        let bad = include_bytes!("../../fixtures/lang/wordpress/bad_plugin.php");
        crate::lang::expect(&parse_extension(&path, bad), &[], 1);
        let single = ImagePath::from("wp-content/plugins/hello.php");
        let found = parse_extension(&single, b"<?php /* Plugin Name: Hello\nVersion: 1.7.2 */\n");
        crate::lang::expect(&found, &["hello@1.7.2 2 Unknown Runtime"], 0);
        for other in
            ["xwp-content/plugins/a/b.php", "wp-content/plugins/a/b/c.php", "wp-content/uploads/a/b.php"]
        {
            assert!(place(&other.into()).is_none(), "{other}");
        }
    }
}
