//! Installed Erlang and Elixir applications: `ebin/NAME.app`.
//!
//! Those that Erlang/OTP and Elixir bring themselves are told from those of Hex by name. The project's own application looks
//! like any other and is listed too.
//!
//! Format: Erlang/OTP, app(4).

use plimsoll_fs::Entry;
use plimsoll_model::{Ecosystem, ImagePath, Location, Package, Problem};

use super::tree::Node;
use super::{erlang, is_plain, tree};
use crate::{Extraction, Extractor, Reader};

/// Installed applications.
pub static OTP_APP: Extractor = Extractor {
    name: "lang/otp_app",
    version: 1,
    declares: false,
    wants,
    read: Reader::Whole { limit: super::METADATA_LIMIT, parse },
};

fn wants(entry: &Entry<'_>) -> bool {
    entry.path.file_name().ends_with(b".app")
        && entry.path.parent().is_some_and(|folder| folder == b"ebin" || folder.ends_with(b"/ebin"))
}

/// What comes with Erlang/OTP 17 to 28 and with Elixir. Sorted.
static OWN: &[&str] = &[
    "asn1",
    "common_test",
    "compiler",
    "cosEvent",
    "cosEventDomain",
    "cosFileTransfer",
    "cosNotification",
    "cosProperty",
    "cosTime",
    "cosTransactions",
    "crypto",
    "debugger",
    "dialyzer",
    "diameter",
    "edoc",
    "eex",
    "eldap",
    "elixir",
    "erl_docgen",
    "erl_interface",
    "erts",
    "et",
    "eunit",
    "ex_unit",
    "ftp",
    "gs",
    "hipe",
    "ic",
    "iex",
    "inets",
    "jinterface",
    "kernel",
    "logger",
    "megaco",
    "mix",
    "mnesia",
    "observer",
    "odbc",
    "orber",
    "os_mon",
    "ose",
    "otp_mibs",
    "parsetools",
    "percept",
    "public_key",
    "reltool",
    "runtime_tools",
    "sasl",
    "snmp",
    "ssh",
    "ssl",
    "stdlib",
    "syntax_tools",
    "test_server",
    "tftp",
    "tools",
    "typer",
    "webtool",
    "wx",
    "xmerl",
];

/// Reads one application resource file.
pub fn parse(path: &ImagePath, bytes: &[u8]) -> Extraction {
    let text = tree::decode(bytes);
    let (terms, broken) = erlang::terms(&text);
    let application = terms.iter().find_map(|term| match term.items() {
        [kind, name, keys] if kind.as_text() == Some("application") => Some((name, keys)),
        _ => None,
    });
    let version = application.and_then(|(_, keys)| erlang::value(keys, "vsn")).and_then(Node::as_text);
    let name = application.and_then(|(name, _)| name.as_text()).filter(|name| is_plain(name));
    let (Some(name), Some(version)) = (name, version) else {
        let detail = match broken {
            Some((line, detail)) => format!("line {line}: {detail}"),
            None => "no application with a name and a version".to_owned(),
        };
        return Extraction::problem(Problem::corrupt(path, detail));
    };
    let ecosystem = if OWN.contains(&name) { Ecosystem::Otp } else { Ecosystem::Hex };
    let package = Package::new(ecosystem, name, version, Location::new(path.clone()));
    Extraction { packages: vec![package], ..Extraction::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn applications() {
        let path = ImagePath::from("srv/lib/mtproto_proxy-0.7.2/ebin/mtproto_proxy.app");
        assert!(wants(&Entry { path: &path, size: 1, mode: 0o644 }));
        let found = parse(&path, include_bytes!("../../fixtures/lang/otp_app/mtproto_proxy.app"));
        crate::lang::expect(&found, &["mtproto_proxy@0.7.2 0 Unknown Runtime"], 0);
        assert_eq!(found.packages[0].ecosystem, Ecosystem::Hex);
        crate::lang::expect(&parse(&path, include_bytes!("../../fixtures/lang/otp_app/bad.app")), &[], 1);
        let own = parse(&path, b"{application, ssl, [{description, \"x\"}, {vsn, \"11.1\"}]}.");
        assert_eq!(own.packages[0].ecosystem, Ecosystem::Otp);
        crate::lang::expect(&parse(&path, b""), &[], 1);
        assert!(OWN.is_sorted());
    }
}
