// The cells with several receivers.  The others are std's: a channel of mpsc is
// one of mpmc within, so they would only be measured twice.

use harness::*;
use std::sync::mpmc::{channel, sync_channel, Receiver, Sender};

struct Mpmc;

impl Channel for Mpmc {
    type Sender<const WORDS: usize> = Sender<Message<WORDS>>;
    type Receiver<const WORDS: usize> = Receiver<Message<WORDS>>;

    fn create<const WORDS: usize>(capacity: Option<usize>) -> (Self::Sender<WORDS>, Self::Receiver<WORDS>) {
        match capacity {
            Some(capacity) => sync_channel(capacity),
            None => channel(),
        }
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

impl Shared for Mpmc {
    fn another_receiver<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> Self::Receiver<WORDS> {
        rx.clone()
    }
}

pub fn add_to(adapter: Adapter) -> Adapter {
    adapter
        .with("std_mpmc", env!("RUSTC_VERSION").to_string())
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Mpmc))
}
