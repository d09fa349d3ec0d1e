package evidence

import (
	"context"
	"errors"
	"fmt"
	"time"

	"kyc/shared/credential"
	"kyc/shared/kyc"
)

// CurrentPrograms knows the programs of a brand, also those that were changed just now.
type CurrentPrograms interface {
	Programs
	// CurrentProgram returns the program as of the last write.
	CurrentProgram(ctx context.Context, brandID, programID string) (kyc.Program, error)
}

// look is what is known of a file, whoever it is of.
type look struct {
	refused kyc.Rejection
	unread  kyc.Unread
	found   credential.Credential // where unread is empty
}

// unreads say of each reason for which nothing is read of a text what it is called in a document.
var unreads = map[error]kyc.Unread{
	credential.NotRecognized: kyc.UnreadNoZone, credential.Malformed: kyc.UnreadMalformed,
	credential.WrongCheckDigit: kyc.UnreadCheckDigit, credential.Several: kyc.UnreadSeveral,
}

func newLook(e Examined, now kyc.Moment) *look {
	l := &look{refused: e.Refused, unread: e.Unread}
	if l.refused != "" || l.unread != "" {
		return l
	}
	var refusal credential.Refusal
	var err error
	if l.found, err = credential.Find(e.Text.Reveal(), now.Time); errors.As(err, &refusal) {
		l.unread = unreads[refusal]
	}
	return l
}

// take returns the attempt with a file taken and whatever follows from what it says, and what the policy says of that; it
// is asked where it may matter alone.
func (i *Inspector) take(
	ctx context.Context, c kyc.Customer, a kyc.Attempt, e kyc.Exhibit, taken kyc.Evidence, l *look, now kyc.Moment,
) (kyc.Attempt, kyc.DocumentPolicy, error) {
	d, _ := a.Document(e.DocumentID)
	if d.Type.MachineReadable() {
		var err error
		if taken.Reading, err = i.read(ctx, c, a, d, l, now); err != nil {
			return a, "", err
		}
	}
	to := a.Receive(e.DocumentID, e.Side, taken)
	if taken.Reading.Expiry == kyc.FoundExpired {
		return to.Reject(e.DocumentID, kyc.RejectedExpired), kyc.DocumentsReviewed, nil
	}
	if !to.AllIn() || !to.AgreesWith(c.ProfileVersion) {
		return to, kyc.DocumentsReviewed, nil
	}
	policy, err := i.policy(ctx, e, a.PolicyVersion)
	return to, policy.Documents, err
}

// read compares what a file says with the customer, and with what the document was announced as.
func (i *Inspector) read(ctx context.Context, c kyc.Customer, a kyc.Attempt, d kyc.Document, l *look, now kyc.Moment) (kyc.Reading, error) {
	if l.unread != "" {
		return kyc.Reading{Unread: l.unread}, nil
	}
	sealed, version, err := i.Profiles.Profile(ctx, c.BrandID, c.ID)
	if err != nil {
		return kyc.Reading{}, err
	}
	onFile, err := i.Opener.Open(ctx, kyc.ProfilePlace(c.BrandID, c.ID), printed(sealed))
	if err != nil {
		return kyc.Reading{}, fmt.Errorf("open profile: %w", err)
	}
	own, err := i.Opener.Open(ctx, kyc.AttemptPlace(c.BrandID, c.ID, a.ID), printed(a.Fields))
	if err != nil {
		return kyc.Reading{}, fmt.Errorf("open fields of attempt: %w", err)
	}
	r := compared(l.found, onFile.With(own), d, now.Time)
	r.Profile = version
	return r, nil
}

// printed leaves of a customer's data what documents print: nothing else is decrypted.
func printed(sealed kyc.Sealed) kyc.Sealed {
	fields := map[kyc.Field][]byte{}
	for _, f := range []kyc.Field{kyc.FirstName, kyc.MiddleName, kyc.LastName, kyc.BirthDate} {
		if value, ok := sealed.Fields[f]; ok {
			fields[f] = value
		}
	}
	return kyc.Sealed{Key: sealed.Key, Fields: fields}
}

// lastOnEarth is where a day ends last: until then nothing has expired that is valid to its end.
var lastOnEarth = time.FixedZone("", -12*60*60)

var findings = map[credential.Match]kyc.Finding{
	credential.Same: kyc.FoundSame, credential.Differs: kyc.FoundDiffers, credential.NotReadable: kyc.FoundUnreadable,
	credential.NotPresent: kyc.FoundAbsent, credential.Valid: kyc.FoundValid, credential.Expired: kyc.FoundExpired, "": kyc.FoundRead,
}

func compared(found credential.Credential, applicant kyc.Profile, d kyc.Document, now time.Time) kyc.Reading {
	result := found.Compare(applicant, now.In(lastOnEarth))
	kind, country := found.Is(d.Kind, d.Country)
	r := kyc.Reading{
		Source: kyc.FromPDF, Form: kyc.FormMRZ, Name: findings[nameOf(result)], BirthDate: findings[result.BirthDate],
		Expiry: findings[result.Expiry], Number: findings[found.Number.Missing()], Kind: findings[kind], Country: findings[country],
	}
	if found.Format == credential.AAMVA {
		r.Form = kyc.FormBarcode
	}
	return r
}

// nameOf is the result for the name of its results for the parts: the worst of them. A middle name need not be there.
func nameOf(c credential.Comparison) credential.Match {
	for _, worst := range []credential.Match{credential.Differs, credential.NotReadable, credential.NotPresent} {
		if c.LastName == worst || c.FirstName == worst || c.MiddleName == worst && worst != credential.NotPresent {
			return worst
		}
	}
	return credential.Same
}

// policy returns the policy that the attempt was opened under, which may be younger than the program that this environment
// remembers. Without it a person looks.
func (i *Inspector) policy(ctx context.Context, e kyc.Exhibit, version int) (kyc.Policy, error) {
	policy, _, err := kyc.PolicyAt(version,
		func() (kyc.Program, error) { return i.Programs.Program(ctx, e.BrandID, e.ProgramID) },
		func() (kyc.Program, error) { return i.Programs.CurrentProgram(ctx, e.BrandID, e.ProgramID) },
	)
	return policy, err
}
