//! Containers without a runtime: a cgroup in the form that Kubernetes uses, namespaces and one program each, made and gone
//! in milliseconds. For thousands of them, where a runtime takes a tenth of a second for each.

#![allow(clippy::unwrap_used, reason = "what cannot be made is a failed test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::pod;

/// Where they are made.
pub struct Brief {
    folder: tempfile::TempDir,
    group: PathBuf,
    made: Vec<PathBuf>,
    prefix: String,
}

impl Brief {
    /// A pod's cgroup for them. Nothing may run in it.
    ///
    /// # Panics
    /// Without root, a compiler or cgroups of the second version.
    #[must_use]
    pub fn open(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/brief.c");
        let output = Command::new("cc")
            .args(["-static", "-O1", "-o"])
            .arg(folder.path().join("brief"))
            .arg(source)
            .output()
            .unwrap();
        assert!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
        // Beside the first version, the second one is mounted there.
        let unified = Path::new("/sys/fs/cgroup/unified");
        let mut group = if unified.exists() { unified } else { Path::new("/sys/fs/cgroup") }.to_owned();
        let mut made = Vec::new();
        for part in ["kubepods".to_owned(), "burstable".to_owned(), format!("pod{}", pod())] {
            group.push(part);
            if std::fs::create_dir(&group).is_ok() {
                made.push(group.clone());
            }
        }
        let seed = name.bytes().fold(0u64, |seed, byte| seed << 8 | u64::from(byte));
        let prefix = format!("{seed:016x}{:032x}", u64::from(std::process::id()));
        Self { folder, group, made, prefix }
    }

    /// Runs so many containers, `abreast` of them at a time, each of which lives so many microseconds.
    ///
    /// # Panics
    /// When one of them cannot be made, or its program fails.
    pub fn run(&self, containers: usize, abreast: usize, microseconds: u32) {
        self.run_from(0, containers, abreast, microseconds);
    }

    /// The same, with numbers from `first` on.
    ///
    /// # Panics
    /// When one of them cannot be made, or its program fails.
    pub fn run_from(&self, first: usize, containers: usize, abreast: usize, microseconds: u32) {
        let output = Command::new(self.folder.path().join("brief"))
            .arg(&self.group)
            .arg(&self.prefix)
            .args([first.to_string(), containers.to_string(), abreast.to_string(), microseconds.to_string()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether these are the arguments of the program of such a container.
    #[must_use]
    pub fn is_its_program(&self, arguments: &[String]) -> bool {
        arguments.get(1).is_some_and(|word| word == "live")
            && arguments.first().is_some_and(|program| Path::new(program).starts_with(self.folder.path()))
    }

    /// The id of the container with that number.
    #[must_use]
    pub fn id(&self, number: usize) -> String {
        format!("{}{number:016x}", self.prefix)
    }

    /// The number of the container with that id; nothing where it is none of these.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<usize> {
        usize::from_str_radix(id.strip_prefix(&self.prefix)?, 16).ok()
    }
}

impl Drop for Brief {
    fn drop(&mut self) {
        for group in self.made.iter().rev() {
            let _ = std::fs::remove_dir(group);
        }
    }
}
