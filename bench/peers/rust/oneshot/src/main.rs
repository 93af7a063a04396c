// The benchmark's oneshot with the oneshot crate.

use harness::*;

fn once<M: Message>(job: &Job) -> Outcome {
    each_once::<M>(job, |message| {
        let (tx, rx) = oneshot::channel();
        tx.send(message).unwrap();
        rx.recv().unwrap()
    })
}

fn main() {
    Adapter::default()
        .with("oneshot_crate", version_of("oneshot"))
        .serves(["oneshot"], for_each_size!(once))
        .main();
}
