package simulation

import "fmt"

// chooser decides what happens next, wherever more than one thing can: it returns a number below n. 0 is what happens
// when nothing goes wrong and nobody is interrupted; every other number is one deviation from that.
type chooser interface{ Choose(n int) int }

// path is one execution: what was chosen at each point, and out of how many.
type path struct {
	given  []int // to be chosen again, from an earlier execution
	chosen []int
	of     []int
}

// Choose repeats what is given, and chooses 0 from there on.
func (p *path) Choose(n int) int {
	choice := 0
	if at := len(p.chosen); at < len(p.given) {
		choice = p.given[at]
	}
	if choice >= n {
		panic(fmt.Sprintf("choice %d of %d: the same choices did not lead to the same point again", choice, n))
	}
	p.chosen, p.of = append(p.chosen, choice), append(p.of, n)
	return choice
}

// next returns the execution after this one, in the order of a depth-first search through all that have at most the given
// number of deviations, and false after the last one.
func (p *path) next(deviations int) (*path, bool) {
	before := make([]int, len(p.chosen)) // deviations before each point
	for i := 1; i < len(p.chosen); i++ {
		before[i] = before[i-1]
		if p.chosen[i-1] != 0 {
			before[i]++
		}
	}
	for i := len(p.chosen) - 1; i >= 0; i-- {
		if p.chosen[i]+1 < p.of[i] && before[i] < deviations {
			return &path{given: append(append([]int(nil), p.chosen[:i]...), p.chosen[i]+1)}, true
		}
	}
	return nil, false
}

// explore runs every execution that has at most the given number of deviations. It returns how many those are, and the
// first error with the choices that led to it.
func explore(deviations int, run func(chooser) error) (executions int, choices []int, err error) {
	p, more := &path{}, true
	for ; more; p, more = p.next(deviations) {
		executions++
		if err := run(p); err != nil {
			return executions, p.chosen, err
		}
	}
	return executions, nil, nil
}

// repeat returns a chooser that makes the given choices again.
func repeat(choices []int) chooser { return &path{given: choices} }
