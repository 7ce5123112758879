//! Every parser over arbitrary bytes and over damaged databases: the bodies are those of the fuzz targets.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::rpm_header::tests::Value;
use super::rpm_header::{tag, tests::header};
use super::*;

type Body = fn(&[u8]);

const BODIES: &[(&str, Body)] = &[
    ("apk_installed", apk_installed::fuzz),
    ("chisel_manifest", chisel_manifest::fuzz),
    ("dpkg_copyright", dpkg_copyright::fuzz),
    ("dpkg_files", dpkg_files::fuzz),
    ("dpkg_status", dpkg_status::fuzz),
    ("pacman_local", pacman_local::fuzz),
    ("portage_contents", portage_contents::fuzz),
    ("release", release::fuzz),
    ("rpm_bdb", rpm_bdb::fuzz),
    ("rpm_header", rpm_header::fuzz),
    ("rpm_manifest", rpm_manifest::fuzz),
    ("rpm_ndb", rpm_ndb::fuzz),
    ("rpm_sqlite", rpm_sqlite::fuzz),
];

/// Sound input of one parser. Those of the shared suites are used where they are there.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let shared = |path: &str| plimsoll_testing::shared(path).map(|path| std::fs::read(path).unwrap());
    let mut seeds: Vec<Vec<u8>> = match name {
        "apk_installed" => vec![b"C:Q1\nP:a\nV:1-r0\nA:x86_64\no:b\nL:MIT\nm:x\nF:usr/bin\nR:a\na:0:0:755\nZ:Q1\n\n".into()],
        "chisel_manifest" => vec![include_bytes!("../../fixtures/os/chisel_manifest/good.jsonl").to_vec()],
        "dpkg_copyright" => vec![b"Format: x\n\nFiles: *\nLicense: GPL-2+\n text\n".into()],
        "dpkg_files" => vec![b"/.\n/usr\n/usr/bin\n/usr/bin/a\n0123456789abcdef0123456789abcdef  usr/a\n".into()],
        "dpkg_status" => {
            vec![b"Package: a\nStatus: install ok installed\nSource: b (1)\nVersion: 1+b1\nDescription: x\n y\n\n".into()]
        }
        "pacman_local" => vec![b"%NAME%\na\n\n%VERSION%\n1-1\n\n%FILES%\nusr/\nusr/a\n".into()],
        "portage_contents" => vec![b"dir /usr\nobj /usr/a 00 1\nsym /usr/b -> a 1\n".into(), b"gtk+-3.24-r1".into()],
        "release" => vec![
            b"ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME='bookworm'\nDISTRIB_ID=Debian\nDISTRIB_RELEASE=12\n".into(),
            b"3.18.4\nhttps://x/alpine/v3.18/main\n@t https://x/alpine/edge/main\n".into(),
            b"SUSE Linux Enterprise Server 12 (x86_64)\nPATCHLEVEL = 5\n".into(),
        ],
        "rpm_bdb" => vec![rpm_bdb::tests::seed()],
        "rpm_header" => vec![header(&[
            (tag::NAME, Value::Text("a")),
            (tag::VERSION, Value::Text("1")),
            (tag::RELEASE, Value::Text("1")),
            (tag::EPOCH, Value::Numbers(&[1])),
            (tag::DIRECTORY_INDEXES, Value::Numbers(&[0, 1])),
            (tag::BASENAMES, Value::Texts(&["b", "c"])),
            (tag::DIRECTORY_NAMES, Value::Texts(&["/d/", "/e/"])),
        ])],
        "rpm_manifest" => vec![b"a\t1-2\t1\t1\tV\t(none)\t1\tx86_64\t1\tb-1-2.src.rpm\n".into()],
        "rpm_ndb" => vec![rpm_ndb::tests::seed()],
        "rpm_sqlite" => vec![rpm_sqlite::tests::database(512, 3, 900), rpm_sqlite::tests::database(1024, 60, 20)],
        _ => unreachable!("every body has seeds"),
    };
    seeds.extend(match name {
        "apk_installed" => shared("fixtures/apk/alpine-sample/in/lib/apk/db/installed"),
        "rpm_bdb" => shared("fixtures/rpmdb/bdb-libuuid/in/var/lib/rpm/Packages"),
        _ => None,
    });
    seeds
}

#[test]
fn arbitrary_bytes() {
    for (name, body) in BODIES {
        let mut runner = TestRunner::new(ProptestConfig::with_cases(256));
        runner
            .run(&prop::collection::vec(any::<u8>(), 0..2048), |input| {
                body(&input);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn damaged_databases() {
    // Bytes that numbers in headers turn into something extreme, or just any.
    let byte = prop_oneof![Just(0_u8), Just(0xff), Just(0x7f), Just(0x80), Just(1), Just(b'\n'), any::<u8>()];
    let damage = (any::<prop::sample::Index>(), byte, 1_usize..5);
    let strategy = (
        any::<prop::sample::Index>(),
        prop::collection::vec(damage, 0..12),
        prop::option::of(any::<prop::sample::Index>()),
    );
    for (name, body) in BODIES {
        let seeds = seeds(name);
        let mut runner = TestRunner::new(ProptestConfig::with_cases(512));
        runner
            .run(&strategy, |(seed, damages, cut)| {
                let mut input = seeds[seed.index(seeds.len())].clone();
                for (place, byte, length) in damages {
                    // Half of the damage is done to the first bytes, where most numbers stand.
                    let place = place.index(input.len() * 2);
                    let place = if place < input.len() { place } else { place % input.len().min(600) };
                    for target in input.iter_mut().skip(place).take(length) {
                        *target = byte;
                    }
                }
                if let Some(cut) = cut {
                    input.truncate(cut.index(input.len()));
                }
                body(&input);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
