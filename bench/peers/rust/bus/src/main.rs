// The benchmark's broadcast with bus.  Like libchan's it loses nothing: a full
// bus blocks its sender until the slowest reader has gone on.

use bus::Bus;
use harness::*;

fn broadcast<M: Message>(job: &Job) -> Outcome {
    let mut bus = Bus::new(128);
    let mut subscriptions: Vec<_> = (0..job.width)
        .map(|_| {
            let mut reader = bus.add_rx();
            move || reader.recv().unwrap()
        })
        .collect();
    one_to_each::<M>(job, |message| bus.broadcast(message), &mut subscriptions)
}

fn main() {
    Adapter::default().with("bus", version_of("bus")).serves(["broadcast"], for_each_size!(broadcast)).main();
}
