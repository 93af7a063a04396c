// The cells of the benchmark with flume, in its default features.

use flume::{bounded, unbounded, Receiver, Selector, Sender};
use futures_executor::block_on;
use harness::*;

struct Flume;

impl Channel for Flume {
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

impl Shared for Flume {
    fn another_receiver<M: Message>(rx: &Self::Receiver<M>) -> Self::Receiver<M> {
        rx.clone()
    }
}

// A selector is used up by its wait, so each message needs one.  select_both is
// not served, because a selector may send its message to several channels: it waits in
// all that are full with the message in hand, and whoever receives from one of those
// before the wait is over takes another copy (of 80,000 values over 4 channels of
// capacity 1, 14,000 to 23,000 arrived twice).  The copies fill the channels, and in the
// end all senders sleep.
impl SelectReceive for Flume {
    fn receive_any<M: Message>(receivers: &[Self::Receiver<M>], count: u64, mut take: impl FnMut(M)) {
        for _ in 0..count {
            let message = receivers
                .iter()
                .fold(Selector::new(), |selector, rx| selector.recv(rx, Result::unwrap))
                .wait();
            take(message);
        }
    }
}

// There is no bulk send; all that has come is received at once.
fn batch<M: Message>(job: &Job) -> Outcome {
    let (tx, rx) = bounded::<M>(128);
    let send = |message| tx.send(message).unwrap();
    one_to_one(job, send, |order| {
        while order.wants() {
            order.take(rx.recv().unwrap());
            rx.drain().for_each(|message| order.take(message));
        }
    })
}

fn mixed<M: Message>(job: &Job) -> Outcome {
    let (tx, rx) = bounded::<M>(128);
    let send = |message| tx.send(message).unwrap();
    one_to_one(job, send, |order| {
        block_on(async {
            while order.wants() {
                order.take(rx.recv_async().await.unwrap());
            }
        });
    })
}

fn main() {
    Adapter::default()
        .with("flume", version_of("flume"))
        .serves(cells(&CAPACITIES, &ONE_RECEIVER), for_each_size!(one_receiver, Flume))
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Flume))
        .serves(cells(&CAPACITIES, &["select_rx"]), for_each_size!(select_rx, Flume))
        .serves(["select_idle"], for_each_size!(select_idle, Flume))
        .serves(CREATES, for_each_size!(create, Flume))
        .serves(["oneshot_bounded1"], for_each_size!(used_once, Flume))
        .serves(["batch"], for_each_size!(batch))
        .serves(["mixed"], for_each_size!(mixed))
        .serves(["wake"], for_each_size!(wake, Flume))
        .serves(["sizes"], [sizes::<Flume>; 5])
        .serves(["bursts"], for_each_size!(bursts, Flume))
        .serves(MEMORIES, for_each_size!(memory, Flume))
        .main();
}
