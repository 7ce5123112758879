//! System calls by name; their numbers on the two architectures that the sensor knows.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A system call that the sensor can report: an index into the table of all of them.
///
/// In JSON it is its name, as in `"openat"`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call(u8);

/// Marks a system call that an architecture does not have.
const NONE: u16 = u16::MAX;

/// Name, number on x86-64, number on arm64, number of 32-bit programs on x86-64; sorted by name.
const TABLE: &[(&str, u16, u16, u16)] = &[
    ("accept", 43, 202, NONE),
    ("accept4", 288, 242, 364),
    ("bind", 49, 200, 361),
    ("bpf", 321, 280, 357),
    ("capset", 126, 91, 185),
    ("chmod", 90, NONE, 15),
    ("chroot", 161, 51, 61),
    ("clone", 56, 220, 120),
    ("clone3", 435, 435, 435),
    ("connect", 42, 203, 362),
    ("creat", 85, NONE, 8),
    ("delete_module", 176, 106, 129),
    ("dup", 32, 23, 41),
    ("dup2", 33, NONE, 63),
    ("dup3", 292, 24, 330),
    ("execve", 59, 221, 11),
    ("execveat", 322, 281, 358),
    ("exit_group", 231, 94, 252),
    ("fchmod", 91, 52, 94),
    ("fchmodat", 268, 53, 306),
    ("fchmodat2", 452, 452, 452),
    ("finit_module", 313, 273, 350),
    ("fork", 57, NONE, 2),
    ("fsmount", 432, 432, 432),
    ("init_module", 175, 105, 128),
    ("io_uring_setup", 425, 425, 425),
    ("kill", 62, 129, 37),
    ("link", 86, NONE, 9),
    ("linkat", 265, 37, 303),
    ("listen", 50, 201, 363),
    ("memfd_create", 319, 279, 356),
    ("mkdir", 83, NONE, 39),
    ("mkdirat", 258, 34, 296),
    ("mknod", 133, NONE, 14),
    ("mknodat", 259, 33, 297),
    ("mmap", 9, 222, 192),
    ("mount", 165, 40, 21),
    ("move_mount", 429, 429, 429),
    ("open", 2, NONE, 5),
    ("open_by_handle_at", 304, 265, 342),
    ("openat", 257, 56, 295),
    ("openat2", 437, 437, 437),
    ("pivot_root", 155, 41, 217),
    ("process_vm_readv", 310, 270, 347),
    ("process_vm_writev", 311, 271, 348),
    ("ptrace", 101, 117, 26),
    ("recvfrom", 45, 207, 371),
    ("recvmsg", 47, 212, 372),
    ("rename", 82, NONE, 38),
    ("renameat", 264, 38, 302),
    ("renameat2", 316, 276, 353),
    ("rmdir", 84, NONE, 40),
    ("sendmsg", 46, 211, 370),
    ("sendto", 44, 206, 369),
    ("setfsuid", 122, 151, 215),
    ("setgid", 106, 144, 214),
    ("setns", 308, 268, 346),
    ("setregid", 114, 143, 204),
    ("setresgid", 119, 149, 210),
    ("setresuid", 117, 147, 208),
    ("setreuid", 113, 145, 203),
    ("setuid", 105, 146, 213),
    ("socket", 41, 198, 359),
    ("symlink", 88, NONE, 83),
    ("symlinkat", 266, 36, 304),
    ("umount2", 166, 39, 52),
    ("unlink", 87, NONE, 10),
    ("unlinkat", 263, 35, 301),
    ("unshare", 272, 97, 310),
    ("userfaultfd", 323, 282, 374),
    ("vfork", 58, NONE, 190),
];

impl Call {
    /// The system call of that name, if the sensor can report it.
    pub fn named(name: &str) -> Option<Self> {
        TABLE.binary_search_by(|row| row.0.cmp(name)).ok().map(Self::at)
    }

    /// The system call of that number on the architecture that this program was built for.
    pub fn of_number(number: u16) -> Option<Self> {
        TABLE.iter().position(|row| of_here(*row) == number && number != NONE).map(Self::at)
    }

    /// Its number on the architecture that this program was built for; nothing where it does not exist there.
    pub fn number(self) -> Option<u16> {
        Some(of_here(TABLE[self.index()])).filter(|number| *number != NONE)
    }

    /// The system call of that number in a 32-bit program on x86-64.
    pub fn of_narrow_number(number: u16) -> Option<Self> {
        TABLE.iter().position(|row| row.3 == number && number != NONE).map(Self::at)
    }

    /// Its number in a 32-bit program on x86-64; nothing where it does not exist there, or on other architectures.
    pub fn narrow_number(self) -> Option<u16> {
        Some(TABLE[self.index()].3).filter(|number| *number != NONE && cfg!(target_arch = "x86_64"))
    }

    /// Its name, as in `openat`.
    pub fn name(self) -> &'static str {
        TABLE[self.index()].0
    }

    /// Its place among all that the sensor can report: below [`Call::COUNT`].
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// How many system calls the sensor can report.
    pub const COUNT: usize = TABLE.len();

    /// All that the sensor can report, by name.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..TABLE.len()).map(Self::at)
    }

    #[expect(clippy::cast_possible_truncation, reason = "the table has fewer than 256 rows: asserted below")]
    fn at(index: usize) -> Self {
        Self(index as u8)
    }
}

const _: () = assert!(TABLE.len() < 256);

fn of_here((_, x86_64, aarch64, _): (&str, u16, u16, u16)) -> u16 {
    if cfg!(target_arch = "aarch64") { aarch64 } else { x86_64 }
}

impl fmt::Debug for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Serialize for Call {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom(format_args!("unknown system call `{name}`")))
    }
}

#[cfg(test)]
mod tests {
    use super::{Call, TABLE};

    #[test]
    fn the_table_is_sorted_and_found_by_name_and_number() {
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for call in Call::all() {
            assert_eq!(Call::named(call.name()), Some(call));
            if let Some(number) = call.number() {
                assert_eq!(Call::of_number(number), Some(call));
            }
            if let Some(number) = call.narrow_number() {
                assert_eq!(Call::of_narrow_number(number), Some(call));
            }
        }
        assert_eq!(Call::named("reboot"), None);
        assert_eq!(Call::of_number(u16::MAX), None);
    }
}
