package simulation

import (
	"errors"
	"time"

	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

// Changes of a customer: of who it is, of how to reach it, and of the brand's own number for it.
var (
	renamed  = map[kyc.Field]string{kyc.LastName: "Changed"}
	mailed   = map[kyc.Field]string{kyc.Email: "new@example.com"}
	numbered = map[kyc.Field]string{kyc.BrandPersonID: "0c1d7f5e-2b52-4c0e-9d3f-5a4b3c2d1e0f"}
)

// scenarios lists what is simulated: each is small, so that all of its executions up to a bound can be run.
func scenarios() []scenario {
	return []scenario{
		{
			Name:    "one start passes",
			Clients: []caller{{Key: "a"}},
		},
		{
			Name:    "the same request twice at once",
			Clients: []caller{{Key: "a"}, {Key: "a"}},
		},
		{
			Name:    "the first attempt fails, the next one passes, a third is refused",
			Long:    true,
			Clients: []caller{{}, {Later: time.Minute}, {Later: 2 * time.Minute}},
			Verdict: func(asked int) (kyc.Verdict, error) {
				if asked == 1 {
					return failed(), nil
				}
				return passed(), nil
			},
		},
		{
			Name:    "a start is canceled",
			Clients: []caller{{Key: "a"}, {Cancels: true}},
		},
		{
			Name:    "the same key a minute and a day later",
			Long:    true,
			Clients: []caller{{Key: "a"}, {Key: "a", Later: time.Minute}, {Key: "a", Later: kyc.KeyWindow}},
			Verdict: func(int) (kyc.Verdict, error) { return failed(), nil },
		},
		{
			Name:    "three starts fail, the fourth is one too many",
			Long:    true,
			Clients: []caller{{}, {Later: time.Minute}, {Later: 2 * time.Minute}, {Later: 3 * time.Minute, Retry: true}},
			Verdict: func(int) (kyc.Verdict, error) { return failed(), nil },
		},
		{
			Name:    "the same key in two brands",
			Long:    true,
			Clients: []caller{{Key: "a"}, {Key: "a", Brand: 1}},
		},
		{
			Name:    "two programs learn of one identity",
			Long:    true,
			Clients: []caller{{Body: map[kyc.Field]string{kyc.Email: "a@example.com"}}, {Program: 1, Body: map[kyc.Field]string{kyc.Phone: "2025550123", kyc.PhoneCountryCode: "1"}}},
		},
		{
			Name:    "the provider never answers",
			Long:    true,
			Clients: []caller{{Key: "a"}},
			Verdict: func(int) (kyc.Verdict, error) { return kyc.Verdict{}, errors.New("no answer") },
		},
		{
			Name:    "documents are asked for, and the attempt is canceled",
			Clients: []caller{{Key: "a"}, {Cancels: true, Later: time.Minute}},
			Verdict: askingForDocuments,
		},
		{
			Name:    "documents are asked for, and do not come; the next start is another attempt",
			Long:    true,
			Clients: []caller{{}, {Later: kyc.DefaultDocumentDeadline + time.Hour}},
			Verdict: askingOnce,
		},
		{
			Name:    "the endpoint is down for a while",
			Clients: []caller{{Key: "a"}},
			Post: func(_ kyc.Event, tries int) kyc.Try {
				if tries < 3 {
					return kyc.Try{Error: "connection_refused"}
				}
				return kyc.Try{Code: 200}
			},
		},
		{
			Name:    "the endpoint is gone",
			Long:    true,
			Clients: []caller{{Key: "a"}},
			Post:    func(kyc.Event, int) kyc.Try { return kyc.Try{Error: "connection_refused"} },
		},
		{
			Name:    "events come in order, though the endpoint does not take the first of them at once",
			Long:    true,
			Strict:  true,
			Clients: []caller{{}, {Cancels: true, Later: time.Minute}, {Later: 2 * time.Minute}},
			Verdict: askingOnce,
			Post: func(e kyc.Event, tries int) kyc.Try {
				if e.Status == kyc.DocumentRequired && tries < 3 {
					return kyc.Try{Error: "connection_refused"}
				}
				return kyc.Try{Code: 200}
			},
		},
		{
			Name:    "the identity changes beside a start",
			Clients: []caller{{Key: "a"}, {Changes: renamed}},
		},
		{
			Name:    "two changes at once",
			Clients: []caller{{Changes: renamed}, {Changes: mailed}},
		},
		{
			Name:    "the identity is learned, and what is none of it changes",
			Clients: []caller{{Body: map[kyc.Field]string{kyc.Email: "a@example.com"}}, {Changes: numbered, Later: time.Second}},
		},
		{
			Name:    "after the pass the identity stays and the e-mail address changes",
			Long:    true,
			Clients: []caller{{}, {Changes: renamed, Later: time.Minute}, {Changes: mailed, Later: time.Minute}},
		},
		{
			Name:    "the identity changes once nobody looks at it any more",
			Long:    true,
			Clients: []caller{{}, {Changes: renamed, Later: time.Minute}, {Cancels: true, Later: time.Minute}, {Changes: renamed, Later: 2 * time.Minute}},
			Verdict: func(int) (kyc.Verdict, error) {
				v := passed()
				v.Review = true
				return v, nil
			},
		},
		{
			Name:    "more attempts are granted beside the last one",
			Long:    true,
			Clients: []caller{{}, {Later: time.Minute}, {Later: 2 * time.Minute, Retry: true}, {Grants: 2, Later: 2 * time.Minute}, {Later: 3 * time.Minute}},
			Verdict: func(int) (kyc.Verdict, error) { return failed(), nil },
		},
		{
			Name:    "the same key before and after the clock has moved by a day",
			Long:    true,
			Clients: []caller{{Key: "a"}, {Moves: kyc.KeyWindow, Later: time.Minute}, {Key: "a", Later: time.Minute}},
			Verdict: func(int) (kyc.Verdict, error) { return failed(), nil },
		},
		{
			Name:    "the clock moves past the end of a lease",
			Long:    true,
			Clients: []caller{{Key: "a"}, {Moves: time.Minute}},
		},
		{
			Name:    "the clock moves past the end of an attempt that nobody answers for",
			Long:    true,
			Clients: []caller{{Key: "a"}, {Moves: kyc.WorkerDeadline}, {Moves: time.Minute}},
			Verdict: func(int) (kyc.Verdict, error) { return kyc.Verdict{}, errors.New("no answer") },
		},
		{
			Name:    "documents come",
			Settled: true,
			Clients: []caller{{}, {Later: 10 * time.Minute, Sends: &sending{Files: bothSides}}, {Later: 80 * time.Minute, Reads: true}},
			Verdict: askingForDocuments,
		},
		{
			Name:    "documents are refused and sent again",
			Long:    true,
			Settled: true,
			Clients: []caller{{}, {Later: time.Minute, Sends: front("bad", byKey)}, {Later: 2 * time.Minute, Sends: front("good", byFirst)}},
			Verdict: askingForDocuments,
			Scan: func(asked int) kyc.Scan {
				if asked == 1 {
					return kyc.NotScanned
				}
				return kyc.Clean
			},
		},
		{
			Name:    "a reviewer rejects a document, and it is sent again",
			Long:    true,
			Settled: true,
			Clients: []caller{{}, {Later: time.Minute, Sends: &sending{Files: bothSides, Link: byFirst}},
				{Later: 2 * time.Minute, Judges: &verdictOn{kyc.DocumentRejected, kyc.RejectedUnreadable}},
				{Later: 3 * time.Minute, Sends: front("sharp", byFirst)}},
			Verdict: askingForDocuments,
		},
		{
			Name:    "the customer sends another file, and then the first one again",
			Long:    true,
			Settled: true,
			Clients: []caller{{}, {Later: time.Minute, Sends: front("one", byFirst)}, {Later: time.Minute, Sends: front("other", byFirst)},
				{Later: time.Minute, Sends: front("one", byFirst)}},
			Verdict: askingForDocuments,
		},
		{
			Name:    "the attempt is canceled while a file is on its way, and the next one asks for it too",
			Long:    true,
			Settled: true,
			Clients: []caller{{}, {Later: time.Minute, Sends: front("one", byFirst)}, {Later: time.Minute, Cancels: true},
				{Later: 2 * time.Minute}, {Later: 3 * time.Minute, Sends: front("one", byNewest)}},
			Verdict: askingForDocuments,
		},
		{
			Name:      "a document agrees with the customer, and the attempt is judged again",
			Long:      true,
			Settled:   true,
			Automatic: true,
			Clients:   []caller{{}, {Later: time.Minute, Sends: front(passport, byFirst)}},
			Verdict:   askingOnce,
		},
		{
			Name:      "the customer is renamed beside a document that agrees",
			Long:      true,
			Settled:   true,
			Automatic: true,
			Clients:   []caller{{}, {Later: time.Minute, Sends: front(passport, byFirst)}, {Later: time.Minute, Changes: renamed}},
			Verdict:   askingOnce,
		},
		{
			Name:    "documents run out of time while a file is on its way",
			Long:    true,
			Settled: true,
			Clients: []caller{{}, {Later: kyc.DefaultDocumentDeadline - 40*time.Minute, Sends: front("one", byFirst)},
				{Later: kyc.DefaultDocumentDeadline - 30*time.Minute, Reads: true},
				{Later: kyc.DefaultDocumentDeadline - 20*time.Minute, Sends: front("one", byFirst)},
				{Later: kyc.DefaultDocumentDeadline - 10*time.Minute, Sends: front("one", byNewest)}},
			Verdict: askingForDocuments,
		},
	}
}

func askingOnce(asked int) (kyc.Verdict, error) {
	if asked == 1 {
		return askingForDocuments(asked)
	}
	return passed(), nil
}

var passport = testbed.Passport("EXAMPLE<<ADA", "900517", "300101")

var bothSides = map[kyc.Side]string{kyc.Front: "front", kyc.Back: "back"}

func front(data string, link linked) *sending {
	return &sending{Files: map[kyc.Side]string{kyc.Front: data}, Link: link}
}

func askingForDocuments(int) (kyc.Verdict, error) {
	v := passed()
	v.Documents = []kyc.DocumentType{kyc.GovernmentID}
	return v, nil
}
