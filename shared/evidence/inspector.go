package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyc/shared/kyc"
)

// Archive is where replaced attempts are kept.
type Archive interface {
	// ArchivedAttempts lists up to limit attempts that were replaced, newest first, those older than the one that was
	// submitted at before with the id beforeID; with a zero before from the newest.
	ArchivedAttempts(ctx context.Context, pair kyc.Pair, before time.Time, beforeID string, limit int) ([]kyc.Attempt, error)
}

// Files is where the files are.
type Files interface {
	// File reads one version of a file. Of one that is longer than limit bytes it tells the length and the type alone. It
	// returns kyc.ErrNoFile where there is none.
	File(ctx context.Context, e kyc.Exhibit, version string, limit int64) (kyc.StoredFile, error)
	// Scan returns what a virus scanner has found in it.
	Scan(ctx context.Context, e kyc.Exhibit, version string) (kyc.Scan, error)
	// Remove removes one version of a file for good. Removing it again does nothing.
	Remove(ctx context.Context, e kyc.Exhibit, version string) error
}

// Inspector looks into the files that were sent. It is safe for concurrent use.
//
// What a taken file says for machines is read where its text can be had, and compared with the customer; a document that has
// expired is rejected at once. How it agrees is noted with the file. Where the policy lets that decide, it does so once all is
// in, if the identity is still the one that was compared; in all other cases a person looks.
//
// A file is taken or refused by one conditional write. A refused one is removed after it: whatever ends between the two, the
// message that told of the file comes back, finds that nobody waits for it any more, and removes it then. So whatever
// comes twice, late or before another changes nothing, and no file stays that no document holds.
type Inspector struct {
	Attempts Attempts
	Archive  Archive
	Files    Files
	Clock    Clock
	Profiles Profiles
	Opener   Opener
	Programs CurrentPrograms
	// Examine looks into a file of an announced type.
	Examine func(ctx context.Context, data []byte, media kyc.Media) (Examined, error)
	// Scanned says that each file waits until a virus scanner has looked at it.
	Scanned bool
}

// Examined is what a look into a file found.
type Examined struct {
	Refused kyc.Rejection // why it is no good, empty where it is
	Unread  kyc.Unread    // why it has no text, empty where it has
	Text    kyc.Secret
}

// Outcome says what became of a file.
type Outcome string

const (
	Taken      Outcome = "taken"
	Refused    Outcome = "refused"     // and removed
	Known      Outcome = "known"       // taken before
	NotAwaited Outcome = "not_awaited" // and removed
	TooLate    Outcome = "too_late"    // and removed
	Gone       Outcome = "gone"        // removed before
)

// ErrNotScanned says that no virus scanner has looked at a file yet; its message must come back a little later.
var ErrNotScanned = errors.New("no virus scanner has looked at the file yet")

// Inspect takes or refuses one version of a file, and says why. It returns ErrNotScanned, or any other error, where the
// message that told of the file must come back.
func (i *Inspector) Inspect(ctx context.Context, e kyc.Exhibit, version string) (Outcome, kyc.Rejection, error) {
	remove := func(o Outcome, why kyc.Rejection) (Outcome, kyc.Rejection, error) {
		return o, why, i.Files.Remove(ctx, e, version)
	}
	c, a, err := i.attempt(ctx, e)
	if err != nil {
		return "", "", err
	}
	d, _ := a.Document(e.DocumentID)
	if f := d.File(e.Side); f.Held.Version == version && !f.Held.IsZero() {
		return Known, "", nil
	}
	// Nothing longer than what is awaited needs to be read.
	file, err := i.Files.File(ctx, e, version, d.File(e.Side).Slot.Length)
	if errors.Is(err, kyc.ErrNoFile) {
		return Gone, "", nil
	}
	if err != nil {
		return "", "", err
	}
	var look *look
	for range maxTries {
		now, err := i.Clock.Now(ctx, e.BrandID)
		if err != nil {
			return "", "", err
		}
		at := file.At.Add(now.Ahead).Truncate(time.Second)
		switch a.Arrival(e.DocumentID, e.Side, file, version, at) {
		case kyc.Kept:
			return Known, "", nil
		case kyc.Stray:
			return remove(NotAwaited, "")
		case kyc.Late:
			return remove(TooLate, "")
		}
		if look == nil {
			if look, err = i.look(ctx, e, version, file, now); err != nil {
				return "", "", err
			}
			file.Data = nil
		}
		to, policy := a.Refuse(e.DocumentID, e.Side, look.refused), kyc.DocumentsReviewed
		if look.refused == "" {
			taken := kyc.Evidence{Content: file.Content, Version: version, At: at}
			if to, policy, err = i.take(ctx, c, a, e, taken, look, now); err != nil {
				return "", "", err
			}
		}
		stood, err := fileDocuments(ctx, i.Attempts, c, e.ProgramID, to, policy, now)
		switch {
		case err != nil:
			return "", "", err
		case stood == nil && look.refused != "":
			return remove(Refused, look.refused)
		case stood == nil:
			return Taken, rejected(to, e.DocumentID), nil
		}
		if c, a, err = i.attempt(ctx, e); err != nil {
			return "", "", err
		}
	}
	return "", "", fmt.Errorf("attempt %s kept changing", e.AttemptID)
}

// rejected returns why the document is rejected that a file was taken for.
func rejected(a kyc.Attempt, documentID string) kyc.Rejection {
	d, _ := a.Document(documentID)
	return d.Rejection()
}

// look tells what a file is, by what a scanner says of it and then by what is in it.
func (i *Inspector) look(ctx context.Context, e kyc.Exhibit, version string, file kyc.StoredFile, now kyc.Moment) (*look, error) {
	if i.Scanned {
		found, err := i.Files.Scan(ctx, e, version)
		switch {
		case err != nil:
			return nil, err
		case found == kyc.NotScanned:
			return nil, ErrNotScanned
		case found == kyc.Infected:
			return &look{refused: kyc.RejectedFileInfected}, nil
		case found == kyc.Unscannable:
			return &look{refused: kyc.RejectedFileProtected}, nil
		}
	}
	found, err := i.Examine(ctx, file.Data, file.Media)
	if err != nil {
		return nil, err
	}
	return newLook(found, now), nil
}

// archivePage is how many replaced attempts are read at once.
const archivePage = 20

// attempt returns the attempt that a file was sent to, with its customer; an empty one where there is none.
func (i *Inspector) attempt(ctx context.Context, e kyc.Exhibit) (kyc.Customer, kyc.Attempt, error) {
	c, err := i.Attempts.Customer(ctx, e.BrandID, e.CustomerID)
	if kyc.KindOf(err) == kyc.NotFound {
		return c, kyc.Attempt{}, nil
	}
	if err != nil {
		return c, kyc.Attempt{}, err
	}
	// A message may come long after its file was taken: what an archived attempt holds is not to be removed for it.
	a, err := find(ctx, i.Archive, c, e.ProgramID, e.AttemptID)
	return c, a, err
}

// find returns one of a customer's attempts in a program, an archived one too; an empty one where there is none.
func find(ctx context.Context, archive Archive, c kyc.Customer, programID, attemptID string) (kyc.Attempt, error) {
	for _, attempts := range []map[string]kyc.Attempt{c.Attempts, c.Previous} {
		if a, ok := attempts[programID]; ok && a.ID == attemptID {
			return a, nil
		}
	}
	pair := kyc.Pair{BrandID: c.BrandID, CustomerID: c.ID, ProgramID: programID}
	var last kyc.Attempt
	for {
		page, err := archive.ArchivedAttempts(ctx, pair, last.SubmittedAt, last.ID, archivePage)
		if err != nil {
			return kyc.Attempt{}, err
		}
		for _, a := range page {
			if a.ID == attemptID {
				return a, nil
			}
		}
		if len(page) < archivePage {
			return kyc.Attempt{}, nil
		}
		last = page[len(page)-1]
	}
}
