//! The same tests on other kernels, in emulated machines; and what would change this one's kernel, in such machines only.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use plimsoll_runtime::event::{Action, Response};
use plimsoll_runtime::rules::{Nothing, builtin};
use plimsoll_runtime::sensor::{Availability, Response as Deed, Settings};
use plimsoll_testing::guest::{found, in_guest, kernels, stripped};

use crate::harbour;

/// Tests that machines run, each on all kernels: what the names of tests begin with, or are.
const THERE: &[&str] =
    &["every_action_is_seen", "what_is_lost_is_counted", "every_attack_raises", "guest::only_there"];

/// A machine that does nothing for so long has come to a stop; on two busy cores it takes four minutes.
const LIMIT: Duration = Duration::from_mins(15);

fn compiled(source: &str, folder: &Path) -> std::path::PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(source);
    let to = folder.join(source.file_name().unwrap());
    let output =
        Command::new("cc").args(["-static", "-O1", "-w", "-o"]).arg(&to).arg(source).output().unwrap();
    assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    to
}

/// There is no compiler there: what it would make is handed over.
const COMPILER: &str = "#!/bin/sh
[ $1 = --help ] && exit 0
while [ $# -gt 1 ]; do [ $1 = -o ] && out=$2; shift; done
cp /compiled/$(basename $1) $out
";

#[test]
fn other_kernels_take_the_sensor_and_see_the_same() {
    let kernels = kernels();
    if kernels.is_empty() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let tests = stripped(&std::env::current_exe().unwrap(), folder.path());
    let compiler = folder.path().join("cc");
    std::fs::write(&compiler, COMPILER).unwrap();
    let runc = found("runc");
    let actions = compiled("../../testing/src/actions.c", folder.path());
    let attacks = compiled("tests/sensor/attacks.c", folder.path());
    let files = [
        ("/tests", tests.as_path()),
        ("/bin/runc", runc.as_path()),
        ("/bin/cc", compiler.as_path()),
        ("/compiled/actions.c", actions.as_path()),
        ("/compiled/attacks.c", attacks.as_path()),
    ];
    let script = format!("/tests --include-ignored --nocapture --test-threads=1 {}", THERE.join(" "));
    let begun = std::time::Instant::now();
    let (files, script) = (&files[..], script.as_str());
    let all = std::thread::scope(|scope| {
        let running: Vec<_> =
            kernels.iter().map(|kernel| scope.spawn(move || kernel.run(files, script, LIMIT))).collect();
        running.into_iter().map(|said| said.join().unwrap()).collect::<Vec<String>>()
    });
    for (kernel, said) in kernels.iter().zip(all) {
        let told: Vec<&str> = said.lines().filter(|line| line.starts_with("guest: ")).collect();
        harbour::say(&format!("kernel {} in {:.0?}: {}", kernel.series, begun.elapsed(), told.join("; ")));
        assert!(said.contains("\nguest: ended with 0\n"), "kernel {}:\n{said}", kernel.series);
        assert!(!said.contains("NOT TESTED"), "kernel {}:\n{said}", kernel.series);
        for test in THERE {
            assert!(
                said.contains(&format!("test {test}")) || said.contains(&format!("::{test}")),
                "kernel {}: {test} did not run\n{said}",
                kernel.series
            );
        }
    }
}

#[test]
#[ignore = "only in an emulated machine, whose kernel it may change"]
fn only_there_every_program_is_taken() {
    assert!(in_guest(), "this changes the kernel");
    for program in harbour::surveyed() {
        harbour::say(&format!("guest: {} {:?}", program.name, program.state));
        assert!(!matches!(program.state, Availability::Refused(_)), "{program:?}");
    }
}

#[test]
#[ignore = "only in an emulated machine, whose kernel takes trampolines"]
fn only_there_what_a_ring_opens_is_seen() {
    assert!(in_guest());
    let harbour = harbour::open("rings").unwrap();
    let settings = Settings { only_containers: true, ..Settings::default() };
    let mut id = String::new();
    let (events, counts) = harbour::watch(&settings, |_| {
        id = harbour.run(&["/actions", "ring-open", "/etc/shadow"], &[]);
    });
    assert_eq!((counts.lost_must, counts.lost_may, counts.unreadable), (0, 0, 0));
    let ours: Vec<_> = events.iter().filter(|event| event.container.id == id).collect();
    let opened = ours.iter().find(|event| match &event.action {
        Action::Open { file, .. } => file.path == "/etc/shadow" && file.upper_layer == Some(false),
        _ => false,
    });
    let opened = opened.unwrap_or_else(|| panic!("not seen:\n{}", harbour::lines(&ours)));
    assert_eq!((opened.stream, &opened.process.arguments[1]), (4, &"ring-open".to_owned()));
    let mut engine = builtin::engine();
    let raised = engine.evaluate(opened, &Nothing).to_vec();
    assert!(raised.iter().any(|rule| engine.rules()[*rule].own.id == "PW060"), "{opened:?}");
}

#[test]
#[ignore = "only in an emulated machine, whose kernel takes trampolines"]
fn only_there_a_program_is_refused_and_who_asked_runs_on() {
    assert!(in_guest());
    let harbour = harbour::open("refused").unwrap();
    let settings = Settings { only_containers: true, upper_layer: Deed::Deny, ..Settings::default() };
    let script = "cp /bin/busybox /tmp/dropped; /tmp/dropped echo ran > /out; echo $? > /code; true";
    let mut id = String::new();
    let mut written = (String::new(), String::new());
    let (events, counts) = harbour::watch(&settings, |_| {
        id = harbour.run(&["/bin/sh", "-c", script], &[]);
        written = (harbour.written("out"), harbour.written("code"));
    });
    assert_eq!(written, (String::new(), "126\n".to_owned()), "an error, not a signal");
    assert_eq!((counts.lost_must, counts.lost_may, counts.unreadable), (0, 0, 0));
    let ours: Vec<_> = events.iter().filter(|event| event.container.id == id).collect();
    let denied = ours.iter().find(|event| match &event.action {
        Action::Exec { file, response, .. } => {
            file.path == "/tmp/dropped" && file.upper_layer == Some(true) && *response == Response::Denied
        }
        _ => false,
    });
    let denied = denied.unwrap_or_else(|| panic!("not seen:\n{}", harbour::lines(&ours)));
    assert_eq!(denied.result, Some(-1));
    let mut engine = builtin::engine();
    let raised = engine.evaluate(denied, &Nothing).to_vec();
    assert!(raised.iter().any(|rule| engine.rules()[*rule].own.id == "PW001"), "{denied:?}");
}

/// What is done in a container, the detection that it must raise, and the file that the machine itself makes when it worked.
const ATTACKS: &[(&str, &str, &str)] = &[
    ("insmod /modules/dummy.ko", "PW032", "/sys/module/dummy/initstate"),
    (
        "mount -o remount,bind,rw /proc/sys; echo '|/agent core' > /proc/sys/kernel/core_pattern; sh -c 'kill -SEGV $$'",
        "PW021",
        "/tmp/core",
    ),
    (
        "mount -t cgroup -o none,name=agent agent /mnt; mkdir /mnt/x; echo 1 > /mnt/x/notify_on_release
         echo /agent > /mnt/release_agent; sh -c 'echo $$ > /mnt/x/cgroup.procs'",
        "PW020",
        "/tmp/x",
    ),
];

/// What the kernel is made to run, outside of the container.
const AGENT: &str = "#!/bin/sh
/bin/touch /tmp/$(/bin/basename $1)
";

#[test]
#[ignore = "only in an emulated machine, whose kernel it changes"]
fn only_there_attacks_on_the_kernel_are_met() {
    assert!(in_guest(), "this changes the kernel");
    let harbour = harbour::open("kernel").unwrap();
    for applet in ["insmod", "mount", "kill"] {
        let link = harbour.lower().join("bin").join(applet);
        if !link.exists() {
            std::os::unix::fs::symlink("busybox", link).unwrap();
        }
    }
    std::fs::create_dir(harbour.lower().join("modules")).unwrap();
    std::fs::copy("/modules/dummy.ko", harbour.lower().join("modules/dummy.ko")).unwrap();
    std::fs::write("/agent", AGENT).unwrap();
    std::fs::set_permissions("/agent", std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    // Hierarchies are only made outside of containers.
    std::fs::create_dir("/first").unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "cgroup", "-o", "none,name=agent", "agent", "/first"])
        .status()
        .unwrap();
    assert!(mounted.success());
    let mut engine = builtin::engine();
    let settings = Settings { only_containers: true, ..Settings::asked_by(&engine) };
    for (script, id, made) in ATTACKS {
        let mut container = String::new();
        let (events, counts) = harbour::watch(&settings, |_| {
            container = harbour.run(&["/bin/sh", "-c", &format!("{script}\ntrue")], &[]);
            // The kernel takes its time to run what it was told to.
            for _ in 0..100 {
                if Path::new(made).exists() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        assert!(Path::new(made).exists(), "`{script}` did nothing");
        assert_eq!((counts.lost_must, counts.lost_may, counts.unreadable), (0, 0, 0));
        let mut raised = Vec::new();
        for event in events.iter().filter(|event| event.container.id == container) {
            for rule in engine.evaluate(event, &Nothing).to_vec() {
                raised.push((engine.rules()[rule].own.id.clone(), engine.alert(rule, event, &Nothing)));
            }
        }
        let alert = raised.iter().find(|(raised, _)| raised == id);
        let seen: Vec<_> = events.iter().filter(|event| event.container.id == container).collect();
        let (_, alert) = alert.unwrap_or_else(|| panic!("{id} by `{script}`: {}", harbour::lines(&seen)));
        let chain: Vec<&str> = std::iter::once(&alert.process)
            .chain(&alert.parents)
            .map(|actor| actor.command_line.as_str())
            .collect();
        assert!(chain.iter().any(|line| line.contains("-c")), "{chain:?}");
        assert_eq!(alert.container.image, plimsoll_testing::IMAGE);
    }
}
