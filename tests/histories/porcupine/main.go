// Judges small histories of channels, read as text from standard input: is there an
// order of the calls, each at one instant between its beginning and its end, in which a
// plain queue would have answered the same?  ../windows.h says what the text looks like.
package main

import (
	"bufio"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

type call struct {
	op    string
	value int
	late  bool // a receive beside a send that found the end
}

// A queue of numbers, as a string of them, so that states compare with ==.
type queue struct {
	messages string
	length   int
	closed   bool
}

type window struct {
	name     string
	capacity int
	good     bool // as it should be judged
	turns    bool // a receive may be refused because another one looks
	owners   bool // a side belongs to its first thread until another one comes
	drops    bool // a send into a full channel displaces the oldest
	one      bool // one message in all
	calls    []porcupine.Operation
}

func (w *window) send(q queue, value int, result string) (bool, queue) {
	full := q.length == w.capacity
	switch {
	case q.closed:
		return result == "EPIPE", q
	case full && !w.drops:
		return result == "EAGAIN", q
	case result != "ok":
		return false, q
	case full:
		_, q.messages, _ = strings.Cut(q.messages, " ")
		q.length--
	}
	q.messages += strconv.Itoa(value) + " "
	q.length++
	q.closed = w.one
	return true, q
}

// Closed and empty is not yet the end while a send is in progress that holds a place: it
// may fill that, or find the end and give it back.
func (w *window) recv(q queue, in call, result string) (bool, queue) {
	switch {
	case q.length == 0 && q.closed:
		return result == "EPIPE" || (in.late && result == "EAGAIN"), q
	case q.length == 0:
		return result == "EAGAIN", q
	}
	first, rest, _ := strings.Cut(q.messages, " ")
	return result == "ok" && first == strconv.Itoa(in.value), queue{rest, q.length - 1, q.closed}
}

func (w *window) step(state, input, output interface{}) (bool, interface{}) {
	q, in, result := state.(queue), input.(call), output.(string)
	ok := true
	switch in.op {
	case "send":
		ok, q = w.send(q, in.value, result)
	case "recv":
		ok, q = w.recv(q, in, result)
	case "close":
		q.closed = true
	}
	return ok, q
}

func overlap(a, b porcupine.Operation) bool {
	return a.Call <= b.Return && b.Call <= a.Return
}

func sent(c porcupine.Operation) bool  { return c.Input.(call).op == "send" && c.Output == "ok" }
func taken(c porcupine.Operation) bool { return c.Input.(call).op == "recv" && c.Output == "ok" }

// When the receive of this message began; that of one that was lost, never.  What was
// displaced is not in the text, so it may be gone at any time.
func (w *window) takenFrom(value int) int64 {
	for _, c := range w.calls {
		if taken(c) && c.Input.(call).value == value {
			return c.Call
		}
	}
	if w.drops {
		return math.MinInt64
	}
	return math.MaxInt64
}

// The message of a send in progress can be the next one from the instant at which all
// that are surely before it may have been taken.
func (w *window) nextFrom(send porcupine.Operation) int64 {
	from := send.Call
	for _, c := range w.calls {
		if sent(c) && c.Return < send.Call {
			if at := w.takenFrom(c.Input.(call).value); at > from {
				from = at
			}
		}
	}
	return from
}

// Until when a call may be refused for the owner of its side: two threads have got something
// done there, and all that was in progress then has ended.
func (w *window) ownedUntil(op string) int64 {
	ended := map[int]int64{}
	for _, c := range w.calls {
		at, there := ended[c.ClientId]
		if c.Input.(call).op == op && c.Output == "ok" && (!there || c.Return < at) {
			ended[c.ClientId] = c.Return
		}
	}
	first, second := int64(math.MaxInt64), int64(math.MaxInt64)
	for _, at := range ended {
		if at < first {
			first, second = at, first
		} else if at < second {
			second = at
		}
	}
	until := second
	for _, c := range w.calls {
		if c.Call <= second && c.Return > until {
			until = c.Return
		}
	}
	return until
}

// A call in progress may hold the message, or the place, that is next, and then the
// refusal says nothing of the queue: see "EAGAIN means" in chan(7).
func (w *window) excused(i int) bool {
	refused := w.calls[i]
	if refused.Output != "EAGAIN" {
		return false
	}
	receives := refused.Input.(call).op == "recv"
	for j, c := range w.calls {
		switch {
		case i == j || !overlap(c, refused):
		case receives && sent(c) && w.nextFrom(c) <= c.Return && w.nextFrom(c) <= refused.Return:
			return true
		case receives && w.turns && c.Input.(call).op == "recv":
			return true
		case w.owners && refused.Call <= w.ownedUntil(refused.Input.(call).op):
			return true
		case !receives && (taken(c) || w.drops):
			return true
		}
	}
	return false
}

func (w *window) late(receive porcupine.Operation) bool {
	for _, c := range w.calls {
		if c.Input.(call).op == "send" && c.Output == "EPIPE" && overlap(c, receive) {
			return true
		}
	}
	return false
}

func (w *window) judged() []porcupine.Operation {
	var kept []porcupine.Operation
	for i, c := range w.calls {
		if w.excused(i) {
			continue
		}
		if in := c.Input.(call); in.op == "recv" {
			in.late = w.late(c)
			c.Input = in
		}
		kept = append(kept, c)
	}
	return kept
}

func (w *window) linearizable(calls []porcupine.Operation) bool {
	model := porcupine.Model{
		Init: func() interface{} { return queue{} },
		Step: w.step,
	}
	return porcupine.CheckOperationsTimeout(model, calls, time.Minute) == porcupine.Ok
}

func (w *window) print() {
	fmt.Printf("  | %s: expected good: %v\n", w.name, w.good)
	for _, c := range w.calls {
		in := c.Input.(call)
		fmt.Printf("  |   %d %s %d %v %d %d\n", c.ClientId, in.op, in.value, c.Output, c.Call, c.Return)
	}
}

func number(text string) int {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return int(n)
}

// read gives the next window, or nil at the end.
func read(lines *bufio.Scanner) *window {
	if !lines.Scan() {
		return nil
	}
	name, rest, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "window "), "\t")
	fields := strings.Fields(rest)
	w := &window{name: name, capacity: number(fields[0]), good: fields[1] == "good"}
	for _, word := range fields[2:] {
		w.turns = w.turns || word == "turns"
		w.owners = w.owners || word == "owners"
		w.drops = w.drops || word == "drops"
		w.one = w.one || word == "one"
	}
	for lines.Scan() && lines.Text() != "" {
		f := strings.Fields(lines.Text())
		w.calls = append(w.calls, porcupine.Operation{
			ClientId: number(f[0]), Input: call{op: f[1], value: number(f[2])}, Output: f[3],
			Call: int64(number(f[4])), Return: int64(number(f[5])),
		})
	}
	return w
}

// Windows of one name are counted together.
type count struct{ windows, calls, excused, wrong int }

func main() {
	lines := bufio.NewScanner(os.Stdin)
	counts := map[string]*count{}
	var names []string
	for w := read(lines); w != nil; w = read(lines) {
		c := counts[w.name]
		if c == nil {
			c = &count{}
			counts[w.name] = c
			names = append(names, w.name)
		}
		kept := w.judged()
		c.windows++
		c.calls += len(w.calls)
		c.excused += len(w.calls) - len(kept)
		if w.linearizable(kept) != w.good {
			if c.wrong == 0 {
				w.print()
			}
			c.wrong++
		}
	}
	for _, name := range names {
		c := counts[name]
		verdict := "PASS"
		if c.wrong > 0 {
			verdict = "FAIL"
		}
		fmt.Printf("%s: %s: %d histories, %d calls, %d excused, %d judged wrong\n",
			verdict, name, c.windows, c.calls, c.excused, c.wrong)
	}
}
