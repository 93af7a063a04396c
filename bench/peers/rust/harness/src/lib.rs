// What the Rust adapters share; each of them says how its peer is called.

mod clock;
mod job;
mod message;
mod parked;
mod scenarios;

pub use job::{cells, version_of, Adapter, Job, Outcome, CAPACITIES};
pub use message::Message;
pub use scenarios::*;

use std::process::exit;

pub const BOUNDED: [&str; 4] = ["bounded0", "bounded1", "bounded128", "bounded"];
pub const UNBOUNDED: [&str; 1] = ["unbounded"];

// A wrong result, or whatever else went wrong.
#[cold]
pub fn fail(why: &str) -> ! {
    eprintln!("{why}");
    exit(1)
}

// This implementation cannot do that.
#[cold]
pub fn refuse(why: &str) -> ! {
    eprintln!("{why}");
    exit(77)
}
