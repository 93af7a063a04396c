// The benchmark's mixed sizes, bursts and memory with crossbeam-channel: a program of
// their own, so that the streams keep all that the compiler inlines there.

use bench_crossbeam::Crossbeam;
use harness::*;

fn main() {
    Adapter::default()
        .with("crossbeam", version_of("crossbeam-channel"))
        .serves(["sizes"], [sizes::<Crossbeam>; 5])
        .serves(["bursts"], for_each_size!(bursts, Crossbeam))
        .serves(MEMORIES, for_each_size!(memory, Crossbeam))
        .main();
}
