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
    type Sender<const WORDS: usize> = SyncSender<Message<WORDS>>;
    type Receiver<const WORDS: usize> = Receiver<Message<WORDS>>;

    fn create<const WORDS: usize>(capacity: Option<usize>) -> (Self::Sender<WORDS>, Self::Receiver<WORDS>) {
        sync_channel(capacity.unwrap())
    }

    fn another_sender<const WORDS: usize>(tx: &Self::Sender<WORDS>) -> Self::Sender<WORDS> {
        tx.clone()
    }

    #[inline]
    fn send<const WORDS: usize>(tx: &Self::Sender<WORDS>, message: Message<WORDS>) {
        tx.send(message).unwrap();
    }

    #[inline]
    fn receive<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> Message<WORDS> {
        rx.recv().unwrap()
    }

    fn is_empty<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> bool {
        rx.try_recv().is_err()
    }
}

impl Channel for Unbounded {
    type Sender<const WORDS: usize> = Sender<Message<WORDS>>;
    type Receiver<const WORDS: usize> = Receiver<Message<WORDS>>;

    fn create<const WORDS: usize>(_: Option<usize>) -> (Self::Sender<WORDS>, Self::Receiver<WORDS>) {
        channel()
    }

    fn another_sender<const WORDS: usize>(tx: &Self::Sender<WORDS>) -> Self::Sender<WORDS> {
        tx.clone()
    }

    #[inline]
    fn send<const WORDS: usize>(tx: &Self::Sender<WORDS>, message: Message<WORDS>) {
        tx.send(message).unwrap();
    }

    #[inline]
    fn receive<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> Message<WORDS> {
        rx.recv().unwrap()
    }

    fn is_empty<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> bool {
        rx.try_recv().is_err()
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
        .serves(["wake"], for_each_size!(wake, Bounded));
    mpmc::add_to(adapter).main();
}
