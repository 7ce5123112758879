//! Products known by their bytes: programs made byte by byte with the texts that the real ones hold.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::collections::BTreeSet;

use plimsoll_extract::Extraction;
use plimsoll_extract::binary::{executable, products};
use proptest::prelude::*;

fn program(text: &[u8], before: usize) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(before.max(64), 0xcc);
    file.extend_from_slice(text);
    file.resize(file.len() + 2000, 0xcc);
    file
}

fn read(path: &str, bytes: &[u8]) -> Extraction {
    executable::parse(&path.into(), &mut &bytes[..]).unwrap()
}

fn names(found: &Extraction) -> Vec<(&str, &str)> {
    found.packages.iter().map(|package| (package.name.as_str(), package.version.as_str())).collect()
}

/// File, what stands in it (seen in Debian's and upstream's builds), product and version.
const SEEN: &[(&str, &[u8], &str, &str)] = &[
    ("usr/bin/7zz", b"\x007-Zip (z) 26.02 (x64) : Copyright", "7zip", "26.02"),
    ("usr/lib/7za", b"\x007-Zip (a) [64] 16.02 : Copyright", "7zip", "16.02"),
    ("usr/bin/arangosh", b"3.11.8 enterprise [linux] 64bit", "arangodb", "3.11.8"),
    ("usr/bin/openssl", b"\0OpenSSL 1.1.1 (compatible; AWS-LC 1.69.0)\0", "aws-lc", "1.69.0"),
    ("opt/google/chrome/chrome", b"\x00127.0.6533.119\0Default", "chrome", "127.0.6533.119"),
    ("usr/lib/ghc/bin/ghc", b"\0libHSghc-9.0.2-ghc9.0.2.so\0", "ghc", "9.0.2"),
    ("usr/bin/ghc", b"\0GHC 8.4.4\0", "ghc", "8.4.4"),
    ("usr/share/grafana/bin/grafana", b"\0release-12.3.2+security-01\0", "grafana", "12.3.2"),
    ("bin/gzip", b"\x001.12\0", "gzip", "1.12"),
    ("usr/bin/cabal", b"/lib/x86_64-linux-ghc-9.0.2/cabal-install-3.4.1.0\0", "cabal", "3.4.1.0"),
    ("usr/local/bin/gcc", b"\0lto-wrapper\x0012.2.0\0(Debian 12.2.0-14) \0", "gcc", "12.2.0"),
    ("usr/local/bin/x86_64-linux-gnu-g++", b"\x0013.1.0\0", "gcc", "13.1.0"),
    (
        "usr/lib/libsqlcipher.so.0.8.6",
        b"\0cipher_version\0rekey_cipher\0fast_kdf_iter\x003.4.1\0",
        "sqlcipher",
        "3.4.1",
    ),
    ("usr/bin/sqlcipher", b"\0cipher_version\x004.5.6 community\0", "sqlcipher", "4.5.6"),
    ("usr/local/bin/stack", b"Version 2.9.1, Git revision", "haskell-stack", "2.9.1"),
    ("usr/bin/mongod", b"\x006.0.27\0tcmalloc", "mongodb", "6.0.27"),
    ("usr/bin/mongod", b"\x008.0.17\0\0\0cppdefines", "mongodb", "8.0.17"),
    ("usr/bin/ldapsearch", b"@(#) $OpenLDAP: ldapsearch 2.5.13+dfsg-5 (Feb", "openldap", "2.5.13"),
    ("usr/bin/xtrabackup", b"/percona-xtrabackup-8.0.35-30/storage", "percona-xtrabackup", "8.0.35-30"),
    ("lib/libQt5Core.so.5.15.8", b"\0Qt 5.15.8 (x86_64-little_endian-lp64", "qt", "5.15.8"),
    ("bin/mount", b"\0util-linux 2.38.1\0", "util-linux", "2.38.1"),
    ("bin/bash", b"\0@(#)Bash version 5.2.15(1) release GNU\0", "bash", "5.2.15"),
    ("usr/sbin/named", b"\x009.18.49-1~deb12u3-Debian\0", "bind", "9.18.49"),
    ("bin/bun", b"\0Bun v1.4.5 (Linux x64)\0", "bun", "1.4.5"),
    ("bin/busybox", b"BusyBox v1.35.0 (Debian 1:1.35.0-4)", "busybox", "1.35.0"),
    ("lib/libbz2.so.1.0.4", b"\x001.0.8, 13-Jul-2019\0", "bzip2", "1.0.8"),
    ("usr/sbin/chronyd", b"\x004.3\0", "chrony", "4.3"),
    ("bin/consul", b"CONSUL_VERSION: 1.17.1", "consul", "1.17.1"),
    ("usr/bin/crun", b"\0crun version 1.8.1\0", "crun", "1.8.1"),
    ("usr/bin/curl", b"\0curl/7.88.1\0", "curl", "7.88.1"),
    ("bin/dart", b"\x003.13.7 (stable) (Thu Oct 22 14:28:57 2026", "dart", "3.13.7"),
    ("bin/deno", b"Deno/2.9.6", "deno", "2.9.6"),
    ("usr/sbin/dnsmasq", b"\0dnsmasq-2.90\0", "dnsmasq", "2.90"),
    ("usr/sbin/dovecot", b"\x002.3.19.1 (9b53102964)\0", "dovecot", "2.3.19.1"),
    ("usr/sbin/dropbear", b"SSH-2.0-dropbear_2022.83\0", "dropbear", "2022.83"),
    ("usr/local/bin/envoy", b"\x001.28.0/Clean/RELEASE", "envoy", "1.28.0"),
    ("usr/sbin/exim4", b"\x004.96\0", "exim", "4.96"),
    ("lib/libexpat.so.1.8.10", b"\0expat_2.5.0\0", "expat", "2.5.0"),
    ("usr/bin/ffmpeg", b"\0%s version 5.1.9-0+deb12u1\0", "ffmpeg", "5.1.9"),
    ("lib/libavutil.so.57", b"FFmpeg version n6.0\0", "ffmpeg", "6.0"),
    ("usr/bin/gawk", b"GNU Awk 5.2.1\0", "gawk", "5.2.1"),
    ("lib/libgs.so.10", b"/usr/share/ghostscript/10.00.0/Resource", "ghostscript", "10.00.0"),
    ("usr/bin/git", b"\x002.39.5\0", "git", "2.39.5"),
    (
        "lib/libc.so.6",
        b"GNU C Library (Debian GLIBC 2.36-9+deb12u14) stable release version 2.36.",
        "glibc",
        "2.36",
    ),
    ("usr/bin/gpg", b"\x002.2.40\0", "gnupg", "2.2.40"),
    ("lib/libgnutls.so.30", b"Enabled GnuTLS 3.7.9 logging...", "gnutls", "3.7.9"),
    ("lib/libgstreamer-1.0.so.0", b"\x001.22.0\0", "gstreamer", "1.22.0"),
    ("usr/sbin/haproxy", b"\x002.6.12-1+deb12u1\0", "haproxy", "2.6.12"),
    ("usr/sbin/hostapd", b"\x002.10\0", "hostapd", "2.10"),
    ("usr/sbin/apache2", b"\0Apache/2.4.71 (Debian)\0", "httpd", "2.4.71"),
    ("usr/local/apache2/bin/httpd", b"\0Apache/2.4.58 (Unix)\0", "httpd", "2.4.58"),
    ("lib/libMagickCore-6.Q16.so.6", b"ImageMagick 6.9.11-60 Q16", "imagemagick", "6.9.11-60"),
    ("usr/bin/jq", b"\x001.6\0", "jq", "1.6"),
    ("lib/libjulia-internal.so.1", b"__init__\x001.9.4\0verify", "julia", "1.9.4"),
    ("lib/libarchive.so.13", b"libarchive 3.6.2\0", "libarchive", "3.6.2"),
    ("lib/libcurl.so.4.8.0", b"libcurl/7.88.1\0", "libcurl", "7.88.1"),
    ("lib/libgcrypt.so.20", b"This is Libgcrypt 1.10.1 - The", "libgcrypt", "1.10.1"),
    ("lib/libpcap.so.0.8", b"libpcap version 1.10.3 (with", "libpcap", "1.10.3"),
    ("lib/libpng16.so.16", b" libpng version 1.6.39\n", "libpng", "1.6.39"),
    ("lib/libssh.so.4", b"SSH-2.0-libssh_0.10.6\0", "libssh", "0.10.6"),
    ("lib/libssh2.so.1", b"SSH-2.0-libssh2_1.10.0\0", "libssh2", "1.10.0"),
    ("lib/libtiff.so.6", b"LIBTIFF, Version 4.5.0\n", "libtiff", "4.5.0"),
    ("usr/sbin/lighttpd", b"\0lighttpd/1.4.69\0", "lighttpd", "1.4.69"),
    ("usr/bin/lua5.4", b"\0Lua 5.4.4  Copyright (C)", "lua", "5.4.4"),
    ("usr/bin/luajit", b"LuaJIT 2.1.0-beta3\0", "luajit", "2.1.0-beta3"),
    ("usr/sbin/mariadbd", b"\x0010.11.19-MariaDB\0", "mariadb", "10.11.19"),
    ("lib/libmbedcrypto.so.7", b"mbed TLS 2.28.3\0", "mbedtls", "2.28.3"),
    ("usr/bin/memcached", b"\x001.6.18\0", "memcached", "1.6.18"),
    ("usr/sbin/mosquitto", b"\x002.0.11\0", "mosquitto", "2.0.11"),
    ("lib/ld-musl-x86_64.so.1", b"\x001.2.4\0", "musl", "1.2.4"),
    ("usr/sbin/mysqld", b"/export/home/pb2/build/mysql-8.0.35/sql/", "mysql", "8.0.35"),
    ("lib/libnghttp2.so.14", b"\x041.52.0\0", "nghttp2", "1.52.0"),
    ("usr/sbin/nginx", b"nginx version: nginx/1.22.1\0", "nginx", "1.22.1"),
    ("usr/local/openresty/nginx/sbin/nginx", b"nginx version: openresty/1.21.4.3\0", "openresty", "1.21.4.3"),
    ("usr/bin/nmap", b"\x007.93\0", "nmap", "7.93"),
    ("usr/local/bin/node", b"\0node.js/v18.20.4\0", "node", "18.20.4"),
    ("usr/sbin/slapd", b"\x002.5.13+dfsg-5\0", "openldap", "2.5.13"),
    ("usr/sbin/sshd", b"OpenSSH_9.2p1 Debian-2", "openssh", "9.2p1"),
    ("lib/libcrypto.so.3", b"\0OpenSSL 3.0.22 25 Aug 2026\0", "openssl", "3.0.22"),
    ("lib/libcrypto.so.1.1", b"\0OpenSSL 1.1.1w  11 Sep 2023\0", "openssl", "1.1.1w"),
    ("usr/sbin/openvpn", b"OpenVPN 2.7 will remove\0\x002.6.14\0", "openvpn", "2.6.14"),
    ("lib/libpcre2-8.so.0", b"\x0010.42 2022-12-11\0", "pcre2", "10.42"),
    ("usr/bin/perl", b"\0v5.36.0\0", "perl", "5.36.0"),
    ("usr/local/bin/php", b"X-Powered-By: PHP/8.2.36\0", "php", "8.2.36"),
    ("usr/lib/postfix/sbin/master", b"mail_version=3.7.11\0", "postfix", "3.7.11"),
    ("usr/lib/postgresql/15/bin/postgres", b"postgres (PostgreSQL) 15.20 (Debian", "postgresql", "15.20"),
    ("usr/sbin/pdns_server", b"\x004.7.3-2.Debian\0", "powerdns", "4.7.3"),
    ("usr/sbin/proftpd", b"\x001.3.8\0", "proftpd", "1.3.8"),
    ("lib/libpypy3.9-c.so", b"[PyPy 7.3.11 with ", "pypy", "7.3.11"),
    ("usr/bin/python3.11", b"\x003.11.2\0", "python", "3.11.2"),
    ("usr/local/bin/python3.13", b"\x003.13.0rc1\0", "python", "3.13.0rc1"),
    ("usr/bin/qemu-system-x86_64", b"QEMU emulator version 7.2.22 (", "qemu", "7.2.22"),
    ("usr/bin/redis-server", b"A7.0.151790282056000000000\0", "redis", "7.0.15"),
    ("usr/local/bin/redis-server", b"A7.0.14buildkitsandbox-1702957741000000000\0", "redis", "7.0.14"),
    ("usr/local/bin/redis-server", b"A4.0.11841ce7054bd9-1542359302000000000\0", "redis", "4.0.11"),
    ("usr/bin/rsync", b"\x003.5.0\0", "rsync", "3.5.0"),
    ("lib/libruby-3.1.so.3.1.2", b"ruby 3.1.2p20 (2022-04-12 revision", "ruby", "3.1.2p20"),
    (
        "lib/librustc_driver-4c3b.so",
        b"clang LLVM (rustc version 1.63.0 (4b91a6ea7 2022-08-08))",
        "rust",
        "1.63.0",
    ),
    ("usr/sbin/smbd", b"SAMBA_4.17.12_DEBIAN_SAMBA4", "samba", "4.17.12"),
    ("usr/bin/socat", b"\x001.7.4.4\0", "socat", "1.7.4.4"),
    ("lib/libsqlite3.so.0.8.6", b"\x003.40.1\0", "sqlite", "3.40.1"),
    ("usr/sbin/squid", b"squid/5.7\0", "squid", "5.7"),
    ("usr/bin/stunnel4", b"stunnel 5.68 on", "stunnel", "5.68"),
    ("usr/bin/sudo", b"\x001.9.13p3\0", "sudo", "1.9.13p3"),
    ("usr/bin/swipl", b"/build/swipl-9.1.8/src", "swi-prolog", "9.1.8"),
    ("lib/systemd/systemd", b"systemd 252.39-1", "systemd", "252.39"),
    ("usr/bin/tcpdump", b"%s version 4.99.3\n", "tcpdump", "4.99.3"),
    ("usr/bin/tor", b"tor 0.4.9.11)", "tor", "0.4.9.11"),
    ("bin/toybox", b"\x000.8.9\0", "toybox", "0.8.9"),
    ("usr/local/bin/traefik", b"\x003.0.1\0", "traefik", "3.0.1"),
    ("usr/sbin/unbound", b"unbound 1.17.1\0", "unbound", "1.17.1"),
    ("usr/local/bin/valkey-server", b"A8.0.1buildkitsandbox-1728957741000000000\0", "valkey", "8.0.1"),
    ("usr/sbin/varnishd", b"varnish-7.1.1 revision 7cee", "varnish", "7.1.1"),
    ("usr/sbin/vsftpd", b"vsftpd: version 3.0.3\n", "vsftpd", "3.0.3"),
    ("usr/bin/wget", b"\x001.21.3\0", "wget", "1.21.3"),
    ("lib/libwolfssl.so.35", b"wolfSSL 5.5.4\0", "wolfssl", "5.5.4"),
    ("lib/liblzma.so.5.4.1", b"\x005.4.1\0", "xz", "5.4.1"),
    ("lib/libz.so.1.2.13", b" deflate 1.2.13 Copyright 1995-2022", "zlib", "1.2.13"),
    ("bin/zsh", b"zsh-5.9-0-g73d3173\0", "zsh", "5.9"),
    ("usr/bin/zstd", b"\x001.2.13\0\x00v1.5.4\0", "zstd", "1.5.4"),
    ("lib/libzstd.so.1.5.4", b"\x011.5.4\0", "zstd", "1.5.4"),
];

#[test]
fn products_that_were_seen() {
    for (path, text, product, version) in SEEN {
        let found = read(path, &program(text, 4096));
        assert_eq!(names(&found), [(*product, *version)], "{path}");
        assert_eq!(found.problems, [], "{path}");
        assert_eq!(found.packages[0].properties["identity"], "file");
    }
    let seen: BTreeSet<&str> = SEEN.iter().map(|(_, _, product, _)| *product).collect();
    let unseen: Vec<&str> =
        products::RULES.iter().map(|rule| rule.product).filter(|product| !seen.contains(product)).collect();
    // Rules without a line above: what they look for was never seen in a real file by us.
    assert_eq!(unseen, ["erlang", "fluent-bit", "libvips", "monit", "pgbouncer", "pure-ftpd", "uwsgi"]);
}

#[test]
fn the_text_may_lie_across_any_border() {
    // The buffer is 128 KiB and a kilobyte behind it.
    for at in (128 * 1024 - 40..128 * 1024 + 1100).step_by(7).chain([3 * 128 * 1024 - 3]) {
        let found = read("usr/sbin/nginx", &program(b"nginx version: nginx/1.22.1\0", at));
        assert_eq!(names(&found), [("nginx", "1.22.1")], "{at}");
    }
}

#[test]
fn a_name_alone_is_nothing() {
    for (path, text) in [
        ("usr/sbin/nginx", &b"nginx version: nginx/\0"[..]),
        ("usr/sbin/other", b"nginx version: nginx/1.22.1\0"),
        ("usr/bin/python3.11", b"\x001.2.3\0"),
        ("usr/bin/redis-server", b"\x001.0.0\0\x007.0.0\x00127.0.0.1\0"),
        ("lib/libcrypto.so.3", b"\0OpenSSL by eay\0"),
    ] {
        assert_eq!(names(&read(path, &program(text, 100))), [], "{path}");
    }
    // No program at all.
    assert_eq!(
        read("usr/sbin/nginx", b"#!/bin/sh\necho nginx version: nginx/1.22.1\n"),
        Extraction::default()
    );
}

proptest! {
    #[test]
    fn arbitrary_content_never_panics(
        which in 0..SEEN.len(),
        noise in proptest::collection::vec(any::<u8>(), 0..300),
        digits in "[0-9.a-z-]{0,200}",
    ) {
        let (path, text, ..) = SEEN[which];
        let found = read(path, &program(&[&noise, text, digits.as_bytes(), &noise].concat(), 64));
        prop_assert!(found.packages.iter().all(|package| package.version.len() < 64));
    }
}
