//! Measures the database: `cargo run --release -p plimsoll-advisory --example database -- build FROM OUT`, or
//! `match FILE RELEASE VERSION PACKAGES.tsv` with purl type, name, version, source and source version in columns.
#![expect(clippy::print_stdout, reason = "a measuring tool for developers")]

use std::path::Path;
use std::time::Instant;

use plimsoll_advisory::{
    BuildOptions, Database, MatchOptions, apply, build, matches, read_head, verify, write_content,
    write_delta,
};
use plimsoll_model::{Ecosystem, ImagePath, Inventory, Location, Package, Release, SourcePackage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let start = Instant::now();
    match words.as_slice() {
        ["build", from, out] => {
            let report = build(Path::new(from), Path::new(out), &BuildOptions::default())?;
            for source in &report.sources {
                println!("{:40} {:8} {:25} {}", source.name, source.records, source.date, source.commit);
                for left in &source.left_out {
                    let word = if left.broken { "rejected" } else { "left out" };
                    println!("    {word} {:6}  {} ({})", left.count, left.reason, left.example);
                }
            }
            println!(
                "{} records, {} packages, {} entries, {} bytes, {}",
                report.records,
                report.packages,
                report.entries,
                report.size,
                report.digest.short()
            );
        }
        ["content", path, out] => {
            let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
            write_content(&Database::open(Path::new(path))?, &mut file, Path::new(out))?;
            std::io::Write::flush(&mut file)?;
        }
        ["delta", old, new, out] => {
            let (old, new) = (Database::open(Path::new(old))?, Database::open(Path::new(new))?);
            let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
            println!("{:?}", write_delta(&old, &new, &mut file, Path::new(out))?);
            std::io::Write::flush(&mut file)?;
        }
        ["apply", stream, old, out] => {
            let old = if *old == "-" { None } else { Some(Database::open(Path::new(old))?) };
            let open = || Ok::<_, std::io::Error>(std::io::BufReader::new(std::fs::File::open(stream)?));
            let promised = plimsoll_model::Digest::parse(&read_head(&mut open()?)?.to)?;
            apply(&mut open()?, old.as_ref(), Path::new(out), &promised, &[], u64::MAX)?;
        }
        ["verify", path] => println!("{} sources", verify(Path::new(path))?.sources.len()),
        ["match", path, release, version, packages] => {
            let text = std::fs::read_to_string(packages)?;
            let mut inventory = Inventory {
                release: Some(Release {
                    id: (*release).into(),
                    version: (*version).into(),
                    ..Release::default()
                }),
                ..Inventory::default()
            };
            for line in text.lines() {
                let columns: Vec<&str> = line.split('\t').collect();
                let [ecosystem, name, version, source, source_version] = columns.as_slice() else { continue };
                let Some(ecosystem) = Ecosystem::from_purl_type(ecosystem) else { continue };
                let location = Location::new(ImagePath::from("packages.tsv"));
                let mut package = Package::new(ecosystem, *name, *version, location);
                package.purl = format!("pkg:{}/{name}@{version}", ecosystem.name());
                if !source.is_empty() {
                    package.source =
                        Some(SourcePackage { name: (*source).into(), version: (*source_version).into() });
                }
                inventory.packages.push(package);
            }
            let start = Instant::now();
            let database = Database::open(Path::new(path))?;
            let opened = start.elapsed();
            let start = Instant::now();
            let found = matches(&database, &inventory, &MatchOptions::default())?;
            let matched = start.elapsed();
            println!(
                "{} packages, {} findings, {} problems: open {:.2?}, match {:.2?}",
                inventory.packages.len(),
                found.findings.len(),
                found.problems.len(),
                opened,
                matched
            );
        }
        _ => println!(
            "usage: database build FROM OUT | verify FILE | content FILE OUT | delta OLD NEW OUT | apply STREAM OLD|- OUT"
        ),
    }
    println!("{} ms", start.elapsed().as_millis());
    Ok(())
}
