//! The floor of reading gzip layers: inflate them, hash both sides, do nothing else. Then the same layers walked, by
//! one thread, so that the two can be compared.
//!
//! `cargo run --release -p plimsoll-fs --example floor -- LAYER.tar.gz...` (the lowest layer first)

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a measuring tool: it prints, rounds, and stops at what is wrong"
)]

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use flate2::{Decompress, FlushDecompress, Status};
use plimsoll_fs::{Entry, LayerSource, Limits, NoProgress, Visitor, Want, walk_layers};
use plimsoll_model::{Algorithm, Digest};
use sha2::{Digest as _, Sha256};

fn main() {
    let layers: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (start, before) = (Instant::now(), processor_seconds());
    let (mut stored, mut open, mut digests) = (0, 0, Vec::new());
    for layer in &layers {
        let (input, output, digest, diff_id) = floor(layer);
        stored += input;
        open += output;
        digests.push((digest, diff_id));
    }
    let floor = report("inflate + sha256", stored, open, start, before);

    let sources: Vec<Layer> = layers
        .into_iter()
        .zip(digests)
        .map(|(path, (digest, diff_id))| Layer { path, digest, diff_id })
        .collect();
    let sources: Vec<&dyn LayerSource> = sources.iter().map(|layer| layer as &dyn LayerSource).collect();
    let limits = Limits { workers: NonZeroUsize::MIN, ..Limits::default() };
    for (name, visitor) in [("walk, nothing wanted", OneIn(0)), ("walk, one file in 32 wanted", OneIn(32))] {
        let (start, before) = (Instant::now(), processor_seconds());
        let walk = walk_layers(&sources, &visitor, &limits, &NoProgress);
        let open = walk.layers.iter().map(|layer| layer.open_bytes).sum();
        let spent = report(name, stored, open, start, before);
        let entries: u64 = walk.layers.iter().map(|layer| layer.entries).sum();
        println!(
            "    {:.3} x the floor; {entries} entries, {} files, {} problems",
            spent / floor,
            walk.files.len(),
            walk.problems.len()
        );
    }
    println!("peak {} KiB", status("VmHWM"));
}

/// Bytes in, bytes out, digest, diff id.
fn floor(path: &PathBuf) -> (u64, u64, Digest, Digest) {
    let mut file = File::open(path).unwrap();
    let (mut input, mut output) = (vec![0; 64 * 1024], vec![0; 256 * 1024]);
    let (mut stored, mut open) = (Sha256::new(), Sha256::new());
    let mut inflate = Decompress::new(false);
    let (mut total_in, mut total_out) = (0, 0);
    // The header that `gzip -n` writes has ten bytes; with a name, the measured file is not ours.
    let mut header = 10;
    let mut ended = false;
    loop {
        let count = file.read(&mut input).unwrap();
        if count == 0 {
            assert!(ended, "one member, complete");
            let digest = |hash: Sha256| Digest::from_bytes(Algorithm::Sha256, &hash.finalize()).unwrap();
            return (total_in, total_out, digest(stored), digest(open));
        }
        total_in += count as u64;
        stored.update(&input[..count]);
        let mut rest = &input[header.min(count)..count];
        header -= header.min(count);
        while !rest.is_empty() && !ended {
            let (before_in, before_out) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(rest, &mut output, FlushDecompress::None).unwrap();
            rest = &rest[usize::try_from(inflate.total_in() - before_in).unwrap()..];
            let written = usize::try_from(inflate.total_out() - before_out).unwrap();
            open.update(&output[..written]);
            total_out += written as u64;
            ended = status == Status::StreamEnd;
        }
    }
}

fn report(name: &str, stored: u64, open: u64, start: Instant, before: f64) -> f64 {
    let spent = processor_seconds() - before;
    println!(
        "{name}: {stored} bytes stored, {open} open, {:.2} s wall, {spent:.2} s CPU, {:.0} MB/s of open bytes",
        start.elapsed().as_secs_f64(),
        open as f64 / spent / 1e6
    );
    spent
}

/// User and system time of this process (proc_pid_stat(5), fields 14 and 15, in hundredths).
fn processor_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn status(key: &str) -> String {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(key)).unwrap();
    line.split_whitespace().nth(1).unwrap().to_owned()
}

struct Layer {
    path: PathBuf,
    digest: Digest,
    diff_id: Digest,
}

impl LayerSource for Layer {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(File::open(&self.path)?))
    }
    fn label(&self) -> String {
        self.path.display().to_string()
    }
    fn digest(&self) -> Option<&Digest> {
        Some(&self.digest)
    }
    fn diff_id(&self) -> Option<&Digest> {
        Some(&self.diff_id)
    }
    fn size(&self) -> Option<u64> {
        None
    }
}

/// Wants one file in so many, by the sum of its name; 0 wants none.
struct OneIn(u32);

impl Visitor for OneIn {
    type Output = u64;

    fn wants(&self, entry: &Entry<'_>) -> Want {
        let sum: u32 = entry.path.as_bytes().iter().map(|byte| u32::from(*byte)).sum();
        if self.0 > 0 && sum.is_multiple_of(self.0) { Want::Whole { limit: 16 << 20 } } else { Want::Skip }
    }
    fn whole(&self, _: &Entry<'_>, content: &[u8]) -> u64 {
        content.iter().map(|byte| u64::from(*byte)).sum()
    }
    fn stream(&self, _: &Entry<'_>, _: &mut dyn Read) -> io::Result<u64> {
        Ok(0)
    }
}
