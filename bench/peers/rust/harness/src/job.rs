// The command line of an adapter, what it can serve, and the record it prints.

use crate::clock::Cost;
use crate::{fail, refuse};
use std::process::exit;

// One run of a cell, as the command line asks for it.
pub struct Job {
    pub cell: String,
    pub messages: u64,
    pub threads: usize,
    pub size: usize,
    pub width: usize,
    implementation: Option<String>,
}

impl Job {
    pub fn scenario(&self) -> &str {
        split(&self.cell).map_or(&self.cell, |(_, scenario)| scenario)
    }

    // None is unbounded; `messages` is what all of the run need.
    pub fn capacity(&self, messages: u64) -> Option<usize> {
        match split(&self.cell) {
            Some(("bounded0", _)) => Some(0),
            Some(("bounded1", _)) => Some(1),
            Some(("bounded128", _)) => Some(128),
            Some(("bounded", _)) => Some(messages as usize),
            _ => None,
        }
    }

    pub fn rounded_to(&self, unit: usize) -> u64 {
        self.messages.next_multiple_of(unit as u64)
    }
}

// What came out of a run.
pub struct Outcome {
    pub messages: u64,
    pub threads: usize, // a side
    pub width: usize,
    pub cost: Cost,
    pub latencies: Vec<u64>, // exact samples, where the cell has them
    pub heap: Option<usize>, // bytes of all channels, where the cell asks
}

// ----------------------------------------------------------------------- cells

pub const CAPACITIES: [&str; 5] = ["bounded0", "bounded1", "bounded128", "bounded", "unbounded"];
const SCENARIOS: [&str; 8] = ["seq", "spsc", "spmc", "mpsc", "mpmc", "select_rx", "select_both", "pingpong"];
const OTHERS: [&str; 16] = [
    "oneshot",
    "oneshot_bounded1",
    "create_bounded1",
    "create_bounded128",
    "create_unbounded",
    "batch",
    "broadcast",
    "single",
    "loop",
    "mixed",
    "wake",
    "select_idle",
    "sizes",
    "bursts",
    "memory_bounded1",
    "memory_unbounded",
];

fn split(cell: &str) -> Option<(&str, &str)> {
    let (capacity, scenario) = cell.split_once('_')?;
    (CAPACITIES.contains(&capacity) && SCENARIOS.contains(&scenario)).then_some((capacity, scenario))
}

fn makes_sense(capacity: &str, scenario: &str) -> bool {
    match scenario {
        "seq" => ["bounded", "unbounded"].contains(&capacity),
        "pingpong" => capacity != "bounded",
        _ => true,
    }
}

// The cells of these scenarios with these capacities.
pub fn cells(capacities: &[&str], scenarios: &[&str]) -> Vec<String> {
    let mut cells = Vec::new();
    for scenario in scenarios {
        for capacity in capacities.iter().filter(|capacity| makes_sense(capacity, scenario)) {
            cells.push(format!("{capacity}_{scenario}"));
        }
    }
    cells
}

fn exists(cell: &str) -> bool {
    OTHERS.contains(&cell) || split(cell).is_some_and(|(capacity, scenario)| makes_sense(capacity, scenario))
}

// --------------------------------------------------------------------- adapter

const SIZES: [usize; 5] = [0, 8, 32, 256, 4096];

// One function for each of SIZES.
pub type Runs = [fn(&Job) -> Outcome; SIZES.len()];

// A generic function of a type of messages, and perhaps of a channel before it,
// for messages of each of SIZES.
#[macro_export]
macro_rules! for_each_size {
    ($function:ident $(, $type:ty)*) => {
        [
            $function::<$($type,)* ()>,
            $function::<$($type,)* u64>,
            $function::<$($type,)* [u64; 4]>,
            $function::<$($type,)* [u64; 32]>,
            $function::<$($type,)* [u64; 512]>,
        ]
    };
}

struct Entry {
    cell: String,
    implementation: &'static str,
    version: String,
    runs: Runs,
}

// All that a program can serve.
#[derive(Default)]
pub struct Adapter {
    entries: Vec<Entry>,
    implementation: &'static str, // what is added now
    version: String,
}

impl Adapter {
    // What is served from here on is served by this.
    pub fn with(mut self, implementation: &'static str, version: String) -> Self {
        self.implementation = implementation;
        self.version = version;
        self
    }

    pub fn serves(mut self, cells: impl IntoIterator<Item: Into<String>>, runs: Runs) -> Self {
        for cell in cells {
            self.entries.push(Entry {
                cell: cell.into(),
                implementation: self.implementation,
                version: self.version.clone(),
                runs,
            });
        }
        self
    }

    pub fn main(&self) {
        std::panic::set_hook(Box::new(|panic| fail(&panic.to_string())));
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        if arguments == ["--list"] {
            self.list();
        } else {
            self.run(&parse(&arguments));
        }
    }

    fn list(&self) {
        for entry in &self.entries {
            println!("{} {}", entry.cell, entry.implementation);
        }
    }

    fn run(&self, job: &Job) {
        let entry = self.entry(job);
        let Some(size) = SIZES.iter().position(|size| *size == job.size) else {
            refuse(&format!("no messages of {} bytes", job.size))
        };
        // SAFETY: no handler is installed; a hang ends the process.
        unsafe { libc::alarm(HANG_AFTER) };
        print(entry, job, &entry.runs[size](job));
    }

    fn entry(&self, job: &Job) -> &Entry {
        let asked = |entry: &&Entry| match &job.implementation {
            Some(name) => name == entry.implementation,
            None => true,
        };
        if !exists(&job.cell) {
            usage(&format!("there is no cell {}", job.cell));
        }
        if !self.entries.iter().any(|entry| asked(&entry)) {
            usage(&format!("no implementation {}", job.implementation.as_deref().unwrap_or("")));
        }
        let of_cell = |entry: &&Entry| entry.cell == job.cell;
        match self.entries.iter().filter(of_cell).find(asked) {
            Some(entry) => entry,
            None => refuse(&format!("{} is not served", job.cell)),
        }
    }
}

const HANG_AFTER: u32 = 120;

// ---------------------------------------------------------------- command line

fn usage(why: &str) -> ! {
    eprintln!("{why}\nusage: --list | [--impl NAME] [--threads N] [--size BYTES] [--width N] CELL MESSAGES");
    exit(2)
}

fn number(what: &str, text: &str, least: u64, most: u64) -> u64 {
    match text.parse() {
        Ok(value) if (least..=most).contains(&value) => value,
        _ => usage(&format!("{what}: '{text}' is not from {least} to {most}")),
    }
}

fn parse(arguments: &[String]) -> Job {
    let mut job =
        Job { cell: String::new(), messages: 0, threads: 4, size: 8, width: 4, implementation: None };
    let mut rest = arguments;
    while let [option, value, others @ ..] = rest {
        match option.as_str() {
            "--impl" => job.implementation = Some(value.clone()),
            "--threads" => job.threads = number(option, value, 1, 1024) as usize,
            "--size" => job.size = number(option, value, 0, 1 << 20) as usize,
            "--width" => job.width = number(option, value, 1, 1024) as usize,
            _ => break,
        }
        rest = others;
    }
    let [cell, messages] = rest else { usage("a cell and a count of messages are needed") };
    job.cell = cell.clone();
    job.messages = number("messages", messages, 1, u64::from(u32::MAX));
    job
}

// ---------------------------------------------------------------------- record

fn print(entry: &Entry, job: &Job, outcome: &Outcome) {
    let cost = &outcome.cost;
    println!(
        "{{\"cell\":\"{}\",\"impl\":\"{}\",\"version\":\"{}\",\"messages\":{},\"threads\":{},\"size\":{},\
         \"width\":{},\"wall_ns\":{},\"user_ns\":{},\"system_ns\":{},\"voluntary\":{},\"involuntary\":{},\
         \"peak_kib\":{}{}{}}}",
        entry.cell,
        entry.implementation,
        entry.version,
        outcome.messages,
        outcome.threads,
        job.size,
        outcome.width,
        cost.wall_ns,
        cost.user_ns,
        cost.system_ns,
        cost.voluntary,
        cost.involuntary,
        cost.peak_kib,
        percentiles(&outcome.latencies),
        heap_bytes(outcome.heap),
    );
}

fn heap_bytes(heap: Option<usize>) -> String {
    heap.map_or(String::new(), |bytes| format!(",\"heap_bytes\":{bytes}"))
}

// By nearest rank.
fn percentiles(samples: &[u64]) -> String {
    if samples.is_empty() {
        return String::new();
    }
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    let at = |per_mille: usize| sorted[(sorted.len() * per_mille).div_ceil(1000) - 1];
    format!(
        ",\"latency_ns\":{{\"samples\":{},\"p50\":{},\"p90\":{},\"p99\":{},\"p999\":{},\"max\":{}}}",
        sorted.len(),
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000),
    )
}

// The version of a package, from the lock file that the program was built with.
pub fn version_of(package: &str) -> String {
    let mut lines = include_str!("../../Cargo.lock").lines();
    let name = format!("name = \"{package}\"");
    lines.find(|line| *line == name);
    match lines.next().and_then(|line| line.strip_prefix("version = ")) {
        Some(version) => version.trim_matches('"').to_string(),
        None => fail(&format!("{package} is not in the lock file")),
    }
}
