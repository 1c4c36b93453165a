//! The copy of the reactor in a process that the application has forked. It shares the epoll set with
//! its parent, so nothing in that may be changed; its copies of descriptors are closed, because a
//! client sees the end of its connection only when the last copy is closed.

use std::sync::TryLockError;

use super::Loop;

impl Loop {
    /// In the child: closes all connections and listeners, and has nothing more to do.
    pub fn leave(&self) {
        match self.state.try_lock() {
            Ok(mut state) => state.reactor.leave(),
            Err(TryLockError::Poisoned(state)) => state.into_inner().reactor.leave(),
            // The stand-in was in the middle of a turn, and is not here to finish it. Connections
            // are shut down before they are closed, so that the copies do not matter much.
            Err(TryLockError::WouldBlock) => {}
        }
    }
}
