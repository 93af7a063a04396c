// What is sent, and how a receiver knows that it got the right thing.

use crate::fail;
use std::fmt::Debug;
use std::hint::black_box;
use std::marker::PhantomData;
use std::mem::size_of;

// A message, passed by value: u64, or an array whose first element is the
// value, or () for a signal, which can only be counted.
pub trait Message: Copy + Debug + Send + Sync + 'static {
    const CARRIES_VALUE: bool = size_of::<Self>() > 0;

    fn blank() -> Self;
    fn set(&mut self, value: u64);
    fn value(&self) -> u64;
}

impl Message for () {
    fn blank() -> Self {}

    fn set(&mut self, _: u64) {}

    fn value(&self) -> u64 {
        0
    }
}

impl Message for u64 {
    fn blank() -> Self {
        0
    }

    fn set(&mut self, value: u64) {
        *self = value;
    }

    fn value(&self) -> u64 {
        *self
    }
}

impl<const WORDS: usize> Message for [u64; WORDS] {
    fn blank() -> Self {
        [0; WORDS]
    }

    fn set(&mut self, value: u64) {
        self[0] = value;
    }

    // All of it must arrive: without the barrier the compiler would copy no
    // more than the first element.
    fn value(&self) -> u64 {
        black_box(self)[0]
    }
}

const SENDER_SHIFT: u32 = 32;

// Sender S sends S << 32 | 0, S << 32 | 1, and so on.
#[inline]
pub fn first_of(sender: usize) -> u64 {
    (sender as u64) << SENDER_SHIFT
}

// The sum of what `senders` senders of `each` messages send.
pub fn sum_of<M: Message>(senders: usize, each: u64) -> u64 {
    if !M::CARRIES_VALUE {
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
    pub fn take<M: Message>(&mut self, message: M) {
        self.0 = self.0.wrapping_add(message.value());
    }
}

// What the only receiver of one sender can check: each value.
pub struct Ordered<M> {
    next: u64,
    end: u64,
    messages: PhantomData<M>,
}

impl<M: Message> Ordered<M> {
    pub fn new(sender: usize, count: u64) -> Self {
        let first = first_of(sender);
        Ordered { next: first, end: first + count, messages: PhantomData }
    }

    #[inline]
    pub fn wants(&self) -> bool {
        self.next < self.end
    }

    #[inline]
    pub fn take(&mut self, message: M) {
        let value = message.value();
        if M::CARRIES_VALUE && value != self.next {
            out_of_order(self.next, value);
        }
        self.next += 1;
    }
}

// What the only receiver of several senders can check: each value again.
pub struct Merged<M> {
    next: Vec<u64>,
    each: u64,
    left: u64,
    messages: PhantomData<M>,
}

impl<M: Message> Merged<M> {
    pub fn new(senders: usize, each: u64) -> Self {
        Merged {
            next: (0..senders).map(first_of).collect(),
            each,
            left: senders as u64 * each,
            messages: PhantomData,
        }
    }

    #[inline]
    pub fn wants(&self) -> bool {
        self.left > 0
    }

    #[inline]
    pub fn take(&mut self, message: M) {
        self.left -= 1;
        if M::CARRIES_VALUE {
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
        if M::CARRIES_VALUE && !self.next.iter().enumerate().all(complete) {
            fail("a sender's messages are not complete");
        }
    }
}

#[cold]
fn out_of_order(wanted: u64, value: u64) -> ! {
    fail(&format!("{value:#x} was received instead of {wanted:#x}"))
}
