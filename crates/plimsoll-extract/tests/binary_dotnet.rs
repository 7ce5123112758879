//! .NET applications in one file, and assemblies: put together byte by byte.

#![expect(clippy::unwrap_used, reason = "a failed expectation is a failed test")]

use plimsoll_extract::Extraction;
use plimsoll_extract::binary::executable;
use plimsoll_model::ProblemKind;
use proptest::prelude::*;

const MARKER: [u8; 32] = [
    0x8b, 0x12, 0x02, 0xb9, 0x6a, 0x61, 0x20, 0x38, 0x72, 0x7b, 0x93, 0x02, 0x14, 0xd7, 0xa0, 0x32, 0x13,
    0xf5, 0xb9, 0xe6, 0xef, 0xae, 0x33, 0x18, 0xee, 0x3b, 0x2d, 0xce, 0x24, 0xb3, 0x6a, 0xae,
];
const DEPS: &str = "{\n  \"runtimeTarget\": {\n    \"name\": \".NETCoreApp,Version=v8.0/linux-x64\"\n  },\n  \"targets\": {},\n  \"libraries\": {\n    \
    \"app/1.0.0\": { \"type\": \"project\" },\n    \"Left.Pad/1.0.0\": { \"type\": \"package\" },\n    \
    \"runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.1\": { \"type\": \"runtimepack\" }\n  }\n}";

/// A host with a bundle behind it. `before` moves everything over the borders of what is read in one go.
fn bundle(before: usize, major: u32, list: &str, claim: impl Fn(u64, u64) -> (u64, u64)) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(before.max(64), 0);
    let offset_at = file.len();
    file.extend([0; 8]);
    file.extend(MARKER);
    file.resize(file.len() + 3000, 0x11);
    let start = file.len() as u64;
    file.extend_from_slice(list.as_bytes());
    // A file of the application that only begins like a list.
    file.extend_from_slice(b"{ \"runtimeOptions\": {} }");
    let header = file.len() as u64;
    file[offset_at..offset_at + 8].copy_from_slice(&header.to_le_bytes());
    file.extend(major.to_le_bytes());
    file.extend(0_u32.to_le_bytes());
    file.extend(3_u32.to_le_bytes());
    file.push(12);
    file.extend_from_slice(b"abcdefghijkl");
    let (place, length) = claim(start, list.len() as u64);
    file.extend(place.to_le_bytes());
    file.extend(length.to_le_bytes());
    file.extend([0; 40]);
    file
}

fn read(bytes: &[u8]) -> Extraction {
    executable::parse(&"opt/app".into(), &mut &bytes[..]).unwrap()
}

fn names(found: &Extraction) -> Vec<String> {
    found.packages.iter().map(|package| format!("{} {}", package.name, package.version)).collect()
}

#[test]
fn packages_of_a_bundle_wherever_it_falls() {
    let expected = ["Left.Pad 1.0.0", "Microsoft.NETCore.App.Runtime.linux-x64 8.0.1"];
    const CHUNK: usize = 128 * 1024;
    for major in [2, 6] {
        for before in
            [0, CHUNK - 3040, CHUNK - 40, CHUNK - 33, CHUNK - 8, CHUNK - 1, CHUNK, CHUNK + 1000, CHUNK + 1024]
        {
            let found = read(&bundle(before, major, DEPS, |place, length| (place, length)));
            assert_eq!(names(&found), expected, "{major} {before}");
            assert_eq!(found.problems, [], "{major} {before}");
            assert_eq!(found.packages[0].locations[0].path.to_string(), "opt/app!/deps.json");
        }
    }
    // Version 1, of .NET Core 3, does not say where the list is.
    assert_eq!(names(&read(&bundle(0, 1, DEPS, |_, _| (0, 0)))), expected);
    // A host without a bundle.
    let mut host = b"\x7fELF\x02\x01\x01".to_vec();
    host.resize(4096, 0);
    host.extend(MARKER);
    host.resize(8192, 0);
    assert_eq!(read(&host), Extraction::default());
}

#[test]
fn bundles_that_lie_are_told() {
    let problem = |bytes: &[u8]| {
        let found = read(bytes);
        assert_eq!(found.packages.len(), 0, "{found:?}");
        found.problems[0].kind
    };
    assert_eq!(problem(&bundle(0, 6, DEPS, |place, length| (place + 1, length))), ProblemKind::Corrupt);
    assert_eq!(problem(&bundle(0, 6, DEPS, |place, length| (place, length - 1))), ProblemKind::Corrupt);
    assert_eq!(problem(&bundle(0, 6, "", |_, _| (0, 0))), ProblemKind::Unsupported);
    let whole = bundle(0, 6, DEPS, |place, length| (place, length));
    assert_eq!(problem(&whole[..3300]), ProblemKind::Truncated);
    // The list is whole, what stands behind it is not.
    let found = read(&whole[..whole.len() - 60]);
    assert_eq!((found.packages.len(), found.problems[0].kind), (2, ProblemKind::Truncated));
    let mut open = DEPS.to_owned();
    open.pop();
    assert_eq!(problem(&bundle(0, 6, &open, |place, length| (place, length))), ProblemKind::Corrupt);
}

proptest! {
    #[test]
    fn changed_bundles_never_panic(changes in proptest::collection::vec((0_usize..4500, any::<u8>()), 1..20), cut in 0_usize..4500) {
        let mut bytes = bundle(0, 6, DEPS, |place, length| (place, length));
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        read(&bytes);
        bytes.truncate(cut);
        read(&bytes);
    }
}
