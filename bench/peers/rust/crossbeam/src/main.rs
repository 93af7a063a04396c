// The cells of the benchmark with crossbeam-channel.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use harness::*;

struct Crossbeam;

impl Channel for Crossbeam {
    type Sender<const WORDS: usize> = Sender<Message<WORDS>>;
    type Receiver<const WORDS: usize> = Receiver<Message<WORDS>>;

    fn create<const WORDS: usize>(capacity: Option<usize>) -> (Self::Sender<WORDS>, Self::Receiver<WORDS>) {
        match capacity {
            Some(capacity) => bounded(capacity),
            None => unbounded(),
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

impl Shared for Crossbeam {
    fn another_receiver<const WORDS: usize>(rx: &Self::Receiver<WORDS>) -> Self::Receiver<WORDS> {
        rx.clone()
    }
}

// A list of operations may be selected from again and again, so it is made
// once: faster than one for each message, and than the macro, whose width is
// fixed besides.
impl SelectReceive for Crossbeam {
    fn receive_any<const WORDS: usize>(
        receivers: &[Self::Receiver<WORDS>],
        count: u64,
        mut take: impl FnMut(Message<WORDS>),
    ) {
        let mut select = crossbeam_channel::Select::new();
        for rx in receivers {
            select.recv(rx);
        }
        for _ in 0..count {
            let operation = select.select();
            let index = operation.index();
            take(operation.recv(&receivers[index]).unwrap());
        }
    }
}

impl Select for Crossbeam {
    fn send_any<const WORDS: usize>(senders: &[Self::Sender<WORDS>], first: u64, count: u64) {
        let mut select = crossbeam_channel::Select::new();
        for tx in senders {
            select.send(tx);
        }
        let mut message = Message::blank();
        for value in first..first + count {
            message.set(value);
            let operation = select.select();
            let index = operation.index();
            operation.send(&senders[index], message).unwrap();
        }
    }
}

fn main() {
    Adapter::default()
        .with("crossbeam", version_of("crossbeam-channel"))
        .serves(cells(&CAPACITIES, &ONE_RECEIVER), for_each_size!(one_receiver, Crossbeam))
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Crossbeam))
        .serves(cells(&CAPACITIES, &["select_rx"]), for_each_size!(select_rx, Crossbeam))
        .serves(cells(&CAPACITIES, &["select_both"]), for_each_size!(select_both, Crossbeam))
        .serves(CREATES, for_each_size!(create, Crossbeam))
        .serves(["oneshot_bounded1"], for_each_size!(used_once, Crossbeam))
        .serves(["wake"], for_each_size!(wake, Crossbeam))
        .main();
}
