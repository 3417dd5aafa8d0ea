//! Which messages of one sender came already: a window of numbers per epoch, so that memory is bounded.

/// Epochs remembered per sender: a sender draws one each time it starts.
const EPOCHS: usize = 4;

/// The numbers of one sender that came already.
#[derive(Debug, Clone)]
pub(crate) struct Copies {
    window: u64,
    epochs: Vec<Epoch>,
}

#[derive(Debug, Clone)]
struct Epoch {
    epoch: u64,
    highest: u64,
    came: Vec<u64>,
}

impl Copies {
    /// Remembers `window` numbers, rounded up to full words.
    pub fn new(window: usize) -> Copies {
        Copies { window: (window.max(1) as u64).next_multiple_of(64), epochs: Vec::new() }
    }

    /// True if the message came already, or is too old to know.
    pub fn came(&self, epoch: u64, number: u64) -> bool {
        let Some(known) = self.epochs.iter().find(|e| e.epoch == epoch) else { return false };
        if number > known.highest {
            return false;
        }
        let (word, bit) = place(number, self.window);
        known.highest - number >= self.window || known.came.get(word).is_some_and(|w| w & bit != 0)
    }

    /// Notes that the message came.
    pub fn note(&mut self, epoch: u64, number: u64) {
        let position = self.epochs.iter().position(|e| e.epoch == epoch);
        let mut known = match position {
            Some(position) => self.epochs.remove(position),
            None => Epoch { epoch, highest: number, came: vec![0; (self.window / 64) as usize] },
        };
        if number > known.highest {
            match number - known.highest >= self.window {
                true => known.came.fill(0),
                false => (known.highest + 1..=number).for_each(|n| set(&mut known.came, place(n, self.window), false)),
            }
            known.highest = number;
        }
        if known.highest - number < self.window {
            set(&mut known.came, place(number, self.window), true);
        }
        // The one used last stands last, so the first is the one to forget.
        self.epochs.push(known);
        if self.epochs.len() > EPOCHS {
            self.epochs.remove(0);
        }
    }
}

/// Word and bit of a number in the ring.
fn place(number: u64, window: u64) -> (usize, u64) {
    let slot = number % window;
    ((slot / 64) as usize, 1 << (slot % 64))
}

fn set(words: &mut [u64], (word, bit): (usize, u64), value: bool) {
    if let Some(word) = words.get_mut(word) {
        *word = if value { *word | bit } else { *word & !bit };
    }
}

#[cfg(test)]
mod tests {
    use super::Copies;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn law_within_the_window_exactly_what_came_is_a_copy(numbers in prop::collection::vec(0_u64..300, 1..200)) {
            let (mut copies, mut came, mut highest) = (Copies::new(128), BTreeSet::new(), 0);
            for number in numbers {
                let expected = came.contains(&number) || number + 128 <= highest;
                prop_assert_eq!(copies.came(7, number), expected);
                copies.note(7, number);
                came.insert(number);
                highest = highest.max(number);
            }
        }

        #[test]
        fn law_any_numbers_and_epochs_are_taken(pairs in prop::collection::vec((0_u64..9, any::<u64>()), 1..100)) {
            let mut copies = Copies::new(64);
            for (epoch, number) in pairs {
                copies.note(epoch, number);
                prop_assert!(copies.came(epoch, number));
                prop_assert!(copies.epochs.len() <= super::EPOCHS);
            }
        }
    }
}
