// The cells of the benchmark with kanal, in its default features.

use futures_executor::block_on;
use harness::*;
use kanal::{bounded, unbounded, Receiver, Sender};

struct Kanal;

impl Channel for Kanal {
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

impl Shared for Kanal {
    fn another_receiver<M: Message>(rx: &Self::Receiver<M>) -> Self::Receiver<M> {
        rx.clone()
    }
}

// There is no bulk send; all that has come is received at once, as its page
// advises: a plain receive where there is nothing.
fn batch<M: Message>(job: &Job) -> Outcome {
    let (tx, rx) = bounded::<M>(128);
    let send = |message| tx.send(message).unwrap();
    let mut come = Vec::with_capacity(2 * 128);
    one_to_one(job, send, |order| {
        while order.wants() {
            if rx.drain_into(&mut come).unwrap() == 0 {
                come.push(rx.recv().unwrap());
            }
            come.drain(..).for_each(|message| order.take(message));
        }
    })
}

fn mixed<M: Message>(job: &Job) -> Outcome {
    let (tx, rx) = bounded::<M>(128);
    let rx = rx.to_async();
    let send = |message| tx.send(message).unwrap();
    one_to_one(job, send, |order| {
        block_on(async {
            while order.wants() {
                order.take(rx.recv().await.unwrap());
            }
        });
    })
}

fn main() {
    Adapter::default()
        .with("kanal", version_of("kanal"))
        .serves(cells(&CAPACITIES, &ONE_RECEIVER), for_each_size!(one_receiver, Kanal))
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Kanal))
        .serves(CREATES, for_each_size!(create, Kanal))
        .serves(["oneshot_bounded1"], for_each_size!(used_once, Kanal))
        .serves(["batch"], for_each_size!(batch))
        .serves(["mixed"], for_each_size!(mixed))
        .serves(["wake"], for_each_size!(wake, Kanal))
        .serves(["sizes"], [sizes::<Kanal>; 5])
        .serves(["bursts"], for_each_size!(bursts, Kanal))
        .serves(MEMORIES, for_each_size!(memory, Kanal))
        .main();
}
