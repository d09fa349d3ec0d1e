package simulation

import (
	"flag"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"kyc/shared/kyc"
	"kyc/shared/memstore"
	"kyc/shared/testbed"
)

var deviations = flag.Int("deviations", 2, "how many things go wrong in an execution, or happen out of turn, at the most")

func TestMain(m *testing.M) {
	debug.SetGCPercent(800) // millions of short lives
	testbed.Main(m)
}

var begin = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// TestEveryExecution runs each scenario in every way in which at most two things (in long scenarios one) go otherwise than
// they should: someone is interrupted, dies, is repeated, comes late.
func TestEveryExecution(t *testing.T) {
	t.Parallel()
	var total atomic.Int64
	t.Run("scenarios", func(t *testing.T) {
		for _, s := range scenarios() {
			t.Run(s.Name, func(t *testing.T) {
				t.Parallel()
				most := *deviations
				if s.Long {
					most--
				}
				executions, choices, err := explore(most, func(c chooser) error { return run(s, c, false) })
				if err != nil {
					t.Fatalf("choices %v: %v", choices, run(s, repeat(choices), true))
				}
				t.Logf("%d executions with up to %d deviations", executions, most)
				total.Add(int64(executions))
			})
		}
	})
	t.Logf("%d executions explored", total.Load())
}

func run(s scenario, c chooser, trace bool) error {
	w, err := newWorld(memstore.New(), s, 0, begin, trace)
	if err != nil {
		return err
	}
	return w.Run(c, 1000)
}

// drawn draws choices at random: one in so many for what should not happen.
type drawn struct {
	t      *rapid.T
	oneOut int
}

func (d drawn) Choose(n int) int {
	if choice := rapid.IntRange(0, d.oneOut*n).Draw(d.t, "choice"); choice < n {
		return choice
	}
	return 0
}

// randomExecutions is how many executions rapid draws.
const randomExecutions = 3_000

func TestRandomExecutions(t *testing.T) {
	t.Parallel()
	if err := flag.Set("rapid.checks", strconv.Itoa(randomExecutions)); err != nil {
		t.Fatal(err)
	}
	all := scenarios()
	rapid.Check(t, func(rt *rapid.T) {
		s := rapid.SampledFrom(all).Draw(rt, "scenario")
		if err := run(s, drawn{rt, rapid.SampledFrom([]int{4, 10, 25}).Draw(rt, "one out of")}, true); err != nil {
			rt.Fatal(err)
		}
	})
}

// seeded draws as drawn does, repeatably by its seed.
type seeded struct{ *rand.Rand }

func (s seeded) Choose(n int) int {
	if choice := s.IntN(7 * n); choice < n {
		return choice
	}
	return 0
}

// realExecutions is how many executions run on the real table.
const realExecutions = 300

// TestRandomExecutionsOnTheRealTable runs the same flow on dynamostore, so that its expressions are exercised, behind a
// wire on which writes are throttled, meet other transactions, and lose their answers.
func TestRandomExecutionsOnTheRealTable(t *testing.T) {
	t.Parallel() // most of this is waiting for the emulator, a process of its own
	bed := testbed.Open(t)
	all := scenarios()
	var random seeded
	injected := map[string]int{}
	wired := bed.Through(func(r testbed.Request, pass func() testbed.Answer) testbed.Answer {
		if !slices.Contains([]string{"UpdateItem", "TransactWriteItems", "PutItem"}, r.Operation) || random.IntN(12) > 0 {
			return pass()
		}
		switch random.IntN(3) {
		case 0:
			injected["conflict"]++
			if r.Operation == "TransactWriteItems" {
				return testbed.Contended()
			}
			return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionConflictException","message":"injected"}`)
		case 1:
			injected["throttle"]++
			return testbed.Refused(`{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"injected"}`)
		}
		injected["lost answer"]++
		pass()
		return testbed.Lost()
	})
	table := wired.Store(func() time.Time { return begin })
	for seed := range realExecutions {
		s := all[seed%len(all)]
		random = seeded{rand.New(rand.NewPCG(uint64(seed), 0))}
		w, err := newWorld(table, s, seed, begin, true)
		if err == nil {
			err = w.Run(random, 1000)
		}
		if err != nil {
			t.Fatalf("seed %d, %s: %v", seed, s.Name, err)
		}
	}
	t.Logf("%d executions explored, with %v on the wire", realExecutions, injected)
}

// TestTheModelIsTheTable runs executions on both tables with the same choices: both make the same of them.
func TestTheModelIsTheTable(t *testing.T) {
	t.Parallel()
	bed := testbed.Open(t)
	all := scenarios()
	for seed := range 4 * len(all) {
		s := all[seed%len(all)]
		told := func(table table) (string, map[kyc.CustomerRef]kyc.Customer) {
			w, err := newWorld(table, s, seed, begin, true)
			if err == nil {
				err = w.Run(seeded{rand.New(rand.NewPCG(uint64(seed), 0))}, 1000)
			}
			if err != nil {
				t.Fatalf("seed %d, %s: %v", seed, s.Name, err)
			}
			return w.story(), w.history.seen
		}
		model, ends := told(memstore.New())
		real, endsReal := told(bed.Store(func() time.Time { return begin }))
		if diff := cmp.Diff(model, real); diff != "" {
			t.Fatalf("seed %d, %s (-model +table):\n%s", seed, s.Name, diff)
		}
		if diff := cmp.Diff(ends, endsReal, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("seed %d, %s: customers (-model +table):\n%s", seed, s.Name, diff)
		}
	}
}
