package uploadlink_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kyc/shared/kyc"
	"kyc/shared/uploadlink"
)

var ref = kyc.LinkRef{
	Pair: kyc.Pair{
		BrandID: "0b7e9c4e-4a44-4c8c-9a43-0f6f0d4f3a01", CustomerID: "9d0c6f8b-2f5e-4a57-b6c7-3f0a1f3e2d03",
		ProgramID: "5f0c2c36-7f57-4f0b-8d5c-6f7a4e0b1c02",
	},
	AttemptID: "8e2f4a6c-1b3d-4e5f-a7b8-c9d0e1f2a306", Generation: 3,
}

type secrets struct {
	kyc.Derived
	err error
}

func (s secrets) Purpose(_ context.Context, purpose string) (kyc.Derived, error) {
	if purpose != "upload-link" {
		return kyc.Derived{}, fmt.Errorf("keys for %s were asked for", purpose)
	}
	return s.Derived, s.err
}

func key(b byte) []byte { return []byte(strings.Repeat(string(b), 32)) }

func links(keys kyc.Derived) uploadlink.Links {
	return uploadlink.Links{Secrets: secrets{keys, nil}, API: "https://kyc.example.com/api/v0.1"}
}

func link(t *testing.T, l uploadlink.Links, ref kyc.LinkRef) string {
	t.Helper()
	made, err := l.To(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	return made.Reveal()
}

func token(t *testing.T, l uploadlink.Links, ref kyc.LinkRef) string {
	_, token, _ := strings.Cut(link(t, l, ref), "#")
	return token
}

// The token is fixed here: links that are about must go on working with a new version of the product.
func TestToAndBack(t *testing.T) {
	l := links(kyc.Derived{Keys: [][]byte{key('a')}})
	const want = "https://kyc.example.com/api/v0.1/upload#AQt-nE5KREyMmkMPbw1POgGdDG-LL15KV7bHPwofPi0DXwwsNn9XTwuNXG96TgscAo4vSmwbPU5fp7jJ0OHyowYAAz4iuKWoWUlHni858UKERa6Q43kXl1BMtJ3lOS1AMH1J"
	got := link(t, l, ref)
	if got != want {
		t.Errorf("link %s, want %s", got, want)
	}
	if again := link(t, l, ref); again != got {
		t.Errorf("the second link differs: %s", again)
	}
	back, err := l.Read(t.Context(), token(t, l, ref))
	if diff := cmp.Diff(ref, back); err != nil || diff != "" {
		t.Errorf("read %v (-want +got):\n%s", err, diff)
	}
}

func TestNothingElseIsALink(t *testing.T) {
	l := links(kyc.Derived{Keys: [][]byte{key('a')}})
	good := token(t, l, ref)
	bad := map[string]string{
		"nothing": "", "no base64": "!", "padded": good + "=", "short": good[:len(good)-4], "long": good + "AAAA",
		"another key": token(t, links(kyc.Derived{Keys: [][]byte{key('b')}}), ref),
	}
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // whichever byte is another one: of an id, of the generation, of the proof
		changed := append([]byte(nil), raw...)
		changed[i] ^= 1
		bad[fmt.Sprint("byte ", i)] = base64.RawURLEncoding.EncodeToString(changed)
	}
	for name, text := range bad {
		ref, err := l.Read(t.Context(), text)
		if refusal, ok := errors.AsType[*kyc.Error](err); !ok || refusal.Code != "upload_link_invalid" || refusal.Kind != kyc.Forbidden {
			t.Errorf("%s: %+v, %v", name, ref, err)
		}
	}
}

// While the stack's secret is rotated some functions know of a step that others don't: whatever one makes the others read.
func TestRotation(t *testing.T) {
	old, next := key('a'), key('b')
	phases := []kyc.Derived{
		{Keys: [][]byte{old}}, {Keys: [][]byte{old}, Idle: [][]byte{next}}, {Keys: [][]byte{old, next}}, {Keys: [][]byte{next, old}},
		{Keys: [][]byte{next}, Idle: [][]byte{old}}, {Keys: [][]byte{next}},
	}
	for n := range len(phases) - 1 {
		for _, pair := range [][2]kyc.Derived{{phases[n], phases[n+1]}, {phases[n+1], phases[n]}} {
			if _, err := links(pair[1]).Read(t.Context(), token(t, links(pair[0]), ref)); err != nil {
				t.Errorf("phases %d and %d: %v", n, n+1, err)
			}
		}
	}
	if _, err := links(phases[5]).Read(t.Context(), token(t, links(phases[0]), ref)); err == nil {
		t.Error("a link outlives the secret that has made it")
	}
}

func TestWhatHasNoLink(t *testing.T) {
	l := links(kyc.Derived{Keys: [][]byte{key('a')}})
	none, many, strange := ref, ref, ref
	none.Generation, many.Generation, strange.CustomerID = 0, 1<<16, "x"
	for _, r := range []kyc.LinkRef{none, many, strange} {
		if made, err := l.To(t.Context(), r); err == nil {
			t.Errorf("%+v has the link %s", r, made.Reveal())
		}
	}
	l.Secrets = secrets{err: errors.New("no secret")}
	if _, err := l.To(t.Context(), ref); err == nil {
		t.Error("a link was made without a key")
	}
	if _, err := l.Read(t.Context(), token(t, links(kyc.Derived{Keys: [][]byte{key('a')}}), ref)); kyc.KindOf(err) != kyc.Internal || err == nil {
		t.Errorf("without a key a link was called %v", err)
	}
}

func TestTheAddress(t *testing.T) {
	l := links(kyc.Derived{Keys: [][]byte{key('a')}})
	l.API = ""
	for _, address := range []string{"https://a.example/api/v0.1", "https://a.example/api/v0.1/"} {
		if got := link(t, l.Or(address), ref); !strings.HasPrefix(got, "https://a.example/api/v0.1/upload#") {
			t.Errorf("at %s: %s", address, got)
		}
	}
	if got := link(t, links(kyc.Derived{Keys: [][]byte{key('a')}}).Or("https://b.example"), ref); !strings.HasPrefix(got, "https://kyc.example.com/") {
		t.Errorf("its own address was not used: %s", got)
	}
}
