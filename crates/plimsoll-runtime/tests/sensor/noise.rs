//! Ordinary workloads in real containers: at most one alert each.
//!
//! They run with this machine's programs, in overlays over its `/usr`, `/etc` and `/var/lib/dpkg`: nothing is written
//! outside of the test's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use plimsoll_runtime::rules::{Nothing, builtin};
use plimsoll_runtime::sensor::Settings;
use plimsoll_testing::not_tested;
use serde_json::{Value, json};

use crate::harbour;

/// A workload: what it is, the programs that it needs, what a shell in the container does.
const WORKLOADS: &[(&str, &[&str], &str)] = &[
    (
        "package install",
        &["dpkg", "dpkg-deb"],
        "mkdir -p /build/demo/DEBIAN /build/demo/usr/bin /build/demo/etc/demo
         printf 'Package: demo\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@example.org>\\nDescription: demo\\n' > /build/demo/DEBIAN/control
         printf '#!/bin/sh\\nset -e\\nmkdir -p /var/lib/demo\\nchmod 700 /var/lib/demo\\n' > /build/demo/DEBIAN/postinst
         printf '#!/bin/sh\\necho demo\\n' > /build/demo/usr/bin/demo
         echo x > /build/demo/etc/demo/demo.conf
         chmod 755 /build/demo/DEBIAN/postinst /build/demo/usr/bin/demo
         dpkg-deb --build /build/demo /build/demo.deb && dpkg --install /build/demo.deb && demo",
    ),
    (
        "web server",
        &["python3"],
        "mkdir -p /srv/www; echo hello > /srv/www/index.html; cd /srv/www
         PYTHON -m http.server --bind 127.0.0.1 PORT > /var/log/access.log 2>&1 &
         for try in 1 2 3 4 5 6 7 8 9; do
             PYTHON -c 'import urllib.request as r; [r.urlopen(\"http://127.0.0.1:PORT/\").read() for _ in range(20)]' && break
             sleep 0.3
         done; kill $!",
    ),
    (
        "database",
        &["sqlite3"],
        "mkdir -p /var/lib/shop
         sqlite3 /var/lib/shop/shop.db 'pragma journal_mode=wal; create table sold(id integer primary key, name text);'
         for day in 1 2 3 4 5; do
             sqlite3 /var/lib/shop/shop.db \"insert into sold(name) values('a'),('b'); select count(*) from sold;\"
         done
         sqlite3 /var/lib/shop/shop.db '.backup /var/lib/shop/copy.db' && sqlite3 /var/lib/shop/copy.db 'pragma integrity_check;'",
    ),
    (
        "shell entry point",
        &["sh", "sed", "chown", "id", "env", "grep"],
        "set -e
         if [ \"$(id -u)\" = 0 ]; then mkdir -p /run/shop /var/lib/shop; chown -R www-data:www-data /var/lib/shop; fi
         for name in $(env | sed -n 's/^SHOP_\\([A-Z]*\\)=.*/\\1/p'); do echo $name >> /run/shop/names; done
         sed -e 's/PORT/8080/' > /etc/shop.conf << END
listen PORT
END
         chmod 640 /etc/shop.conf; ln -sf /dev/stdout /var/log/shop.log; getent passwd www-data | cut -d: -f6
         grep -q listen /etc/shop.conf; trap 'exit 0' TERM; exec sleep 0.2",
    ),
    (
        "cron",
        &["busybox", "run-parts", "find", "gzip"],
        "mkdir -p /jobs/daily /jobs/tabs /var/log /tmp/work
         printf '#!/bin/sh\\nfind /tmp/work -mtime +7 -delete\\n' > /jobs/daily/clean
         printf '#!/bin/sh\\nif [ -s /var/log/app.log ]; then mv /var/log/app.log /var/log/app.log.1; gzip -f /var/log/app.log.1; fi\\n' > /jobs/daily/turn
         chmod 755 /jobs/daily/clean /jobs/daily/turn; echo line > /var/log/app.log
         echo '* * * * * run-parts /jobs/daily' > /jobs/tabs/root
         busybox crond -f -c /jobs/tabs -L /dev/null & sleep 0.5
         run-parts /jobs/daily; kill $!",
    ),
    (
        "CI build",
        &["gcc", "make", "tar"],
        "mkdir -p /build/src && cd /build/src
         printf '#include <stdio.h>\\nint main(void) { return puts(\"hello\") < 0; }\\n' > hello.c
         printf 'all: hello\\nhello: hello.c\\n\\tgcc -O1 -o hello hello.c\\ncheck: hello\\n\\t./hello | grep -q hello\\n' > Makefile
         make all && make check && make check && tar czf /build/hello.tar.gz hello",
    ),
];

/// An overlay over a folder of this machine, unmounted in the end.
struct Over {
    root: PathBuf,
    destination: &'static str,
}

impl Over {
    fn new(folder: &Path, destination: &'static str) -> Self {
        let place = folder.join(destination.replace('/', "-"));
        for part in ["upper", "work", "root"] {
            std::fs::create_dir_all(place.join(part)).unwrap();
        }
        let options = format!(
            "lowerdir={destination},upperdir={},workdir={}",
            place.join("upper").display(),
            place.join("work").display()
        );
        let root = place.join("root");
        let mounted =
            Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(&root).status();
        assert!(mounted.unwrap().success(), "{options}");
        Self { root, destination }
    }

    fn mount(&self) -> Value {
        json!({ "destination": self.destination, "type": "bind", "source": self.root, "options": ["rbind", "rw"] })
    }
}

impl Drop for Over {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.root).status();
    }
}

/// The path of a program of this machine.
fn program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/usr/sbin", "/bin"]
        .iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.exists())
}

#[test]
fn ordinary_workloads_raise_at_most_one_alert_each() {
    let Some(harbour) = harbour::open("noise") else { return };
    let scratch = tempfile::tempdir().unwrap();
    let lower = scratch.path().join("lower");
    for folder in ["usr", "etc", "var/lib/dpkg", "var/log", "tmp", "proc", "dev", "sys", "run", "srv"] {
        std::fs::create_dir_all(lower.join(folder)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), lower.join(name)).unwrap();
    }
    let Some(real) = plimsoll_testing::Harbour::over("noise", &lower) else { return };
    drop(harbour);
    let mut engine = builtin::engine();
    let settings = Settings { only_containers: true, ..Settings::asked_by(&engine) };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let python = program("python3").or_else(|| program("python3.13")).or_else(|| program("python3.11"));
    let mut ran: BTreeMap<String, &str> = BTreeMap::new();
    let (events, counts) = harbour::watch(&settings, |_| {
        for (name, needed, script) in WORKLOADS {
            let missing = needed.iter().find(|needed| match **needed {
                "python3" => python.is_none(),
                other => program(other).is_none(),
            });
            if let Some(missing) = missing {
                not_tested(&format!("the workload `{name}`: {missing} is not installed"));
                continue;
            }
            let over: Vec<Over> = ["/usr", "/etc", "/var/lib/dpkg"]
                .map(|folder| Over::new(&scratch.path().join(name), folder))
                .into();
            let mounts: Vec<Value> = over.iter().map(Over::mount).collect();
            let python = python.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            let script = script.replace("PYTHON", &python).replace("PORT", &port);
            let script = format!("export PATH=/usr/sbin:/usr/bin:/sbin:/bin\n{script}\n");
            ran.insert(real.run(&["/bin/sh", "-c", &script], &mounts), name);
        }
    });
    assert_eq!((counts.lost_must, counts.unreadable), (0, 0));
    assert!(ran.len() >= 3, "too few workloads: {ran:?}");
    // Alerts of one rule about one command are one.
    let mut alerts: BTreeMap<&str, BTreeSet<(String, String)>> = BTreeMap::new();
    let mut told = String::new();
    for event in &events {
        let Some(name) = ran.get(&event.container.id) else { continue };
        for rule in engine.evaluate(event, &Nothing).to_vec() {
            let alert = engine.alert(rule, event, &Nothing);
            let _ = writeln!(told, "{name}: {} {}", alert.id, alert.output);
            alerts.entry(name).or_default().insert((alert.id, event.process.program().to_owned()));
        }
    }
    assert!(alerts.values().all(|alerts| alerts.len() <= 1), "{told}");
}
