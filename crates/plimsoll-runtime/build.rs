//! Compiles the kernel programs of `bpf/` with clang, when the feature `runtime` is on. Without it nothing is needed.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "runtime")]
    programs::compile();
}

#[cfg(feature = "runtime")]
mod programs {
    use std::ffi::OsStr;
    use std::path::PathBuf;
    use std::process::Command;

    #[expect(clippy::disallowed_methods, reason = "a build script is told everything by its environment")]
    fn variable(name: &str) -> String {
        println!("cargo:rerun-if-env-changed={name}");
        std::env::var(name).unwrap_or_default()
    }

    pub(crate) fn compile() {
        println!("cargo:rerun-if-changed=bpf");
        let architecture = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
            "x86_64" => "x86",
            "aarch64" => "arm64",
            other => panic!("feature `runtime`: the sensor does not know the architecture {other}"),
        };
        assert!(
            variable("CARGO_CFG_TARGET_OS") == "linux",
            "feature `runtime`: the sensor is for Linux only"
        );
        let object = PathBuf::from(variable("OUT_DIR")).join("sensor.bpf.o");
        let clang =
            Some(variable("CLANG")).filter(|name| !name.is_empty()).unwrap_or_else(|| "clang".to_owned());
        run(
            &clang,
            [
                "-target",
                "bpf",
                "-mcpu=v3",
                "-O2",
                "-g",
                "-Wall",
                "-Werror",
                "-Wno-unused-function",
                &format!("-D__TARGET_ARCH_{architecture}"),
                // libbpf's headers, as its crate brings them.
                "-isystem",
                &variable("DEP_BPF_INCLUDE"),
                "-c",
                "bpf/sensor.bpf.c",
                "-o",
            ]
            .map(OsStr::new)
            .into_iter()
            .chain([object.as_os_str()]),
        );
        // Line tables are of no use in the binary; the type information stays. Without the tool the object is larger.
        let strip = clang.replace("clang", "llvm-strip");
        let _ = Command::new(strip).arg("-g").arg(&object).status();
    }

    fn run<'a>(clang: &str, arguments: impl Iterator<Item = &'a OsStr>) {
        let status = Command::new(clang).args(arguments).status().unwrap_or_else(|error| {
            panic!("feature `runtime` needs clang 14 or newer ({clang}: {error}); build without it, or install it")
        });
        assert!(status.success(), "{clang} could not compile the kernel programs: {status}");
    }
}
