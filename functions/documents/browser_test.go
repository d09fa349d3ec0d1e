//go:build browser

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/apigw"
	"kyc/shared/evidence"
	"kyc/shared/kyc"
)

// installed is where `make page` has put what drives the browser.
const installed = "../../.local/browser"

// A browser walks the page as consumers do: testdata/browser/walk.mjs says what it does and what it expects. Behind the page
// stands an attempt by the domain's own rules, and a store that takes what the domain awaits; both fail where the walk
// wants them to. PAGE_SHOTS names a folder for pictures of what the browser shows.
func TestPageInABrowser(t *testing.T) {
	c := &counter{attempts: map[string]*kyc.Attempt{}, stored: map[string]int{}, failures: map[string]int{}}
	storage := httptest.NewServer(http.HandlerFunc(c.store))
	defer storage.Close()
	files, err := pageFiles(storage.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.storage = storage.URL
	handle := apigw.Files(slog.New(slog.DiscardHandler), files)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v0.1/upload", through(t, handle, "GET /api/v0.1/upload"))
	mux.HandleFunc("GET /api/v0.1/upload/{proxy...}", through(t, handle, "GET /api/v0.1/upload/{proxy+}"))
	mux.HandleFunc("GET /api/v0.1/upload/documents", c.show)
	mux.HandleFunc("POST /api/v0.1/upload/documents", c.announce)
	server := httptest.NewServer(mux)
	defer server.Close()

	dir := t.TempDir()
	for name, data := range papers() {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("testdata/browser/walk.mjs")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(installed+"/walk.mjs", script, 0o600); err != nil {
		t.Fatal(err)
	}
	walk := exec.CommandContext(t.Context(), "node", installed+"/walk.mjs", server.URL, storage.URL, dir)
	walk.WaitDelay = 10 * time.Second
	if output, err := walk.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	} else {
		t.Logf("%s", output)
	}
}

// through answers requests as the gateway has a function answer them.
func through(t *testing.T, handle apigw.Func, route string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e := events.APIGatewayV2HTTPRequest{RouteKey: route, RawPath: r.URL.Path, Headers: map[string]string{}, PathParameters: map[string]string{"proxy": r.PathValue("proxy")}}
		for name := range r.Header {
			e.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		response, err := handle(context.WithoutCancel(r.Context()), e)
		if err != nil {
			t.Error(err)
		}
		for name, value := range response.Headers {
			w.Header().Set(name, value)
		}
		w.WriteHeader(response.StatusCode)
		body := []byte(response.Body)
		if response.IsBase64Encoded {
			body, _ = base64.StdEncoding.DecodeString(response.Body)
		}
		_, _ = w.Write(body)
	}
}

// counter keeps an attempt per token: all that comes before the first - of a token says what it asks for.
type counter struct {
	storage  string
	mu       sync.Mutex
	attempts map[string]*kyc.Attempt
	stored   map[string]int // how often a stored file was asked for since
	refused  sync.Map       // why, by place
	failures map[string]int
}

func (c *counter) attempt(token string) *kyc.Attempt {
	a, ok := c.attempts[token]
	if !ok {
		a = &kyc.Attempt{ID: token, Status: kyc.DocumentRequired}
		asked, _, _ := strings.Cut(token, "-")
		for n, t := range kyc.DocumentTypes() {
			if strings.Contains(asked, string("gpsx"[n])) {
				a.Documents = append(a.Documents, kyc.Document{ID: fmt.Sprint("d", n), Type: t, Status: kyc.DocumentAskedFor})
			}
		}
		c.attempts[token] = a
	}
	return a
}

// refuse answers for links that are none.
func refuse(w http.ResponseWriter, token string) bool {
	refusals := map[string]string{"": "upload_link_invalid", "none": "upload_link_invalid", "old": "upload_link_expired"}
	code, refused := refusals[token]
	if refused {
		answer(w, http.StatusForbidden, map[string]any{"Code": code})
	}
	return refused
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// fails reports once in a walk that something is to fail.
func (c *counter) fails(what string) bool {
	c.failures[what]++
	return strings.Contains(what, "-fails") && c.failures[what] == 1
}

func (c *counter) show(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Upload-Token")
	if refuse(w, token) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails("show " + token) {
		answer(w, http.StatusServiceUnavailable, map[string]any{})
		return
	}
	c.inspect(token)
	a := *c.attempt(token)
	if a.AllIn() {
		a.Status = kyc.UnderReview
	}
	answer(w, http.StatusOK, shown(evidence.Visit{
		Brand: "Acme", Color: "#5b2a86", Bank: "First Bank", FirstName: kyc.NewSecret("Ada"), Attempt: a, Until: time.Date(2027, 1, 30, 12, 0, 0, 0, time.UTC),
	}))
}

type announcedFile struct {
	Media  kyc.Media `json:"content_type"`
	Length int64     `json:"content_length"`
	SHA256 string    `json:"sha256"`
}

func (f announcedFile) content() kyc.Content {
	c := kyc.Content{Media: f.Media, Length: f.Length}
	_, _ = hex.Decode(c.SHA256[:], []byte(f.SHA256))
	return c
}

func (c *counter) announce(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Upload-Token")
	if refuse(w, token) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails("announce " + token) {
		answer(w, http.StatusServiceUnavailable, map[string]any{})
		return
	}
	var body map[kyc.DocumentType]struct {
		Type    kyc.DocumentKind `json:"type"`
		Country string           `json:"country"`
		Front   *announcedFile   `json:"front_image"`
		Back    *announcedFile   `json:"back_image"`
		announcedFile
	}
	reader := json.NewDecoder(r.Body)
	reader.DisallowUnknownFields()
	if err := reader.Decode(&body); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"Code": "input_error"})
		return
	}
	var all []kyc.Announcement
	for t, d := range body {
		n := kyc.Announcement{Type: t, Kind: d.Type, Country: d.Country, Files: map[kyc.Side]kyc.Content{}}
		if d.Media != "" {
			n.Files[kyc.Front] = d.content()
		}
		if d.Front != nil {
			n.Files[kyc.Front] = d.Front.content()
		}
		if d.Back != nil {
			n.Files[kyc.Back] = d.Back.content()
		}
		all = append(all, n)
	}
	to, awaited, wrong := c.attempt(token).Announce(all, time.Now().Add(time.Hour))
	if len(wrong) > 0 {
		errors := []any{}
		for _, one := range wrong {
			detail := "No."
			if one.Why == kyc.SameFile {
				detail = "Is the very same file as another one of this attempt."
			}
			errors = append(errors, map[string]any{"pointer": "/" + string(one.Type), "detail": detail})
		}
		answer(w, http.StatusBadRequest, map[string]any{"Code": "input_error", "errors": errors})
		return
	}
	*c.attempt(token) = to
	uploads := []any{}
	for _, one := range awaited {
		content := one.File.Slot.Content
		uploads = append(uploads, map[string]any{
			"document_type": one.Document.Type, "document_id": one.Document.ID, "side": one.File.Side, "received": one.Held(),
			"method": "PUT", "url": c.storage + "/bucket/" + token + "/" + one.Document.ID + "/" + string(one.File.Side) + "?X-Amz-Signature=0",
			"headers": map[string]string{"Content-Type": string(content.Media), "X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(content.SHA256[:])},
		})
	}
	answer(w, http.StatusCreated, map[string]any{"uploads": uploads})
}

// store takes files as S3 does.
func (c *counter) store(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Methods", "PUT")
	w.Header().Set("Access-Control-Allow-Headers", "*")
	if r.Method == http.MethodOptions {
		return
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return // the browser has gone
	}
	place := strings.Split(strings.TrimPrefix(r.URL.Path, "/bucket/"), "/")
	token, id, side := place[0], place[1], kyc.Side(place[2])
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails("store " + r.URL.Path) {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	a := c.attempt(token)
	d, _ := a.Document(id)
	content := d.File(side).Slot.Content
	if content != (kyc.Content{Media: kyc.Media(r.Header.Get("Content-Type")), Length: int64(len(data)), SHA256: sha256.Sum256(data)}) ||
		r.Header.Get("X-Amz-Checksum-Sha256") != base64.StdEncoding.EncodeToString(content.SHA256[:]) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.stored[r.URL.Path] = 0
	c.refused.Store(r.URL.Path, judged(content.Media, data))
}

// judged says what is wrong with a file, as a look into it would.
func judged(media kyc.Media, data []byte) kyc.Rejection {
	if media == kyc.PDF && bytes.Contains(data, []byte("/Encrypt")) {
		return kyc.RejectedFileProtected
	}
	if media == kyc.JPEG {
		if _, err := jpeg.Decode(bytes.NewReader(data)); err != nil {
			return kyc.RejectedFileDamaged
		}
	}
	return ""
}

// inspect looks into the stored files that have been asked for twice.
func (c *counter) inspect(token string) {
	a := c.attempt(token)
	for _, place := range slices.Sorted(maps.Keys(c.stored)) {
		parts := strings.Split(strings.TrimPrefix(place, "/bucket/"), "/")
		if parts[0] != token {
			continue
		}
		if c.stored[place]++; c.stored[place] < 2 {
			continue
		}
		delete(c.stored, place)
		why, _ := c.refused.Load(place)
		d, _ := a.Document(parts[1])
		if why := why.(kyc.Rejection); why != "" {
			*a = a.Refuse(d.ID, kyc.Side(parts[2]), why)
		} else {
			*a = a.Receive(d.ID, kyc.Side(parts[2]), kyc.Evidence{Content: d.File(kyc.Side(parts[2])).Slot.Content, Version: place, At: time.Now()})
		}
	}
}

// papers are the files that the walk chooses.
func papers() map[string][]byte {
	front, back := photo(color.RGBA{0x2f, 0x5d, 0x8a, 0xff}), photo(color.RGBA{0x8a, 0x6d, 0x2f, 0xff})
	pdf := []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" +
		"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
	heic := append([]byte("\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic"), bytes.Repeat([]byte("heic"), 500)...)
	return map[string][]byte{
		"front.jpg": front, "back.jpg": back, "card.jpg": photo(color.RGBA{0x3d, 0x7a, 0x52, 0xff}), "damaged.jpg": back[:len(back)/2],
		"bill.pdf": pdf, "protected.pdf": bytes.Replace(pdf, []byte("/Root"), []byte("/Encrypt 9 0 R/Root"), 1), "photo.HEIC": heic,
		"script.png": []byte("#!/bin/sh\necho no\n"), "empty.jpg": {}, "huge.jpg": append([]byte{0xff, 0xd8, 0xff, 0xe0}, make([]byte, kyc.MaxFileBytes)...),
	}
}

// photo is a picture of something like a card on a table.
func photo(c color.Color) []byte {
	m := image.NewRGBA(image.Rect(0, 0, 1600, 1200))
	for y := range 1200 { // grain, as of a camera, so that it is as long as a photo is
		for x := range 1600 {
			grain := uint8(x*y*7>>3) % 24
			m.SetRGBA(x, y, color.RGBA{60 + grain, 56 + grain, 52 + grain, 0xff})
		}
	}
	fill := func(r image.Rectangle, c color.Color) { draw.Draw(m, r, image.NewUniform(c), image.Point{}, draw.Src) }
	fill(image.Rect(200, 220, 1400, 980), color.RGBA{0xe8, 0xee, 0xf4, 0xff})
	fill(image.Rect(200, 220, 1400, 370), c)
	fill(image.Rect(260, 440, 620, 900), color.RGBA{0xb9, 0xc4, 0xcf, 0xff})
	for n := range 5 {
		fill(image.Rect(700, 450+n*90, 1300-n*70, 490+n*90), color.RGBA{0x55, 0x60, 0x6c, 0xff})
	}
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, &jpeg.Options{Quality: 92})
	return b.Bytes()
}
