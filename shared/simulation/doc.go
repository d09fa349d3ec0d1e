// Package simulation runs the whole flow of KYC, from the start to its webhook, through everything that may go wrong on
// the way, and checks after each step what must never happen. Beside it customers' data are changed, attempts are granted,
// clocks are moved, and documents are sent, by brands and by customers' links, looked into and judged.
//
// The use cases run as they are. Around them everything is a model: a clock that moves when nothing else is left to do,
// a stream that delivers again, late or not at all, queues that deliver twice and in any order, a bucket, functions that die
// before or after each of their effects, calls that fail and calls whose answer is lost. Who goes on next and what goes
// wrong is decided by a Chooser, so that executions can be enumerated, drawn at random, repeated and shrunk.
//
// The table is anything that passes the conformance suite: the model in memstore, or dynamostore on an emulator.
package simulation
