package kyc

import "time"

// StackSecret is the secret that the keys of every purpose are derived from, wrapped, and how far its rotation has come.
//
// What is stored under a keyed hash can't be found by the keys of another secret, and environments remember a secret for
// some minutes. So a rotation goes in phases, each of them begun by one write, and not before every environment knows the
// phase before it. Any two neighbours agree: what one stores the other one finds.
//
//	phase        stored under    found under    removed under
//	             secret          secret         secret
//	announced    secret          secret         both
//	spreading    both            secret         both             first the waiting, then a sweep stores all under next
//	switched     both            next           both
//	clearing     next            next           both             first the waiting, then a sweep removes all under secret
//	             next            next           next             next is the secret, and the one before is destroyed
//
// An idempotency key is stored, and with that taken, under each: any two requests share one at the least, and clearing does
// not begin before the last key is free that was taken under the old secret alone.
type StackSecret struct {
	Version int    // of Wrapped; 0 where there is none yet
	Wrapped []byte // the secret
	Next    []byte // the one that takes its place, nil where none does
	Phase   RotationPhase
	Since   time.Time // when the phase began, in real time
	Spread  time.Time // when spreading began
	Cursor  string    // how far the phase's sweep has come
	Swept   int       // customers that the sweep has come to
	Done    bool      // whether it has come to all
	Rev     int       // raised by every write
}

// RotationPhase is how far a rotation has come. There is none in the zero phase.
type RotationPhase string

const (
	RotationAnnounced RotationPhase = "announced"
	RotationSpreading RotationPhase = "spreading"
	RotationSwitched  RotationPhase = "switched"
	RotationClearing  RotationPhase = "clearing"
)

const (
	// SecretRemembered is how long an environment may go by what it has read of the secret.
	SecretRemembered = 5 * time.Minute
	// secretSettles is how long after a write everybody goes by it: no request or message takes the five minutes more.
	secretSettles = 2 * SecretRemembered
)

// Rotate returns the secret as it is once it is to be replaced by next. None may be under rotation.
func (s StackSecret) Rotate(next []byte, now time.Time) StackSecret {
	return s.begin(StackSecret{Version: s.Version, Wrapped: s.Wrapped, Next: next, Phase: RotationAnnounced}, now)
}

// Due is when the rotation can go on, in real time.
func (s StackSecret) Due() time.Time {
	due := s.Since.Add(secretSettles)
	if free := s.Spread.Add(KeyWindow + secretSettles); s.Phase == RotationSwitched && free.After(due) {
		due = free // a brand's clock is never slower than real time
	}
	return due
}

// Sweeps reports whether every customer is to be swept before the next phase.
func (s StackSecret) Sweeps() bool {
	return !s.Done && (s.Phase == RotationSpreading || s.Phase == RotationClearing)
}

// NextPhase returns the secret as it is in the phase after this one, which must be due and swept.
func (s StackSecret) NextPhase(now time.Time) StackSecret {
	next := StackSecret{Version: s.Version, Wrapped: s.Wrapped, Next: s.Next, Spread: s.Spread}
	switch s.Phase {
	case RotationAnnounced:
		next.Phase, next.Spread = RotationSpreading, now
	case RotationSpreading:
		next.Phase = RotationSwitched
	case RotationSwitched:
		next.Phase = RotationClearing
	case RotationClearing:
		next = StackSecret{Version: s.Version + 1, Wrapped: s.Next}
	}
	return s.begin(next, now)
}

func (s StackSecret) begin(phase StackSecret, now time.Time) StackSecret {
	phase.Since, phase.Rev = now, s.Rev+1
	return phase
}

// SweptTo returns the secret as it is once n more customers were swept, up to the cursor; an empty one is the end.
func (s StackSecret) SweptTo(cursor string, n int) StackSecret {
	s.Cursor, s.Swept, s.Done = cursor, s.Swept+n, cursor == ""
	s.Rev++
	return s
}

// Derived says what the keys that are derived from the secret and, where there is one, from the next are used for.
func (s StackSecret) Derived(secret, next []byte) Derived {
	switch s.Phase {
	case RotationAnnounced:
		return Derived{Keys: [][]byte{secret}, Idle: [][]byte{next}}
	case RotationSpreading:
		return Derived{Keys: [][]byte{secret, next}}
	case RotationSwitched:
		return Derived{Keys: [][]byte{next, secret}}
	case RotationClearing:
		return Derived{Keys: [][]byte{next}, Idle: [][]byte{secret}}
	}
	return Derived{Keys: [][]byte{secret}}
}
