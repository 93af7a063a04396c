// The cells of the benchmark with the channels of Go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

//go:generate go run select_gen.go

const (
	wrong     = 1
	misused   = 2
	cannot    = 77
	hangAfter = 120 // seconds; a run takes about 0.3
)

func end(status int, format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", arguments...)
	os.Exit(status)
}

func fail(format string, arguments ...any) {
	end(wrong, format, arguments...)
}

// --------------------------------------------------------------------- cells

// One run of a cell, as the command line asks for it.
type job struct {
	cell     string
	capacity string // empty where the cell's name has none
	scenario string
	messages int
	threads  int
	size     int
	width    int
}

var bounded = []string{"bounded0", "bounded1", "bounded128", "bounded"}
var scenarios = []string{"seq", "spsc", "spmc", "mpsc", "mpmc", "select_rx", "select_both", "pingpong"}
var served = []string{"oneshot_bounded1", "create_bounded1", "create_bounded128", "wake", "select_idle", "sizes", "bursts",
	"memory_bounded1"}
var others = []string{"oneshot", "create_unbounded", "batch", "broadcast", "single", "loop", "mixed", "memory_unbounded"}

func makesSense(capacity, scenario string) bool {
	switch scenario {
	case "seq":
		return capacity == "bounded" || capacity == "unbounded"
	case "pingpong":
		return capacity != "bounded"
	}
	return true
}

func combined(capacities []string) (cells []job) {
	for _, capacity := range capacities {
		for _, scenario := range scenarios {
			if makesSense(capacity, scenario) {
				cells = append(cells, job{cell: capacity + "_" + scenario, capacity: capacity, scenario: scenario})
			}
		}
	}
	return cells
}

func named(names []string) (cells []job) {
	for _, name := range names {
		cells = append(cells, job{cell: name, scenario: name})
	}
	return cells
}

func canServe() []job {
	return append(combined(bounded), named(served)...)
}

func cannotServe() []job {
	return append(combined([]string{"unbounded"}), named(others)...)
}

func find(cell string, cells []job) *job {
	for i := range cells {
		if cells[i].cell == cell {
			return &cells[i]
		}
	}
	return nil
}

// ------------------------------------------------------------- command line

func number(text string, least, most int) (int, error) {
	value, err := strconv.Atoi(text)
	if err != nil || value < least || value > most {
		return 0, fmt.Errorf("'%s' is not from %d to %d", text, least, most)
	}
	return value, nil
}

func option(flags *flag.FlagSet, to *int, name string, least, most int) {
	flags.Func(name, fmt.Sprintf("from %d to %d", least, most), func(text string) (err error) {
		*to, err = number(text, least, most)
		return err
	})
}

var errImpl = errors.New("go is the only one")

// Ends the program where it cannot be run.
func parse(arguments []string) *job {
	asked := job{threads: 4, size: 8, width: 4}
	flags := flag.NewFlagSet("[OPTION...] CELL MESSAGES", flag.ContinueOnError)
	list := flags.Bool("list", false, "print what is served: CELL IMPLEMENTATION")
	flags.Func("impl", "the implementation: go", func(text string) error {
		if text != "go" {
			return errImpl
		}
		return nil
	})
	option(flags, &asked.threads, "threads", 1, 1024)
	option(flags, &asked.size, "size", 0, 1<<20)
	option(flags, &asked.width, "width", 1, 1024)
	if flags.Parse(arguments) != nil {
		os.Exit(misused)
	}
	if *list {
		for _, j := range canServe() {
			fmt.Println(j.cell, "go")
		}
		os.Exit(0)
	}
	if flags.NArg() != 2 {
		end(misused, "a cell and a count of messages are needed")
	}
	return complete(&asked, flags.Arg(0), flags.Arg(1))
}

func complete(asked *job, cell, messages string) *job {
	count, err := number(messages, 1, 1<<32-1)
	if err != nil {
		end(misused, "messages: %v", err)
	}
	asked.messages = count
	found := find(cell, canServe())
	switch {
	case found != nil:
		asked.cell, asked.capacity, asked.scenario = found.cell, found.capacity, found.scenario
	case find(cell, cannotServe()) != nil:
		end(cannot, "%s is not served", cell)
	default:
		end(misused, "there is no cell %s", cell)
	}
	return asked
}

// --------------------------------------------------------------------- a run

// A timer of Go's own would have its scheduler wait in another way.
func endIfItHangs() {
	rang := make(chan os.Signal, 1)
	signal.Notify(rang, syscall.SIGALRM)
	go func() {
		<-rang
		fail("no end after %d seconds", hangAfter)
	}()
	timer := struct{ interval, value syscall.Timeval }{value: syscall.Timeval{Sec: hangAfter}}
	const realTime = 0
	syscall.Syscall(syscall.SYS_SETITIMER, realTime, uintptr(unsafe.Pointer(&timer)), 0)
}

func run(j *job) outcome {
	switch j.size {
	case 0:
		return serve[[0]uint64](j)
	case 8:
		return serve[[1]uint64](j)
	case 32:
		return serve[[4]uint64](j)
	case 256:
		return serve[[32]uint64](j)
	case 4096:
		return serve[[512]uint64](j)
	}
	end(cannot, "no messages of %d bytes", j.size)
	return outcome{}
}

func print(j *job, o outcome) {
	fmt.Printf(`{"cell":"%s","impl":"go","version":"%s","messages":%d,"threads":%d,"size":%d,"width":%d,`+
		`"wall_ns":%d,"user_ns":%d,"system_ns":%d,"voluntary":%d,"involuntary":%d,"peak_kib":%d%s%s}`+"\n",
		j.cell, strings.TrimPrefix(runtime.Version(), "go"), o.messages, o.threads, j.size, o.width,
		o.wallNs, o.userNs, o.systemNs, o.voluntary, o.involuntary, o.peakKib, percentiles(o.latencies), heapBytes(j, o.heap))
}

func main() {
	j := parse(os.Args[1:])
	endIfItHangs()
	print(j, run(j))
}
