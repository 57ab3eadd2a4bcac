//! Things that come and go: slots reused last in, first out, so that the busy ones stay in cache.

/// A table whose slots are reused.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    slots: Vec<T>,
    free: Vec<u32>,
}

/// The `last` of a list of free places, of which the last one is taken first, will be taken in the
/// order in which they lie in memory.
pub(crate) fn in_order(free: &mut [u32], last: usize) {
    let first = free.len().saturating_sub(last);
    // They are a few ascending runs, which a merge sort finds.
    free[first..].sort_by(|a, b| b.cmp(a));
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

    /// The slots that were given back last are reused in the order in which they lie in memory:
    /// what is reused long after is out of every cache, but is fetched ahead if it comes in order.
    pub(crate) fn reuse_in_order(&mut self, last: usize) {
        in_order(&mut self.free, last);
    }

    /// Slots that are free.
    pub(crate) fn spare(&self) -> usize {
        self.free.len()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_back_last_comes_in_order_and_the_rest_as_before() {
        let mut slab = Slab::new();
        let slots: Vec<u32> = (0..6).map(|n| slab.insert(n)).collect();
        for slot in [5, 2, 3, 0, 4] {
            slab.free(slots[slot]);
        }
        slab.reuse_in_order(3);
        let next: Vec<u32> = (0..6).map(|n| slab.insert(n)).collect();
        assert_eq!(next, [0, 3, 4, 2, 5, 6]);
        slab.reuse_in_order(3);
    }
}
