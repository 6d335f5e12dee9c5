//! Chance that is the same every time: a stream of numbers for each thing that is made up.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// What numbers are drawn for; each kind has its own streams.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub enum Kind {
    Article = 1,
    User = 2,
    Order = 3,
    Basket = 4,
    Picture = 5,
}

/// The numbers of one thing. They follow from seed, kind and index alone, whatever else is made.
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of the thing with this index.
    pub fn of(seed: u64, kind: Kind, index: u64) -> Self {
        let mut stream = ChaCha8Rng::seed_from_u64(seed);
        stream.set_stream(((kind as u64) << 56) | index);
        Self(stream)
    }

    /// A number below `limit`; 0 where that is 0. Written out here, because a library's may change.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something happens that does so `percent` times in a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_for_ever() {
        let mut dice = Dice::of(42, Kind::Article, 7);
        let drawn: Vec<u64> = (0..4).map(|_| dice.below(1_000_000)).collect();
        assert_eq!(drawn, NUMBERS, "a demo shop would look different now");
        let mut other = Dice::of(42, Kind::User, 7);
        assert_ne!((0..4).map(|_| other.below(1_000_000)).collect::<Vec<_>>(), NUMBERS);
    }

    const NUMBERS: [u64; 4] = [217_336, 851_606, 815_325, 109_978];

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut dice = Dice::of(1, Kind::Order, 0);
        for _ in 0..1000 {
            assert!(dice.below(3) < 3);
            assert!((5..=9).contains(&dice.between(5, 9)));
        }
        assert_eq!((dice.below(0), dice.between(4, 4)), (0, 4));
    }
}
