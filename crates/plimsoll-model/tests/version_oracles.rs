//! The order of versions against the tools whose order it is, where they are installed.
#![expect(clippy::print_stderr, reason = "a skipped oracle must be heard")]

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use plimsoll_model::version::{Scheme, compare};

/// Pseudo-random numbers that are the same in every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn pick<'words>(&mut self, words: &[&'words str]) -> &'words str {
        words[self.below(words.len())]
    }

    /// One to `longest` words glued together.
    fn glue(&mut self, words: &[&str], longest: usize) -> String {
        (0..=self.below(longest)).map(|_| self.pick(words)).collect()
    }
}

fn sign(order: Ordering) -> &'static str {
    match order {
        Ordering::Less => "-1",
        Ordering::Equal => "0",
        Ordering::Greater => "1",
    }
}

#[test]
fn dpkg_says_the_same() {
    let Ok(version) = Command::new("dpkg").arg("--version").output() else {
        eprintln!("NOT CHECKED: dpkg is not installed");
        return;
    };
    assert!(version.status.success());
    let words = ["1", "0", "09", "10", "a", "~", "+", ".", "-", "~rc1", "deb12u1", "b"];
    let mut dice = Dice(0x5EED_0001);
    let mut read = 0;
    for _ in 0..600 {
        let mut make = || {
            let epoch = dice.pick(&["", "", "0:", "1:", "2:"]);
            format!("{epoch}{}{}", dice.below(4), dice.glue(&words, 5))
        };
        let (left, right) = (make(), make());
        let ask = |relation| {
            Command::new("dpkg")
                .args(["--compare-versions", &left, relation, &right])
                .output()
                .expect("dpkg runs")
                .status
                .code()
        };
        match compare(Scheme::Dpkg, &left, &right) {
            Ok(order) => {
                read += 1;
                let relation = match order {
                    Ordering::Less => "lt",
                    Ordering::Equal => "eq",
                    Ordering::Greater => "gt",
                };
                assert_eq!(ask(relation), Some(0), "{left} {order:?} {right}");
            }
            // dpkg exits with 2 for what it cannot read.
            Err(error) => assert_eq!(ask("lt"), Some(2), "{error}"),
        }
    }
    assert!(read > 300, "only {read} pairs were versions");
    eprintln!("dpkg agrees on {read} pairs");
}

#[test]
fn rpm_says_the_same() {
    let installed = Command::new("rpm").args(["--eval", "%{lua:print(rpm.vercmp(\"1\", \"2\"))}"]).output();
    if !installed.is_ok_and(|output| output.stdout.starts_with(b"-1")) {
        eprintln!("NOT CHECKED: rpm is not installed, or its macros know no rpm.vercmp");
        return;
    }
    let words = ["1", "0", "09", "10", "a", "~", "^", ".", "-", "_", "~rc1", "el9", "git", "+"];
    let mut dice = Dice(0x5EED_0002);
    let mut pairs = Vec::new();
    for _ in 0..4_000 {
        let mut make = || {
            let epoch = dice.pick(&["", "", "0:", "1:", "01:"]);
            format!("{epoch}{}{}", dice.below(4), dice.glue(&words, 6))
        };
        pairs.push((make(), make()));
    }
    let mut agreed = 0;
    for chunk in pairs.chunks(400) {
        let mut script = String::from("%{lua:");
        for (left, right) in chunk {
            write!(script, "print(rpm.vercmp(\"{left}\", \"{right}\"), \" \") ").expect("strings grow");
        }
        script.push('}');
        let output = Command::new("rpm").args(["--eval", &script]).output().expect("rpm runs");
        let said = String::from_utf8(output.stdout).expect("numbers");
        let said: Vec<&str> = said.split_whitespace().collect();
        assert_eq!(said.len(), chunk.len(), "{}", String::from_utf8_lossy(&output.stderr));
        for ((left, right), said) in chunk.iter().zip(said) {
            let order = compare(Scheme::Rpm, left, right).expect("rpm reads it");
            assert_eq!(sign(order), said, "{left} {right}");
            agreed += 1;
        }
    }
    assert_eq!(agreed, 4_000);
    eprintln!("rpm agrees on {agreed} pairs");
}

#[test]
fn vercmp_says_the_same() {
    if Command::new("vercmp").args(["1", "2"]).output().is_err() {
        eprintln!("NOT CHECKED: vercmp is not installed (Debian: pacman-package-manager)");
        return;
    }
    let words = ["1", "0", "09", "10", "a", "rc", ".", "..", "_", "+", ".r12", ".a"];
    let mut dice = Dice(0x5EED_0011);
    let mut read = 0;
    for _ in 0..1_500 {
        let mut make = || {
            let epoch = dice.pick(&["", "", "0:", "1:"]);
            format!("{epoch}{}{}-{}", dice.below(4), dice.glue(&words, 5), dice.pick(&["1", "2", "1.1"]))
        };
        let (left, right) = (make(), make());
        // What ends in a separator has no order that is transitive: refused.
        let Ok(order) = compare(Scheme::Alpm, &left, &right) else { continue };
        read += 1;
        let output = Command::new("vercmp").args([&left, &right]).output().expect("vercmp runs");
        let said = String::from_utf8(output.stdout).expect("a number");
        assert_eq!(sign(order), said.trim(), "{left} {right}");
    }
    assert!(read > 400, "only {read} pairs were versions");
    eprintln!("vercmp agrees on {read} pairs");
}

#[test]
fn perl_says_the_same() {
    if Command::new("perl").args(["-Mversion", "-e", "1"]).output().is_err() {
        eprintln!("NOT CHECKED: perl is not installed");
        return;
    }
    let words = ["1", "0", "09", "10", ".", "002", "003", "_1", "25"];
    let mut dice = Dice(0x5EED_0012);
    let mut pairs = Vec::new();
    while pairs.len() < 2_000 {
        let mut make = || format!("{}{}{}", dice.pick(&["", "", "v"]), dice.below(4), dice.glue(&words, 5));
        let (left, right) = (make(), make());
        // Perl itself counts to 2,147,483,647 and stops there.
        let small = |text: &str| text.split('.').all(|part| part.replace('_', "").len() < 9);
        if small(&left) && small(&right) && compare(Scheme::Perl, &left, &right).is_ok() {
            pairs.push((left, right));
        }
    }
    let script = "use version; while (<STDIN>) { my ($l, $r) = split; \
        print eval { version->parse($l) <=> version->parse($r) } // 'x', \"\\n\" }";
    let mut perl = Command::new("perl")
        .args(["-e", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("perl runs");
    let mut input = String::new();
    for (left, right) in &pairs {
        writeln!(input, "{left} {right}").expect("strings grow");
    }
    perl.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("perl reads");
    let output = perl.wait_with_output().expect("perl ends");
    let said = String::from_utf8(output.stdout).expect("numbers");
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), pairs.len());
    let mut agreed = 0;
    for ((left, right), said) in pairs.iter().zip(said) {
        if said != "x" {
            assert_eq!(
                sign(compare(Scheme::Perl, left, right).expect("it was read")),
                said,
                "{left} {right}"
            );
            agreed += 1;
        }
    }
    assert!(agreed > 1_000, "only {agreed} pairs were versions to perl");
    eprintln!("perl agrees on {agreed} pairs");
}

/// Compares pairs of lines with the `packaging` library; prints `x` where one of them is no version.
const PACKAGING: &str = "
import sys
try:
    from packaging.version import Version
except ImportError:
    from pip._vendor.packaging.version import Version
def read(text):
    try:
        return Version(text)
    except ValueError:
        return None
for line in sys.stdin:
    left, right = (read(text) for text in line.split())
    print('x' if left is None or right is None else (left > right) - (left < right))
";

#[test]
fn packaging_says_the_same() {
    let mut dice = Dice(0x5EED_0004);
    let words = [
        "1", "0", ".0", ".10", "a", "b2", "rc", ".post", "-1", ".dev", "dev3", "+", "+local", "_", ".r4",
        "c", "alpha", "-",
    ];
    let mut pairs = Vec::new();
    for _ in 0..4_000 {
        let mut make = || {
            let epoch = dice.pick(&["", "", "v", "0!", "1!"]);
            format!("{epoch}{}{}", dice.below(3), dice.glue(&words, 4))
        };
        pairs.push((make(), make()));
    }
    let mut input = String::new();
    for (left, right) in &pairs {
        writeln!(input, "{left} {right}").expect("strings grow");
    }
    let started = Command::new("python3")
        .args(["-c", PACKAGING])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let said = started.ok().and_then(|mut child| {
        let mut stdin = child.stdin.take()?;
        // Without the library the other end is closed already.
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).is_ok());
        let output = child.wait_with_output().ok()?;
        (writer.join().is_ok_and(|written| written) && output.status.success()).then_some(output.stdout)
    });
    let Some(said) = said else {
        eprintln!(
            "NOT CHECKED: Python's packaging library is not installed (python3, python3-packaging or pip)"
        );
        return;
    };
    let said = String::from_utf8(said).expect("text");
    let said: Vec<&str> = said.lines().collect();
    assert_eq!(said.len(), pairs.len());
    let mut read = 0;
    for ((left, right), said) in pairs.iter().zip(said) {
        let order = compare(Scheme::Pep440, left, right);
        assert_eq!(order.as_ref().map_or("x", |order| sign(*order)), said, "{left} {right}");
        read += usize::from(order.is_ok());
    }
    assert!(read > 400, "only {read} pairs were versions");
    eprintln!("packaging agrees on {read} pairs, and that {} hold no version", pairs.len() - read);
}

/// Where Debian's libmaven3-core-java and libcommons-lang3-java put them.
const MAVEN: [&str; 2] = ["/usr/share/java/maven3-artifact.jar", "/usr/share/java/commons-lang3.jar"];

/// What ComparableVersion says of each version and the one before it; `None` when it is not installed.
fn ask_maven(versions: &[String]) -> Option<Vec<Ordering>> {
    if MAVEN.iter().any(|jar| !Path::new(jar).exists()) {
        return None;
    }
    let class = "org.apache.maven.artifact.versioning.ComparableVersion";
    let output = Command::new("java").args(["-cp", &MAVEN.join(":"), class]).args(versions).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let orders: Vec<Ordering> = said
        .lines()
        .filter(|line| line.starts_with("   "))
        .map(|line| match line.split_whitespace().nth(1) {
            Some("<") => Ordering::Less,
            Some(">") => Ordering::Greater,
            _ => Ordering::Equal,
        })
        .collect();
    (orders.len() + 1 == versions.len()).then_some(orders)
}

#[test]
fn maven_says_the_same() {
    let mut dice = Dice(0x5EED_0003);
    let words = ["alpha", "Beta", "RC", "rc", "m", "b", "SNAPSHOT", "sp", "jre", "v2014", "redhat", "x"];
    let versions: Vec<String> = (0..3_000)
        .map(|_| {
            let mut version = dice.below(3).to_string();
            for _ in 0..dice.below(4) {
                write!(version, ".{}", dice.pick(&["0", "1", "01", "10"])).expect("strings grow");
            }
            // A word behind a dot is followed by a digit or the end, a hyphen by something that counts, and words that mean
            // "release" stand at the end: elsewhere ComparableVersion has no order.
            for _ in 0..dice.below(3) {
                match dice.below(3) {
                    0 => write!(version, "-{}", dice.pick(&["1", "2", "10"])),
                    1 => write!(version, "-{}{}", dice.pick(&words), dice.pick(&["1", "2", "-1", ".1"])),
                    _ => write!(version, ".{}{}", dice.pick(&words), dice.pick(&["1", "2"])),
                }
                .expect("strings grow");
            }
            version.push_str(dice.pick(&["", "", "", ".Final", "-GA", "-jre", "-RELEASE"]));
            version
        })
        .collect();
    let Some(orders) = ask_maven(&versions) else {
        eprintln!(
            "NOT CHECKED: Maven's ComparableVersion is not installed (libmaven3-core-java, a Java runtime)"
        );
        return;
    };
    for (pair, said) in versions.windows(2).zip(&orders) {
        assert_eq!(compare(Scheme::Maven, &pair[0], &pair[1]), Ok(*said), "{} {}", pair[0], pair[1]);
    }
    eprintln!("Maven agrees on {} pairs", orders.len());
}

/// The lines that tests/version_vectors.rs disputes, as Maven 3.8 sees them, and the circle it goes round.
#[test]
fn maven_on_disputed_lines() {
    let greater = [
        ("1.0.0-RC16", "1.0.0.RC8-beta"),
        ("1.0.0-gradle-rework-beta3", "1.0.0.RC7-3"),
        ("2.9.0-1", "2.9.0.RC1"),
        ("6.1.12.rc5", "6.1.12rc1"),
        ("1.1.31.sec10", "1.1.31_noneautotype"),
        ("1.2.8.sec10_noneautotype", "1.2.8_noneautotype"),
        ("1.0.0rc0", "1.0.beta8"),
        ("1.5.9.RC1", "1.5.9-RC0"),
        ("1.1.0-01-glassfish", "1.1.0.Beta1"),
    ];
    let circle = ["3.5.0.Beta-1", "3.5.0", "3.5.0-1", "3.5.0.Beta-1"];
    let Some(orders) = ask_maven(&circle.map(str::to_owned)) else {
        eprintln!(
            "NOT CHECKED: Maven's ComparableVersion is not installed (libmaven3-core-java, a Java runtime)"
        );
        return;
    };
    assert_eq!(orders, [Ordering::Less; 3], "Maven has mended its circle: follow it");
    for (left, right) in greater {
        let said = ask_maven(&[left.to_owned(), right.to_owned()]);
        assert_eq!(said, Some(vec![Ordering::Greater]), "{left} {right}");
        assert_eq!(compare(Scheme::Maven, left, right), Ok(Ordering::Greater), "{left} {right}");
    }
}
