//! What the driver's tests share.

use crate::wire::{Batch, Outbox, Path, Wire};
use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A path to a port of 127.0.0.1.
pub(super) fn path(port: u16) -> Path {
    let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Path { local: at(9), remote: at(port), tcp: false }
}

/// Hands datagrams, given as (flow, path, bytes), to `look` as one batch; at most MAX_HELD of them, and at least one.
pub(super) fn batch_of<T: 'static>(
    datagrams: impl IntoIterator<Item = (u32, Path, Vec<u8>)>,
    look: impl FnOnce(&Batch<'_>) -> T + 'static,
) -> T {
    struct Look<F, T>(Option<F>, Rc<RefCell<Option<T>>>);
    impl<T, F: FnOnce(&Batch<'_>) -> T> Wire for Look<F, T> {
        fn send(&mut self, batch: &Batch<'_>) {
            let look = self.0.take().expect("one batch only");
            *self.1.borrow_mut() = Some(look(batch));
        }
    }
    let found = Rc::new(RefCell::new(None));
    let mut outbox = Outbox::new(Box::new(Look(Some(look), found.clone())));
    for (flow, path, bytes) in datagrams {
        outbox.push(flow, path, |arena| {
            arena.extend_from_slice(&bytes);
            Some(())
        });
    }
    outbox.flush();
    found.take().expect("at least one datagram")
}

/// Waits for a condition, 5 s at most.
pub(super) fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(5);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
