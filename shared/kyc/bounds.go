package kyc

import "errors"

// A customer takes 64 KB at the most, so that what its writes and its reads cost stays small. No condition can measure an
// item: it is bounded by what it is made of. In each program there is the current attempt and the one before, and 6 times
// 2 times 5 KB leave 4 KB for the rest, of which maxChanges changes of the customer's data take 1.5 KB. A time line ends long before the 200 entries that it may have.
const (
	// MaxPrograms is in how many programs one customer can have KYC.
	MaxPrograms = 6

	maxAttemptBytes = 5 << 10
	// maxResultBytes bounds what the checks of one evaluation find: seven checks take up to two thirds of it.
	maxResultBytes = 1 << 10
	// roomToEnd is kept free in an attempt that is open, so that it can always end: with the last results or, where it
	// ended without, late ones; with every reason that there is; with an entry of its time line; and with a second file of each
	// side of its documents.
	roomToEnd = maxResultBytes + 512
)

// ErrAttemptFull says that an attempt has become too large for a change that does not end it.
var ErrAttemptFull = errors.New("the attempt is too large for a change that does not end it")

// Bytes bounds the room that the attempt takes in the table. The numbers are for names, and for what has one length.
func (a Attempt) Bytes() int {
	n := 430 + len(a.ID) + len(a.OpenedBy) + len(a.Fields.Key) + resultBytes(a.Results) + resultBytes(a.Late)
	for f, sealed := range a.Fields.Fields {
		n += 1 + len(f) + len(sealed)
	}
	for _, reason := range a.Reasons {
		n += 1 + len(reason)
	}
	for _, f := range a.Reenter {
		n += 1 + len(f)
	}
	for _, d := range a.Documents {
		n += d.bytes()
	}
	for _, t := range a.Timeline {
		n += 60 + len(t.Status) + len(t.Cause)
	}
	return n
}

// bytes bounds the room of a document. What its life may add is counted from the start on, so that no change of the documents
// alone is too large: its longest state, kind and country, and for each side that it may have one file, awaited or kept, a
// reason, and what was read of it. While a rejected side is sent again there are two of its files, which roomToEnd has place for.
func (d Document) bytes() int {
	const aside = 140
	n := 60 + len(d.ID) + len(d.Type) + max(14, len(d.Status)) + max(25, len(d.Kind)+len(d.Country)) + 10*len(d.Asked)
	for _, s := range []Side{Front, Back} {
		f := d.File(s)
		stored := 30 + len(f.Refused)
		if !f.Slot.IsZero() {
			stored += 85
		}
		if !f.Held.IsZero() {
			stored += 75 + len(f.Held.Version)
		}
		if s == Front || d.Type.HasBacks() || f != (File{Side: s}) {
			n += max(aside, stored)
		}
		if d.Type.MachineReadable() || f.Held.Reading != (Reading{}) {
			n += longestReading
		}
	}
	return n
}

func resultBytes(results []Result) int {
	n := 0
	for _, r := range results {
		n += 24 + len(r.Check) + len(r.Reason) + len(r.Provider) + len(r.Mode)
		for _, id := range r.Others {
			n += 2 + len(id)
		}
	}
	return n
}
