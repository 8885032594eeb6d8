//! Counted slots, for calls or bytes, with a total limit and a limit per client.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::options::Client;

/// A limited number of slots.
#[derive(Debug)]
pub(super) struct Slots {
    max: usize,
    max_of_a_client: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_client: HashMap<Client, usize>,
}

/// Why no slot is available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// The total limit is reached.
    All,
    /// The client's limit is reached.
    OfClient,
}

impl Slots {
    pub(super) fn new(max: usize, max_of_a_client: usize) -> Arc<Self> {
        let (taken, freed) = (Mutex::default(), Notify::new());
        Arc::new(Self { max, max_of_a_client, taken, freed })
    }

    /// Takes a slot. Dropping the returned value frees it.
    pub(super) fn take(self: &Arc<Self>, client: Option<&Client>) -> Result<Slot, Full> {
        let mut slot = self.none(client);
        slot.take_more(1)?;
        Ok(slot)
    }

    /// Returns a holder without slots.
    pub(super) fn none(self: &Arc<Self>, client: Option<&Client>) -> Slot {
        Slot { slots: Arc::clone(self), client: client.cloned(), count: 0 }
    }

    /// Returns the number of taken slots.
    pub(super) fn count(&self) -> usize {
        self.taken().all
    }

    /// Waits until no slot is taken.
    pub(super) async fn emptied(&self) {
        loop {
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.count() == 0 {
                return;
            }
            freed.await;
        }
    }

    fn free(&self, client: Option<&Client>, count: usize) {
        let mut taken = self.taken();
        taken.all -= count;
        if let Some(client) = client
            && let Some(own) = taken.by_client.get_mut(client)
        {
            *own -= count;
            if *own == 0 {
                taken.by_client.remove(client);
            }
        }
        drop(taken);
        self.freed.notify_waiters();
    }

    /// Locks the counts for a short section.
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock()
    }
}

/// Taken slots.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    client: Option<Client>,
    count: usize,
}

impl Slot {
    /// Takes further slots, all of them or none.
    pub(super) fn take_more(&mut self, count: usize) -> Result<(), Full> {
        let (slots, client) = (&self.slots, self.client.as_ref());
        let mut taken = slots.taken();
        let own = client.and_then(|client| taken.by_client.get(client)).copied().unwrap_or(0);
        if own + count > slots.max_of_a_client {
            return Err(Full::OfClient);
        }
        if taken.all + count > slots.max {
            return Err(Full::All);
        }
        taken.all += count;
        if let Some(client) = client {
            taken.by_client.insert(client.clone(), own + count);
        }
        self.count += count;
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.free(self.client.as_ref(), self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn places_are_counted_for_all_and_for_each_client_and_are_free_again_when_dropped() {
        let slots = Slots::new(3, 2);
        let (one, other) = (Client::new("one"), Client::new("other"));
        let first = slots.take(Some(&one)).unwrap();
        let second = slots.take(Some(&one)).unwrap();
        assert_eq!(slots.take(Some(&one)).unwrap_err(), Full::OfClient);
        let third = slots.take(Some(&other)).unwrap();
        assert_eq!(slots.take(Some(&other)).unwrap_err(), Full::All);
        assert_eq!((slots.take(None).unwrap_err(), slots.count()), (Full::All, 3));
        drop(first);
        drop((slots.take(Some(&one)).unwrap(), second, third));
        slots.emptied().await;
        assert!(slots.taken().by_client.is_empty(), "clients without slots are removed");
    }

    #[test]
    fn several_places_are_taken_wholly_or_not_at_all() {
        let (slots, one) = (Slots::new(10, 7), Client::new("one"));
        let mut some = slots.none(Some(&one));
        some.take_more(5).unwrap();
        assert_eq!((some.take_more(3), slots.count()), (Err(Full::OfClient), 5));
        let mut others = slots.none(None);
        assert_eq!((others.take_more(6), slots.count()), (Err(Full::All), 5));
        others.take_more(5).unwrap();
        assert_eq!(some.take_more(1), Err(Full::All));
        drop((some, others));
        assert_eq!(slots.count(), 0);
        assert!(slots.taken().by_client.is_empty());
    }

    #[tokio::test]
    async fn who_waits_for_the_last_place_to_be_free_is_woken() {
        let slots = Slots::new(1, 1);
        let slot = slots.take(None).unwrap();
        let mut emptied = std::pin::pin!(slots.emptied());
        assert!(futures_util::poll!(emptied.as_mut()).is_pending());
        drop(slot);
        emptied.await;
    }
}
