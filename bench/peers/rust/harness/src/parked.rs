// Knowing that another thread of this process sleeps.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

// A thread that announces each wait before it begins it.
#[derive(Default)]
pub struct Sleeper {
    thread: AtomicU64, // its number; written once by itself, before any wait
    waits: AtomicU64,  // how many it announced; written by itself
}

impl Sleeper {
    pub fn this_thread(&self) {
        // SAFETY: gettid has no conditions.
        let number = unsafe { libc::gettid() };
        self.thread.store(number as u64, Ordering::Release);
    }

    pub fn announce(&self) {
        let waits = self.waits.load(Ordering::Relaxed);
        self.waits.store(waits + 1, Ordering::Release);
    }

    // Of the thread that sleeps, as the kernel shows it.
    pub fn watch(&self) -> Watch<'_> {
        let number = loop {
            match self.thread.load(Ordering::Acquire) {
                0 => thread::yield_now(),
                number => break number,
            }
        };
        let stat = File::open(format!("/proc/self/task/{number}/stat")).unwrap();
        Watch { sleeper: self, stat }
    }
}

pub struct Watch<'a> {
    sleeper: &'a Sleeper,
    stat: File,
}

impl Watch<'_> {
    // Returns once the thread has announced so many waits and sleeps.
    pub fn until_asleep(&self, waits: u64) {
        while self.sleeper.waits.load(Ordering::Acquire) < waits || !self.asleep() {
            thread::yield_now();
        }
    }

    // The state is the letter behind the name, which stands in brackets.
    fn asleep(&self) -> bool {
        let mut text = [0; 512];
        let length = self.stat.read_at(&mut text, 0).unwrap();
        let text = &text[..length];
        let name_end = text.iter().rposition(|byte| *byte == b')').unwrap();
        text[name_end + 2] == b'S'
    }
}
