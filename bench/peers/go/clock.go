package main

import (
	"fmt"
	"runtime"
	"sort"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// How long all wait for one another, running, before the clock starts.
const settle = 2 * time.Millisecond

// What the timed part of a run took.
type cost struct {
	wallNs, userNs, systemNs        int64
	voluntary, involuntary, peakKib int64
}

// What came out of a run.
type outcome struct {
	cost
	messages  int
	threads   int // a side
	width     int
	latencies []int64 // exact samples, where the cell has them
	heap      uint64  // bytes of all channels, where the cell asks
}

func usage() (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		fail("getrusage: %v", err)
	}
	return u
}

func costSince(start time.Time, before *syscall.Rusage) cost {
	wall := time.Since(start)
	after := usage()
	return cost{
		wallNs:      wall.Nanoseconds(),
		userNs:      after.Utime.Nano() - before.Utime.Nano(),
		systemNs:    after.Stime.Nano() - before.Stime.Nano(),
		voluntary:   int64(after.Nvcsw - before.Nvcsw),
		involuntary: int64(after.Nivcsw - before.Nivcsw),
		peakKib:     int64(after.Maxrss),
	}
}

// Gives each thread that runs goroutines a CPU of its own to begin with, which it is
// free to leave.
func takePlaces() {
	n := runtime.GOMAXPROCS(0)
	var all [128]uint64
	size := uintptr(len(all) * 8)
	got, _, failed := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, size, uintptr(unsafe.Pointer(&all)))
	if failed != 0 {
		return
	}
	var allowed []int
	for cpu := 0; cpu < int(got)*8; cpu++ {
		if all[cpu/64]>>(cpu%64)&1 != 0 {
			allowed = append(allowed, cpu)
		}
	}
	var placed, done sync.WaitGroup
	placed.Add(n)
	done.Add(n)
	for i := 0; i < n; i++ {
		go func(cpu int) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			var one [128]uint64
			one[cpu/64] = 1 << (cpu % 64)
			syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, size, uintptr(unsafe.Pointer(&one)))
			syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, size, uintptr(unsafe.Pointer(&all)))
			placed.Done()
			placed.Wait() // so that no two of them are the same thread
			done.Done()
		}(allowed[i%len(allowed)])
	}
	done.Wait()
}

// Runs own here and the others in a goroutine each; times them from the moment
// that all are ready to the end of the last.  They wait running, so that they, and
// the threads under them, have their places when it begins.
func timed(others []func(), own func()) cost {
	takePlaces()
	var waiting atomic.Int64
	var open atomic.Bool
	var done sync.WaitGroup
	done.Add(len(others))
	for _, work := range others {
		go func(work func()) {
			waiting.Add(1)
			for !open.Load() {
				runtime.Gosched()
			}
			work()
			done.Done()
		}(work)
	}
	for waiting.Load() < int64(len(others)) {
		runtime.Gosched()
	}
	for settling := time.Now(); len(others) > 0 && time.Since(settling) < settle; {
		runtime.Gosched()
	}
	before := usage()
	start := time.Now()
	open.Store(true)
	own()
	done.Wait()
	return costSince(start, &before)
}

func heapBytes(j *job, heap uint64) string {
	if j.scenario != "memory_bounded1" {
		return ""
	}
	return fmt.Sprintf(`,"heap_bytes":%d`, heap)
}

// By nearest rank.
func percentiles(samples []int64) string {
	n := len(samples)
	if n == 0 {
		return ""
	}
	sorted := append([]int64(nil), samples...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	at := func(perMille int) int64 { return sorted[(n*perMille+999)/1000-1] }
	return fmt.Sprintf(`,"latency_ns":{"samples":%d,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d}`,
		n, at(500), at(900), at(990), at(999), at(1000))
}
