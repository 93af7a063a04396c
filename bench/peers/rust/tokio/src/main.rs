// The cells of the benchmark with tokio's channels.

mod broadcast;

use broadcast::lossless;
use harness::*;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};

// All in one thread: what was sent is there, and nothing need be waited for.
fn once<M: Message>(job: &Job) -> Outcome {
    each_once::<M>(job, |message| {
        let (tx, mut rx) = oneshot::channel();
        tx.send(message).unwrap();
        rx.try_recv().unwrap()
    })
}

// The task runs on tokio's executor of one thread, whose budget for a task
// would make it yield every 128 messages.
fn mixed<M: Message>(job: &Job) -> Outcome {
    let (tx, mut rx) = mpsc::channel::<M>(128);
    let runtime = Builder::new_current_thread().build().unwrap();
    let send = |message| tx.blocking_send(message).unwrap();
    one_to_one(job, send, |order| {
        runtime.block_on(tokio::task::unconstrained(async {
            while order.wants() {
                order.take(rx.recv().await.unwrap());
            }
        }));
    })
}

fn main() {
    Adapter::default()
        .with("tokio", version_of("tokio"))
        .serves(["oneshot"], for_each_size!(once))
        .serves(["mixed"], for_each_size!(mixed))
        .with("tokio_broadcast", version_of("tokio"))
        .serves(["broadcast"], for_each_size!(lossless))
        .main();
}
