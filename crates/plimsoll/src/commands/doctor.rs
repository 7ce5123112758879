//! `plimsoll doctor`: what this machine offers, and what is missing.

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use plimsoll_runtime::container::{Places, hierarchy};
use serde_json::{Value, json};

use super::Answer;
use crate::print::{self, UNDECIDED};

#[derive(Debug, Args)]
#[command(
    after_help = "Tiers: T0 is what every watch needs; T1 sees what rings (io_uring) open; T2 lets --refuse refuse programs, which are
killed elsewhere. The verdict is about T0.

Exit codes: 0 the sensor can watch everything, 1 only a part or nothing, 3 could not be tried."
)]
pub(crate) struct DoctorArguments {
    /// Form of the answer
    #[arg(long, short = 'f', value_enum, value_name = "FORMAT", default_value_t = DoctorForm::Table)]
    format: DoctorForm,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorForm {
    Table,
    Json,
}

/// A program of the sensor, or why there is none.
struct Tried {
    name: String,
    sees: String,
    /// What it needs of the kernel; the portable tier is what a verdict is about.
    tier: &'static str,
    portable: bool,
    /// Nothing: it runs.
    refused: Option<String>,
}

pub(crate) fn run(arguments: &DoctorArguments) -> Answer {
    let places = Places::default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let types = std::path::Path::new("/sys/kernel/btf/vmlinux").exists();
    let cgroups = match hierarchy(&places) {
        Some(found) if found.first.is_none() => format!("version 2 at {}", found.mount.display()),
        Some(found) => format!("version 1 at {}", found.mount.display()),
        None => "none is mounted".to_owned(),
    };
    let (built, programs) = programs();
    let refused = programs.iter().filter(|program| program.portable && program.refused.is_some()).count();
    let (verdict, code) = match (built, refused) {
        (false, _) => ("unknown", UNDECIDED),
        (true, 0) => ("met", 0),
        (true, _) => ("notMet", 1),
    };
    let text = match arguments.format {
        DoctorForm::Json => {
            let programs: Vec<Value> = programs
                .iter()
                .map(|program| {
                    json!({ "name": program.name, "sees": program.sees, "tier": program.tier, "available": program.refused.is_none(),
                        "cause": program.refused })
                })
                .collect();
            let mut text = serde_json::to_string_pretty(&json!({
                "schemaVersion": "1.0",
                "plimsoll": env!("CARGO_PKG_VERSION"),
                "sensor": { "built": built, "kernel": kernel, "kernelTypes": types, "cgroups": cgroups, "programs": programs },
                "verdict": verdict,
            }))
            .unwrap_or_default();
            text.push('\n');
            text
        }
        DoctorForm::Table => {
            let mut text = format!("sensor of `plimsoll watch`\n  kernel        {kernel}\n");
            let _ = writeln!(
                text,
                "  kernel types  {}",
                if types { "yes (BTF)" } else { "no: /sys/kernel/btf/vmlinux is missing" }
            );
            let _ = writeln!(text, "  cgroups       {cgroups}");
            if !built {
                text.push_str(
                    "  this build has no sensor: build with `--features runtime` (clang, libelf, zlib)\n",
                );
            }
            let mut tier = "";
            for program in &programs {
                if program.tier != tier {
                    tier = program.tier;
                    let _ = writeln!(
                        text,
                        "  tier {tier}{}",
                        if program.portable { "" } else { " (not needed)" }
                    );
                }
                let state = match (&program.refused, program.portable) {
                    (None, _) => "yes",
                    (Some(_), true) => "NO ",
                    (Some(_), false) => "no ",
                };
                let _ = writeln!(text, "  {state}  {}", program.sees);
                if let Some(cause) = &program.refused {
                    // The verifier can say a great deal; the JSON form has it all.
                    let cause: String = cause.chars().take(200).collect();
                    let _ = writeln!(text, "         {}", print::plain(&cause));
                }
            }
            text
        }
    };
    print::data(&text)?;
    Ok(code)
}

/// Whether this build has a sensor, and what the kernel says to each of its programs.
#[cfg(feature = "runtime")]
fn programs() -> (bool, Vec<Tried>) {
    use plimsoll_runtime::sensor::{Availability, Tier, survey};
    let tried = survey().into_iter().map(|program| Tried {
        name: program.name.to_owned(),
        sees: program.sees.to_owned(),
        tier: program.tier.name(),
        portable: program.tier == Tier::Portable,
        refused: match program.state {
            Availability::Refused(cause) => Some(cause),
            _ => None,
        },
    });
    (true, tried.collect())
}

#[cfg(not(feature = "runtime"))]
fn programs() -> (bool, Vec<Tried>) {
    (false, Vec::new())
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}
