// Package archtest holds the repository to its own rules: which package may import which, what code may not do, and
// that template, functions, events and Makefile speak of the same things. It consists of tests.
//
// The tests read every file themselves and parse it in process. They start no other program (go list, say): Go's cache
// of test results knows which files a test opened and nothing of what a child process read, so such a test would go on
// passing after the rule was broken.
//
// A new package is entered in layers_test.go, with its layer. Every rule has a case in rules_test.go that breaks it in
// a small repository in memory, so that each has been seen to fail.
package archtest
