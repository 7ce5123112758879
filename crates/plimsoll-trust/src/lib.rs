//! Where an image comes from: signatures and attestations, found wherever they are kept, and checked offline.
//!
//! Three steps, each usable alone:
//!
//! 1. [`discover`] asks a registry for everything that refers to a digest: the referrers API and its tag fallback, and
//!    the tags `sha256-….sig`, `.att` and `.sbom`. The outcome is a list of [`Evidence`], whatever its layout.
//! 2. [`Trust::check`] verifies one piece of evidence against the trust roots and says *who* made it, and for which of
//!    the named [`Signer`]s that counts.
//! 3. [`provenance`] reads what a verified attestation says of the build.
//!
//! Nothing here decides whether an image may run: that is a policy's, over these facts. A signature that is there and does
//! not verify, one that nobody trusts and one that could not be read stay different answers.
//!
//! Hides sigstore-verify, the layouts of cosign's generations, DSSE, and the envelopes and rules of Notation.

#![forbid(unsafe_code)]

mod bundle;
mod certificate;
mod cosign;
mod discover;
mod error;
mod evidence;
pub mod fuzz;
mod intoto;
mod key;
mod keyless;
pub mod notation;
mod pem;
mod private_key;
mod roots;
mod sign;
mod statement;
mod tuf;
mod verify;
mod x509;

pub use discover::{
    Discovery, discover, discover_referrers, discover_sbom, discover_sbom_within, discover_tags,
    discover_vex, discover_vex_within, discover_within, is_sbom_predicate, is_vex_predicate,
};
pub use error::Error;
pub use evidence::{Evidence, Format, Layout, Place};
pub use key::PublicKey;
pub use keyless::{IdentityToken, Keyless, Services};
pub use plimsoll_policy::{Certificate, Pattern, provenance};
pub use private_key::{SigningKey, is_encrypted};
pub use roots::{Root, Window};
pub use sign::{SIGNED, Seal, Sealed, attestation};
pub use statement::{Statement, Subject};
#[doc(hidden)]
pub use tuf::Anchor;
pub use tuf::{Origin, Roots};
pub use verify::{By, Checked, Log, Outcome, Signer, Target, Trust, What};

/// A trust root for tests: the built-in snapshot of the public good instance.
#[doc(hidden)]
pub fn tests_root() -> &'static str {
    sigstore_verify::trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT
}
