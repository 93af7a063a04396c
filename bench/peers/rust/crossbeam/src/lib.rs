// crossbeam-channel, for the program here and for the one of its select.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use harness::*;

pub struct Crossbeam;

impl Channel for Crossbeam {
    type Sender<M: Message> = Sender<M>;
    type Receiver<M: Message> = Receiver<M>;

    fn create<M: Message>(capacity: Option<usize>) -> (Self::Sender<M>, Self::Receiver<M>) {
        match capacity {
            Some(capacity) => bounded(capacity),
            None => unbounded(),
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

impl Shared for Crossbeam {
    fn another_receiver<M: Message>(rx: &Self::Receiver<M>) -> Self::Receiver<M> {
        rx.clone()
    }
}

// A list of operations may be selected from again and again, so it is made
// once: faster than one for each message, and than the macro, whose width is
// fixed besides.
impl SelectReceive for Crossbeam {
    fn receive_any<M: Message>(receivers: &[Self::Receiver<M>], count: u64, mut take: impl FnMut(M)) {
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
    fn send_any<M: Message>(senders: &[Self::Sender<M>], first: u64, count: u64) {
        let mut select = crossbeam_channel::Select::new();
        for tx in senders {
            select.send(tx);
        }
        let mut message = M::blank();
        for value in first..first + count {
            message.set(value);
            let operation = select.select();
            let index = operation.index();
            operation.send(&senders[index], message).unwrap();
        }
    }
}
