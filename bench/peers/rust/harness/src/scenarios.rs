// The scenarios, for any channel.  Handles are created before the clock starts
// and dropped after it stopped; each thread uses a handle of its own.

use crate::clock::{timed, Work};
use crate::job::{Job, Outcome};
use crate::message::{first_of, sum_of, Merged, Message, Ordered, Sum};
use crate::parked::Sleeper;
use crate::{fail, refuse};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

// A channel with any number of senders.
pub trait Channel {
    type Sender<M: Message>: Send;
    type Receiver<M: Message>: Send;

    // No capacity is unbounded.
    fn create<M: Message>(capacity: Option<usize>) -> (Self::Sender<M>, Self::Receiver<M>);
    fn another_sender<M: Message>(tx: &Self::Sender<M>) -> Self::Sender<M>;
    fn send<M: Message>(tx: &Self::Sender<M>, message: M);
    fn receive<M: Message>(rx: &Self::Receiver<M>) -> M;
    // Whether nothing is left, once all senders are dropped.
    fn has_ended<M: Message>(rx: &Self::Receiver<M>) -> bool;
}

// A channel with any number of receivers as well.
pub trait Shared: Channel {
    fn another_receiver<M: Message>(rx: &Self::Receiver<M>) -> Self::Receiver<M>;
}

// A channel with a select of receivers.  A call receives `count` messages, and
// each of them is one select over the whole slice.
pub trait SelectReceive: Channel {
    fn receive_any<M: Message>(receivers: &[Self::Receiver<M>], count: u64, take: impl FnMut(M));
}

// One of senders as well, and by several threads at once.
pub trait Select: SelectReceive + Shared {
    fn send_any<M: Message>(senders: &[Self::Sender<M>], first: u64, count: u64);
}

// --------------------------------------------------------------- what is common

fn send_all<P: Channel, M: Message>(tx: &P::Sender<M>, first: u64, count: u64) {
    let mut message = M::blank();
    for value in first..first + count {
        message.set(value);
        P::send(tx, message);
    }
}

fn receive_sum<P: Channel, M: Message>(rx: &P::Receiver<M>, count: u64) -> u64 {
    let mut sum = Sum::default();
    for _ in 0..count {
        sum.take(P::receive::<M>(rx));
    }
    sum.0
}

fn receive_ordered<P: Channel, M: Message>(rx: &P::Receiver<M>, count: u64) {
    let mut order = Ordered::new(0, count);
    while order.wants() {
        order.take(P::receive::<M>(rx));
    }
}

fn receive_merged<P: Channel, M: Message>(rx: &P::Receiver<M>, senders: usize, each: u64) {
    let mut merged = Merged::new(senders, each);
    while merged.wants() {
        merged.take(P::receive::<M>(rx));
    }
    merged.check();
}

fn check_end<P: Channel, M: Message>(rx: &P::Receiver<M>) {
    if !P::has_ended(rx) {
        fail("a message is left over");
    }
}

fn check_sum<M: Message>(senders: usize, each: u64, sum: u64) {
    if sum_of::<M>(senders, each) != sum {
        fail("the values that were received are not those that were sent");
    }
}

// Adds what a receiver got to the sum of them all.
fn add_to(all: &AtomicU64, sum: u64) {
    all.fetch_add(sum, Ordering::Relaxed);
}

fn senders_of<P: Channel, M: Message>(tx: &P::Sender<M>, n: usize) -> Vec<P::Sender<M>> {
    (0..n).map(|_| P::another_sender(tx)).collect()
}

fn receivers_of<P: Shared, M: Message>(rx: &P::Receiver<M>, n: usize) -> Vec<P::Receiver<M>> {
    (0..n).map(|_| P::another_receiver(rx)).collect()
}

// Each of the senders sends so many, in a thread of its own.  Handles are lent
// as mutable, since some may move to another thread but not be shared.
fn sending<P: Channel, M: Message>(senders: &mut [P::Sender<M>], each: u64) -> Vec<Work<'_>> {
    let mut work: Vec<Work> = Vec::new();
    for (i, tx) in senders.iter_mut().enumerate() {
        work.push(Box::new(move || send_all::<P, M>(tx, first_of(i), each)));
    }
    work
}

fn receiving<'a, P: Channel, M: Message>(
    receivers: &'a mut [P::Receiver<M>],
    each: u64,
    sum: &'a AtomicU64,
) -> Vec<Work<'a>> {
    let mut work: Vec<Work> = Vec::new();
    for rx in receivers {
        work.push(Box::new(move || add_to(sum, receive_sum::<P, M>(rx, each))));
    }
    work
}

// --------------------------------------------------------------- with a receiver

pub const ONE_RECEIVER: [&str; 4] = ["seq", "spsc", "mpsc", "pingpong"];

pub fn one_receiver<P: Channel, M: Message>(job: &Job) -> Outcome {
    match job.scenario() {
        "seq" => seq::<P, M>(job),
        "spsc" => merging::<P, M>(job, 1),
        "mpsc" => merging::<P, M>(job, job.threads),
        _ => pingpong::<P, M>(job),
    }
}

fn seq<P: Channel, M: Message>(job: &Job) -> Outcome {
    let messages = job.messages;
    let (tx, rx) = P::create::<M>(job.capacity(messages));
    let cost = timed(vec![], || {
        send_all::<P, M>(&tx, 0, messages);
        receive_ordered::<P, M>(&rx, messages);
    });
    drop(tx);
    check_end::<P, M>(&rx);
    Outcome { messages, threads: 1, width: 1, cost, latencies: vec![], heap: None }
}

fn merging<P: Channel, M: Message>(job: &Job, threads: usize) -> Outcome {
    let messages = job.rounded_to(threads);
    let each = messages / threads as u64;
    let (tx, rx) = P::create::<M>(job.capacity(messages));
    let mut senders = senders_of::<P, M>(&tx, threads);
    let cost = timed(sending::<P, M>(&mut senders, each), || match threads {
        1 => receive_ordered::<P, M>(&rx, messages),
        _ => receive_merged::<P, M>(&rx, threads, each),
    });
    drop((tx, senders));
    check_end::<P, M>(&rx);
    Outcome { messages, threads, width: 1, cost, latencies: vec![], heap: None }
}

// One clock reading a round trip: each begins where the last one ended.
fn pingpong<P: Channel, M: Message>(job: &Job) -> Outcome {
    let messages = job.messages;
    let (tx, mut echo_rx) = P::create::<M>(job.capacity(messages));
    let (mut echo_tx, rx) = P::create::<M>(job.capacity(messages));
    let mut latencies = vec![u64::MAX; messages as usize];
    let echo = || {
        let (echo_rx, echo_tx) = (&mut echo_rx, &mut echo_tx);
        for _ in 0..messages {
            P::send(echo_tx, P::receive::<M>(echo_rx));
        }
    };
    let cost = timed(vec![Box::new(echo)], || {
        let mut order = Ordered::new(0, messages);
        let mut message = M::blank();
        let start = Instant::now();
        let mut before = 0;
        for (value, latency) in latencies.iter_mut().enumerate() {
            message.set(value as u64);
            P::send::<M>(&tx, message);
            order.take(P::receive::<M>(&rx));
            let after = start.elapsed().as_nanos() as u64;
            *latency = after - before;
            before = after;
        }
    });
    drop((tx, echo_tx));
    check_end::<P, M>(&rx);
    check_end::<P, M>(&echo_rx);
    Outcome { messages, threads: 1, width: 1, cost, latencies, heap: None }
}

// ------------------------------------------------------------ with some receivers

pub const SOME_RECEIVERS: [&str; 2] = ["spmc", "mpmc"];

pub fn some_receivers<P: Shared, M: Message>(job: &Job) -> Outcome {
    match job.scenario() {
        "spmc" => spreading::<P, M>(job, 1),
        _ => spreading::<P, M>(job, job.threads),
    }
}

fn spreading<P: Shared, M: Message>(job: &Job, senders: usize) -> Outcome {
    let messages = job.rounded_to(job.threads);
    let (each_sent, each_received) = (messages / senders as u64, messages / job.threads as u64);
    let (tx, rx) = P::create::<M>(job.capacity(messages));
    let mut receivers = receivers_of::<P, M>(&rx, job.threads);
    let mut transmitters = senders_of::<P, M>(&tx, senders);
    let sum = AtomicU64::new(0);
    let mut work = sending::<P, M>(&mut transmitters, each_sent);
    work.extend(receiving::<P, M>(&mut receivers, each_received, &sum));
    let cost = timed(work, || ());
    check_sum::<M>(senders, each_sent, sum.into_inner());
    drop((tx, transmitters));
    check_end::<P, M>(&rx);
    Outcome { messages, threads: job.threads, width: 1, cost, latencies: vec![], heap: None }
}

// ------------------------------------------------------------------------ select

pub fn select_rx<P: SelectReceive, M: Message>(job: &Job) -> Outcome {
    let messages = job.rounded_to(job.width);
    let each = messages / job.width as u64;
    let create = |_| P::create::<M>(job.capacity(messages));
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..job.width).map(create).unzip();
    let cost = timed(sending::<P, M>(&mut senders, each), || {
        let mut merged = Merged::new(job.width, each);
        P::receive_any::<M>(&receivers, messages, |message| merged.take(message));
        merged.check();
    });
    drop(senders);
    receivers.iter().for_each(check_end::<P, M>);
    Outcome { messages, threads: 1, width: job.width, cost, latencies: vec![], heap: None }
}

pub fn select_both<P: Select, M: Message>(job: &Job) -> Outcome {
    let messages = job.rounded_to(job.threads);
    let each = messages / job.threads as u64;
    let create = |_| P::create::<M>(job.capacity(messages));
    let (tx, rx): (Vec<_>, Vec<_>) = (0..job.width).map(create).unzip();
    let mut senders: Vec<Vec<_>> =
        (0..job.threads).map(|_| tx.iter().map(P::another_sender::<M>).collect()).collect();
    let mut receivers: Vec<Vec<_>> =
        (0..job.threads).map(|_| rx.iter().map(P::another_receiver::<M>).collect()).collect();
    let all = &AtomicU64::new(0);
    let mut work: Vec<Work> = Vec::new();
    for (i, senders) in senders.iter_mut().enumerate() {
        work.push(Box::new(move || P::send_any::<M>(senders, first_of(i), each)));
    }
    for receivers in &mut receivers {
        work.push(Box::new(move || {
            let mut sum = Sum::default();
            P::receive_any::<M>(receivers, each, |message| sum.take(message));
            add_to(all, sum.0);
        }));
    }
    let cost = timed(work, || ());
    check_sum::<M>(job.threads, each, all.load(Ordering::Relaxed));
    drop((tx, senders));
    rx.iter().for_each(check_end::<P, M>);
    Outcome { messages, threads: job.threads, width: job.width, cost, latencies: vec![], heap: None }
}

// One channel carries everything, and the others are there to be looked at.
pub fn select_idle<P: SelectReceive, M: Message>(job: &Job) -> Outcome {
    let messages = job.messages;
    let create = |_| P::create::<M>(Some(ENOUGH_ROOM));
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..job.width).map(create).unzip();
    let busy = job.width - 1;
    let cost = timed(sending::<P, M>(&mut senders[busy..], messages), || {
        let mut order = Ordered::new(0, messages);
        P::receive_any::<M>(&receivers, messages, |message| order.take(message));
    });
    drop(senders);
    receivers.iter().for_each(check_end::<P, M>);
    Outcome { messages, threads: 1, width: job.width, cost, latencies: vec![], heap: None }
}

// ------------------------------------------------------------------- mixed sizes

// Through which channel value n goes: in an order that no predictor of branches
// learns, and the shorter the messages, the more often.
fn turn(n: u64) -> u8 {
    const TURNS: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3];
    TURNS[(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 60) as usize]
}

fn send_one<P: Channel, M: Message>(tx: &P::Sender<M>, value: u64) {
    let mut message = M::blank();
    message.set(value);
    P::send(tx, message);
}

fn receive_one<P: Channel, M: Message>(rx: &P::Receiver<M>) -> u64 {
    P::receive::<M>(rx).value()
}

type Long = [u64; 512];

// Messages of 8, 32, 256 and 4096 bytes, by turns.
pub fn sizes<P: Channel>(job: &Job) -> Outcome {
    let messages = job.messages;
    let (mut tx0, rx0) = P::create::<u64>(Some(ENOUGH_ROOM));
    let (mut tx1, rx1) = P::create::<[u64; 4]>(Some(ENOUGH_ROOM));
    let (mut tx2, rx2) = P::create::<[u64; 32]>(Some(ENOUGH_ROOM));
    let (mut tx3, rx3) = P::create::<Long>(Some(ENOUGH_ROOM));
    let tx = (&mut tx0, &mut tx1, &mut tx2, &mut tx3);
    let send = move || {
        for value in 0..messages {
            match turn(value) {
                0 => send_one::<P, u64>(tx.0, value),
                1 => send_one::<P, [u64; 4]>(tx.1, value),
                2 => send_one::<P, [u64; 32]>(tx.2, value),
                _ => send_one::<P, Long>(tx.3, value),
            }
        }
    };
    let cost = timed(vec![Box::new(send)], || {
        let mut order = Ordered::<u64>::new(0, messages);
        for value in 0..messages {
            order.take(match turn(value) {
                0 => receive_one::<P, u64>(&rx0),
                1 => receive_one::<P, [u64; 4]>(&rx1),
                2 => receive_one::<P, [u64; 32]>(&rx2),
                _ => receive_one::<P, Long>(&rx3),
            });
        }
    });
    drop((tx0, tx1, tx2, tx3));
    check_end::<P, u64>(&rx0);
    check_end::<P, [u64; 4]>(&rx1);
    check_end::<P, [u64; 32]>(&rx2);
    check_end::<P, Long>(&rx3);
    Outcome { messages, threads: 1, width: 1, cost, latencies: vec![], heap: None }
}

// ---------------------------------------------------------------------- latency

const ENOUGH_ROOM: usize = 128;
const BURST: u64 = 64;

pub fn wake<P: Channel, M: Message>(job: &Job) -> Outcome {
    woken::<P, M>(job.messages, 1)
}

pub fn bursts<P: Channel, M: Message>(job: &Job) -> Outcome {
    woken::<P, M>(job.rounded_to(BURST as usize), BURST)
}

// So many messages at once are sent when the receiver is asleep in its call; the
// latency is from just before the first send to the return of the last receive.
fn woken<P: Channel, M: Message>(messages: u64, at_once: u64) -> Outcome {
    let (tx, mut rx) = P::create::<M>(Some(ENOUGH_ROOM));
    let bursts = messages / at_once;
    let mut sent = vec![u64::MAX; bursts as usize];
    let mut received = vec![u64::MAX; bursts as usize];
    let sleeper = &Sleeper::default();
    let start = Instant::now();
    let now = || start.elapsed().as_nanos() as u64;
    let receive = || {
        let rx = &mut rx;
        let mut order = Ordered::new(0, messages);
        sleeper.this_thread();
        for at in &mut received {
            sleeper.announce();
            for _ in 1..at_once {
                order.take(P::receive::<M>(rx));
            }
            let message = P::receive::<M>(rx);
            *at = now();
            order.take(message);
        }
    };
    let cost = timed(vec![Box::new(receive)], || {
        let watch = sleeper.watch();
        let mut message = M::blank();
        for (burst, at) in sent.iter_mut().enumerate() {
            let first = burst as u64 * at_once;
            watch.until_asleep(burst as u64 + 1);
            *at = now();
            for value in first..first + at_once {
                message.set(value);
                P::send::<M>(&tx, message);
            }
        }
    });
    drop(tx);
    check_end::<P, M>(&rx);
    let latencies = received.iter().zip(&sent).map(|(received, sent)| received - sent).collect();
    Outcome { messages, threads: 1, width: 1, cost, latencies, heap: None }
}

// ---------------------------------------------------------- life of the channels

pub const CREATES: [&str; 3] = ["create_bounded1", "create_bounded128", "create_unbounded"];

fn capacity_of_create(job: &Job) -> Option<usize> {
    match job.cell.as_str() {
        "create_bounded1" => Some(1),
        "create_bounded128" => Some(128),
        _ => None,
    }
}

// Creates a channel and drops it.  The barrier keeps both from being left out.
pub fn create<P: Channel, M: Message>(job: &Job) -> Outcome {
    let capacity = capacity_of_create(job);
    in_this_thread(job, || {
        black_box(P::create::<M>(black_box(capacity)));
    })
}

pub const MEMORIES: [&str; 2] = ["memory_bounded1", "memory_unbounded"];

#[cfg(target_env = "gnu")]
fn allocated() -> usize {
    // SAFETY: mallinfo2 has no conditions.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

#[cfg(not(target_env = "gnu"))]
fn allocated() -> usize {
    0
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    // SAFETY: sysconf has no conditions.
    pages * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize
}

// So many channels that live at once.  Those without a limit are used once each:
// memory is what they keep when they are empty again.
fn populate<P: Channel, M: Message>(
    channels: &mut Vec<(P::Sender<M>, P::Receiver<M>)>,
    n: usize,
    capacity: Option<usize>,
) -> usize {
    channels.reserve_exact(n);
    // Resident before, so that the handles do not count.
    channels.spare_capacity_mut().fill_with(MaybeUninit::zeroed);
    black_box(channels.as_ptr());
    let (pages, heap) = (resident(), allocated());
    for value in 0..n as u64 {
        let (tx, rx) = P::create::<M>(capacity);
        if capacity.is_none() {
            send_one::<P, M>(&tx, value);
            if M::CARRIES_VALUE && receive_one::<P, M>(&rx) != value {
                fail("another message was received than sent");
            }
        }
        channels.push((tx, rx));
    }
    // By malloc's count; or by the system's, where most does not come from malloc.
    let (pages, heap) = (resident().saturating_sub(pages), allocated().saturating_sub(heap));
    if heap < pages / 2 {
        pages
    } else {
        heap
    }
}

fn free_bytes() -> usize {
    // SAFETY: sysconf has no conditions.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_AVPHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    pages as usize * size as usize
}

pub fn memory<P: Channel, M: Message>(job: &Job) -> Outcome {
    let capacity = if job.cell == "memory_bounded1" { Some(1) } else { None };
    let n = job.messages as usize;
    let mut heap = 0;
    let cost = timed(vec![], || {
        let few = n.min(100);
        if populate::<P, M>(&mut Vec::new(), few, capacity) / few * n > free_bytes() / 2 {
            refuse("so many would take more than half of the free memory");
        }
        heap = populate::<P, M>(&mut Vec::new(), n, capacity);
    });
    Outcome { messages: job.messages, threads: 1, width: 1, cost, latencies: vec![], heap: Some(heap) }
}

// Creates a channel of one message, uses it once, and drops it.
pub fn used_once<P: Channel, M: Message>(job: &Job) -> Outcome {
    each_once::<M>(job, |message| {
        let (tx, rx) = P::create::<M>(Some(1));
        P::send(&tx, message);
        P::receive(&rx)
    })
}

// `pass` takes each message through a channel of its own.
pub fn each_once<M: Message>(job: &Job, pass: impl Fn(M) -> M) -> Outcome {
    let mut order = Ordered::new(0, job.messages);
    let mut message = M::blank();
    let mut value = 0;
    in_this_thread(job, || {
        message.set(value);
        value += 1;
        order.take(pass(black_box(message)));
    })
}

fn in_this_thread(job: &Job, mut step: impl FnMut()) -> Outcome {
    let messages = job.messages;
    let cost = timed(vec![], || (0..messages).for_each(|_| step()));
    Outcome { messages, threads: 1, width: 1, cost, latencies: vec![], heap: None }
}

// ------------------------------------------------------- loops of a peer's own

// One thread sends each message with `send`; `receive` takes them all here.
pub fn one_to_one<M: Message>(
    job: &Job,
    mut send: impl FnMut(M) + Send,
    receive: impl FnOnce(&mut Ordered<M>),
) -> Outcome {
    let messages = job.messages;
    let sending = || {
        let mut message = M::blank();
        for value in 0..messages {
            message.set(value);
            send(message);
        }
    };
    let mut order = Ordered::new(0, messages);
    let cost = timed(vec![Box::new(sending)], || receive(&mut order));
    if order.wants() {
        fail("messages are missing");
    }
    Outcome { messages, threads: 1, width: 1, cost, latencies: vec![], heap: None }
}

// This thread sends each message with `send`; each of the subscriptions takes
// them all, in a thread of its own.
pub fn one_to_each<M: Message>(
    job: &Job,
    mut send: impl FnMut(M),
    subscriptions: &mut [impl FnMut() -> M + Send],
) -> Outcome {
    let messages = job.messages;
    let width = subscriptions.len();
    let mut work: Vec<Work> = Vec::new();
    for receive in subscriptions {
        work.push(Box::new(move || {
            let mut order = Ordered::new(0, messages);
            while order.wants() {
                order.take(receive());
            }
        }));
    }
    let cost = timed(work, || {
        let mut message = M::blank();
        for value in 0..messages {
            message.set(value);
            send(message);
        }
    });
    Outcome { messages, threads: 1, width, cost, latencies: vec![], heap: None }
}
