//! The pieces of a sparse file: where its stored bytes belong.

use crate::decode::Stop;

/// A checked map: pieces in order, not overlapping, inside the file, as long together as what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pieces(Vec<(u64, u64)>);

impl Pieces {
    /// Checks a map of (offset, length) for a file of `size` bytes of which `stored` are in the archive.
    pub(crate) fn new(map: Vec<(u64, u64)>, size: u64, stored: u64) -> Result<Self, Stop> {
        let broken = || Stop::corrupt("its sparse map is broken");
        let (mut end, mut sum) = (0u64, 0u64);
        for (offset, length) in &map {
            if *offset < end {
                return Err(broken());
            }
            end = offset.checked_add(*length).ok_or_else(broken)?;
            sum = sum.checked_add(*length).ok_or_else(broken)?;
        }
        if end > size || sum != stored {
            return Err(broken());
        }
        Ok(Pieces(map))
    }

    /// What comes at `position`, counting from piece `next`: zeros or stored bytes, and how many at least one.
    pub(crate) fn at(&self, position: u64, next: &mut usize, size: u64) -> Run {
        while let Some((offset, length)) = self.0.get(*next) {
            if position < *offset {
                return Run::Zeros(offset - position);
            }
            let end = offset + length;
            if position < end {
                return Run::Stored(end - position);
            }
            *next += 1;
        }
        Run::Zeros(size.saturating_sub(position))
    }
}

/// A stretch of a sparse file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// A hole of so many bytes.
    Zeros(u64),
    /// So many bytes of the archive.
    Stored(u64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_checked() {
        for (map, size, stored, good) in [
            (vec![(0, 5), (10, 5)], 20, 10, true),
            (vec![(20, 0)], 20, 0, true),
            (vec![(0, 5), (4, 5)], 20, 10, false),
            (vec![(10, 5), (0, 5)], 20, 10, false),
            (vec![(0, 5)], 20, 6, false),
            (vec![(18, 5)], 20, 5, false),
            (vec![(u64::MAX, 5)], u64::MAX, 5, false),
            (vec![(0, u64::MAX), (u64::MAX, 0)], u64::MAX, u64::MAX, true),
        ] {
            assert_eq!(Pieces::new(map.clone(), size, stored).is_ok(), good, "{map:?}");
        }
    }

    #[test]
    fn runs() {
        let pieces = Pieces::new(vec![(2, 3), (5, 1), (8, 0)], 10, 4).unwrap();
        let mut next = 0;
        assert_eq!(pieces.at(0, &mut next, 10), Run::Zeros(2));
        assert_eq!(pieces.at(2, &mut next, 10), Run::Stored(3));
        assert_eq!(pieces.at(5, &mut next, 10), Run::Stored(1));
        assert_eq!(pieces.at(6, &mut next, 10), Run::Zeros(2));
        assert_eq!(pieces.at(8, &mut next, 10), Run::Zeros(2));
    }
}
