//! Programs made byte by byte in every linker format, real ones where a compiler is installed, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use std::fmt::Write as _;
use std::io::{self, Read, Write as _};
use std::path::Path;
use std::process::Command;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use plimsoll_extract::Extraction;
use plimsoll_extract::binary::executable;
use plimsoll_model::{Effect, ImagePath, ProblemKind};
use proptest::prelude::*;

const MARK_START: [u8; 16] = *b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const MARK_END: [u8; 16] = *b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";
const MODULES: &str = "path\texample.com/app\nmod\texample.com/app\t(devel)\t\n\
    dep\tgithub.com/sirupsen/logrus\tv1.8.1\th1:x=\ndep\told.example/a\tv1.0.0\n=>\tnew.example/a\tv1.0.1\th1:y=\n\
    build\tGOARCH=amd64\nbuild\tGOOS=linux\n";
const EXPECTED: &[&str] =
    &["example.com/app@", "github.com/sirupsen/logrus@v1.8.1", "new.example/a@v1.0.1", "stdlib@1.15.6"];

fn scan(bytes: &[u8]) -> Extraction {
    executable::parse(&"usr/bin/app".into(), &mut &bytes[..]).expect("memory does not fail")
}

fn names(found: &Extraction) -> Vec<String> {
    found.packages.iter().map(|package| format!("{}@{}", package.name, package.version)).collect()
}

fn marked(modules: &str) -> Vec<u8> {
    [&MARK_START, modules.as_bytes(), &MARK_END].concat()
}

fn leb128(mut value: usize, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    into.push(value.to_le_bytes()[0]);
}

/// Build information as Go 1.18 and later write it.
fn inline(version: &str, modules: &str) -> Vec<u8> {
    let mut blob = b"\xff Go buildinf:\x08\x02".to_vec();
    blob.resize(32, 0);
    leb128(version.len(), &mut blob);
    blob.extend_from_slice(version.as_bytes());
    let modules = if modules.is_empty() { Vec::new() } else { marked(modules) };
    leb128(modules.len(), &mut blob);
    blob.extend_from_slice(&modules);
    blob
}

/// Sizes and order of numbers in a program.
#[derive(Clone, Copy, Debug)]
struct Words {
    wide: bool,
    big: bool,
}

impl Words {
    fn put(self, value: u64, into: &mut Vec<u8>) {
        if self.wide {
            into.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
        } else {
            self.put4(value, into);
        }
    }

    fn put4(self, value: u64, into: &mut Vec<u8>) {
        let value = u32::try_from(value).expect("fits");
        into.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }

    fn put2(self, value: u16, into: &mut Vec<u8>) {
        into.extend(if self.big { value.to_be_bytes() } else { value.to_le_bytes() });
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Format {
    Elf,
    Pe,
    MachO,
}

/// A program of two segments: constants, then writable data. Both stand at fixed offsets.
const CONSTANTS_AT: usize = 0x1000;
const DATA_AT: usize = 0x9000;
const ADDRESS: u64 = 0x40_0000;

fn program(format: Format, words: Words, constants: &[u8], data: &[u8]) -> Vec<u8> {
    let parts =
        [(CONSTANTS_AT as u64, constants.len() as u64, false), (DATA_AT as u64, data.len() as u64, true)];
    let mut file = Vec::new();
    match format {
        Format::Elf => {
            file.extend([
                0x7f,
                b'E',
                b'L',
                b'F',
                if words.wide { 2 } else { 1 },
                if words.big { 2 } else { 1 },
                1,
            ]);
            file.resize(16, 0);
            words.put2(2, &mut file);
            words.put2(62, &mut file);
            words.put4(1, &mut file);
            words.put(0, &mut file);
            words.put(if words.wide { 64 } else { 52 }, &mut file);
            words.put(0, &mut file);
            words.put4(0, &mut file);
            for value in if words.wide { [64, 56, 2, 64, 0, 0] } else { [52, 32, 2, 40, 0, 0] } {
                words.put2(value, &mut file);
            }
            for (offset, size, writable) in parts {
                let flags = if writable { 6 } else { 4 };
                words.put4(1, &mut file);
                if words.wide {
                    words.put4(flags, &mut file);
                }
                words.put(offset, &mut file);
                words.put(ADDRESS + offset, &mut file);
                words.put(ADDRESS + offset, &mut file);
                words.put(size, &mut file);
                words.put(size, &mut file);
                if !words.wide {
                    words.put4(flags, &mut file);
                }
                words.put(0x1000, &mut file);
            }
        }
        Format::Pe => {
            file.extend(b"MZ");
            file.resize(60, 0);
            words.put4(0x80, &mut file);
            file.resize(0x80, 0);
            file.extend(b"PE\0\0");
            words.put2(if words.wide { 0x8664 } else { 0x14c }, &mut file);
            words.put2(2, &mut file);
            for _ in 0..3 {
                words.put4(0, &mut file);
            }
            words.put2(if words.wide { 240 } else { 224 }, &mut file);
            words.put2(0x22, &mut file);
            let optional = file.len();
            words.put2(if words.wide { 0x20b } else { 0x10b }, &mut file);
            file.resize(optional + if words.wide { 24 } else { 28 }, 0);
            words.put(ADDRESS, &mut file);
            file.resize(optional + if words.wide { 108 } else { 92 }, 0);
            words.put4(16, &mut file);
            file.resize(optional + if words.wide { 240 } else { 224 }, 0);
            for (offset, size, writable) in parts {
                file.extend(b".section");
                for value in [size, offset, size, offset, 0, 0, 0] {
                    words.put4(value, &mut file);
                }
                words.put4(if writable { 0xc000_0040 } else { 0x4000_0040 }, &mut file);
            }
        }
        Format::MachO => {
            words.put4(if words.wide { 0xfeed_facf } else { 0xfeed_face }, &mut file);
            let command_size = if words.wide { 72 } else { 56 };
            for value in [0x0100_0007, 3, 2, 2, 2 * command_size, 0] {
                words.put4(value, &mut file);
            }
            if words.wide {
                words.put4(0, &mut file);
            }
            for (offset, size, writable) in parts {
                words.put4(if words.wide { 0x19 } else { 1 }, &mut file);
                words.put4(command_size, &mut file);
                file.extend([0; 16]);
                for value in [ADDRESS + offset, size, offset, size] {
                    words.put(value, &mut file);
                }
                for value in [7, if writable { 3 } else { 1 }, 0, 0] {
                    words.put4(value, &mut file);
                }
            }
        }
    }
    assert!(file.len() <= CONSTANTS_AT);
    file.resize(CONSTANTS_AT, 0);
    file.extend_from_slice(constants);
    assert!(file.len() <= DATA_AT);
    file.resize(DATA_AT, 0);
    file.extend_from_slice(data);
    file
}

const AMD64: Words = Words { wide: true, big: false };

fn all_formats() -> Vec<(Format, Words)> {
    let mut all = vec![(Format::Pe, AMD64), (Format::Pe, Words { wide: false, big: false })];
    for wide in [false, true] {
        for big in [false, true] {
            all.extend([Format::Elf, Format::MachO].map(|format| (format, Words { wide, big })));
        }
    }
    all
}

#[test]
fn inline_build_information_in_every_format() {
    for (format, words) in all_formats() {
        let mut data = vec![0; 0x120];
        data.extend(inline("go1.15.6", MODULES));
        let found = scan(&program(format, words, b"", &data));
        assert_eq!(names(&found), EXPECTED, "{format:?} {words:?}");
        assert_eq!(found.problems, [], "{format:?} {words:?}");
        assert!(found.packages.iter().all(|package| package.properties["goos"] == "linux"));
    }
}

/// Before 1.18: the build information points to string headers, the strings stand among the constants.
fn pointer_program(format: Format, words: Words, header_first: bool) -> Vec<u8> {
    let mut constants = b"\xff Go build ID: \"abc\"\n \xff".to_vec();
    constants.extend(b"xfuncgo1.2go1.15.6go1.7");
    let version_at = ADDRESS + CONSTANTS_AT as u64 + (constants.len() - b"go1.15.6go1.7".len()) as u64;
    constants.extend(b"more");
    constants.extend(marked(MODULES));
    let mut header = Vec::new();
    words.put(version_at, &mut header);
    words.put(8, &mut header);
    header.resize(32, 0);
    let header_at = ADDRESS + DATA_AT as u64 + if header_first { 0 } else { 64 };
    let mut blob = b"\xff Go buildinf:".to_vec();
    blob.push(if words.wide { 8 } else { 4 });
    blob.push(u8::from(words.big));
    words.put(header_at, &mut blob);
    words.put(header_at + 16, &mut blob);
    blob.resize(64, 0);
    let data = if header_first { [header, blob].concat() } else { [blob, header].concat() };
    program(format, words, &constants, &data)
}

#[test]
fn pointers_of_older_toolchains_in_every_format() {
    for (format, words) in all_formats() {
        for header_first in [false, true] {
            let found = scan(&pointer_program(format, words, header_first));
            assert_eq!(names(&found), EXPECTED, "{format:?} {words:?} {header_first}");
            assert_eq!(found.problems, [], "{format:?} {words:?}");
        }
    }
}

#[test]
fn pointers_that_lead_nowhere_still_give_the_modules() {
    let mut file = pointer_program(Format::Elf, AMD64, true);
    file[DATA_AT..DATA_AT + 8].fill(0);
    let found = scan(&file);
    assert_eq!(names(&found), EXPECTED[..3]);
    assert_eq!(found.problems[0].kind, ProblemKind::Unsupported);
    assert_eq!(found.problems[0].effect, Effect::Incomplete);
}

#[test]
fn marks_may_stand_anywhere() {
    // Every position relative to the borders between two reads, which come at multiples of 128 KiB.
    for shift in (0..96).map(|step| 128 * 1024 - 1200 + step * 16) {
        let mut file = program(Format::Elf, AMD64, b"", &vec![0; shift - DATA_AT]);
        file.extend(inline("go1.15.6", MODULES));
        file.resize(file.len() + 4096, 0);
        assert_eq!(names(&scan(&file)), EXPECTED, "{shift}");
    }
    for shift in 0..70 {
        let mut file = program(Format::Elf, AMD64, b"", &vec![0; 128 * 1024 - DATA_AT - 40 - shift]);
        file.extend(audited(CRATES));
        assert_eq!(names(&scan(&file)), CRATES_EXPECTED, "{shift}");
    }
}

#[test]
fn marks_off_their_alignment_are_not_build_information() {
    let mut data = vec![0; 8];
    data.extend(inline("go1.15.6", ""));
    let found = scan(&program(Format::Elf, AMD64, b"", &data));
    assert_eq!((names(&found), found.problems), (vec![], vec![]));
}

#[test]
fn standard_library_only() {
    let found = scan(&program(Format::Elf, AMD64, b"", &inline("go1.22rc1 X:loopvar", "")));
    assert_eq!(names(&found), ["stdlib@1.22.0-rc.1"]);
    assert_eq!(found.packages[0].properties["go-version"], "go1.22rc1 X:loopvar");
    assert_eq!(found.problems[0].effect, Effect::Note);
    let compiler = scan(&program(Format::Elf, AMD64, b"", &inline("go1.22.1", "path\tcmd/compile\n")));
    assert_eq!((names(&compiler), compiler.problems), (vec!["stdlib@1.22.1".to_owned()], vec![]));
}

#[test]
fn test_data_of_the_toolchain_is_marked() {
    let file = program(Format::Elf, AMD64, b"", &inline("go1.17", MODULES));
    let path: ImagePath = "usr/local/go/src/debug/buildinfo/testdata/go117/go117.base64".into();
    let found = executable::parse(&path, &mut &file[..]).unwrap();
    assert_eq!(found.packages.len(), 4);
    assert!(found.packages.iter().all(|package| package.properties["test-data"] == "true"));
}

const CRATES: &str = r#"{"packages":[{"name":"app","version":"0.1.0","source":"local","dependencies":[1],"root":true},{"name":"libc","version":"0.2.150","source":"crates.io"},{"name":"cc","version":"1.0.83","source":"crates.io","kind":"build"}]}"#;
const CRATES_EXPECTED: &[&str] = &["app@0.1.0", "libc@0.2.150"];

fn audited(json: &str) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(7));
    encoder.write_all(json.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn crate_lists_in_every_format_at_every_level() {
    for (format, words) in all_formats() {
        for level in 0..=9 {
            let mut encoder = ZlibEncoder::new(vec![b'x'; 7], Compression::new(level));
            encoder.write_all(CRATES.as_bytes()).unwrap();
            let found = scan(&program(format, words, b"", &encoder.finish().unwrap()));
            assert_eq!(names(&found), CRATES_EXPECTED, "{format:?} {words:?} {level}");
            assert_eq!(found.problems, []);
        }
    }
}

#[test]
fn other_compressed_data_are_no_crate_list() {
    let data = [audited("{\"package\":[]}"), audited("hello"), b"x\x9cxxxxx\xda".to_vec()].concat();
    let found = scan(&program(Format::Elf, AMD64, b"", &data));
    assert_eq!((names(&found), found.problems), (vec![], vec![]));
}

#[test]
fn a_crate_list_of_a_real_linker_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("main.c"), "int main(void) { return 0; }\n").unwrap();
    std::fs::write(at("list"), audited(CRATES)).unwrap();
    let run = |command: &mut Command| {
        command.current_dir(folder.path()).status().is_ok_and(|status| status.success())
    };
    if !run(Command::new("gcc").args(["-o", "plain", "main.c"]))
        || !run(Command::new("objcopy").args(["--add-section", ".dep-v0=list", "plain", "audited"]))
    {
        skipped("gcc and objcopy");
        return;
    }
    assert_eq!(names(&scan(&std::fs::read(at("plain")).unwrap())), [""; 0]);
    assert_eq!(names(&scan(&std::fs::read(at("audited")).unwrap())), CRATES_EXPECTED);
}

#[expect(clippy::print_stderr, reason = "a skip must be heard")]
fn skipped(what: &str) {
    eprintln!("NOT CHECKED: {what} not installed");
}

/// Module, version and file of a module proxy in a folder (Go "module proxy protocol").
fn publish(proxy: &Path, module: &str, version: &str) {
    let folder = proxy.join(module).join("@v");
    std::fs::create_dir_all(&folder).unwrap();
    let manifest = format!("module {module}\n\ngo 1.17\n");
    std::fs::write(folder.join(format!("{version}.mod")), &manifest).unwrap();
    std::fs::write(folder.join(format!("{version}.info")), format!("{{\"Version\":\"{version}\"}}")).unwrap();
    let mut archive =
        zip::ZipWriter::new(std::fs::File::create(folder.join(format!("{version}.zip"))).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    for (name, text) in
        [("go.mod", manifest.as_str()), ("code.go", "package code\n\nfunc Call() { println(1) }\n")]
    {
        archive.start_file(format!("{module}@{version}/{name}"), options).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap();
}

#[test]
fn programs_of_the_go_compiler_agree_with_its_own_reader() {
    if !Command::new("go").arg("version").output().is_ok_and(|output| output.status.success()) {
        skipped("go");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let proxy = folder.path().join("proxy");
    publish(&proxy, "example.com/one", "v1.2.3");
    publish(&proxy, "example.com/two", "v2.0.0+incompatible");
    publish(&proxy, "example.com/fork", "v0.0.0-20220101000000-0123456789ab");
    let project = folder.path().join("project");
    std::fs::create_dir_all(project.join("local")).unwrap();
    std::fs::write(project.join("local/go.mod"), "module example.com/local\n\ngo 1.17\n").unwrap();
    std::fs::write(project.join("local/code.go"), "package code\n\nfunc Call() { println(2) }\n").unwrap();
    let mut manifest = "module example.com/app\n\ngo 1.17\n\nrequire (\n".to_owned();
    let mut code = "package main\n\nimport (\n".to_owned();
    let mut calls = String::new();
    for (name, version) in
        [("one", "v1.2.3"), ("two", "v2.0.0+incompatible"), ("three", "v1.0.0"), ("local", "v0.0.0")]
    {
        writeln!(manifest, "\texample.com/{name} {version}").unwrap();
        writeln!(code, "\t{name} \"example.com/{name}\"").unwrap();
        writeln!(calls, "\t{name}.Call()").unwrap();
    }
    manifest += ")\n\nreplace example.com/local => ./local\n\n";
    manifest += "replace example.com/three => example.com/fork v0.0.0-20220101000000-0123456789ab\n";
    std::fs::write(project.join("go.mod"), manifest).unwrap();
    std::fs::write(project.join("main.go"), format!("{code})\n\nfunc main() {{\n{calls}}}\n")).unwrap();

    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-build");
    let go = |arguments: &[&str], variables: &[(&str, &str)]| {
        let output = Command::new("go")
            .args(arguments)
            .current_dir(&project)
            .env("GOPROXY", format!("file://{}", proxy.display()))
            .env("GOPATH", folder.path().join("path"))
            .env("GOCACHE", &cache)
            .env("GOFLAGS", "-mod=mod -modcacherw")
            .env("GONOSUMDB", "*")
            .env("GONOSUMCHECK", "1")
            .env("GOTOOLCHAIN", "local")
            .envs(variables.iter().copied())
            .output()
            .expect("go runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let mut versions = Vec::new();
    for (name, arguments, variables) in [
        ("plain", &["build"][..], &[][..]),
        ("small", &["build", "-ldflags=-s -w", "-trimpath"], &[]),
        ("external", &["build", "-ldflags=-linkmode=external"], &[("CGO_ENABLED", "1")]),
        ("pie", &["build", "-buildmode=pie"], &[]),
        ("windows", &["build"], &[("GOOS", "windows"), ("GOARCH", "amd64")]),
        ("darwin", &["build"], &[("GOOS", "darwin"), ("GOARCH", "arm64")]),
        ("big-endian", &["build"], &[("GOOS", "linux"), ("GOARCH", "s390x")]),
    ] {
        let target = folder.path().join(name);
        let target = target.to_str().unwrap();
        go(&[arguments, &["-o", target, "."]].concat(), variables);
        let expected = oracle(&go(&["version", "-m", target], &[]));
        let bytes = std::fs::read(target).unwrap();
        let found = scan(&bytes);
        assert_eq!(names(&found), expected, "{name}");
        assert_eq!(found.problems, [], "{name}");
        versions.push(expected);
    }
    assert!(
        versions[0].contains(&"example.com/fork@v0.0.0-20220101000000-0123456789ab".to_owned()),
        "{versions:?}"
    );
    assert!(versions[0].contains(&"example.com/two@v2.0.0+incompatible".to_owned()));
}

/// What `go version -m` says, in our form.
fn oracle(text: &str) -> Vec<String> {
    let mut lines = text.lines();
    let toolchain = lines.next().unwrap().rsplit_once(": go").unwrap().1;
    let mut numbers = toolchain.split(['.', ' ']).collect::<Vec<_>>();
    numbers.resize(3, "0");
    let mut list = vec![("stdlib".to_owned(), numbers.join("."))];
    for line in lines {
        let fields: Vec<&str> = line.trim_start().split('\t').collect();
        match fields[0] {
            "mod" | "dep" => list.push((fields[1].to_owned(), fields[2].replace("(devel)", ""))),
            "=>" if fields[1].starts_with('.') => list.last_mut().unwrap().1.clear(),
            "=>" => *list.last_mut().unwrap() = (fields[1].to_owned(), fields[2].to_owned()),
            _ => {}
        }
    }
    list.sort();
    list.into_iter().map(|(name, version)| format!("{name}@{version}")).collect()
}

fn check_problem(bytes: &[u8], kind: ProblemKind, detail: &str) {
    let found = scan(bytes);
    assert!(
        found.problems.iter().any(|problem| problem.kind == kind && problem.detail.contains(detail)),
        "{detail}: {:?}",
        found.problems
    );
}

#[test]
fn damage_is_told() {
    let elf = |data: &[u8]| program(Format::Elf, AMD64, b"", data);
    let whole = inline("go1.20.1", MODULES);
    for cut in 0..whole.len() {
        let found = scan(&elf(&whole[..cut]));
        assert_eq!(found.problems.is_empty(), cut < 14, "{cut}: {:?}", found.problems);
    }
    let mut bad_mark = whole.clone();
    let end = bad_mark.len();
    bad_mark[end - 17] = b'x';
    check_problem(&elf(&bad_mark), ProblemKind::Corrupt, "module list is damaged");

    let mut huge_version = whole[..32].to_vec();
    huge_version.extend([0xff; 9]);
    huge_version.push(1);
    check_problem(&elf(&huge_version), ProblemKind::Corrupt, "build information is damaged");
    let mut endless = whole[..32].to_vec();
    endless.extend([0xff; 64]);
    check_problem(&elf(&endless), ProblemKind::Corrupt, "build information is damaged");
    let mut huge_modules = whole[..32].to_vec();
    huge_modules.extend(b"\x06go1.20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01");
    check_problem(&elf(&huge_modules), ProblemKind::LimitExceeded, "longer than 4 MiB");

    let list = audited(CRATES);
    check_problem(&elf(&list[..list.len() - 20]), ProblemKind::Truncated, "crate list");
    check_problem(&elf(&audited("{\"packages\": 1}")), ProblemKind::Corrupt, "crate list");
    let mut flipped = audited(CRATES);
    *flipped.last_mut().unwrap() ^= 0xff;
    check_problem(&elf(&flipped), ProblemKind::Corrupt, "crate list");
    check_problem(
        &elf(b"\xff Go build ID: \"x\"\n \xff"),
        ProblemKind::Unsupported,
        "without build information",
    );
}

#[test]
fn bombs_are_stopped() {
    let elf = |data: &[u8]| program(Format::Elf, AMD64, b"", data);
    let bomb = format!("{{\"packages\":[{}", " ".repeat(64 << 20));
    check_problem(&elf(&audited(&bomb)), ProblemKind::LimitExceeded, "larger than 8 MiB");
    // Thousands of module lists, none of which ends.
    let marks = MARK_START.repeat(10_000);
    check_problem(&elf(&marks), ProblemKind::LimitExceeded, "more module lists");
    check_problem(
        &elf(&b"\xff Go buildinf:\x08\x00".repeat(10_000)),
        ProblemKind::LimitExceeded,
        "more module lists",
    );
    check_problem(&elf(&b"x\x9c".repeat(1 << 20)), ProblemKind::LimitExceeded, "compressed parts");
    let many: Vec<String> = (0..60_000).map(|n| format!("{{\"name\":\"a\",\"version\":\"{n}\"}}")).collect();
    check_problem(
        &elf(&audited(&format!("{{\"packages\":[{}]}}", many.join(",")))),
        ProblemKind::LimitExceeded,
        "50,000",
    );
}

#[test]
fn packed_programs_are_noted() {
    let mut file = program(Format::Elf, AMD64, b"", &[0; 64]);
    file[0x120..0x124].copy_from_slice(b"UPX!");
    let found = scan(&file);
    assert_eq!(found.problems.len(), 1);
    assert_eq!(found.problems[0].effect, Effect::Note);
}

#[test]
fn other_files_are_left_alone_after_their_first_bytes() {
    struct Counting<'a>(&'a [u8], usize);
    impl Read for Counting<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(buffer)?;
            self.1 += count;
            Ok(count)
        }
    }
    let mut script = b"#!/bin/sh\n".to_vec();
    script.resize(8 << 20, b'x');
    let mut reader = Counting(&script, 0);
    assert_eq!(executable::parse(&"a".into(), &mut reader).unwrap(), Extraction::default());
    assert!(reader.1 < 256 * 1024, "{}", reader.1);
    // Java classes share their magic number with fat Mach-O.
    assert_eq!(scan(b"\xca\xfe\xba\xbe\0\0\0\x34 Go buildinf:"), Extraction::default());
}

#[test]
fn a_stream_that_breaks_keeps_what_was_read() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the layer is cut off"))
        }
    }
    let file = program(Format::Elf, AMD64, b"", &inline("go1.15.6", MODULES));
    let found = executable::parse(&"app".into(), &mut file.as_slice().chain(Broken)).unwrap();
    assert_eq!(names(&found), EXPECTED);
    assert_eq!(found.problems[0].kind, ProblemKind::Unreadable);
    assert!(executable::parse(&"app".into(), &mut Broken).is_err());
}

/// Gives at most so many bytes at once.
struct Dribble<'a>(&'a [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = buffer.len().min(self.1);
        self.0.read(&mut buffer[..count])
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(magic in 0_usize..5, bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let magics: [&[u8]; 5] = [b"", b"\x7fELF\x02\x01", b"MZ", b"\xcf\xfa\xed\xfe", b"\0asm"];
        scan(&[magics[magic], &bytes].concat());
    }

    #[test]
    fn changed_programs_never_panic(
        which in 0_usize..10, header_first: bool, changes in proptest::collection::vec((0_usize..0x9200, any::<u8>()), 1..20), cut in 0_usize..0x9400,
    ) {
        let (format, words) = all_formats()[which];
        let mut file = pointer_program(format, words, header_first);
        file.extend(inline("go1.20", MODULES));
        file.extend(audited(CRATES));
        for (at, value) in changes {
            if let Some(byte) = file.get_mut(at) {
                *byte = value;
            }
        }
        file.truncate(cut.max(0x200));
        scan(&file);
    }

    #[test]
    fn the_size_of_reads_does_not_matter(size in 1_usize..5000) {
        let mut file = program(Format::Elf, AMD64, b"", &vec![0; 100_000]);
        file.resize(file.len().next_multiple_of(16), 0);
        file.extend(inline("go1.15.6", MODULES));
        file.extend(audited(CRATES));
        let whole = scan(&file);
        prop_assert_eq!(executable::parse(&"usr/bin/app".into(), &mut Dribble(&file, size)).unwrap(), whole);
    }
}

/// A native image with this text, compressed as Java does, somewhere in it.
fn native_image(text: &[u8]) -> Vec<u8> {
    let mut encoder =
        flate2::GzBuilder::new().operating_system(0).write(Vec::new(), flate2::Compression::new(6));
    std::io::Write::write_all(&mut encoder, text).unwrap();
    let mut file = b"\x7fELF".to_vec();
    file.resize(300_001, 0x90);
    file.extend(encoder.finish().unwrap());
    file.resize(400_000, 0);
    file
}

#[test]
fn the_sbom_of_a_native_image() {
    let components: Vec<String> = (0..3000)
        .map(|number| {
            format!(r#"{{"type":"library","purl":"pkg:maven/com.example/part-{number}@1.{number}.0"}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{}]}}"#,
        components.join(",")
    );
    let file = native_image(text.as_bytes());
    let found = scan(&file);
    assert_eq!((found.packages.len(), found.problems.len()), (3000, 0), "{:?}", found.problems);
    assert!(
        found
            .packages
            .iter()
            .any(|package| package.name == "com.example:part-2999" && package.version == "1.2999.0")
    );
    let marked = |file: &[u8]| [file, b"\0__svm_version_info\0".as_slice()].concat();
    assert_eq!(scan(&marked(&file)).problems, []);
    assert_eq!(scan(&marked(&native_image(b"{}"))).problems[0].kind, ProblemKind::Unsupported);
    // Another gzip stream, an SBOM that ends early, and one that is damaged.
    assert_eq!(scan(&native_image(b"{\"a\":1}")), Extraction::default());
    assert_eq!(scan(&file[..300_500]).problems[0].kind, ProblemKind::Truncated);
    assert_eq!(scan(&native_image(&text.as_bytes()[..9000])).problems[0].kind, ProblemKind::Corrupt);
}
