//! Connections by token. A token names one connection for ever: its slot may be used again, its
//! generation is not, so an event or a response that comes too late meets no connection.

/// Name of a connection: slot in the low half, generation in the high half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// The token as poller user data.
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// The token that has become this.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The slot, dense from 0: an index for side tables.
    pub fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    /// Counts the uses of the slot.
    pub fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

/// Values by [`Token`].
pub(crate) struct Slab<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Number of values present.
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "descriptors are 31-bit, so slots are too"
    )]
    pub(crate) fn insert(&mut self, value: T) -> Token {
        let index = if let Some(index) = self.free.pop() {
            index
        } else {
            self.slots.push(Slot {
                generation: 0,
                value: None,
            });
            (self.slots.len() - 1) as u32
        };
        let slot = &mut self.slots[index as usize];
        // 28 bits are kept: the top values belong to the poller (listeners, wake-up).
        slot.generation = (slot.generation + 1) & 0x0fff_ffff;
        slot.value = Some(value);
        Token(u64::from(slot.generation) << 32 | u64::from(index))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        let slot = self.slots.get_mut(token.slot())?;
        if slot.generation == token.generation() {
            slot.value.as_mut()
        } else {
            None
        }
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<T> {
        let slot = self.slots.get_mut(token.slot())?;
        if slot.generation != token.generation() {
            return None;
        }
        let value = slot.value.take()?;
        #[expect(clippy::cast_possible_truncation, reason = "a slot index, see insert")]
        self.free.push(token.slot() as u32);
        Some(value)
    }

    /// All values, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.value.as_mut())
    }

    /// All values with their tokens.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        self.slots.iter().enumerate().filter_map(|(index, slot)| {
            let token = Token(u64::from(slot.generation) << 32 | index as u64);
            slot.value.as_ref().map(|value| (token, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_outlives_its_value_harmlessly() {
        let mut slab = Slab::new();
        let first = slab.insert("first");
        assert_eq!(slab.remove(first), Some("first"));
        let second = slab.insert("second");
        assert_eq!(second.slot(), first.slot());
        assert!(slab.get_mut(first).is_none());
        assert!(slab.remove(first).is_none());
        assert_eq!(slab.get_mut(second), Some(&mut "second"));
        assert_eq!(slab.len(), 1);
    }
}
