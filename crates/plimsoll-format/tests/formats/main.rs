//! Whole documents: what people see, and what machines read.

#![expect(clippy::unwrap_used, reason = "a sample that cannot be made is a failed test")]

mod arbitrary;
mod human;
mod machine;
mod official_schemas;
mod sample;
mod sbom;
mod schema;
mod suites;
mod survey;
