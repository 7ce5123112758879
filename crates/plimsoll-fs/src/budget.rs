//! Memory shared between threads, handed out as permits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A number of bytes that threads may hold at one time.
#[derive(Debug)]
pub(crate) struct Budget {
    capacity: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

/// Bytes that a thread holds; returned when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Budget {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Budget { capacity, free: Mutex::new(capacity), returned: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // A panic elsewhere cannot leave the number half changed.
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `bytes` are free. More than the capacity takes all of it. The holder must not wait for anybody.
    pub(crate) fn acquire(self: &Arc<Self>, bytes: u64) -> Permit {
        let bytes = bytes.min(self.capacity);
        let mut free = self.lock();
        while *free < bytes {
            free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Permit { budget: Arc::clone(self), bytes }
    }

    /// Takes `bytes` if they are free now.
    pub(crate) fn try_acquire(self: &Arc<Self>, bytes: u64) -> Option<Permit> {
        let mut free = self.lock();
        *free = free.checked_sub(bytes)?;
        Some(Permit { budget: Arc::clone(self), bytes })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.budget.lock() += self.bytes;
        self.budget.returned.notify_all();
    }
}
