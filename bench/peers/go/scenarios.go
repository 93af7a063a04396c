package main

import (
	"bytes"
	"runtime"
	"sync/atomic"
	"time"
)

// The scenarios.  A channel is made before the clock starts.

func serve[M message](j *job) outcome {
	switch j.scenario {
	case "seq":
		return seq[M](j)
	case "spsc":
		return merging[M](j, 1)
	case "mpsc":
		return merging[M](j, j.threads)
	case "spmc":
		return spreading[M](j, 1)
	case "mpmc":
		return spreading[M](j, j.threads)
	case "select_rx":
		return selectRx[M](j)
	case "select_both":
		return selectBoth[M](j)
	case "pingpong":
		return pingpong[M](j)
	case "wake":
		return woken[M](j.messages, 1)
	case "bursts":
		return woken[M](roundedTo(j.messages, burst), burst)
	case "select_idle":
		return selectIdle[M](j)
	case "sizes":
		return sizes(j)
	case "memory_bounded1":
		return memory[M](j)
	case "oneshot_bounded1":
		return usedOnce[M](j)
	}
	return create[M](j)
}

func roundedTo(messages, unit int) int {
	return (messages + unit - 1) / unit * unit
}

func make1[M message](j *job, messages int) chan M {
	switch j.capacity {
	case "bounded0":
		return make(chan M)
	case "bounded1":
		return make(chan M, 1)
	case "bounded128":
		return make(chan M, 128)
	}
	return make(chan M, messages)
}

// ------------------------------------------------------------ what is common

func sendAll[M message](to chan<- M, first uint64, count int) {
	var m M
	for value := first; value < first+uint64(count); value++ {
		set(&m, value)
		to <- m
	}
}

func receiveSum[M message](from <-chan M, count int) (sum uint64) {
	for i := 0; i < count; i++ {
		m := <-from
		sum += valueOf(&m)
	}
	return sum
}

func receiveOrdered[M message](from <-chan M, count int) {
	for i := 0; i < count; i++ {
		m := <-from
		if carriesValue(&m) && valueOf(&m) != uint64(i) {
			fail("%#x was received instead of %#x", valueOf(&m), i)
		}
	}
}

func receiveMerged[M message](from <-chan M, senders, each int) {
	all := newMerged(senders, each)
	for i := 0; i < senders*each; i++ {
		m := <-from
		take(all, &m)
	}
	check[M](all)
}

func sending[M message](c chan M, senders, each int) (work []func()) {
	for sender := 0; sender < senders; sender++ {
		first := firstOf(sender)
		work = append(work, func() { sendAll(c, first, each) })
	}
	return work
}

func checkSum[M message](senders, each int, sum uint64) {
	if sum != sumOf[M](senders, each) {
		fail("the values that were received are not those that were sent")
	}
}

func checkEmpty[M message](channels ...chan M) {
	for _, c := range channels {
		if len(c) != 0 {
			fail("a message is left over")
		}
	}
}

// ------------------------------------------------------------- one channel

func seq[M message](j *job) outcome {
	c := make1[M](j, j.messages)
	took := timed(nil, func() {
		sendAll(c, 0, j.messages)
		receiveOrdered(c, j.messages)
	})
	checkEmpty(c)
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1}
}

func merging[M message](j *job, threads int) outcome {
	messages := roundedTo(j.messages, threads)
	each := messages / threads
	c := make1[M](j, messages)
	took := timed(sending(c, threads, each), func() {
		if threads == 1 {
			receiveOrdered(c, messages)
		} else {
			receiveMerged(c, threads, each)
		}
	})
	checkEmpty(c)
	return outcome{cost: took, messages: messages, threads: threads, width: 1}
}

func spreading[M message](j *job, senders int) outcome {
	messages := roundedTo(j.messages, j.threads)
	each := messages / senders
	c := make1[M](j, messages)
	var sum uint64
	work := sending(c, senders, each)
	for i := 0; i < j.threads; i++ {
		work = append(work, func() { atomic.AddUint64(&sum, receiveSum(c, messages/j.threads)) })
	}
	took := timed(work, func() {})
	checkSum[M](senders, each, sum)
	checkEmpty(c)
	return outcome{cost: took, messages: messages, threads: j.threads, width: 1}
}

// ------------------------------------------------------------------- select

func make1Each[M message](j *job, messages int) []chan M {
	channels := make([]chan M, j.width)
	for i := range channels {
		channels[i] = make1[M](j, messages)
	}
	return channels
}

func selectRx[M message](j *job) outcome {
	receive := receiveAny[M](j.width)
	messages := roundedTo(j.messages, j.width)
	each := messages / j.width
	channels := make1Each[M](j, messages)
	var work []func()
	for i := range channels {
		c, first := channels[i], firstOf(i)
		work = append(work, func() { sendAll(c, first, each) })
	}
	took := timed(work, func() {
		all := newMerged(j.width, each)
		var m M
		for i := 0; i < messages; i++ {
			receive(channels, &m)
			take(all, &m)
		}
		check[M](all)
	})
	checkEmpty(channels...)
	return outcome{cost: took, messages: messages, threads: 1, width: j.width}
}

func selectBoth[M message](j *job) outcome {
	send, receive := sendAny[M](j.width), receiveAny[M](j.width)
	messages := roundedTo(j.messages, j.threads)
	each := messages / j.threads
	channels := make1Each[M](j, messages)
	var sum uint64
	var work []func()
	for i := 0; i < j.threads; i++ {
		first := firstOf(i)
		work = append(work, func() {
			var m M
			for value := first; value < first+uint64(each); value++ {
				set(&m, value)
				send(channels, &m)
			}
		})
	}
	for i := 0; i < j.threads; i++ {
		work = append(work, func() {
			var m M
			var mine uint64
			for i := 0; i < each; i++ {
				receive(channels, &m)
				mine += valueOf(&m)
			}
			atomic.AddUint64(&sum, mine)
		})
	}
	took := timed(work, func() {})
	checkSum[M](j.threads, each, sum)
	checkEmpty(channels...)
	return outcome{cost: took, messages: messages, threads: j.threads, width: j.width}
}

// One channel carries everything, and the others are there to be looked at.
func selectIdle[M message](j *job) outcome {
	receive := receiveAny[M](j.width)
	channels := make([]chan M, j.width)
	for i := range channels {
		channels[i] = make(chan M, 128)
	}
	busy := channels[j.width-1]
	took := timed([]func(){func() { sendAll(busy, 0, j.messages) }}, func() {
		var m M
		for i := 0; i < j.messages; i++ {
			receive(channels, &m)
			if carriesValue(&m) && valueOf(&m) != uint64(i) {
				fail("%#x was received instead of %#x", valueOf(&m), i)
			}
		}
	})
	checkEmpty(channels...)
	return outcome{cost: took, messages: j.messages, threads: 1, width: j.width}
}

// ------------------------------------------------------------- mixed sizes

// Through which channel value n goes: in an order that no predictor of branches
// learns, and the shorter the messages, the more often.
func turn(n uint64) byte {
	return "\x00\x00\x00\x00\x00\x00\x00\x00\x01\x01\x01\x01\x02\x02\x02\x03"[n*0x9e3779b97f4a7c15>>60]
}

func sendOne[M message](to chan<- M, value uint64) {
	var m M
	set(&m, value)
	to <- m
}

func receiveOne[M message](from <-chan M) uint64 {
	m := <-from
	return valueOf(&m)
}

// Messages of 8, 32, 256 and 4096 bytes, by turns.
func sizes(j *job) outcome {
	c0, c1 := make(chan [1]uint64, 128), make(chan [4]uint64, 128)
	c2, c3 := make(chan [32]uint64, 128), make(chan [512]uint64, 128)
	end := uint64(j.messages)
	send := func() {
		for value := uint64(0); value < end; value++ {
			switch turn(value) {
			case 0:
				sendOne(c0, value)
			case 1:
				sendOne(c1, value)
			case 2:
				sendOne(c2, value)
			default:
				sendOne(c3, value)
			}
		}
	}
	took := timed([]func(){send}, func() {
		for value := uint64(0); value < end; value++ {
			var got uint64
			switch turn(value) {
			case 0:
				got = receiveOne(c0)
			case 1:
				got = receiveOne(c1)
			case 2:
				got = receiveOne(c2)
			default:
				got = receiveOne(c3)
			}
			if got != value {
				fail("%#x was received instead of %#x", got, value)
			}
		}
	})
	checkEmpty(c0)
	checkEmpty(c1)
	checkEmpty(c2)
	checkEmpty(c3)
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1}
}

// ------------------------------------------------------------------ latency

// One reading of the clock a round trip: each begins where the last one ended.
func pingpong[M message](j *job) outcome {
	there, back := make1[M](j, 0), make1[M](j, 0)
	latencies := make([]int64, j.messages)
	echo := func() {
		for i := 0; i < j.messages; i++ {
			back <- <-there
		}
	}
	took := timed([]func(){echo}, func() {
		var m M
		start := time.Now()
		before := time.Duration(0)
		for i := range latencies {
			set(&m, uint64(i))
			there <- m
			answer := <-back
			if carriesValue(&answer) && valueOf(&answer) != uint64(i) {
				fail("%#x came back instead of %#x", valueOf(&answer), i)
			}
			after := time.Since(start)
			latencies[i] = int64(after - before)
			before = after
		}
	})
	checkEmpty(there, back)
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1, latencies: latencies}
}

// Has a name of its own, by which its goroutine is found.
//
//go:noinline
func parkedReceive[M message](from <-chan M) M {
	return <-from
}

// Whether a goroutine waits in parkedReceive; text is room for all stacks.
func isParked(text []byte) bool {
	text = text[:runtime.Stack(text, true)]
	for _, goroutine := range bytes.Split(text, []byte("\n\n")) {
		if bytes.Contains(goroutine, []byte("main.parkedReceive")) {
			header, _, _ := bytes.Cut(goroutine, []byte("\n"))
			return bytes.Contains(header, []byte("[chan receive"))
		}
	}
	return false
}

// Looking at the stacks stops all threads and starts them again, so that some
// look for work.  They have ceased to when so much time has passed.
const calm = 50 * time.Microsecond

const burst = 64

// So many messages at once are sent when the receiver is parked; the latency is from
// just before the first send to the return of the last receive.
func woken[M message](messages, atOnce int) outcome {
	c := make(chan M, 128)
	bursts := messages / atOnce
	sent, received := make([]int64, bursts), make([]int64, bursts)
	var waits int64
	start := time.Now()
	receiver := func() {
		for i := range received {
			atomic.StoreInt64(&waits, int64(i)+1)
			m := parkedReceive(c)
			for next := uint64(i * atOnce); ; m = <-c {
				if carriesValue(&m) && valueOf(&m) != next {
					fail("%#x was received instead of %#x", valueOf(&m), next)
				}
				if next++; next == uint64((i+1)*atOnce) {
					break
				}
			}
			received[i] = int64(time.Since(start))
		}
	}
	took := timed([]func(){receiver}, func() {
		var m M
		text := make([]byte, 1<<16)
		for i := range sent {
			for atomic.LoadInt64(&waits) <= int64(i) || !isParked(text) {
				runtime.Gosched()
			}
			for parked := time.Now(); time.Since(parked) < calm; {
			}
			sent[i] = int64(time.Since(start))
			for value := i * atOnce; value < (i+1)*atOnce; value++ {
				set(&m, uint64(value))
				c <- m
			}
		}
	})
	checkEmpty(c)
	latencies := make([]int64, bursts)
	for i := range latencies {
		latencies[i] = received[i] - sent[i]
	}
	return outcome{cost: took, messages: messages, threads: 1, width: 1, latencies: latencies}
}

// ------------------------------------------------------ life of the channels

var sink any // keeps what was made from being left out

func create[M message](j *job) outcome {
	capacity := 1
	if j.scenario == "create_bounded128" {
		capacity = 128
	}
	var last chan M
	took := timed(nil, func() {
		for i := 0; i < j.messages; i++ {
			last = make(chan M, capacity)
		}
	})
	sink = last
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1}
}

func heapInUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// So many channels that live at once.
func memory[M message](j *job) outcome {
	channels := make([]chan M, j.messages)
	var before, after uint64
	took := timed(nil, func() {
		before = heapInUse()
		for i := range channels {
			channels[i] = make(chan M, 1)
		}
		after = heapInUse()
	})
	runtime.KeepAlive(channels)
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1, heap: after - before}
}

func usedOnce[M message](j *job) outcome {
	took := timed(nil, func() {
		var m M
		for i := 0; i < j.messages; i++ {
			c := make(chan M, 1)
			set(&m, uint64(i))
			c <- m
			answer := <-c
			if carriesValue(&answer) && valueOf(&answer) != uint64(i) {
				fail("%#x was received instead of %#x", valueOf(&answer), i)
			}
		}
	})
	return outcome{cost: took, messages: j.messages, threads: 1, width: 1}
}
