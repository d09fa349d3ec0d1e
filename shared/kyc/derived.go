package kyc

// Derived are the keys of one purpose that the stack's secret yields. There is one, but while that secret is rotated.
type Derived struct {
	// Keys are those that are in use: what is stored under a keyed hash is stored under that of each, and is complete under
	// that of the first.
	Keys [][]byte
	// Idle are those under which something may be stored that is to go when it changes, and under which nothing new is.
	Idle [][]byte
}

// All returns the keys under which anything may be stored.
func (d Derived) All() [][]byte { return append(d.Keys[:len(d.Keys):len(d.Keys)], d.Idle...) }
