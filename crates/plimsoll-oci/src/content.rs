//! What bytes are, by looking at their beginning.

use std::io::{self, Read};

use crate::members::{BLOCK, is_header};

/// What bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Empty,
    /// An open tar archive, which may be an empty one.
    Tar,
    Compressed(Compression),
    /// Something that begins like a JSON object or list.
    Json,
    Other,
}

/// A compression that is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    Gzip,
    Zstd,
    /// One that no outer archive we read has: its name.
    Foreign(&'static str),
}

/// Reads the first block, or what there is of it.
pub(crate) fn first_block(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut block = Vec::with_capacity(BLOCK);
    reader.take(BLOCK as u64).read_to_end(&mut block)?;
    Ok(block)
}

/// Looks at what a reader begins with, and consumes it.
pub(crate) fn look(reader: &mut impl Read) -> io::Result<Look> {
    Ok(look_at(&first_block(reader)?))
}

/// What begins with this block.
pub(crate) fn look_at(block: &[u8]) -> Look {
    const MAGIC: [(&[u8], Compression); 5] = [
        (b"\x1f\x8b", Compression::Gzip),
        (b"\x28\xb5\x2f\xfd", Compression::Zstd),
        (b"\xfd7zXZ\0", Compression::Foreign("xz")),
        (b"BZh", Compression::Foreign("bzip2")),
        (b"\x04\x22\x4d\x18", Compression::Foreign("lz4")),
    ];
    if block.is_empty() {
        return Look::Empty;
    }
    // The checksum comes first: it is the strongest sign, and a file name may begin with anything.
    if is_header(block) {
        return Look::Tar;
    }
    if let Some((_, compression)) = MAGIC.iter().find(|(magic, _)| block.starts_with(magic)) {
        return Look::Compressed(*compression);
    }
    // Frames of zstd may begin with one that is to be skipped (RFC 8878, section 3.1.2).
    if block.len() >= 4 && block[0] & 0xf0 == 0x50 && block[1..4] == [0x2a, 0x4d, 0x18] {
        return Look::Compressed(Compression::Zstd);
    }
    if block.len() == BLOCK && block.iter().all(|byte| *byte == 0) {
        return Look::Tar;
    }
    match block.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => Look::Json,
        _ => Look::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks() {
        let mut header = tar::Header::new_gnu();
        header.set_path("{").unwrap();
        header.set_size(0);
        header.set_cksum();
        for (bytes, expected) in [
            (b"".as_slice(), Look::Empty),
            (header.as_bytes(), Look::Tar),
            (&[0; BLOCK], Look::Tar),
            (&[0; 20], Look::Other),
            (b"\x1f\x8b\x08", Look::Compressed(Compression::Gzip)),
            (b"\x5e\x2a\x4d\x18", Look::Compressed(Compression::Zstd)),
            (b" \n{\"a\":1}", Look::Json),
            (b"1.0", Look::Other),
        ] {
            assert_eq!(look_at(bytes), expected, "{bytes:?}");
        }
    }
}
