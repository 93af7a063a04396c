// The cells of ../../../chan_bench.c with crossbeam-channel: same command line,
// same work, same clock, same line of output.

use crossbeam_channel::{bounded, unbounded, Receiver, Sender};
use std::process::exit;
use std::sync::{Condvar, Mutex};
use std::thread;

const SIDE: u64 = 4;
const HANG_AFTER: u32 = 120;

type Channel = (Sender<u64>, Receiver<u64>);

// ------------------------------------------------------------------- the gate

// Holds every thread until all are there and the clock has been read.
#[derive(Default)]
struct Gate {
    state: Mutex<(usize, bool)>, // how many wait, whether it is open
    changed: Condvar,
}

#[derive(Clone, Copy)]
struct Instant {
    wall: u64,
    cpu: u64, // of all threads of this process, user and system
}

fn clock_ns(clock: libc::clockid_t) -> u64 {
    let mut t = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: t is a timespec that lives across the call.
    unsafe { libc::clock_gettime(clock, &mut t) };
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

fn now() -> Instant {
    Instant {
        wall: clock_ns(libc::CLOCK_MONOTONIC),
        cpu: clock_ns(libc::CLOCK_PROCESS_CPUTIME_ID),
    }
}

impl Gate {
    fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.0 += 1;
        self.changed.notify_all();
        while !state.1 {
            state = self.changed.wait(state).unwrap();
        }
    }

    fn open(&self, n: usize) -> Instant {
        let mut state = self.state.lock().unwrap();
        while state.0 < n {
            state = self.changed.wait(state).unwrap();
        }
        let start = now();
        state.1 = true;
        self.changed.notify_all();
        start
    }
}

// -------------------------------------------------------------------- parties

// What one thread does; returns the sum of what it received.
type Work<'a> = Box<dyn FnOnce() -> u64 + Send + 'a>;

fn sending(tx: &Sender<u64>, first: u64, count: u64) -> u64 {
    for value in first..first + count {
        tx.send(value).unwrap();
    }
    0
}

fn receiving(rx: &Receiver<u64>, count: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..count {
        sum += rx.recv().unwrap();
    }
    sum
}

fn calling(tx: &Sender<u64>, rx: &Receiver<u64>, count: u64) -> u64 {
    let mut sum = 0;
    for value in 0..count {
        tx.send(value).unwrap();
        sum += rx.recv().unwrap();
    }
    sum
}

fn answering(tx: &Sender<u64>, rx: &Receiver<u64>, count: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..count {
        let value = rx.recv().unwrap();
        tx.send(value).unwrap();
        sum += value;
    }
    sum
}

// The main thread's part comes first.
fn parties<'a>(scenario: &str, there: &'a Channel, back: &'a Channel, n: u64) -> Vec<Work<'a>> {
    let (tx, rx) = (&there.0, &there.1);
    let sender = |i: u64, each: u64| -> Work<'a> { Box::new(move || sending(tx, i * each, each)) };
    let receiver = |count: u64| -> Work<'a> { Box::new(move || receiving(rx, count)) };
    match scenario {
        "seq" => vec![Box::new(move || sending(tx, 0, n) + receiving(rx, n))],
        "spsc" => vec![receiver(n), sender(0, n)],
        "mpsc" => {
            let mut all = vec![receiver(n)];
            all.extend((0..SIDE).map(|i| sender(i, n / SIDE)));
            all
        }
        "mpmc" => {
            let mut all: Vec<Work<'a>> = vec![Box::new(|| 0)];
            all.extend((0..SIDE).map(|i| sender(i, n / SIDE)));
            all.extend((0..SIDE).map(|_| receiver(n / SIDE)));
            all
        }
        "pingpong" => vec![
            Box::new(move || calling(tx, &back.1, n)),
            Box::new(move || answering(&back.0, rx, n)),
        ],
        _ => usage(),
    }
}

// ---------------------------------------------------------------------- a run

fn create(capacity: &str, messages: u64) -> Channel {
    match capacity {
        "bounded0" => bounded(0),
        "bounded1" => bounded(1),
        "bounded128" => bounded(128),
        "bounded" => bounded(messages as usize),
        "unbounded" => unbounded(),
        _ => usage(),
    }
}

// The time from the opening of the gate to the last join, and the sum.
fn timed(mut parties: Vec<Work>) -> (Instant, u64) {
    let gate = Gate::default();
    let own = parties.remove(0);
    thread::scope(|scope| {
        let threads: Vec<_> = parties
            .into_iter()
            .map(|work| {
                scope.spawn(|| {
                    gate.wait();
                    work()
                })
            })
            .collect();
        let start = gate.open(threads.len());
        let mut sum = own();
        for thread in threads {
            sum += thread.join().unwrap();
        }
        let end = now();
        let took = Instant { wall: end.wall - start.wall, cpu: end.cpu - start.cpu };
        (took, sum)
    })
}

fn run(cell: &str, messages: u64) {
    let Some((capacity, scenario)) = cell.split_once('_') else { usage() };
    let there = create(capacity, messages);
    let back = create(capacity, messages);
    let (took, sum) = timed(parties(scenario, &there, &back, messages));
    let receipts = if scenario == "pingpong" { 2 } else { 1 };
    assert_eq!(sum, messages * (messages - 1) / 2 * receipts);
    assert!(there.1.is_empty() && back.1.is_empty());
    println!("{cell} crossbeam {messages} {} {}", took.wall, took.cpu);
}

fn usage() -> ! {
    eprintln!("usage: crossbeam_bench CELL MESSAGES");
    exit(2)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [cell, messages] = args.as_slice() else { usage() };
    let Ok(messages) = messages.parse::<u32>() else { usage() };
    if messages == 0 {
        usage();
    }
    // SAFETY: no handler is installed; a hang ends the process.
    unsafe { libc::alarm(HANG_AFTER) };
    run(cell, u64::from(messages).div_ceil(SIDE) * SIDE);
}
