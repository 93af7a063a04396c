// The cells of the benchmark with crossbeam-channel, but for those of select:
// a program with both would have more calls of the channel's inner functions
// than the compiler inlines, and 5 to 8 ns more a message in `seq`.

use bench_crossbeam::Crossbeam;
use harness::*;

fn main() {
    Adapter::default()
        .with("crossbeam", version_of("crossbeam-channel"))
        .serves(cells(&CAPACITIES, &ONE_RECEIVER), for_each_size!(one_receiver, Crossbeam))
        .serves(cells(&CAPACITIES, &SOME_RECEIVERS), for_each_size!(some_receivers, Crossbeam))
        .serves(CREATES, for_each_size!(create, Crossbeam))
        .serves(["oneshot_bounded1"], for_each_size!(used_once, Crossbeam))
        .serves(["wake"], for_each_size!(wake, Crossbeam))
        .main();
}
