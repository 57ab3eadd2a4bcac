//! Things that come and go: slots reused last in, first out, so that the busy ones stay in cache.

/// A table whose slots are reused.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

impl<T: Copy> Slab<T> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    /// A slot whose value is whatever it was before, or `blank`. The caller writes the value where
    /// it is to stay: handing it over would copy it through the stack, and the copy waits for the
    /// writes.
    #[inline]
    pub(crate) fn reserve(&mut self, blank: &T) -> u32 {
        match self.free.pop() {
            Some(slot) => slot,
            None => self.grow(blank),
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, blank: &T) -> u32 {
        self.slots.push(*blank);
        self.slots.len() as u32 - 1
    }

    /// Puts `value` into a free slot.
    pub(crate) fn insert(&mut self, value: T) -> u32 {
        let slot = self.reserve(&value);
        self.slots[slot as usize] = value;
        slot
    }

    /// Gives a slot back. Its value stays readable until the slot is reused.
    #[inline]
    pub(crate) fn free(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// All slots, those that are free included.
    pub(crate) fn slots(&self) -> std::ops::Range<u32> {
        0..self.slots.len() as u32
    }

    /// Of each slot, whether it is in use.
    pub(crate) fn in_use(&self) -> Vec<bool> {
        let mut used = vec![true; self.slots.len()];
        self.free.iter().for_each(|&slot| used[slot as usize] = false);
        used
    }

    /// Slots in use.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &T {
        &self.slots[slot as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, slot: u32) -> &mut T {
        &mut self.slots[slot as usize]
    }
}
