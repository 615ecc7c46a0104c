//! Telling readers that there is more to see: those who wait for it, and those who want to hear of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use crate::driver::lock;

/// Called after each batch that readers can see.
type Listener = Arc<dyn Fn() + Send + Sync>;

/// Wakes whoever waits for the visible state to move.
#[derive(Default)]
pub(crate) struct Moved {
    waiters: Mutex<Waiters>,
    changed: Condvar,
    listeners: Mutex<Arc<Vec<Listener>>>,
}

#[derive(Default)]
struct Waiters {
    count: usize,
    /// How often the state has moved.
    moves: u64,
}

impl Moved {
    /// Tells everybody. The caller holds none of the node's locks: what a listener does is not known here.
    pub fn notify(&self) {
        let mut waiters = lock(&self.waiters);
        waiters.moves += 1;
        if waiters.count > 0 {
            self.changed.notify_all();
        }
        drop(waiters);
        let listeners = lock(&self.listeners).clone();
        for listener in listeners.iter() {
            // Its panic is not to end a client's commit.
            if catch_unwind(AssertUnwindSafe(|| listener())).is_err() {
                tracing::error!("a listener for changes panicked");
            }
        }
    }

    pub fn listen(&self, listener: Listener) {
        Arc::make_mut(&mut *lock(&self.listeners)).push(listener);
    }

    /// Waits until `reached` holds, looking again each time the state moves; false when `until` came first.
    pub fn wait(&self, until: Instant, mut reached: impl FnMut() -> bool) -> bool {
        if reached() {
            return true;
        }
        let mut waiters = lock(&self.waiters);
        waiters.count += 1;
        let mut late = false;
        let held = loop {
            let seen = waiters.moves;
            drop(waiters);
            // It may read the store, for which those who move the state are not to wait.
            let held = reached();
            waiters = lock(&self.waiters);
            if held {
                break true;
            }
            let mut left = until.checked_duration_since(Instant::now());
            while let Some(time) = left
                && waiters.moves == seen
            {
                waiters = match self.changed.wait_timeout(waiters, time) {
                    Ok((waiters, _)) => waiters,
                    Err(poisoned) => poisoned.into_inner().0,
                };
                left = until.checked_duration_since(Instant::now());
            }
            // What has moved at the last moment is looked at, too; but not for ever.
            if left.is_none() && (waiters.moves == seen || late) {
                break false;
            }
            late = left.is_none();
        };
        waiters.count -= 1;
        held
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_wait_ends_when_the_state_is_reached_and_at_its_time() {
        let (moved, state) = (Moved::default(), AtomicUsize::new(0));
        let far = Instant::now() + Duration::from_secs(3_600);
        let reached = |wanted| state.load(Ordering::SeqCst) >= wanted;
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| moved.wait(far, || reached(3)));
            for _ in 0..3 {
                state.fetch_add(1, Ordering::SeqCst);
                moved.notify();
            }
            assert!(waiter.join().expect("it ends"));
        });
        assert!(!moved.wait(Instant::now(), || reached(4)));
        // Moves that bring nothing do not prolong it.
        let soon = Instant::now() + Duration::from_millis(20);
        let looks = AtomicUsize::new(0);
        let reached = || {
            moved.notify();
            looks.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(5));
            false
        };
        assert!(!moved.wait(soon, reached));
        assert!(looks.load(Ordering::SeqCst) > 1);
    }
}
