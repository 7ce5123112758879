//! What licences are called: the words of the ecosystems, names that several licences have, exceptions, addresses.

use std::collections::HashMap;
use std::sync::LazyLock;

use spdx::{ExceptionId, LicenseId};

use super::fold::fold;

/// What a name means.
#[derive(Clone, Copy, Debug)]
pub(super) enum Meaning {
    /// One licence of the SPDX list.
    Id { id: LicenseId, or_later: bool },
    /// An expression of [`NAMES`].
    Expression(&'static str),
    /// One of several licences.
    OneOf(&'static Family),
}

/// A name that several licences have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// How expressions name it.
    pub reference: &'static str,
    /// What it stands for, for people.
    pub what: &'static str,
    /// Ids of the licences that it may be; empty where it is none that the SPDX list has.
    pub candidates: &'static [&'static str],
}

/// Names that several licences have.
pub(super) static FAMILIES: &[Family] = &[
    Family {
        reference: "LicenseRef-some-GPL",
        what: "GPL without a version",
        candidates: &["GPL-1.0-only", "GPL-2.0-only", "GPL-3.0-only"],
    },
    Family {
        reference: "LicenseRef-some-LGPL",
        what: "LGPL without a version",
        candidates: &["LGPL-2.0-only", "LGPL-2.1-only", "LGPL-3.0-only"],
    },
    Family {
        reference: "LicenseRef-some-AGPL",
        what: "AGPL without a version",
        candidates: &["AGPL-1.0-only", "AGPL-3.0-only"],
    },
    Family {
        reference: "LicenseRef-some-GFDL",
        what: "GFDL without a version",
        candidates: &["GFDL-1.1-only", "GFDL-1.2-only", "GFDL-1.3-only"],
    },
    Family {
        reference: "LicenseRef-some-BSD",
        what: "BSD without a number of clauses",
        candidates: &["BSD-2-Clause", "BSD-3-Clause", "BSD-4-Clause"],
    },
    Family {
        reference: "LicenseRef-some-Apache",
        what: "Apache without a version",
        candidates: &["Apache-1.0", "Apache-1.1", "Apache-2.0"],
    },
    Family {
        reference: "LicenseRef-some-MPL",
        what: "MPL without a version",
        candidates: &["MPL-1.0", "MPL-1.1", "MPL-2.0"],
    },
    Family {
        reference: "LicenseRef-some-EPL",
        what: "EPL without a version",
        candidates: &["EPL-1.0", "EPL-2.0"],
    },
    Family {
        reference: "LicenseRef-some-CDDL",
        what: "CDDL without a version",
        candidates: &["CDDL-1.0", "CDDL-1.1"],
    },
    Family {
        reference: "LicenseRef-some-AFL",
        what: "AFL without a version",
        candidates: &["AFL-1.1", "AFL-1.2", "AFL-2.0", "AFL-2.1", "AFL-3.0"],
    },
    Family {
        reference: "LicenseRef-some-Artistic",
        what: "Artistic without a version",
        candidates: &["Artistic-1.0", "Artistic-1.0-Perl", "Artistic-1.0-cl8", "Artistic-2.0"],
    },
    Family {
        reference: "LicenseRef-some-Artistic-1.0",
        what: "Artistic 1.0 without saying which of its three texts",
        candidates: &["Artistic-1.0", "Artistic-1.0-Perl", "Artistic-1.0-cl8"],
    },
    Family {
        reference: "LicenseRef-some-PSF",
        what: "Python's licence without saying which",
        candidates: &["PSF-2.0", "Python-2.0", "Python-2.0.1"],
    },
    Family {
        reference: "LicenseRef-some-PHP",
        what: "PHP without a version",
        candidates: &["PHP-3.0", "PHP-3.01"],
    },
    Family {
        reference: "LicenseRef-some-ZPL",
        what: "ZPL without a version",
        candidates: &["ZPL-1.1", "ZPL-2.0", "ZPL-2.1"],
    },
    Family {
        reference: "LicenseRef-some-EUPL",
        what: "EUPL without a version",
        candidates: &["EUPL-1.0", "EUPL-1.1", "EUPL-1.2"],
    },
    Family {
        reference: "LicenseRef-some-OSL",
        what: "OSL without a version",
        candidates: &["OSL-1.0", "OSL-1.1", "OSL-2.0", "OSL-2.1", "OSL-3.0"],
    },
    // A pointer to the text of a version does not say whether a later one may be taken.
    Family {
        reference: "LicenseRef-some-GPL-1.0",
        what: "GPL 1, without saying whether a later version may be taken",
        candidates: &["GPL-1.0-only", "GPL-1.0-or-later"],
    },
    Family {
        reference: "LicenseRef-some-GPL-2.0",
        what: "GPL 2, without saying whether a later version may be taken",
        candidates: &["GPL-2.0-only", "GPL-2.0-or-later"],
    },
    Family {
        reference: "LicenseRef-some-GPL-3.0",
        what: "GPL 3, without saying whether a later version may be taken",
        candidates: &["GPL-3.0-only", "GPL-3.0-or-later"],
    },
    Family {
        reference: "LicenseRef-some-LGPL-2.0",
        what: "LGPL 2, without saying whether a later version may be taken",
        candidates: &["LGPL-2.0-only", "LGPL-2.0-or-later"],
    },
    Family {
        reference: "LicenseRef-some-LGPL-2.1",
        what: "LGPL 2.1, without saying whether a later version may be taken",
        candidates: &["LGPL-2.1-only", "LGPL-2.1-or-later"],
    },
    Family {
        reference: "LicenseRef-some-LGPL-3.0",
        what: "LGPL 3, without saying whether a later version may be taken",
        candidates: &["LGPL-3.0-only", "LGPL-3.0-or-later"],
    },
    Family {
        reference: "LicenseRef-some-GFDL-1.2",
        what: "GFDL 1.2, without saying whether a later version may be taken",
        candidates: &["GFDL-1.2-only", "GFDL-1.2-or-later"],
    },
    Family {
        reference: "LicenseRef-some-GFDL-1.3",
        what: "GFDL 1.3, without saying whether a later version may be taken",
        candidates: &["GFDL-1.3-only", "GFDL-1.3-or-later"],
    },
    Family {
        reference: "LicenseRef-public-domain",
        what: "public domain, which the SPDX list does not have",
        candidates: &[],
    },
];

/// Names as they are declared, in the one spelling of [`fold`], and what they mean. What SPDX calls its licences (ids and full names) is
/// known without this.
#[rustfmt::skip]
static NAMES: &[(&str, &str)] = &[
    // Without a version: nobody says which.
    ("gpl", "LicenseRef-some-GPL"),
    ("lgpl", "LicenseRef-some-LGPL"),
    ("agpl", "LicenseRef-some-AGPL"),
    ("affero gpl", "LicenseRef-some-AGPL"),
    ("gfdl", "LicenseRef-some-GFDL"),
    ("bsd", "LicenseRef-some-BSD"),
    ("bsd style", "LicenseRef-some-BSD"),
    ("apache", "LicenseRef-some-Apache"),
    ("mpl", "LicenseRef-some-MPL"),
    ("epl", "LicenseRef-some-EPL"),
    ("cddl", "LicenseRef-some-CDDL"),
    ("afl", "LicenseRef-some-AFL"),
    ("academic free", "LicenseRef-some-AFL"),
    ("academic free afl", "LicenseRef-some-AFL"),
    ("artistic", "LicenseRef-some-Artistic-1.0"),
    ("artistic 1", "LicenseRef-some-Artistic-1.0"),
    ("php", "LicenseRef-some-PHP"),
    ("zpl", "LicenseRef-some-ZPL"),
    ("zope public", "LicenseRef-some-ZPL"),
    ("eupl", "LicenseRef-some-EUPL"),
    ("osl", "LicenseRef-some-OSL"),
    ("open software", "LicenseRef-some-OSL"),
    ("psf", "LicenseRef-some-PSF"),
    ("psfl", "LicenseRef-some-PSF"),
    ("python", "LicenseRef-some-PSF"),
    ("python software foundation", "LicenseRef-some-PSF"),
    ("psf 2", "PSF-2.0"),
    ("public domain", "LicenseRef-public-domain"),
    ("publicdomain", "LicenseRef-public-domain"),
    ("pd", "LicenseRef-public-domain"),

    // GNU. `+` without a version is any version (Fedora, Debian).
    ("gpl+", "GPL-1.0-or-later"),
    ("lgpl+", "LGPL-2.0-or-later"),
    ("agpl+", "AGPL-1.0-or-later"),
    ("affero gpl 3", "AGPL-3.0-only"),
    ("affero gpl 3+", "AGPL-3.0-or-later"),
    ("gfdl+", "GFDL-1.1-or-later"),
    ("gfdl niv 1.1", "GFDL-1.1-no-invariants-only"),
    ("gfdl niv 1.1+", "GFDL-1.1-no-invariants-or-later"),
    ("gfdl niv 1.2", "GFDL-1.2-no-invariants-only"),
    ("gfdl niv 1.2+", "GFDL-1.2-no-invariants-or-later"),
    ("gfdl niv 1.3", "GFDL-1.3-no-invariants-only"),
    ("gfdl niv 1.3+", "GFDL-1.3-no-invariants-or-later"),
    ("gfdl 1.3+ no invariant", "GFDL-1.3-no-invariants-or-later"),
    ("gfdl 1.2+ no invariant", "GFDL-1.2-no-invariants-or-later"),
    ("gpl 2 with classpath exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl 2 with gpl 2 classpath exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl 2 w / cpe", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl 2 w / cp", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl 2 ce", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl 2 with autoconf exception", "GPL-2.0-only WITH Autoconf-exception-2.0"),
    ("gpl 2 with bison exception", "GPL-2.0-only WITH Bison-exception-2.2"),
    ("gpl 2 with font exception", "GPL-2.0-only WITH Font-exception-2.0"),
    ("gpl 2 with gcc exception", "GPL-2.0-only WITH GCC-exception-2.0"),
    ("gpl 3 with autoconf exception", "GPL-3.0-only WITH Autoconf-exception-3.0"),
    ("gpl 3 with gcc exception", "GPL-3.0-only WITH GCC-exception-3.1"),
    ("gpl 2+ autoconf exception", "GPL-2.0-or-later WITH Autoconf-exception-2.0"),
    ("gpl 3+ autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-3.0"),
    ("gpl 2+ libtool exception", "GPL-2.0-or-later WITH Libtool-exception"),
    ("gpl 3+ with bison exception", "GPL-3.0-or-later WITH Bison-exception-2.2"),
    ("cddl gpl 2 with classpath exception", "LicenseRef-some-CDDL OR GPL-2.0-only WITH Classpath-exception-2.0"),
    ("cddl / gpl 2+ ce", "LicenseRef-some-CDDL OR GPL-2.0-only WITH Classpath-exception-2.0"),
    ("gpl / lgpl", "LicenseRef-some-GPL OR LicenseRef-some-LGPL"),
    ("lgpl / mpl", "LicenseRef-some-LGPL OR LicenseRef-some-MPL"),
    ("lpgl 2.1+", "LGPL-2.1-or-later"),

    // BSD.
    ("bsd 2", "BSD-2-Clause"),
    ("2 clause bsd", "BSD-2-Clause"),
    ("2 clause bsdl", "BSD-2-Clause"),
    ("bsd 2 clauses", "BSD-2-Clause"),
    ("bsd two clause", "BSD-2-Clause"),
    ("simplified bsd", "BSD-2-Clause"),
    ("bsd simplified", "BSD-2-Clause"),
    ("bsd with 2 clauses", "BSD-2-Clause"),
    ("freebsd", "BSD-2-Clause-Views"),
    ("bsd 2 clause freebsd", "BSD-2-Clause-Views"),
    ("bsd 2 clause netbsd", "BSD-2-Clause"),
    ("bsd 3", "BSD-3-Clause"),
    ("bsd c 3", "BSD-3-Clause"),
    ("3 clause bsd", "BSD-3-Clause"),
    ("bsd 3 clauses", "BSD-3-Clause"),
    ("bsd three clause", "BSD-3-Clause"),
    ("new bsd", "BSD-3-Clause"),
    ("bsd new", "BSD-3-Clause"),
    ("modified bsd", "BSD-3-Clause"),
    ("revised bsd", "BSD-3-Clause"),
    ("bsd revised", "BSD-3-Clause"),
    ("new bsd 3 clause", "BSD-3-Clause"),
    ("bsd 3 clause new or revised", "BSD-3-Clause"),
    ("edl 1", "BSD-3-Clause"),
    ("eclipse distribution 1", "BSD-3-Clause"),
    ("bsd 4", "BSD-4-Clause"),
    ("4 clause bsd", "BSD-4-Clause"),
    ("original bsd", "BSD-4-Clause"),
    ("bsd with advertising", "BSD-4-Clause"),
    ("bsd 2 clause patent", "BSD-2-Clause-Patent"),
    ("bsd 3 clause file", "BSD-3-Clause"),
    ("bsd 2 clause file", "BSD-2-Clause"),
    ("bsd 0 clause", "0BSD"),
    ("zero clause bsd", "0BSD"),
    ("bsd zero clause", "0BSD"),
    ("bsd protection", "BSD-Protection"),

    // MIT and its kin.
    ("expat", "MIT"),
    ("expat mit", "MIT"),
    ("mit expat", "MIT"),
    ("mit / expat", "MIT"),
    ("mit / x 11", "MIT"),
    ("mit file", "MIT"),
    ("x 11 / mit", "MIT"),
    ("mit no attribution mit 0", "MIT-0"),
    ("mit cmu historical permission notice and disclaimer", "HPND"),
    ("historical permission notice and disclaimer hpnd", "HPND"),
    ("isc iscl", "ISC"),
    ("iscl", "ISC"),
    ("beerware", "Beerware"),
    ("boost", "BSL-1.0"),
    ("boost software", "BSL-1.0"),
    ("boost software 1 bsl 1", "BSL-1.0"),
    ("boost 1", "BSL-1.0"),
    ("zlib / libpng", "zlib-acknowledgement"),
    ("openldap 2.8", "OLDAP-2.8"),
    ("universal permissive upl", "UPL-1.0"),
    ("university of illinois / ncsa open source", "NCSA"),
    ("postgresql", "PostgreSQL"),
    ("ruby", "Ruby"),
    ("vim", "Vim"),
    ("x net", "Xnet"),
    ("ntp", "NTP"),
    ("blue oak model 1", "BlueOak-1.0.0"),
    ("cc 0", "CC0-1.0"),
    ("cc 0 1 universal", "CC0-1.0"),
    ("cc 0 1 universal cc 0 1 public domain dedication", "CC0-1.0"),
    ("public domain per creative commons cc 0", "CC0-1.0"),
    ("wtfpl", "WTFPL"),
    ("wtfpl 2", "WTFPL"),
    ("do what fuck you want to public", "WTFPL"),
    ("fsf all permissive", "FSFAP"),
    ("bzip", "bzip2-1.0.6"),

    // Apache.
    ("apache public 2", "Apache-2.0"),
    ("al 2", "Apache-2.0"),
    ("apache 2 with llvm exceptions", "Apache-2.0 WITH LLVM-exception"),
    ("apache 2 with llvm exception", "Apache-2.0 WITH LLVM-exception"),

    // Mozilla, Eclipse, Sun, IBM, Microsoft.
    ("epl 1 epl", "EPL-1.0"),
    ("cddl 1", "CDDL-1.0"),
    ("cpl 1", "CPL-1.0"),
    ("common public", "CPL-1.0"),
    ("common public 1", "CPL-1.0"),
    ("ms pl", "MS-PL"),
    ("microsoft public", "MS-PL"),
    ("ms rl", "MS-RL"),
    ("microsoft reciprocal", "MS-RL"),
    ("upl", "UPL-1.0"),
    ("upl 1", "UPL-1.0"),

    // Perl, Python, R, fonts, documentation.
    ("perl", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("perl 5", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("same terms as perl", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("same terms as perl itself", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
    ("gpl+ or artistic", "GPL-1.0-or-later OR LicenseRef-some-Artistic-1.0"),
    ("zope 2", "ZPL-2.0"),
    ("zope 2.1", "ZPL-2.1"),
    ("sil open font 1.1", "OFL-1.1"),
    ("sil open font 1.1 ofl 1.1", "OFL-1.1"),
    ("ofl", "OFL-1.1"),
    ("cc by 4", "CC-BY-4.0"),
    ("cc by sa 4", "CC-BY-SA-4.0"),
    ("creative commons attribution 4", "CC-BY-4.0"),
    ("creative commons attribution 4 international", "CC-BY-4.0"),
    ("ufl 1", "Ubuntu-font-1.0"),
    ("latex 2e", "Latex2e"),
    ("tcl", "TCL"),

    // One or the other, as people write it.
    ("mit / apache 2", "MIT OR Apache-2.0"),
    ("apache 2 / mit", "MIT OR Apache-2.0"),
    ("mit / bsd 3 clause", "MIT OR BSD-3-Clause"),
    ("bsd 3 clause / mit", "MIT OR BSD-3-Clause"),
    ("mit / isc", "MIT OR ISC"),
    ("mit / gpl 2", "MIT OR GPL-2.0-only"),
    ("apache 2 / gpl 2", "Apache-2.0 OR GPL-2.0-only"),
    ("unlicense / mit", "Unlicense OR MIT"),

    // Kernel modules (include/linux/module.h).
    ("gpl and additional rights", "GPL-2.0-only"),
    ("dual bsd / gpl", "LicenseRef-some-BSD OR LicenseRef-some-GPL"),
    ("dual mit / gpl", "MIT OR LicenseRef-some-GPL"),
    ("dual mpl / gpl", "LicenseRef-some-MPL OR LicenseRef-some-GPL"),
];

/// Exceptions as they are declared, in the one spelling, for licences whose id begins so.
#[rustfmt::skip]
static EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("autoconf exception", "GPL-2.0", "Autoconf-exception-2.0"),
    ("autoconf exception", "GPL-3.0", "Autoconf-exception-3.0"),
    ("bison exception", "GPL-", "Bison-exception-2.2"),
    ("bison 2.2 exception", "GPL-", "Bison-exception-2.2"),
    ("classpath exception", "GPL-2.0", "Classpath-exception-2.0"),
    ("classpath exceptions", "GPL-2.0", "Classpath-exception-2.0"),
    ("font exception", "GPL-", "Font-exception-2.0"),
    ("gcc exception", "GPL-2.0", "GCC-exception-2.0"),
    ("gcc exception", "GPL-3.0", "GCC-exception-3.1"),
    ("gcc runtime library exception", "GPL-3.0", "GCC-exception-3.1"),
    ("gcc runtime library exception 3.1", "GPL-3.0", "GCC-exception-3.1"),
    ("libtool exception", "GPL-", "Libtool-exception"),
    ("linux syscall note exception", "GPL-2.0", "Linux-syscall-note"),
    ("linux syscall note", "GPL-2.0", "Linux-syscall-note"),
    ("llvm exception", "Apache-2.0", "LLVM-exception"),
    ("llvm exceptions", "Apache-2.0", "LLVM-exception"),
    ("ocaml linking exception", "LGPL-", "OCaml-LGPL-linking-exception"),
    ("ocaml lgpl linking exception", "LGPL-", "OCaml-LGPL-linking-exception"),
    ("texinfo exception", "GPL-", "Texinfo-exception"),
    ("u boot exception", "GPL-2.0", "u-boot-exception-2.0"),
    ("wxwindows exception", "LGPL-", "WxWindows-exception-3.1"),
];

/// Where Debian keeps the texts that many packages are under (Debian policy 4.6, section 12.5).
pub const COMMON_LICENSES: &str = "/usr/share/common-licenses/";

/// The texts there.
#[rustfmt::skip]
static COMMON: &[(&str, &str)] = &[
    ("Apache-2.0", "Apache-2.0"),
    ("Artistic", "LicenseRef-some-Artistic-1.0"),
    ("BSD", "BSD-3-Clause"),
    ("CC0-1.0", "CC0-1.0"),
    ("GFDL", "LicenseRef-some-GFDL"),
    ("GFDL-1.2", "LicenseRef-some-GFDL-1.2"),
    ("GFDL-1.3", "LicenseRef-some-GFDL-1.3"),
    ("GPL", "LicenseRef-some-GPL"),
    ("GPL-1", "LicenseRef-some-GPL-1.0"),
    ("GPL-2", "LicenseRef-some-GPL-2.0"),
    ("GPL-3", "LicenseRef-some-GPL-3.0"),
    ("LGPL", "LicenseRef-some-LGPL"),
    ("LGPL-2", "LicenseRef-some-LGPL-2.0"),
    ("LGPL-2.1", "LicenseRef-some-LGPL-2.1"),
    ("LGPL-3", "LicenseRef-some-LGPL-3.0"),
    ("MPL-1.1", "MPL-1.1"),
    ("MPL-2.0", "MPL-2.0"),
];

/// Addresses of licences, without `http://`, `www.` and what stands behind the name.
#[rustfmt::skip]
static ADDRESSES: &[(&str, &str)] = &[
    ("apache.org/licenses/license-1.1", "Apache-1.1"),
    ("apache.org/licenses/license-2.0", "Apache-2.0"),
    ("aws.amazon.com/apache2.0", "Apache-2.0"),
    ("choosealicense.com/licenses/apache-2.0", "Apache-2.0"),
    ("choosealicense.com/licenses/mit", "MIT"),
    ("creativecommons.org/publicdomain/zero/1.0", "CC0-1.0"),
    ("creativecommons.org/licenses/by/4.0", "CC-BY-4.0"),
    ("creativecommons.org/licenses/by-sa/4.0", "CC-BY-SA-4.0"),
    ("eclipse.org/legal/epl-v10", "EPL-1.0"),
    ("eclipse.org/legal/epl-v20", "EPL-2.0"),
    ("eclipse.org/legal/epl-2.0", "EPL-2.0"),
    ("eclipse.org/org/documents/epl-v10", "EPL-1.0"),
    ("eclipse.org/org/documents/edl-v10", "BSD-3-Clause"),
    ("glassfish.dev.java.net/public/cddlv1.0", "CDDL-1.0"),
    ("gnu.org/licenses/agpl-3.0", "AGPL-3.0-only"),
    ("gnu.org/licenses/gpl-2.0", "GPL-2.0-only"),
    ("gnu.org/licenses/gpl-3.0", "GPL-3.0-only"),
    ("gnu.org/licenses/lgpl-2.1", "LGPL-2.1-only"),
    ("gnu.org/licenses/lgpl-3.0", "LGPL-3.0-only"),
    ("gnu.org/licenses/old-licenses/gpl-2.0", "GPL-2.0-only"),
    ("gnu.org/licenses/old-licenses/lgpl-2.1", "LGPL-2.1-only"),
    ("gnu.org/software/classpath/license", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ("mit-license.org", "MIT"),
    ("jquery.org/license", "MIT"),
    ("mozilla.org/mpl/2.0", "MPL-2.0"),
    ("mozilla.org/mpl/mpl-1.1", "MPL-1.1"),
    ("mozilla.org/en-us/mpl/2.0", "MPL-2.0"),
    ("opensource.org/licenses/bsd-license", "BSD-2-Clause"),
    ("opensource.org/licenses/mit-license", "MIT"),
    ("opensource.org/licenses/apache2.0", "Apache-2.0"),
    ("opensource.org/licenses/eclipse-1.0", "EPL-1.0"),
    ("opensource.org/licenses/cddl1", "CDDL-1.0"),
    ("opensource.org/licenses/isc-license", "ISC"),
    ("repository.jboss.org/licenses/apache-2.0", "Apache-2.0"),
    ("repository.jboss.org/licenses/cc0-1.0", "CC0-1.0"),
    ("unlicense.org", "Unlicense"),
    ("wtfpl.net", "WTFPL"),
];

/// Addresses that end with an SPDX id.
const ADDRESSES_OF_IDS: &[&str] =
    &["licenses.nuget.org/", "spdx.org/licenses/", "opensource.org/licenses/", "opensource.org/license/"];

static MEANINGS: LazyLock<HashMap<String, Meaning>> = LazyLock::new(|| {
    // What two ids share means neither.
    let mut ids: HashMap<String, Option<LicenseId>> = HashMap::with_capacity(2048);
    let listed = spdx::identifiers::LICENSES.iter().filter_map(|license| {
        let id = spdx::license_id(license.name)?;
        (!id.is_deprecated()).then_some((id, license))
    });
    for (id, license) in listed {
        for name in [license.name, license.full_name] {
            ids.entry(fold(name))
                .and_modify(|known| *known = known.filter(|known| *known == id))
                .or_insert(Some(id));
        }
    }
    let mut meanings: HashMap<String, Meaning> = ids
        .into_iter()
        .filter_map(|(name, id)| Some((name, Meaning::Id { id: id?, or_later: false })))
        .collect();
    for (name, means) in NAMES {
        meanings.insert((*name).to_owned(), of_table(means));
    }
    meanings
});

fn of_table(means: &'static str) -> Meaning {
    match (spdx::license_id(means), family(means)) {
        (Some(id), _) => Meaning::Id { id, or_later: false },
        (None, Some(family)) => Meaning::OneOf(family),
        (None, None) => Meaning::Expression(means),
    }
}

/// What a name in the one spelling means.
pub(super) fn meaning(folded: &str) -> Option<Meaning> {
    if let Some(known) = MEANINGS.get(folded) {
        return Some(*known);
    }
    // `EPL-1.0+`: GNU licences have ids of their own for that.
    match MEANINGS.get(folded.strip_suffix('+')?)? {
        Meaning::Id { id, .. } if !id.is_gnu() && id.version().is_some() => {
            Some(Meaning::Id { id: *id, or_later: true })
        }
        _ => None,
    }
}

/// The family of a reference.
pub(super) fn family(reference: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.reference == reference)
}

/// What an address means.
pub(super) fn address(text: &str) -> Option<Meaning> {
    if let Some(name) = text.strip_prefix(COMMON_LICENSES) {
        return COMMON.iter().find(|(known, _)| *known == name).map(|(_, means)| of_table(means));
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let rest = rest.strip_prefix("www.").unwrap_or(rest).trim_end_matches('/');
    let end = [".txt", ".html", ".htm", ".php", ".md"].iter().find_map(|end| rest.strip_suffix(end));
    let rest = end.unwrap_or(rest);
    let small = rest.to_ascii_lowercase();
    if let Some((_, means)) = ADDRESSES.iter().find(|(address, _)| *address == small) {
        return Some(of_table(means));
    }
    let prefix = ADDRESSES_OF_IDS.iter().find(|prefix| small.starts_with(**prefix))?;
    meaning(&fold(rest.get(prefix.len()..)?))
}

/// The exception that `folded` names for a licence.
pub(super) fn exception(folded: &str, of: LicenseId) -> Option<ExceptionId> {
    let row = EXCEPTIONS.iter().find(|(name, id, _)| *name == folded && of.name.starts_with(id));
    row.and_then(|(_, _, exception)| spdx::exception_id(exception))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_one_spelling_and_mean_something() {
        let other: Vec<(&str, String)> = NAMES
            .iter()
            .map(|(name, _)| (*name, fold(name)))
            .filter(|(name, folded)| name != folded)
            .collect();
        assert!(other.is_empty(), "not in the one spelling: {other:#?}");
        for (name, means) in NAMES {
            let spelled = super::super::expression_of_ids(means);
            assert!(spelled.is_some(), "{name}: {means}");
            assert_eq!(NAMES.iter().filter(|(other, _)| other == name).count(), 1, "{name}");
        }
        for (name, means) in COMMON {
            assert!(super::super::expression_of_ids(means).is_some(), "{name}: {means}");
        }
        for (address, means) in ADDRESSES {
            assert_eq!(address.to_ascii_lowercase(), *address);
            assert!(super::super::expression_of_ids(means).is_some(), "{address}: {means}");
        }
        for (name, id, means) in EXCEPTIONS {
            assert_eq!(fold(name), *name);
            assert!(spdx::exception_id(means).is_some_and(|exception| exception.name == *means), "{name}");
            assert!(spdx::identifiers::LICENSES.iter().any(|license| license.name.starts_with(id)), "{id}");
        }
        for family in FAMILIES {
            for id in family.candidates {
                assert!(spdx::license_id(id).is_some_and(|known| known.name == *id), "{id}");
            }
        }
    }

    #[test]
    fn every_id_and_full_name_of_the_list_is_understood() {
        let mut ambiguous = Vec::new();
        for license in spdx::identifiers::LICENSES {
            let id = spdx::license_id(license.name).unwrap();
            if id.is_deprecated() {
                continue;
            }
            assert_eq!(super::super::Declared::read(license.name).to_string(), license.name);
            let full = super::super::Declared::read(license.full_name).to_string();
            if full != license.name {
                ambiguous.push(format!("{}: {full}", license.full_name));
            }
        }
        // Full names that several licences have, or that our words overrule.
        assert!(ambiguous.len() < 20, "{ambiguous:#?}");
    }
}
