//! A queue bounded in entries and bytes, that is emptied in batches.

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// All that waits, in bytes.
const MAX_BYTES: usize = 64 << 20;
/// A batch ends with so many entries, or with the one that makes it so many bytes.
const BATCH_ENTRIES: usize = 128;
const BATCH_BYTES: usize = 1 << 20;

/// A queue of `size` entries, and its other end.
pub(super) fn queue<T>(size: usize) -> (Queue<T>, Outlet<T>) {
    let (to, from) = unbounded_channel();
    let size = size.min(Semaphore::MAX_PERMITS);
    let (entries, bytes) = (Arc::new(Semaphore::new(size)), Arc::new(Semaphore::new(MAX_BYTES)));
    (Queue { to, entries, bytes, size }, Outlet { from })
}

/// The end that is filled.
pub(super) struct Queue<T> {
    to: UnboundedSender<Message<T>>,
    /// Free ones.
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    size: usize,
}

enum Message<T> {
    Item(Item<T>),
    /// Everything before it has been taken, and is done with.
    Reached(oneshot::Sender<()>),
}

struct Item<T> {
    value: T,
    bytes: usize,
    room: Room,
}

/// Its share of the queue, given back when dropped.
pub(super) struct Room {
    _entry: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

/// Room for one entry.
pub(super) struct Place<T> {
    to: UnboundedSender<Message<T>>,
    bytes: usize,
    room: Room,
}

impl<T> Place<T> {
    pub(super) fn put(self, value: T) {
        let Self { to, bytes, room } = self;
        // Without its other end, nobody is left to store anything.
        let _ = to.send(Message::Item(Item { value, bytes, room }));
    }
}

impl<T> Queue<T> {
    /// Room for an entry of so many bytes, if there is any.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Place<T>> {
        let entry = Arc::clone(&self.entries).try_acquire_owned().ok()?;
        let room = Arc::clone(&self.bytes).try_acquire_many_owned(bytes.try_into().ok()?).ok()?;
        Some(Place { to: self.to.clone(), bytes, room: Room { _entry: entry, _bytes: room } })
    }

    /// How many entries there are, with those that have a place.
    pub(super) fn len(&self) -> usize {
        self.size.saturating_sub(self.entries.available_permits())
    }

    /// Waits until all that is in the queue now is done with; nothing, if its other end is gone.
    pub(super) fn flushed(&self) -> impl Future<Output = ()> + Send + 'static {
        let (reached, waiting) = oneshot::channel();
        let _ = self.to.send(Message::Reached(reached));
        async move {
            let _ = waiting.await;
        }
    }
}

/// The end that is emptied. What it holds is dropped with it.
pub(super) struct Outlet<T> {
    from: UnboundedReceiver<Message<T>>,
}

/// What is done with together. Dropped, it is done with.
pub(super) struct Batch<T> {
    pub(super) values: Vec<T>,
    rooms: Vec<Room>,
    reached: Option<oneshot::Sender<()>>,
}

impl<T> Batch<T> {
    /// Frees the room, and then tells who waits.
    pub(super) fn done(self) {
        drop(self.rooms);
        if let Some(reached) = self.reached {
            // It may have gone away.
            let _ = reached.send(());
        }
    }
}

impl<T> Outlet<T> {
    /// What is there, in its order, up to a batch; waits for the first. `None` when nothing can come any more.
    pub(super) async fn batch(&mut self) -> Option<Batch<T>> {
        let mut batch = Batch { values: Vec::new(), rooms: Vec::new(), reached: None };
        let (mut message, mut size) = (self.from.recv().await?, 0);
        loop {
            match message {
                Message::Item(Item { value, bytes, room }) => {
                    size += bytes;
                    batch.values.push(value);
                    batch.rooms.push(room);
                }
                Message::Reached(reached) => batch.reached = Some(reached),
            }
            if batch.values.len() >= BATCH_ENTRIES || size >= BATCH_BYTES || batch.reached.is_some() {
                return Some(batch);
            }
            let Ok(next) = self.from.try_recv() else { return Some(batch) };
            message = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn fill(queue: &Queue<usize>, values: std::ops::Range<usize>, bytes: usize) -> usize {
        let put = |value| queue.reserve(bytes).map(|place| place.put(value));
        values.map_while(put).count()
    }

    async fn taken(outlet: &mut Outlet<usize>) -> Vec<usize> {
        let mut batch = outlet.batch().await.expect("somebody can still fill it");
        let values = std::mem::take(&mut batch.values);
        batch.done();
        values
    }

    #[tokio::test]
    async fn values_come_in_their_order_and_in_batches() {
        let (queue, mut outlet) = queue(1_000);
        assert_eq!(fill(&queue, 0..300, 1), 300);
        let mut all = Vec::new();
        for size in [128, 128, 44] {
            let batch = taken(&mut outlet).await;
            assert_eq!(batch.len(), size);
            all.extend(batch);
        }
        assert_eq!(all, (0..300).collect::<Vec<_>>());
        assert!(outlet.batch().now_or_never().is_none(), "there is nothing");
        fill(&queue, 0..10, BATCH_BYTES / 2);
        assert_eq!(taken(&mut outlet).await, [0, 1], "a batch is of so many bytes");
    }

    #[tokio::test]
    async fn it_holds_so_many_entries_until_they_are_done_with() {
        let (queue, mut outlet) = queue(5);
        assert_eq!((fill(&queue, 0..9, 1), queue.len()), (5, 5));
        let batch = outlet.batch().await.expect("a batch");
        assert_eq!((queue.len(), fill(&queue, 0..1, 1)), (5, 0), "what is being stored counts");
        batch.done();
        assert_eq!((queue.len(), fill(&queue, 0..9, 1)), (0, 5));
        let place = queue.reserve(1);
        assert!(place.is_none(), "it is full");
    }

    #[tokio::test]
    async fn it_holds_so_many_bytes() {
        let (queue, mut outlet) = queue(1_000);
        assert!(queue.reserve(MAX_BYTES + 1).is_none() && queue.reserve(usize::MAX).is_none());
        assert_eq!(fill(&queue, 0..9, MAX_BYTES / 3), 3);
        assert!(queue.reserve(0).is_some(), "that takes no bytes");
        taken(&mut outlet).await;
        assert_eq!(fill(&queue, 0..9, MAX_BYTES / 3), 1);
    }

    #[tokio::test]
    async fn a_flush_waits_for_what_was_there_and_for_nothing_later() {
        let (queue, mut outlet) = queue(1_000);
        fill(&queue, 0..2, 1);
        let mut flushed = Box::pin(queue.flushed());
        fill(&queue, 2..4, 1);
        let batch = outlet.batch().await.expect("a batch");
        assert_eq!(batch.values, [0, 1], "the batch ends where somebody waits");
        assert!(flushed.as_mut().now_or_never().is_none(), "it is not done with");
        batch.done();
        flushed.await;
        assert_eq!(queue.len(), 2);
    }

    #[tokio::test]
    async fn nobody_waits_for_an_end_that_is_gone() {
        let (queue, outlet) = queue::<usize>(10);
        fill(&queue, 0..3, 1);
        let before = queue.flushed();
        drop(outlet);
        before.await;
        assert_eq!((fill(&queue, 0..3, 1), queue.len()), (3, 0), "what it held is dropped");
        queue.flushed().await;
    }
}
