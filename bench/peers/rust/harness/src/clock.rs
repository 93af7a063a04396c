// What the timed part costs, and the barrier it starts from.

use std::mem::{self, MaybeUninit};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

// What the timed part of a run took.
pub struct Cost {
    pub wall_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    pub voluntary: u64,
    pub involuntary: u64,
    pub peak_kib: u64,
}

fn usage() -> libc::rusage {
    let mut usage = MaybeUninit::uninit();
    // SAFETY: getrusage fills all of it, and cannot fail with these arguments.
    unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    }
}

fn ns_between(from: libc::timeval, to: libc::timeval) -> u64 {
    let us = |t: libc::timeval| t.tv_sec as u64 * 1_000_000 + t.tv_usec as u64;
    (us(to) - us(from)) * 1000
}

struct Start {
    usage: libc::rusage,
    clock: Instant,
}

impl Start {
    fn now() -> Self {
        Start { usage: usage(), clock: Instant::now() }
    }

    fn cost(&self) -> Cost {
        let wall_ns = self.clock.elapsed().as_nanos() as u64;
        let end = usage();
        Cost {
            wall_ns,
            user_ns: ns_between(self.usage.ru_utime, end.ru_utime),
            system_ns: ns_between(self.usage.ru_stime, end.ru_stime),
            voluntary: (end.ru_nvcsw - self.usage.ru_nvcsw) as u64,
            involuntary: (end.ru_nivcsw - self.usage.ru_nivcsw) as u64,
            peak_kib: end.ru_maxrss as u64,
        }
    }
}

// Holds every thread until all are there and the clock has been read.  They wait
// running, each on the CPU that is its turn and free to leave it: threads that slept
// until now would all be where the first one is, and the system can take longer to
// give them CPUs of their own than a run lasts.
#[derive(Default)]
struct Gate {
    places: AtomicUsize,
    waiting: AtomicUsize,
    open: AtomicBool,
}

const SETTLE: Duration = Duration::from_millis(2);

impl Gate {
    // To the next of the CPUs that the process may use.
    fn take_place(&self) {
        let size = mem::size_of::<libc::cpu_set_t>();
        // SAFETY: a set of bits, all of them 0; the calls read and write one of this size.
        unsafe {
            let mut all: libc::cpu_set_t = mem::zeroed();
            let mut one: libc::cpu_set_t = mem::zeroed();
            if libc::sched_getaffinity(0, size, &mut all) != 0 {
                return;
            }
            let turn = self.places.fetch_add(1, SeqCst) % libc::CPU_COUNT(&all) as usize;
            let mut allowed = (0..8 * size).filter(|&cpu| libc::CPU_ISSET(cpu, &all));
            libc::CPU_SET(allowed.nth(turn).unwrap(), &mut one);
            libc::sched_setaffinity(0, size, &one);
            libc::sched_setaffinity(0, size, &all);
        }
    }

    fn wait(&self) {
        self.take_place();
        self.waiting.fetch_add(1, SeqCst);
        while !self.open.load(SeqCst) {
            thread::yield_now();
        }
    }

    fn open(&self, threads: usize) -> Start {
        self.take_place();
        while self.waiting.load(SeqCst) < threads {
            thread::yield_now();
        }
        let settling = Instant::now();
        while threads > 0 && settling.elapsed() < SETTLE {
            thread::yield_now();
        }
        let start = Start::now();
        self.open.store(true, SeqCst);
        start
    }
}

// What one thread does.
pub type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

// Runs `own` here and `others` in a thread each, and times them from the
// opening of the gate to the last join.
pub fn timed(others: Vec<Work>, own: impl FnOnce()) -> Cost {
    let gate = &Gate::default();
    thread::scope(|scope| {
        let run = |work: Work<'_>| {
            gate.wait();
            work()
        };
        let threads: Vec<_> = others.into_iter().map(|work| scope.spawn(move || run(work))).collect();
        let start = gate.open(threads.len());
        own();
        for thread in threads {
            thread.join().unwrap();
        }
        start.cost()
    })
}
