package simulation

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"kyc/shared/kyc"
)

// fault is what goes wrong at an effect.
type fault int

const (
	none       fault = iota
	crash            // the function dies before the effect
	crashAfter       // the function dies when the effect has happened
	fail             // the call fails and nothing has happened
	failAfter        // it has happened, and its answer is lost
	stray            // the function dies, and its call is still on its way
)

var errInjected = errors.New("injected fault")

// kind is what an effect does.
type kind int

const (
	reads   kind = iota
	writes       // another one can see it
	changes      // it changes a customer or a clock, and may arrive when its function is long dead
)

// crashed unwinds a function that dies.
type crashed struct{}

// task is a running function. It stops before each of its effects, until the scheduler lets it go on: only one task runs
// at a time, so that an execution depends on its choices alone.
type task struct {
	name     string
	deadline time.Time // when Lambda stops it
	effect   string    // what it is about to do
	kind     kind
	fault    fault        // to strike at that effect
	saw      time.Time    // on the clock of its brand, when it looked last
	link     *kyc.LinkRef // by which a customer has called it
	ended    func()

	resume func() (struct{}, bool)
	kill   func()
	yield  func(struct{}) bool
}

// start begins a task and runs it up to its first effect. ended is called once, when it has finished or died.
func (w *world) start(name string, limit time.Duration, run func(ctx context.Context), ended func()) {
	t := &task{name: name, deadline: w.now.Add(limit), ended: ended}
	t.resume, t.kill = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if r := recover(); r != nil {
				if _, died := r.(crashed); !died {
					panic(r)
				}
			}
		}()
		t.yield = yield
		run(context.Background())
	})
	w.tasks = append(w.tasks, t)
	w.note("%s begins", name)
	w.advance(t)
}

// advance lets a task do its effect and run up to the next one.
func (w *world) advance(t *task) {
	w.current = t
	if _, more := t.resume(); !more {
		w.end(t)
	}
}

// strike lets a task run into a fault.
func (w *world) strike(t *task, f fault) {
	w.note("%s: %s (%s)", t.name, t.effect, [...]string{"", "it dies before", "it dies after", "it fails", "its answer is lost", "it dies, the call is on its way"}[f])
	if f == crash {
		w.end(t)
		return
	}
	t.fault = f
	w.advance(t)
}

func (w *world) end(t *task) {
	t.kill()
	for i := range w.tasks {
		if w.tasks[i] == t {
			w.tasks = append(w.tasks[:i:i], w.tasks[i+1:]...)
			break
		}
	}
	if w.current == t {
		w.current = nil
	}
	t.ended()
}

// read is an effect that changes nothing.
func (w *world) read(name string, do func() error) error { return w.effect(name, reads, do) }

// write is an effect that another one can see.
func (w *world) write(name string, do func() error) error { return w.effect(name, writes, do) }

func (w *world) effect(name string, k kind, do func() error) error {
	t := w.current
	t.effect, t.kind, t.fault = name, k, none
	if !t.yield(struct{}{}) {
		panic(crashed{})
	}
	if t.fault == fail {
		return errInjected
	}
	if t.fault == stray {
		w.strays = append(w.strays, func() {
			w.note("a stray call of %s: %s", t.name, name)
			_ = do()
		})
		panic(crashed{})
	}
	w.note("%s: %s", t.name, name)
	err := do()
	switch t.fault {
	case crashAfter:
		panic(crashed{})
	case failAfter:
		return errInjected
	}
	return err
}

// option is one thing that can happen next.
type option struct {
	name string
	do   func()
}

// What happens when nothing else is left to do.
const (
	timePasses = "time passes"
	atRest     = "rest"
)

// options lists what can happen next, first what happens when nothing goes wrong: the running task goes on, then the
// other tasks, then what waits to be begun, and time passes when nothing else is left to do.
func (w *world) options() []option {
	var all []option
	add := func(name string, do func()) { all = append(all, option{name, do}) }
	t := w.current
	if t != nil {
		add("go on", func() { w.advance(t) })
	}
	for _, other := range w.tasks {
		if other != t {
			add("go on with "+other.name, func() { w.advance(other) })
		}
	}
	w.waiting(add)
	busy := len(all) > 0
	if !busy {
		w.passTime(add)
	}
	if len(all) == 0 {
		add(atRest, func() { w.resting = true })
	}
	if w.calm {
		return all[:1]
	}
	if t != nil {
		add("die", func() { w.strike(t, crash) })
		add("fail", func() { w.strike(t, fail) })
		if t.kind != reads {
			add("die after", func() { w.strike(t, crashAfter) })
			add("lose the answer", func() { w.strike(t, failAfter) })
		}
		if t.kind == changes {
			add("die with the call on its way", func() { w.strike(t, stray) })
		}
	}
	w.mishaps(add)
	if busy {
		w.passTime(add)
	}
	return all
}

// stepLimit is far above what any execution takes: one that goes beyond never comes to rest.
const stepLimit = 20_000

// Run runs an execution to its end: while steps are left as the chooser decides, then without any further mishap until
// nothing is left to do. It returns the first invariant that was broken, with all that happened before.
func (w *world) Run(choose chooser, steps int) (err error) {
	defer func() {
		for _, t := range w.tasks {
			t.kill()
		}
	}()
	for step := 0; w.broken == nil && !w.resting; step++ {
		w.calm = step >= steps || !w.settled
		if step > steps+stepLimit {
			w.breaks("the execution never comes to rest")
			break
		}
		options := w.options()
		if !w.settled && slices.Contains([]string{timePasses, atRest}, options[0].name) {
			w.settled = true
			continue
		}
		choice := 0
		if len(options) > 1 {
			choice = choose.Choose(len(options))
		}
		if choice > 0 {
			w.note("— %s", options[choice].name)
		}
		options[choice].do()
	}
	if w.broken == nil {
		w.atRest()
	}
	if w.broken != nil {
		return fmt.Errorf("%w\n%s", w.broken, w.story())
	}
	return nil
}
