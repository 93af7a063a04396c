// The cells with several receivers.  The others are std's: a channel of mpsc is
// one of mpmc within, so they would only be measured twice.

use harness::*;
use std::sync::mpmc::{channel, sync_channel, Receiver, Sender};

struct Mpmc;

impl Channel for Mpmc {
    type Sender<M: Message> = Sender<M>;
    type Receiver<M: Message> = Receiver<M>;

    fn create<M: Message>(capacity: Option<usize>) -> (Self::Sender<M>, Self::Receiver<M>) {
        match capacity {
            Some(capacity) => sync_channel(capacity),
            None => channel(),
        }
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

impl Shared for Mpmc {
    fn another_receiver<M: Message>(rx: &Self::Receiver<M>) -> Self::Receiver<M> {
        rx.clone()
    }
}

pub fn add_to(adapter: Adapter) -> Adapter {
    adapter
        .with("std_mpmc", env!("RUSTC_VERSION").to_string())
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Mpmc))
}
