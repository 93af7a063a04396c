// The benchmark's cells of select with crossbeam-channel.

use bench_crossbeam::Crossbeam;
use harness::*;

fn main() {
    Adapter::default()
        .with("crossbeam", version_of("crossbeam-channel"))
        .serves(cells(&CAPACITIES, &["select_rx"]), for_each_size!(select_rx, Crossbeam))
        .serves(["select_idle"], for_each_size!(select_idle, Crossbeam))
        .serves(cells(&CAPACITIES, &["select_both"]), for_each_size!(select_both, Crossbeam))
        .main();
}
