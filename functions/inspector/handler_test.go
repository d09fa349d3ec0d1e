package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/filecheck"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

func picture(w, h int) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * y), uint8(x + y), uint8(x ^ y), 255})
		}
	}
	return m
}

func photo() []byte {
	var b bytes.Buffer
	_ = jpeg.Encode(&b, picture(640, 480), nil)
	return b.Bytes()
}

func drawing() []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, picture(640, 480))
	return b.Bytes()
}

// vast is a small PNG whose header says that it has 60,000 times 60,000 pixels.
func vast() []byte {
	b := drawing()
	binary.BigEndian.PutUint32(b[16:], 60_000)
	binary.BigEndian.PutUint32(b[20:], 60_000)
	binary.BigEndian.PutUint32(b[29:], crc32.ChecksumIEEE(b[12:29]))
	return b
}

// paper is a PDF of one page, with more in its catalog and its trailer.
func paper(catalog, trailer string) []byte {
	return testbed.PDF("BT (proof of address) Tj ET", catalog, trailer)
}

func archive() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create("passport.jpg")
	_, _ = f.Write(photo())
	_ = w.Close()
	return b.Bytes()
}

// sent makes an attempt await a file of a type, stores it, and returns S3's message about it.
func sent(t *testing.T, b *testbed.Bed, data []byte, media kyc.Media) events.SQSEvent {
	t.Helper()
	return told(t, b, stored(t, b, testbed.CustomerID, data, media))
}

// stored makes a customer's attempt await a file of a type, stores it, and returns its version.
func stored(t *testing.T, b *testbed.Bed, customerID string, data []byte, media kyc.Media) string {
	t.Helper()
	store := b.Store(clock.Now)
	c, err := store.Customer(t.Context(), testbed.BrandID, customerID)
	if err != nil {
		t.Fatal(err)
	}
	from := c.Attempts[testbed.ProgramID]
	content := kyc.Content{Media: media, Length: int64(len(data)), SHA256: sha256.Sum256(data)}
	to, _, wrong := from.Announce([]kyc.Announcement{{Type: kyc.GovernmentID, Kind: "passport", Country: "US", Files: map[kyc.Side]kyc.Content{kyc.Front: content}}}, clock.Now().Add(time.Hour))
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	pair := kyc.Pair{BrandID: testbed.BrandID, CustomerID: customerID, ProgramID: testbed.ProgramID}
	if stood, err := store.FileDocuments(t.Context(), kyc.Filing{Pair: pair, From: from, To: to}); err != nil || stood != nil {
		t.Fatal(stood, err)
	}
	e := kyc.Exhibit{Pair: pair, AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(kyc.GovernmentID), Side: kyc.Front}
	if err := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now).Put(t.Context(), e, to.Documents[0].File(kyc.Front).Slot, data); err != nil {
		t.Fatal(err)
	}
	return strings.Fields(b.Files(t)[0])[1]
}

// told is the event of events/ about a version of a file in the bucket of b.
func told(t *testing.T, b *testbed.Bed, version string) events.SQSEvent {
	var e events.SQSEvent
	testbed.Event(t, "inspector.json", &e)
	e.Records[0].Body = strings.NewReplacer("b6c8727a-faf6-4b77-82af-9e2c8a22a36b", version, `"kyc-documents"`, `"`+b.Bucket+`"`).Replace(e.Records[0].Body)
	return e
}

func document(t *testing.T, b *testbed.Bed) kyc.Document {
	t.Helper()
	c, err := b.Store(clock.Now).Customer(t.Context(), testbed.BrandID, testbed.CustomerID)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := c.Attempts[testbed.ProgramID].Document(testbed.DocumentID(kyc.GovernmentID))
	return d
}

func handled(t *testing.T, handle handlerFunc, e events.SQSEvent, failures int) {
	t.Helper()
	answer, err := handle(testbed.Context(t), e)
	if err != nil || len(answer.BatchItemFailures) != failures {
		t.Errorf("%+v, %v; want %d failures", answer, err, failures)
	}
}

// A file of each bad kind is refused with its reason, and leaves nothing behind; a good one is kept.
func TestEachFileHasItsEnd(t *testing.T) {
	b, _ := testbed.Seeded(t)
	b.Documents(t)
	b.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data  []byte
		media kyc.Media
		want  kyc.Rejection
	}{
		"a script named .png":            {[]byte("#!/bin/sh\nrm -rf /\n"), kyc.PNG, kyc.RejectedFileType},
		"a page":                         {[]byte("<!DOCTYPE html><html><script>alert(1)</script></html>"), kyc.JPEG, kyc.RejectedFileType},
		"an archive":                     {archive(), kyc.PDF, kyc.RejectedFileType},
		"an archive behind a photo":      {append(photo(), archive()...), kyc.JPEG, kyc.RejectedFileActive},
		"60,000 times 60,000 pixels":     {vast(), kyc.PNG, kyc.RejectedFileTooLarge},
		"a PDF with a password":          {paper("", "/Encrypt << /Filter /Standard /V 1 /R 2 /O (o) /U (u) /P -4 >> /ID [<00> <00>]"), kyc.PDF, kyc.RejectedFileProtected},
		"a PDF with a script":            {paper("/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>", ""), kyc.PDF, kyc.RejectedFileActive},
		"half a photo":                   {photo()[:len(photo())/2], kyc.JPEG, kyc.RejectedFileDamaged},
		"a photo that is said to be PNG": {photo(), kyc.PNG, kyc.RejectedFileType},
		"a photo too small to be read":   {func() []byte { var b bytes.Buffer; _ = jpeg.Encode(&b, picture(64, 64), nil); return b.Bytes() }(), kyc.JPEG, kyc.RejectedFileTooSmall},
		"half a PDF":                     {paper("", "")[:200], kyc.PDF, kyc.RejectedFileDamaged},
	} {
		handled(t, handle, sent(t, b, c.data, c.media), 0)
		if d := document(t, b); d.Status != kyc.DocumentRejected || d.Rejection() != c.want {
			t.Errorf("%s: %s %s", name, d.Status, d.Rejection())
		}
		if files := b.Files(t); len(files) != 0 {
			t.Errorf("%s: left behind: %v", name, files)
		}
	}
	e := sent(t, b, photo(), kyc.JPEG)
	for range 2 {
		handled(t, handle, e, 0)
		if d := document(t, b); d.Status != kyc.DocumentReceived || len(b.Files(t)) != 1 {
			t.Errorf("a photo: %s, %v", d.Status, b.Files(t))
		}
	}
}

// The specimen of ICAO Doc 9303 part 4.
const specimen = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"

// What a scanner has read off a passport is compared, if every check digit fits.
func TestScansAreRead(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want kyc.DocumentStatus
		read kyc.Reading
	}{
		"the customer's": {testbed.Scan("PASSPORT\n" + testbed.Passport("EXAMPLE<<ADA", "900517", "400101")), kyc.DocumentReceived, kyc.Reading{
			Source: kyc.FromPDF, Form: kyc.FormMRZ, Profile: 1, Name: kyc.FoundSame, BirthDate: kyc.FoundSame, Expiry: kyc.FoundValid, Number: kyc.FoundRead,
			Kind: kyc.FoundSame, Country: kyc.FoundSame,
		}},
		"the specimen": {testbed.Scan(specimen), kyc.DocumentRejected, kyc.Reading{
			Source: kyc.FromPDF, Form: kyc.FormMRZ, Profile: 1, Name: kyc.FoundDiffers, BirthDate: kyc.FoundDiffers, Expiry: kyc.FoundExpired, Number: kyc.FoundRead,
			Kind: kyc.FoundSame, Country: kyc.FoundUnreadable,
		}},
		"with a digit changed": {testbed.Scan(strings.Replace(specimen, "1204159", "3204159", 1)), kyc.DocumentReceived, kyc.Reading{Unread: kyc.UnreadCheckDigit}},
		"half of it":           {testbed.Scan(specimen[:44]), kyc.DocumentReceived, kyc.Reading{Unread: kyc.UnreadNoZone}},
		"another paper":        {paper("", ""), kyc.DocumentReceived, kyc.Reading{Unread: kyc.UnreadNoZone}},
		"no text":              {testbed.PDF("0 0 300 300 re f", "", ""), kyc.DocumentReceived, kyc.Reading{Unread: kyc.UnreadNoText}},
		"too much text":        {testbed.PDF("BT ("+strings.Repeat("a", 1<<20)+") Tj ET", "", ""), kyc.DocumentReceived, kyc.Reading{Unread: kyc.UnreadTextCut}},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := testbed.Seeded(t)
			b.Documents(t)
			b.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
			handle, err := build(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			handled(t, handle, sent(t, b, c.data, kyc.PDF), 0)
			d := document(t, b)
			if r, _ := d.Reading(); d.Status != c.want || r != c.read {
				t.Errorf("%s, %+v", d.Status, r)
			}
			if got, want := d.Rejection(), map[kyc.DocumentStatus]kyc.Rejection{kyc.DocumentRejected: kyc.RejectedExpired}[c.want]; got != want {
				t.Errorf("because of %s", got)
			}
		})
	}
}

func TestGoodFiles(t *testing.T) {
	for name, c := range map[string]struct {
		data  []byte
		media kyc.Media
	}{"PNG": {drawing(), kyc.PNG}, "PDF": {paper("", ""), kyc.PDF}} {
		if found, err := examine(t.Context(), c.data, c.media); err != nil || found.Refused != "" {
			t.Errorf("%s: %s, %v", name, found.Refused, err)
		}
	}
}

// Every reason of filecheck's is a rejection of a file.
func TestEveryReasonHasARejection(t *testing.T) {
	for _, r := range filecheck.Reasons() {
		if rejections[r] == "" {
			t.Errorf("%s has none", r)
		}
	}
}

func TestMessages(t *testing.T) {
	b, _ := testbed.Seeded(t)
	b.Documents(t)
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var test events.SQSEvent
	testbed.Event(t, "inspector-test.json", &test)
	handled(t, handle, test, 0)
	handled(t, handle, told(t, b, "b6c8727a-faf6-4b77-82af-9e2c8a22a36b"), 0) // removed long ago
	for name, body := range map[string]string{
		"another bucket": strings.ReplaceAll(told(t, b, "v").Records[0].Body, b.Bucket, "another"), "no JSON": "x", "nothing": "{}",
		"no key of ours": strings.ReplaceAll(told(t, b, "v").Records[0].Body, "/front", "/side"),
		"no version":     strings.ReplaceAll(told(t, b, "v").Records[0].Body, `"versionId": "v"`, `"versionId": ""`),
	} {
		e := told(t, b, "v")
		e.Records[0].Body = body
		t.Run(name, func(t *testing.T) { handled(t, handle, e, 1) })
	}
}

func TestWaitForTheScanner(t *testing.T) {
	for tries, want := range map[string]time.Duration{"": 15 * time.Second, "1": 15 * time.Second, "2": 30 * time.Second, "5": 4 * time.Minute, "50": 4 * time.Minute} {
		e := events.SQSMessage{Attributes: map[string]string{"ApproximateReceiveCount": tries}}
		if waited := patience(e); waited != want {
			t.Errorf("%s: %s", tries, waited)
		}
	}
	b, _ := testbed.Seeded(t)
	b.Documents(t)
	b.AskFor(t, testbed.CustomerID, testbed.AttemptID, kyc.GovernmentID)
	t.Setenv("VIRUS_SCANNER", "guardduty")
	handle, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := sent(t, b, photo(), kyc.JPEG)
	handled(t, handle, e, 1) // and its receipt handle is none of the queue's
	if d := document(t, b); d.Status != kyc.DocumentAskedFor || len(b.Files(t)) != 1 {
		t.Errorf("not scanned: %s, %v", d.Status, b.Files(t))
	}
}
