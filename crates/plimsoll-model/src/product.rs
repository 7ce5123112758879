//! Products that no package manager installed: programs and libraries known by what stands in their bytes.
//!
//! A product is a package of [`Ecosystem::Generic`] with a name of this table. The table says where advisories about it
//! can be asked; how a file is recognised as the product is the business of `plimsoll-extract`.

use std::borrow::Cow;

use crate::{Ecosystem, Package};

/// One product.
#[derive(Debug)]
pub struct Product {
    /// Name in its package URL: `pkg:generic/NAME`.
    pub name: &'static str,
    /// Vendor and product of its CPE 2.3 name, where the dictionary has one.
    pub cpe: &'static str,
    /// Under which names other ecosystems' advisories speak of it. Empty: nobody can be asked.
    pub asked: &'static [(Ecosystem, &'static str)],
}

/// Under which name endoflife.date speaks of a product, where it does; sorted by product. Java is asked for by who built it.
static SUPPORT: &[(&str, &str)] = &[
    ("bun", "bun"),
    ("caddy", "caddy"),
    ("clickhouse", "clickhouse"),
    ("composer", "composer"),
    ("consul", "consul"),
    ("deno", "deno"),
    ("dotnet", "dotnet"),
    ("dovecot", "dovecot"),
    ("elixir", "elixir"),
    ("envoy", "envoy"),
    ("erlang", "erlang"),
    ("etcd", "etcd"),
    ("exim", "exim"),
    ("ffmpeg", "ffmpeg"),
    ("fluent-bit", "fluent-bit"),
    ("go", "go"),
    ("gstreamer", "gstreamer"),
    ("haproxy", "haproxy"),
    ("httpd", "apache-http-server"),
    ("julia", "julia"),
    ("linux", "linux-kernel"),
    ("lua", "lua"),
    ("mariadb", "mariadb"),
    ("memcached", "memcached"),
    ("mongodb", "mongodb"),
    ("mysql", "mysql"),
    ("nginx", "nginx"),
    ("node", "nodejs"),
    ("openssl", "openssl"),
    ("openvpn", "openvpn"),
    ("perl", "perl"),
    ("php", "php"),
    ("postfix", "postfix"),
    ("postgresql", "postgresql"),
    ("proftpd", "proftpd"),
    ("python", "python"),
    ("redis", "redis"),
    ("ruby", "ruby"),
    ("squid", "squid"),
    ("traefik", "traefik"),
    ("valkey", "valkey"),
    ("vault", "hashicorp-vault"),
];

/// One builder of Java runtimes.
#[derive(Debug)]
pub struct JavaBuilder {
    /// What its `release` file calls it (`IMPLEMENTOR`), or the beginning of that.
    implementor: &'static str,
    /// Which of its products: with a compiler of native images, or sold.
    kind: JavaKind,
    /// Its name for people.
    pub name: &'static str,
    /// Vendor and product of its CPE 2.3 name.
    pub cpe: &'static str,
    /// Under which name endoflife.date speaks of it; empty where it does not.
    support: &'static str,
}

/// What a `release` file says of the kind of runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JavaKind {
    /// Nothing special.
    Plain,
    /// `BUILD_TYPE="commercial"`.
    Sold,
    /// It has a `GRAALVM_VERSION`.
    Graal,
}

const fn builder(
    implementor: &'static str,
    kind: JavaKind,
    name: &'static str,
    cpe: &'static str,
    support: &'static str,
) -> JavaBuilder {
    JavaBuilder { implementor, kind, name, cpe, support }
}

static JAVA_BUILDERS: &[JavaBuilder] = &[
    builder("Alibaba", JavaKind::Plain, "Alibaba Dragonwell", "alibaba:dragonwell", "alibaba-dragonwell"),
    builder("Amazon.com", JavaKind::Plain, "Amazon Corretto", "amazon:corretto", "amazon-corretto"),
    builder("AdoptOpenJDK", JavaKind::Plain, "AdoptOpenJDK", "oracle:openjdk", "eclipse-temurin"),
    builder("Azul Systems", JavaKind::Plain, "Azul Zulu", "azul:zulu", "azul-zulu"),
    builder("BellSoft", JavaKind::Plain, "BellSoft Liberica", "bellsoft:liberica_jdk", "bellsoft-liberica"),
    builder("Eclipse Adoptium", JavaKind::Plain, "Eclipse Temurin", "eclipse:temurin", "eclipse-temurin"),
    builder("Eclipse Foundation", JavaKind::Plain, "Eclipse Temurin", "eclipse:temurin", "eclipse-temurin"),
    builder(
        "GraalVM Community",
        JavaKind::Graal,
        "GraalVM Community Edition",
        "oracle:graalvm",
        "graalvm-ce",
    ),
    builder("IBM Corporation", JavaKind::Plain, "IBM Semeru", "ibm:semeru_runtime", "ibm-semeru"),
    builder(
        "International Business Machines",
        JavaKind::Plain,
        "IBM Semeru",
        "ibm:semeru_runtime",
        "ibm-semeru",
    ),
    builder(
        "Microsoft",
        JavaKind::Plain,
        "Microsoft Build of OpenJDK",
        "microsoft:openjdk",
        "microsoft-build-of-openjdk",
    ),
    builder(
        "Oracle Corporation",
        JavaKind::Graal,
        "Oracle GraalVM",
        "oracle:graalvm_for_jdk",
        "oracle-graalvm",
    ),
    builder(
        "Oracle Corporation",
        JavaKind::Plain,
        "OpenJDK of Oracle",
        "oracle:openjdk",
        "openjdk-builds-from-oracle",
    ),
    builder("Oracle Corporation", JavaKind::Sold, "Oracle JDK", "oracle:jdk", "oracle-jdk"),
    builder("Red Hat", JavaKind::Graal, "Mandrel", "redhat:mandrel", "mandrel"),
    builder(
        "Red Hat",
        JavaKind::Plain,
        "Red Hat build of OpenJDK",
        "redhat:openjdk",
        "red-hat-build-of-openjdk",
    ),
    builder("SAP SE", JavaKind::Plain, "SapMachine", "sap:sapmachine", "sapmachine"),
];

/// Who built a Java runtime, by what its `release` file says.
pub fn java_builder(implementor: &str, kind: JavaKind) -> Option<&'static JavaBuilder> {
    JAVA_BUILDERS.iter().find(|known| known.kind == kind && implementor.starts_with(known.implementor))
}

/// Under which name endoflife.date speaks of a package, and the version to look for there.
pub fn support_of(package: &Package) -> Option<(&'static str, Cow<'_, str>)> {
    let product = Product::of(package)?;
    if product.name == "java" {
        let name = package.properties.get("distribution")?;
        let builder = JAVA_BUILDERS.iter().find(|known| known.name == name && !known.support.is_empty())?;
        return Some((builder.support, three_numbers(&package.version)));
    }
    let at = SUPPORT.binary_search_by(|(name, _)| name.cmp(&product.name)).ok()?;
    Some((SUPPORT[at].1, Cow::Borrowed(package.version.as_str())))
}

macro_rules! products {
    ($($name:literal $cpe:literal [$($ecosystem:ident $asked:literal),*];)*) => {
        /// All products, sorted by name.
        pub static PRODUCTS: &[Product] = &[$(Product {
            name: $name,
            cpe: $cpe,
            asked: &[$((Ecosystem::$ecosystem, $asked)),*],
        }),*];
    };
}

products! {
    "7zip" "7-zip:7-zip" [];
    "arangodb" "arangodb:arangodb" [];
    "asterisk" "digium:asterisk" [];
    "aws-lc" "amazon:aws_libcrypto" [];
    "bash" "gnu:bash" [];
    "bind" "isc:bind" [];
    "bun" "oven:bun" [];
    "busybox" "busybox:busybox" [];
    "bzip2" "bzip:bzip2" [];
    "cabal" "haskell:cabal" [];
    "caddy" "caddyserver:caddy" [];
    "chrome" "google:chrome" [];
    "chrony" "tuxfamily:chrony" [];
    "clickhouse" "clickhouse:clickhouse" [Bitnami "clickhouse"];
    "composer" "getcomposer:composer" [Bitnami "composer"];
    "consul" "hashicorp:consul" [Bitnami "consul"];
    "coredns" "coredns.io:coredns" [];
    "crun" "crun_project:crun" [];
    "curl" "haxx:curl" [];
    "dart" "dart:dart_software_development_kit" [];
    "dash" "" [];
    "deno" "deno:deno" [];
    "dnsmasq" "thekelleys:dnsmasq" [];
    "dotnet" "microsoft:.net" [Bitnami "dotnet"];
    "dovecot" "dovecot:dovecot" [];
    "dropbear" "dropbear_ssh_project:dropbear_ssh" [];
    "elixir" "elixir-lang:elixir" [];
    "envoy" "envoyproxy:envoy" [Bitnami "envoy"];
    "erlang" "erlang:erlang\\/otp" [];
    "etcd" "etcd:etcd" [Bitnami "etcd"];
    "exim" "exim:exim" [];
    "expat" "libexpat_project:libexpat" [];
    "ffmpeg" "ffmpeg:ffmpeg" [];
    "fluent-bit" "treasuredata:fluent_bit" [Bitnami "fluent-bit"];
    "freetype" "freetype:freetype" [];
    "gawk" "gnu:gawk" [];
    "gcc" "gnu:gcc" [];
    "ghc" "haskell:ghc" [];
    "ghostscript" "artifex:ghostscript" [];
    "git" "git-scm:git" [Bitnami "git"];
    "glibc" "gnu:glibc" [];
    "gnupg" "gnupg:gnupg" [];
    "gnutls" "gnu:gnutls" [];
    "go" "golang:go" [Bitnami "golang", Go "toolchain"];
    "grafana" "grafana:grafana" [Bitnami "grafana"];
    "gstreamer" "gstreamer:gstreamer" [];
    "gzip" "gnu:gzip" [];
    "haproxy" "haproxy:haproxy" [Bitnami "haproxy"];
    "haskell-stack" "haskell:stack" [];
    "helm" "helm:helm" [Bitnami "helm"];
    "hostapd" "w1.fi:hostapd" [];
    "httpd" "apache:http_server" [Bitnami "apache"];
    "imagemagick" "imagemagick:imagemagick" [];
    "java" "oracle:openjdk" [Bitnami "java"];
    "jq" "jqlang:jq" [];
    "julia" "julialang:julia" [];
    "kubectl" "kubernetes:kubernetes" [];
    "libarchive" "libarchive:libarchive" [];
    "libcurl" "haxx:libcurl" [];
    "libgcrypt" "gnupg:libgcrypt" [];
    "libpcap" "tcpdump:libpcap" [];
    "libpng" "libpng:libpng" [];
    "libssh" "libssh:libssh" [];
    "libssh2" "libssh2:libssh2" [];
    "libtiff" "libtiff:libtiff" [];
    "libvips" "libvips:libvips" [];
    "libxml2" "xmlsoft:libxml2" [];
    "libxslt" "xmlsoft:libxslt" [];
    "lighttpd" "lighttpd:lighttpd" [];
    "linux" "linux:linux_kernel" [];
    "lua" "lua:lua" [Bitnami "lua"];
    "luajit" "luajit:luajit" [];
    "mariadb" "mariadb:mariadb" [Bitnami "mariadb"];
    "mbedtls" "arm:mbed_tls" [];
    "memcached" "memcached:memcached" [Bitnami "memcached"];
    "mongodb" "mongodb:mongodb" [Bitnami "mongodb"];
    "monit" "mmonit:monit" [];
    "mosquitto" "eclipse:mosquitto" [];
    "musl" "musl-libc:musl" [];
    "mysql" "oracle:mysql" [];
    "nghttp2" "nghttp2:nghttp2" [];
    "nginx" "f5:nginx" [Bitnami "nginx"];
    "nmap" "nmap:nmap" [];
    "node" "nodejs:node.js" [Bitnami "node"];
    "openldap" "openldap:openldap" [Bitnami "openldap"];
    "openresty" "openresty:openresty" [Bitnami "openresty"];
    "openssh" "openbsd:openssh" [];
    "openssl" "openssl:openssl" [];
    "openvpn" "openvpn:openvpn" [];
    "pcre2" "pcre:pcre2" [];
    "percona-xtrabackup" "percona:xtrabackup" [];
    "perl" "perl:perl" [];
    "pgbouncer" "pgbouncer:pgbouncer" [Bitnami "pgbouncer"];
    "php" "php:php" [Bitnami "php"];
    "postfix" "postfix:postfix" [];
    "postgresql" "postgresql:postgresql" [Bitnami "postgresql"];
    "powerdns" "powerdns:authoritative_server" [];
    "proftpd" "proftpd:proftpd" [];
    "pure-ftpd" "pureftpd:pure-ftpd" [];
    "pypy" "pypy:pypy" [];
    "python" "python:python" [Bitnami "python"];
    "qemu" "qemu:qemu" [];
    "qt" "qt:qt" [];
    "redis" "redis:redis" [Bitnami "redis"];
    "rsync" "samba:rsync" [];
    "ruby" "ruby-lang:ruby" [Bitnami "ruby"];
    "rust" "rust-lang:rust" [];
    "samba" "samba:samba" [];
    "socat" "dest-unreach:socat" [];
    "sqlcipher" "zetetic:sqlcipher" [];
    "sqlite" "sqlite:sqlite" [Bitnami "sqlite"];
    "squid" "squid-cache:squid" [];
    "stunnel" "stunnel:stunnel" [];
    "sudo" "sudo_project:sudo" [];
    "swi-prolog" "swi-prolog:swi-prolog" [];
    "systemd" "systemd_project:systemd" [];
    "tcpdump" "tcpdump:tcpdump" [];
    "tor" "torproject:tor" [];
    "toybox" "landley:toybox" [];
    "traefik" "traefik:traefik" [];
    "unbound" "nlnetlabs:unbound" [];
    "unzip" "info-zip:unzip" [];
    "util-linux" "kernel:util-linux" [];
    "uwsgi" "unbit:uwsgi" [];
    "valkey" "lfprojects:valkey" [Bitnami "valkey"];
    "varnish" "varnish-software:varnish_cache" [Bitnami "varnish"];
    "vault" "hashicorp:vault" [Bitnami "vault"];
    "vsftpd" "vsftpd_project:vsftpd" [];
    "wget" "gnu:wget" [];
    "wolfssl" "wolfssl:wolfssl" [];
    "wp-cli" "wp-cli:wp-cli" [Bitnami "wp-cli"];
    "xz" "tukaani:xz" [];
    "zlib" "zlib:zlib" [];
    "zsh" "zsh:zsh" [];
    "zstd" "facebook:zstandard" [];
}

impl Product {
    /// The product with this name.
    pub fn named(name: &str) -> Option<&'static Product> {
        PRODUCTS.binary_search_by(|product| product.name.cmp(name)).ok().map(|index| &PRODUCTS[index])
    }

    /// The product that a package is.
    pub fn of(package: &Package) -> Option<&'static Product> {
        // A package of a distribution that is not the image's carries that one's fixes: upstream's advisories cannot tell.
        let is_upstream = !package.properties.contains_key("package-type");
        (package.ecosystem == Ecosystem::Generic && is_upstream).then(|| Product::named(&package.name))?
    }
}

/// A product's version as Bitnami's advisories write it: three numbers, then what was before the release.
/// `16.1` is `16.1.0`, `3.13.0rc1` is `3.13.0-rc1`, `1.8.0_392` and `8u392` are `8.0.392`, `3.1.2p20` and
/// `17.0.9+9` lose what is behind the numbers.
pub fn three_numbers(version: &str) -> Cow<'_, str> {
    let end = version.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(version.len());
    let (numbers, rest) = version.split_at(end);
    let mut parts: Vec<&str> = numbers.split('.').filter(|part| !part.is_empty()).collect();
    let update = rest.strip_prefix(['_', 'u']).map(|rest| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        &rest[..end]
    });
    if let Some(update) = update.filter(|update| !update.is_empty()) {
        // Java before 9: `1.8.0_392`, or `8u392` for short.
        let (["1", major, ..] | [major]) = parts.as_slice() else { return Cow::Borrowed(version) };
        return Cow::Owned(format!("{major}.0.{update}"));
    }
    let before = ["-rc", "-beta", "-alpha", "rc", "beta", "alpha", "b", "a"].into_iter().find_map(|word| {
        let count = rest.strip_prefix(word)?.trim_start_matches(['.', '-']);
        let digits = count.bytes().take_while(u8::is_ascii_digit).count();
        let word = match word.trim_start_matches('-') {
            "a" => "alpha",
            "b" => "beta",
            word => word,
        };
        // A letter alone is a release of its own: `1.1.1b`.
        (digits > 0).then(|| format!("-{word}.{}", &count[..digits]))
    });
    if rest.is_empty() && parts.len() == 3 {
        return Cow::Borrowed(version);
    }
    parts.truncate(3);
    parts.resize(3, "0");
    Cow::Owned(parts.join(".") + &before.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_found() {
        for pair in PRODUCTS.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} stands behind {}", pair[1].name, pair[0].name);
        }
        for product in PRODUCTS {
            assert!(std::ptr::eq(Product::named(product.name).unwrap_or(&PRODUCTS[0]), product));
            assert!(product.cpe.is_empty() || product.cpe.split(':').count() == 2, "{}", product.name);
        }
        assert!(Product::named("nothing").is_none());
    }

    #[test]
    fn who_supports_what() {
        for pair in SUPPORT.windows(2) {
            assert!(pair[0].0 < pair[1].0, "{} stands behind {}", pair[1].0, pair[0].0);
        }
        for (product, _) in SUPPORT {
            assert!(Product::named(product).is_some(), "{product}");
        }
        let name = |implementor, kind| java_builder(implementor, kind).map(|builder| builder.name);
        assert_eq!(name("Oracle Corporation", JavaKind::Sold), Some("Oracle JDK"));
        assert_eq!(name("Oracle Corporation", JavaKind::Graal), Some("Oracle GraalVM"));
        assert_eq!(name("Amazon.com Inc.", JavaKind::Plain), Some("Amazon Corretto"));
        assert_eq!(name("Debian", JavaKind::Plain), None);
        let mut java = Package::new(
            Ecosystem::Generic,
            "java",
            "1.8.0_392",
            crate::Location::new("opt/jdk/release".into()),
        );
        assert_eq!(support_of(&java), None, "nobody says who built it");
        java.properties.insert("distribution".into(), "Azul Zulu".into());
        assert_eq!(support_of(&java), Some(("azul-zulu", "8.0.392".into())));
    }

    #[test]
    fn versions_for_bitnami() {
        for (version, expected) in [
            ("1.24.0", "1.24.0"),
            ("16.1", "16.1.0"),
            ("3.13.0rc1", "3.13.0-rc.1"),
            ("3.13.0b2", "3.13.0-beta.2"),
            ("7.0-rc2", "7.0.0-rc.2"),
            ("3.1.2p20", "3.1.2"),
            ("1.1.1b", "1.1.1"),
            ("1.8.0_392", "8.0.392"),
            ("1.8.0_392-b08", "8.0.392"),
            ("8u392", "8.0.392"),
            ("17.0.9+9", "17.0.9"),
            ("17.0.9.8.1", "17.0.9"),
            ("21", "21.0.0"),
            ("10.11.6-MariaDB", "10.11.6"),
        ] {
            assert_eq!(three_numbers(version), expected, "{version}");
        }
    }
}
