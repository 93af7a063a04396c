// tokio::sync::broadcast, made to lose nothing.
//
// What differs: a sender of this channel never waits, a message for which there
// is no room replaces the oldest, and a receiver that was too slow learns how
// many it lost.  So that all receive all, as in the other implementations, each
// subscription counts aloud what it received, and the sender looks at the
// counts when it might be a capacity ahead, and yields while it is.  This is
// the least that a user would add: a store for each receipt, and for the sender
// a look at the counts once in a capacity or seldomer, as long as nobody lags.

use harness::*;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::thread;
use tokio::sync::broadcast;

const CAPACITY: u64 = 128;

// On a cache line of its own, and of the one fetched beside it.
#[derive(Default)]
#[repr(align(128))]
struct Received(AtomicU64); // written by its subscription, after each receipt

// How many the sender may have sent before it must look again.
fn limit(counts: &[Arc<Received>]) -> u64 {
    let slowest = counts.iter().map(|count| count.0.load(Ordering::Acquire)).min();
    slowest.unwrap_or(u64::MAX - CAPACITY) + CAPACITY
}

fn subscription<M: Message>(
    mut rx: broadcast::Receiver<M>,
    count: Arc<Received>,
) -> impl FnMut() -> M + Send {
    let mut received = 0;
    move || {
        let message = rx.blocking_recv().unwrap();
        received += 1;
        count.0.store(received, Ordering::Release);
        message
    }
}

pub fn lossless<M: Message>(job: &Job) -> Outcome {
    let (tx, _) = broadcast::channel(CAPACITY as usize);
    let counts: Vec<Arc<Received>> = (0..job.width).map(|_| Arc::default()).collect();
    let mut subscriptions: Vec<_> =
        counts.iter().map(|count| subscription::<M>(tx.subscribe(), Arc::clone(count))).collect();
    let mut sent = 0;
    let mut may_send = CAPACITY;
    let send = |message| {
        while sent == may_send {
            may_send = limit(&counts);
            if sent == may_send {
                thread::yield_now();
            }
        }
        tx.send(message).unwrap();
        sent += 1;
    };
    one_to_each::<M>(job, send, &mut subscriptions)
}
