// What is sent, and how a receiver knows that it got the right thing.

use crate::fail;
use std::hint::black_box;

// A message of WORDS * 8 bytes, passed by value.  The first word is its value;
// a message of no words is a signal, which can only be counted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Message<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Message<WORDS> {
    pub const CARRIES_VALUE: bool = WORDS > 0;

    pub fn blank() -> Self {
        Message([0; WORDS])
    }

    #[inline]
    pub fn with(value: u64) -> Self {
        let mut message = Self::blank();
        message.set(value);
        message
    }

    #[inline]
    pub fn set(&mut self, value: u64) {
        if let Some(word) = self.0.first_mut() {
            *word = value;
        }
    }

    // A long message must arrive whole: without the barrier the compiler would
    // copy no more of it than its first word.
    #[inline]
    pub fn value(&self) -> u64 {
        if WORDS > 1 {
            black_box(self);
        }
        self.0.first().copied().unwrap_or(0)
    }
}

const SENDER_SHIFT: u32 = 32;

// Sender S sends S << 32 | 0, S << 32 | 1, and so on.
#[inline]
pub fn first_of(sender: usize) -> u64 {
    (sender as u64) << SENDER_SHIFT
}

// The sum of what `senders` senders of `each` messages send.
pub fn sum_of<const WORDS: usize>(senders: usize, each: u64) -> u64 {
    if !Message::<WORDS>::CARRIES_VALUE {
        return 0;
    }
    let sum_of_one = |sender| {
        let steps = u128::from(each) * u128::from(each.saturating_sub(1)) / 2;
        u128::from(first_of(sender)) * u128::from(each) + steps
    };
    (0..senders).map(|sender| sum_of_one(sender) as u64).fold(0, u64::wrapping_add)
}

// What one of several receivers can check: all their sums together.
#[derive(Default)]
pub struct Sum(pub u64);

impl Sum {
    #[inline]
    pub fn take<const WORDS: usize>(&mut self, message: Message<WORDS>) {
        self.0 = self.0.wrapping_add(message.value());
    }
}

// What the only receiver of one sender can check: each value.
pub struct Ordered<const WORDS: usize> {
    next: u64,
    end: u64,
}

impl<const WORDS: usize> Ordered<WORDS> {
    pub fn new(sender: usize, count: u64) -> Self {
        let first = first_of(sender);
        Ordered { next: first, end: first + count }
    }

    #[inline]
    pub fn wants(&self) -> bool {
        self.next < self.end
    }

    #[inline]
    pub fn take(&mut self, message: Message<WORDS>) {
        let value = message.value();
        if Message::<WORDS>::CARRIES_VALUE && value != self.next {
            out_of_order(self.next, value);
        }
        self.next += 1;
    }
}

// What the only receiver of several senders can check: each value again.
pub struct Merged<const WORDS: usize> {
    next: Vec<u64>,
    each: u64,
    left: u64,
}

impl<const WORDS: usize> Merged<WORDS> {
    pub fn new(senders: usize, each: u64) -> Self {
        Merged { next: (0..senders).map(first_of).collect(), each, left: senders as u64 * each }
    }

    #[inline]
    pub fn wants(&self) -> bool {
        self.left > 0
    }

    #[inline]
    pub fn take(&mut self, message: Message<WORDS>) {
        self.left -= 1;
        if Message::<WORDS>::CARRIES_VALUE {
            let value = message.value();
            match self.next.get_mut((value >> SENDER_SHIFT) as usize) {
                Some(next) if *next == value => *next += 1,
                Some(next) => out_of_order(*next, value),
                None => fail(&format!("nobody sent {value:#x}")),
            }
        }
    }

    pub fn check(&self) {
        let complete = |(sender, next): (usize, &u64)| *next == first_of(sender) + self.each;
        if Message::<WORDS>::CARRIES_VALUE && !self.next.iter().enumerate().all(complete) {
            fail("a sender's messages are not complete");
        }
    }
}

#[cold]
fn out_of_order(wanted: u64, value: u64) -> ! {
    fail(&format!("{value:#x} was received instead of {wanted:#x}"))
}
