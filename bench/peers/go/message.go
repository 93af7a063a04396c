package main

import "unsafe"

// A message by value.  Its first word is its value; one of no words is a
// signal, which can only be counted.
type message interface {
	[0]uint64 | [1]uint64 | [4]uint64 | [32]uint64 | [512]uint64
}

const senderShift = 32

// Sender s sends s<<32 | 0, s<<32 | 1, and so on.
func firstOf(sender int) uint64 {
	return uint64(sender) << senderShift
}

func carriesValue[M message](m *M) bool {
	return unsafe.Sizeof(*m) > 0
}

func set[M message](m *M, value uint64) {
	if carriesValue(m) {
		*(*uint64)(unsafe.Pointer(m)) = value
	}
}

func valueOf[M message](m *M) uint64 {
	if carriesValue(m) {
		return *(*uint64)(unsafe.Pointer(m))
	}
	return 0
}

func sumOf[M message](senders int, each int) (sum uint64) {
	var m M
	if !carriesValue(&m) {
		return 0
	}
	for sender := 0; sender < senders; sender++ {
		sum += firstOf(sender)*uint64(each) + uint64(each)*uint64(each-1)/2
	}
	return sum
}

// What the only receiver can check: each value of each sender.
type merged struct {
	next []uint64
	each int
}

func newMerged(senders, each int) *merged {
	all := &merged{next: make([]uint64, senders), each: each}
	for sender := range all.next {
		all.next[sender] = firstOf(sender)
	}
	return all
}

func take[M message](all *merged, m *M) {
	if !carriesValue(m) {
		return
	}
	value := valueOf(m)
	sender := value >> senderShift
	if sender >= uint64(len(all.next)) || all.next[sender] != value {
		fail("%#x was received, which does not follow", value)
	}
	all.next[sender]++
}

func check[M message](all *merged) {
	var m M
	for sender, next := range all.next {
		if carriesValue(&m) && next != firstOf(sender)+uint64(all.each) {
			fail("the messages of sender %d are not complete", sender)
		}
	}
}
