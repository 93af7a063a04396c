// The benchmark's oneshot with futures-channel.

use futures_channel::oneshot;
use harness::*;

// All in one thread: what was sent is there, and nothing need be waited for.
fn once<M: Message>(job: &Job) -> Outcome {
    each_once::<M>(job, |message| {
        let (tx, mut rx) = oneshot::channel();
        tx.send(message).unwrap();
        rx.try_recv().unwrap().unwrap()
    })
}

fn main() {
    Adapter::default()
        .with("futures", version_of("futures-channel"))
        .serves(["oneshot"], for_each_size!(once))
        .main();
}
