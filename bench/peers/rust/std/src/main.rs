// The cells of the benchmark with the channels of Rust's standard library.

#![cfg_attr(mpmc, feature(mpmc_channel))]

#[cfg(mpmc)]
mod mpmc;

use harness::*;
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender, SyncSender};

// Bounded and unbounded channels have senders of different types.
struct Bounded;
struct Unbounded;

impl Channel for Bounded {
    type Sender<M: Message> = SyncSender<M>;
    type Receiver<M: Message> = Receiver<M>;

    fn create<M: Message>(capacity: Option<usize>) -> (Self::Sender<M>, Self::Receiver<M>) {
        sync_channel(capacity.unwrap())
    }

    fn another_sender<M: Message>(tx: &Self::Sender<M>) -> Self::Sender<M> {
        tx.clone()
    }

    #[inline(always)]
    fn send<M: Message>(tx: &Self::Sender<M>, message: M) {
        tx.send(message).unwrap();
    }

    #[inline(always)]
    fn receive<M: Message>(rx: &Self::Receiver<M>) -> M {
        rx.recv().unwrap()
    }

    fn has_ended<M: Message>(rx: &Self::Receiver<M>) -> bool {
        rx.recv().is_err()
    }
}

impl Channel for Unbounded {
    type Sender<M: Message> = Sender<M>;
    type Receiver<M: Message> = Receiver<M>;

    fn create<M: Message>(_: Option<usize>) -> (Self::Sender<M>, Self::Receiver<M>) {
        channel()
    }

    fn another_sender<M: Message>(tx: &Self::Sender<M>) -> Self::Sender<M> {
        tx.clone()
    }

    #[inline(always)]
    fn send<M: Message>(tx: &Self::Sender<M>, message: M) {
        tx.send(message).unwrap();
    }

    #[inline(always)]
    fn receive<M: Message>(rx: &Self::Receiver<M>) -> M {
        rx.recv().unwrap()
    }

    fn has_ended<M: Message>(rx: &Self::Receiver<M>) -> bool {
        rx.recv().is_err()
    }
}

#[cfg(not(mpmc))]
mod mpmc {
    pub fn add_to(adapter: harness::Adapter) -> harness::Adapter {
        adapter
    }
}

fn main() {
    let adapter = Adapter::default()
        .with("std", env!("RUSTC_VERSION").to_string())
        .serves(cells(&BOUNDED, &ONE_RECEIVER), for_each_size!(one_receiver, Bounded))
        .serves(cells(&UNBOUNDED, &ONE_RECEIVER), for_each_size!(one_receiver, Unbounded))
        .serves(["create_bounded1", "create_bounded128"], for_each_size!(create, Bounded))
        .serves(["create_unbounded"], for_each_size!(create, Unbounded))
        .serves(["oneshot_bounded1"], for_each_size!(used_once, Bounded))
        .serves(["wake"], for_each_size!(wake, Bounded))
        .serves(["sizes"], [sizes::<Bounded>; 5])
        .serves(["bursts"], for_each_size!(bursts, Bounded))
        .serves(["memory_bounded1"], for_each_size!(memory, Bounded))
        .serves(["memory_unbounded"], for_each_size!(memory, Unbounded));
    mpmc::add_to(adapter).main();
}
