//! Sets of small numbers, and a cover of all numbers by disjoint sets with a value each.

/// A set of numbers below a bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set of numbers below `bound`.
    pub(crate) fn none(bound: usize) -> Self {
        Bits(vec![0; bound.div_ceil(64)])
    }

    /// All numbers below `bound`.
    pub(crate) fn all(bound: usize) -> Self {
        let mut bits = Bits(vec![u64::MAX; bound.div_ceil(64)]);
        if let Some(last) = bits.0.last_mut()
            && !bound.is_multiple_of(64)
        {
            *last = (1 << (bound % 64)) - 1;
        }
        bits
    }

    pub(crate) fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    pub(crate) fn holds(&self, number: usize) -> bool {
        self.0[number / 64] >> (number % 64) & 1 == 1
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    pub(crate) fn add(&mut self, other: &Bits) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own |= other;
        }
    }

    pub(crate) fn remove(&mut self, other: &Bits) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            *own &= !other;
        }
    }

    /// What is in both.
    pub(crate) fn and(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(own, other)| own & other).collect())
    }

    /// Whether a number is in both.
    pub(crate) fn meets(&self, other: &Bits) -> bool {
        self.0.iter().zip(&other.0).any(|(own, other)| own & other != 0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.iter_from(0)
    }

    /// Numbers from this one on, in order.
    pub(crate) fn iter_from(&self, first: usize) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().skip(first / 64).flat_map(move |(index, word)| {
            let mut rest = *word;
            if index == first / 64 {
                rest &= u64::MAX << (first % 64);
            }
            std::iter::from_fn(move || {
                (rest != 0).then(|| {
                    let bit = rest.trailing_zeros() as usize;
                    rest &= rest - 1;
                    index * 64 + bit
                })
            })
        })
    }
}

/// Every number below a bound has a value; numbers with one value stand together.
#[derive(Clone, Debug)]
pub(crate) struct Cover<T> {
    parts: Vec<(T, Bits)>,
}

impl<T: Copy + Eq> Cover<T> {
    pub(crate) fn new(value: T, bound: usize) -> Self {
        Cover { parts: vec![(value, Bits::all(bound))] }
    }

    pub(crate) fn get(&self, number: usize) -> T {
        let part = self.parts.iter().find(|(_, bits)| bits.holds(number));
        part.expect("every number below the bound is in a part").0
    }

    pub(crate) fn parts(&self) -> &[(T, Bits)] {
        &self.parts
    }

    /// Gives those in `bits` another value, made of the one that they have.
    pub(crate) fn change(&mut self, bits: &Bits, mut change: impl FnMut(T) -> T) {
        let mut parts: Vec<(T, Bits)> = Vec::with_capacity(self.parts.len() + 1);
        let mut put = |value: T, bits: Bits| match parts.iter_mut().find(|(own, _)| *own == value) {
            Some((_, own)) => own.add(&bits),
            None => parts.push((value, bits)),
        };
        for (value, mut own) in std::mem::take(&mut self.parts) {
            let touched = own.and(bits);
            if touched.is_empty() {
                put(value, own);
                continue;
            }
            own.remove(&touched);
            put(change(value), touched);
            if !own.is_empty() {
                put(value, own);
            }
        }
        self.parts = parts;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_from_any_one_on() {
        let mut bits = Bits::none(200);
        for number in [0, 3, 63, 64, 127, 128, 199] {
            bits.insert(number);
        }
        for first in 0..200 {
            let plain: Vec<usize> = bits.iter().filter(|number| *number >= first).collect();
            assert_eq!(bits.iter_from(first).collect::<Vec<_>>(), plain, "{first}");
        }
        let mut other = Bits::none(200);
        assert!(!bits.meets(&other));
        other.insert(199);
        assert!(bits.meets(&other));
    }

    #[test]
    fn covers_keep_every_number() {
        for bound in [1, 63, 64, 65, 200] {
            let mut cover = Cover::new(0, bound);
            let mut plain = vec![0; bound];
            for step in 1..20_usize {
                let mut bits = Bits::none(bound);
                for number in (0..bound).filter(|number| number % step == step / 2) {
                    bits.insert(number);
                    plain[number] = plain[number] * 3 % 7 + 1;
                }
                cover.change(&bits, |value| value * 3 % 7 + 1);
            }
            assert_eq!((0..bound).map(|number| cover.get(number)).collect::<Vec<_>>(), plain);
            assert_eq!(cover.parts().iter().map(|(_, bits)| bits.iter().count()).sum::<usize>(), bound);
        }
    }
}
