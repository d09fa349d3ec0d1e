package kyc

import "slices"

// Reading is what a machine has read of a file that was sent: how each field agrees with the customer, and nothing of what it
// says. The zero Reading is of a file that none has looked at.
type Reading struct {
	Unread  Unread // why nothing was read, empty where something was
	Source  Source
	Form    Form
	Profile int // the profile_version that was compared

	Name      Finding
	BirthDate Finding
	Expiry    Finding // compared with the day
	Number    Finding // of the document, which nothing is on file to compare with
	Kind      Finding // of paper, and the country: compared with what whoever sent it says
	Country   Finding
}

// Source says where the text was read.
type Source string

// FromPDF is the text that a PDF brings along, as a scanner's own program has read it off the picture. It is as true as
// whoever has made the file.
const FromPDF Source = "pdf_text"

// Form says which of the texts that documents print for machines was read.
type Form string

const (
	FormMRZ     Form = "mrz"     // ICAO Doc 9303; every check digit fits
	FormBarcode Form = "barcode" // a license's, by the standard of AAMVA
)

// Unread says why nothing was read. The list is closed; an entry is never reused for another meaning.
type Unread string

const (
	UnreadPicture    Unread = "picture"       // which nothing reads here
	UnreadNoText     Unread = "no_text"       // a PDF of pictures alone
	UnreadTextCut    Unread = "text_cut"      // a PDF of too much text, or with some that can't be decoded
	UnreadNoZone     Unread = "no_zone"       // a text in which nothing is for machines
	UnreadMalformed  Unread = "malformed"     // not as its standard has it
	UnreadCheckDigit Unread = "check_digit"   // one does not fit what it is for
	UnreadSeveral    Unread = "more_than_one" // nobody can tell which counts
	UnreadNone       Unread = "none_printed"  // such a document has nothing for machines
)

// Unreads lists why nothing is read, the most telling reason first.
func Unreads() []Unread {
	return []Unread{UnreadCheckDigit, UnreadMalformed, UnreadSeveral, UnreadTextCut, UnreadNoZone, UnreadNoText, UnreadPicture, UnreadNone}
}

// Finding is what was found about one field. The list is closed, too.
type Finding string

const (
	FoundSame       Finding = "same"
	FoundDiffers    Finding = "differs"
	FoundUnreadable Finding = "unreadable" // it is there, and can't be read or compared
	FoundAbsent     Finding = "absent"     // the document does not have it, or the customer
	FoundValid      Finding = "valid"      // of the expiry alone
	FoundExpired    Finding = "expired"    // of the expiry alone
	FoundRead       Finding = "read"       // of the number alone
)

// Findings lists them all.
func Findings() []Finding {
	return []Finding{FoundSame, FoundDiffers, FoundUnreadable, FoundAbsent, FoundValid, FoundExpired, FoundRead}
}

// Agrees reports whether every field was read, and nothing in it speaks against the customer.
func (r Reading) Agrees() bool {
	return r.Unread == "" && r.Name == FoundSame && r.BirthDate == FoundSame && r.Expiry == FoundValid && r.Number == FoundRead &&
		r.Kind == FoundSame && r.Country == FoundSame
}

// longestReading bounds the room that a reading takes in the table: a letter for each finding.
const longestReading = 20

// Reading returns what was read of the files that are kept of the document, and false where none is kept. One side of a
// document is for machines: where two say something, or one of them is damaged, nobody may choose.
func (d Document) Reading() (Reading, bool) {
	var read []Reading
	var unread []Unread
	for _, f := range d.Files {
		switch {
		case f.Withdrawn || f.Held.IsZero() || f.Held.Reading == Reading{}:
		case f.Held.Reading.Unread == "":
			read = append(read, f.Held.Reading)
		default:
			unread = append(unread, f.Held.Reading.Unread)
		}
	}
	telling := slices.IndexFunc(Unreads(), func(u Unread) bool { return slices.Contains(unread, u) })
	switch {
	case !d.holdsFiles():
		return Reading{}, false
	case len(read) > 1:
		return Reading{Unread: UnreadSeveral}, true
	case len(read) == 1 && (telling < 0 || telling > slices.Index(Unreads(), UnreadTextCut)):
		return read[0], true
	case telling >= 0:
		return Reading{Unread: Unreads()[telling]}, true
	case !d.Type.MachineReadable():
		return Reading{Unread: UnreadNone}, true
	}
	return Reading{}, false // it was sent before anything was read
}
