//! The form of LZ4 that kernels are compressed with: `lz4 -l`, which the specification of frames calls legacy.
//!
//! A magic number, then blocks, each with its length before it and of at most 8 MiB open. Nothing says where it ends: in a kernel image other bytes follow, so that a length that no block can have,
//! or that nothing follows, is the end once there was a block.

use std::io::{self, Read};

/// What it begins with.
pub(super) const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
/// The greatest size of a block, open.
const OPEN_LIMIT: usize = 8 << 20;
/// The greatest size of a block, compressed: what LZ4 makes of bytes that cannot be compressed.
const PACKED_LIMIT: usize = OPEN_LIMIT + OPEN_LIMIT / 255 + 16;

/// Opens LZ4 in its legacy form.
pub(super) struct LegacyReader<R> {
    inner: R,
    started: bool,
    packed: Vec<u8>,
    open: Vec<u8>,
    read: usize,
}

impl<R: Read> LegacyReader<R> {
    pub(super) fn new(inner: R) -> Self {
        LegacyReader { inner, started: false, packed: Vec::new(), open: Vec::new(), read: 0 }
    }

    /// Four bytes, or none where the file ends.
    fn word(&mut self) -> io::Result<Option<[u8; 4]>> {
        let mut word = Vec::with_capacity(4);
        self.inner.by_ref().take(4).read_to_end(&mut word)?;
        Ok(word.try_into().ok())
    }

    /// The next block. False at the end.
    fn next_block(&mut self) -> io::Result<bool> {
        if !self.started {
            if self.word()? != Some(MAGIC) {
                return Err(broken("it does not begin as LZ4 does"));
            }
            self.started = true;
        }
        let is_first = self.open.is_empty();
        let Some(word) = self.word()? else { return Ok(false) };
        let length = usize::try_from(u32::from_le_bytes(word)).unwrap_or(usize::MAX);
        if length == 0 || length > PACKED_LIMIT {
            return if is_first { Err(broken("its first block has no possible length")) } else { Ok(false) };
        }
        self.packed.clear();
        self.inner.by_ref().take(length as u64).read_to_end(&mut self.packed)?;
        if self.packed.len() < length {
            // The size of a small kernel looks like the length of a block.
            return if is_first {
                Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a block of LZ4 is cut off"))
            } else {
                Ok(false)
            };
        }
        self.open.clear();
        self.read = 0;
        decode(&self.packed, &mut self.open)?;
        Ok(true)
    }
}

impl<R: Read> Read for LegacyReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.read == self.open.len() {
            if !self.next_block()? {
                return Ok(0);
            }
        }
        let count = buffer.len().min(self.open.len() - self.read);
        buffer[..count].copy_from_slice(&self.open[self.read..self.read + count]);
        self.read += count;
        Ok(count)
    }
}

fn broken(detail: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, detail)
}

/// A length of four bits, continued in bytes of 255 and a last one.
fn length(bits: u8, rest: &mut &[u8]) -> io::Result<usize> {
    let mut length = usize::from(bits);
    if bits == 15 {
        loop {
            let (byte, behind) = rest.split_first().ok_or_else(|| broken("a length of LZ4 is cut off"))?;
            *rest = behind;
            length += usize::from(*byte);
            if *byte != 255 {
                break;
            }
        }
    }
    Ok(length)
}

/// One block (`lz4_Block_format.md`): literals, then a copy from what is open already, and so on; the last has no copy.
fn decode(mut rest: &[u8], open: &mut Vec<u8>) -> io::Result<()> {
    while let Some((token, behind)) = rest.split_first() {
        rest = behind;
        let count = length(token >> 4, &mut rest)?;
        let literals = rest.get(..count).ok_or_else(|| broken("literals of LZ4 are cut off"))?;
        if open.len() + count > OPEN_LIMIT {
            return Err(broken("a block of LZ4 is larger than 8 MiB"));
        }
        open.extend_from_slice(literals);
        rest = &rest[count..];
        if rest.is_empty() {
            return Ok(());
        }
        let (distance, behind) =
            rest.split_first_chunk::<2>().ok_or_else(|| broken("a copy of LZ4 is cut off"))?;
        let distance = usize::from(u16::from_le_bytes(*distance));
        rest = behind;
        let count = length(token & 15, &mut rest)? + 4;
        if open.len() + count > OPEN_LIMIT {
            return Err(broken("a block of LZ4 is larger than 8 MiB"));
        }
        let start = open.len().checked_sub(distance).filter(|_| distance > 0);
        let start = start.ok_or_else(|| broken("a copy of LZ4 begins before its block"))?;
        // What is copied may reach into itself: each round doubles what there is to copy from.
        let mut left = count;
        while left > 0 {
            let chunk = left.min(open.len() - start);
            open.extend_from_within(start..start + chunk);
            left -= chunk;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(blocks: &[&[u8]]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        for block in blocks {
            bytes.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
            bytes.extend_from_slice(block);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut open = Vec::new();
        LegacyReader::new(bytes).read_to_end(&mut open)?;
        Ok(open)
    }

    #[test]
    fn blocks_as_the_specification_has_them() {
        // Three literals, a copy of twelve that reaches into itself, a last literal.
        let copied = b"\x38abc\x03\x00\x10!";
        assert_eq!(read(&frame(&[copied])).unwrap(), b"abcabcabcabcabc!");
        assert_eq!(read(&frame(&[copied, b"\x20hi"])).unwrap(), b"abcabcabcabcabc!hi");
        // Lengths that go on in further bytes: 15 + 255 + 1 literals.
        let mut long = vec![0xf0, 255, 1];
        long.extend(std::iter::repeat_n(b'x', 271));
        assert_eq!(read(&frame(&[&long])).unwrap(), vec![b'x'; 271]);
        // In a kernel image the size stands behind.
        let mut kernel = frame(&[b"\x20hi"]);
        kernel.extend(0xffff_ff00_u32.to_le_bytes());
        assert_eq!(read(&kernel).unwrap(), b"hi");
    }

    #[test]
    fn broken_blocks_are_errors() {
        for bytes in [
            &b"\x04\x22\x4d\x18"[..],
            b"",
            &frame(&[])[..3],
            &frame(&[b""]),
            &frame(&[b"\x38abc\x04\x00\x10!"]),
            &frame(&[b"\x38abc\x00\x00\x10!"]),
            &frame(&[b"\x38abc\x03"]),
            &frame(&[b"\x40abc"]),
            &frame(&[b"\xf0\xff\xff"]),
            &frame(&[b"\x20hi"])[..10],
            &[&MAGIC[..], &[0xff; 8]].concat(),
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    /// A few bytes that ask for gigabytes.
    #[test]
    fn no_block_opens_to_more_than_it_may() {
        let mut bomb = b"\x1fa\x01\x00".to_vec();
        bomb.extend(std::iter::repeat_n(255, 40_000));
        bomb.push(0);
        let error = read(&frame(&[&bomb])).unwrap_err();
        assert!(error.to_string().contains("8 MiB"), "{error}");
    }
}
