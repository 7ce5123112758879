//! Profiles that allow what was learned and nothing else, as suggestions: seccomp (the form of Docker and the OCI's
//! runtimes), AppArmor and Kubernetes' NetworkPolicy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::ImageBaseline;

/// Why there is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// System calls were not looked at, or none were made.
    #[error("the baseline of `{0}` holds no system calls")]
    NoCalls(String),
    /// No profile is known for the machine that it was learned on.
    #[error("system calls of the architecture `{0}` have no name in profiles")]
    Architecture(String),
    /// What would stand in a profile is not safe there.
    #[error("`{0}` is no name of a profile: letters, digits, `-`, `_` and `.`")]
    Name(String),
}

/// What runtimes call between setting the filter and starting the program, and what every program needs to begin and to
/// end (runc 1.1, `libcontainer/standard_init_linux.go`).
const ALWAYS: &[&str] = &[
    "arch_prctl",
    "brk",
    "capget",
    "capset",
    "chdir",
    "clone",
    "clone3",
    "close",
    "close_range",
    "dup3",
    "epoll_ctl",
    "epoll_pwait",
    "execve",
    "exit",
    "exit_group",
    "faccessat2",
    "fchdir",
    "fchown",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "getdents64",
    "getegid",
    "geteuid",
    "getgid",
    "getpid",
    "getppid",
    "gettid",
    "getuid",
    "kill",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "munmap",
    "nanosleep",
    "newfstatat",
    "openat",
    "openat2",
    "pipe2",
    "prctl",
    "pread64",
    "prlimit64",
    "read",
    "readlinkat",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setgid",
    "setgroups",
    "setuid",
    "sigaltstack",
    "stat",
    "statfs",
    "statx",
    "tgkill",
    "tkill",
    "umask",
    "wait4",
    "write",
];

/// Names of capabilities (capabilities(7)), by number.
const CAPABILITIES: &[&str] = &[
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// What stands in a profile about itself: of what it was learned, and for how long.
fn told(image: &ImageBaseline) -> String {
    let name = if image.name.is_empty() { &image.digest } else { &image.name };
    let name: String = name.chars().filter(|character| !character.is_control()).collect();
    let whole = if image.whole { "" } else { "; not everything was seen" };
    format!("plimsoll watch suggest: {name}, {}{whole}", image.seen())
}

/// A seccomp profile: the calls that were made, and those that runtimes and all programs need.
pub fn seccomp(image: &ImageBaseline, architecture: &str) -> Result<Value, ProfileError> {
    if image.calls.is_empty() {
        return Err(ProfileError::NoCalls(image.name.clone()));
    }
    let architecture = match architecture {
        "x86_64" => "SCMP_ARCH_X86_64",
        "aarch64" => "SCMP_ARCH_AARCH64",
        other => return Err(ProfileError::Architecture(other.to_owned())),
    };
    let names: BTreeSet<&str> =
        image.calls.iter().map(String::as_str).chain(ALWAYS.iter().copied()).collect();
    Ok(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": [architecture],
        "syscalls": [{ "names": names, "action": "SCMP_ACT_ALLOW", "comment": told(image) }],
    }))
}

/// An AppArmor profile of that name: programs that ran, files that were written, networks and capabilities; reading is
/// allowed but of what belongs to the host's kernel.
pub fn app_armor(image: &ImageBaseline, name: &str) -> Result<String, ProfileError> {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
    if name.is_empty() || !name.chars().all(plain) {
        return Err(ProfileError::Name(name.to_owned()));
    }
    let mut text = format!(
        "# {}. Everything else is denied.\n#include <tunables/global>\n\nprofile {name} flags=(attach_disconnected,mediate_deleted) {{\n  #include <abstractions/base>\n\n",
        told(image)
    );
    for (bit, capability) in CAPABILITIES.iter().enumerate() {
        if image.capabilities >> bit & 1 == 1 {
            let _ = writeln!(text, "  capability {capability},");
        }
    }
    let both: BTreeSet<&str> = image
        .listens
        .iter()
        .chain(&image.connects)
        .filter_map(|end| end.split('/').next())
        .chain((!image.names.is_empty()).then_some("udp"))
        .collect();
    for protocol in both {
        let kind = match protocol {
            "udp" => "dgram",
            "sctp" => "seqpacket",
            _ => "stream",
        };
        let _ = writeln!(text, "  network inet {kind},\n  network inet6 {kind},");
    }
    text.push_str("  network unix,\n  unix,\n  signal,\n\n  / r,\n  /** rm,\n");
    for path in &image.programs {
        if path.starts_with('/') {
            let _ = writeln!(text, "  {} ix,", quoted(path));
        }
    }
    for path in &image.written {
        if path.starts_with('/') {
            let _ = writeln!(text, "  {} wkl,", quoted(path));
        }
    }
    // Terminals and the like, which every runtime hands in.
    text.push_str(
        "  /dev/{null,zero,full,random,urandom,tty,console,ptmx,pts/*} rw,\n\n  deny /proc/{kcore,kmem,mem,sysrq-trigger} rwklx,\n  deny /proc/sys/kernel/** w,\n  deny /sys/[^f]*/** wklx,\n  deny /sys/firmware/** rwklx,\n  deny mount,\n  deny umount,\n  deny pivot_root,\n  deny ptrace,\n}\n",
    );
    Ok(text)
}

/// A path as AppArmor reads it: `*` stays a pattern, other signs of patterns are themselves.
fn quoted(path: &str) -> String {
    let mut out = String::from("\"");
    for character in path.chars() {
        match character {
            '"' | '\\' | '?' | '[' | ']' | '{' | '}' | '^' | '@' => {
                out.push('\\');
                out.push(character);
            }
            // No line of a profile can hold these: any one character.
            character if character.is_control() => out.push('?'),
            character => out.push(character),
        }
    }
    out.push('"');
    out
}

/// Addresses of one port beyond which any address is allowed.
const MOST_ADDRESSES: usize = 64;

/// A `NetworkPolicy` (networking.k8s.io/v1) for the pods with these labels: in, to the ports that were listened at; out, to
/// the addresses that were contacted, and for names to the cluster's DNS.
pub fn network_policy(image: &ImageBaseline, name: &str, labels: &BTreeMap<String, String>) -> Value {
    let port = |text: &str| -> Option<(String, u16)> {
        let (protocol, port) = text.split_once('/')?;
        Some((protocol.to_ascii_uppercase(), port.parse().ok()?))
    };
    let listened: Vec<Value> = image
        .listens
        .iter()
        .filter_map(|text| port(text))
        .map(|(protocol, port)| json!({ "protocol": protocol, "port": port }))
        .collect();
    let ingress: Vec<Value> =
        if listened.is_empty() { Vec::new() } else { vec![json!({ "ports": listened })] };
    let mut ends: BTreeMap<(String, u16), BTreeSet<IpAddr>> = BTreeMap::new();
    for text in &image.connects {
        let mut parts = text.splitn(3, '/');
        let (Some(protocol), Some(address), Some(port)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (Ok(address), Ok(port)) = (address.parse(), port.parse()) else { continue };
        ends.entry((protocol.to_ascii_uppercase(), port)).or_default().insert(address);
    }
    let asks = !image.names.is_empty() || ends.keys().any(|(_, port)| *port == 53);
    let mut egress: Vec<Value> = ends
        .iter()
        // Names are asked of the cluster's DNS, whose address changes.
        .filter(|((_, port), _)| *port != 53)
        .map(|((protocol, port), addresses)| {
            let ports = json!([{ "protocol": protocol, "port": port }]);
            if addresses.len() > MOST_ADDRESSES {
                return json!({ "ports": ports });
            }
            let to: Vec<Value> = addresses
                .iter()
                .map(|address| {
                    let bits = if address.is_ipv4() { 32 } else { 128 };
                    json!({ "ipBlock": { "cidr": format!("{address}/{bits}") } })
                })
                .collect();
            json!({ "to": to, "ports": ports })
        })
        .collect();
    if asks {
        egress.push(json!({
            "to": [{
                "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
                "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
            }],
            "ports": [{ "protocol": "UDP", "port": 53 }, { "protocol": "TCP", "port": 53 }],
        }));
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": { "name": name, "annotations": { "plimsoll.dev/learned": told(image) } },
        "spec": {
            "podSelector": { "matchLabels": labels },
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            "egress": egress,
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{ALWAYS, ImageBaseline, ProfileError, app_armor, network_policy, seccomp};

    fn image() -> ImageBaseline {
        let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        ImageBaseline {
            name: "shop:1".to_owned(),
            programs: set(&["/bin/shop", "/srv/a \"b\"", "memfd:x"]),
            written: set(&["/tmp/upload-*.part"]),
            listens: set(&["tcp/8080"]),
            connects: set(&["tcp/10.0.0.7/5432", "tcp/fd00::1/5432", "udp/10.96.0.10/53"]),
            names: set(&["db.shop.svc"]),
            calls: set(&["accept4", "read"]),
            capabilities: 1 << 10,
            ..ImageBaseline::default()
        }
    }

    #[test]
    fn seccomp_allows_what_was_called_and_what_runtimes_need() {
        let profile = seccomp(&image(), "x86_64").unwrap();
        assert_eq!(profile["defaultAction"], "SCMP_ACT_ERRNO");
        let comment = profile["syscalls"][0]["comment"].as_str().unwrap();
        assert_eq!(
            comment,
            "plimsoll watch suggest: shop:1, seen in 0 containers, for a time that is not known; not everything was seen"
        );
        let names: Vec<&str> = profile["syscalls"][0]["names"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|name| name.as_str())
            .collect();
        assert!(names.contains(&"accept4") && names.contains(&"execve") && !names.contains(&"mount"));
        assert!(names.is_sorted() && ALWAYS.is_sorted());
        assert_eq!(seccomp(&ImageBaseline::default(), "x86_64"), Err(ProfileError::NoCalls(String::new())));
        assert_eq!(seccomp(&image(), "riscv64"), Err(ProfileError::Architecture("riscv64".to_owned())));
    }

    #[test]
    fn app_armor_names_programs_files_networks_and_capabilities() {
        let profile = app_armor(&image(), "shop").unwrap();
        for line in [
            "profile shop flags=(attach_disconnected,mediate_deleted) {",
            "  capability net_bind_service,",
            "  network inet stream,",
            "  network inet dgram,",
            "  \"/bin/shop\" ix,",
            "  \"/srv/a \\\"b\\\"\" ix,",
            "  \"/tmp/upload-*.part\" wkl,",
        ] {
            assert!(profile.lines().any(|there| there == line), "{line} is not in\n{profile}");
        }
        assert!(!profile.contains("memfd") && profile.ends_with("}\n"));
        for wrong in ["", "a b", "a/b", "a{"] {
            assert_eq!(app_armor(&image(), wrong), Err(ProfileError::Name(wrong.to_owned())));
        }
    }

    #[test]
    fn a_policy_names_both_directions() {
        let labels = BTreeMap::from([("app".to_owned(), "shop".to_owned())]);
        let policy = network_policy(&image(), "shop", &labels);
        assert_eq!(policy["spec"]["podSelector"]["matchLabels"]["app"], "shop");
        assert_eq!(policy["spec"]["ingress"][0]["ports"][0]["port"], 8080);
        let egress = policy["spec"]["egress"].as_array().unwrap();
        assert_eq!(egress.len(), 2, "{policy:#}");
        assert_eq!(egress[0]["to"][0]["ipBlock"]["cidr"], "10.0.0.7/32");
        assert_eq!(egress[0]["to"][1]["ipBlock"]["cidr"], "fd00::1/128");
        assert_eq!(egress[1]["ports"][0]["port"], 53);
        // What spoke with nobody speaks with nobody.
        let none = network_policy(&ImageBaseline::default(), "shop", &labels);
        assert_eq!(none["spec"]["egress"], serde_json::json!([]));
        assert_eq!(none["spec"]["ingress"], serde_json::json!([]));
    }
}
