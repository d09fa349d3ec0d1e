package docvault_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"kyc/shared/clock"
	"kyc/shared/docvault"
	"kyc/shared/kyc"
	"kyc/shared/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

var exhibit = kyc.Exhibit{
	Pair:      kyc.Pair{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID, ProgramID: testbed.ProgramID},
	AttemptID: testbed.AttemptID, DocumentID: testbed.DocumentID(kyc.GovernmentID), Side: kyc.Back,
}

const exhibitKey = testbed.BrandID + "/" + testbed.CustomerID + "/" + testbed.ProgramID + "/" + testbed.AttemptID +
	"/2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d00/back"

func contentOf(data string) kyc.Content {
	return kyc.Content{Media: kyc.JPEG, Length: int64(len(data)), SHA256: sha256.Sum256([]byte(data))}
}

func slotOf(data string) kyc.Slot { return kyc.Slot{Content: contentOf(data), Number: 7} }

// send sends a file by a link, and returns S3's status and what it says.
func send(t *testing.T, u kyc.Upload, data string, change func(http.Header)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), u.Method, u.URL, strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range u.Headers {
		r.Header.Set(name, value)
	}
	change(r.Header)
	return answer(t, r)
}

// answer sends a request, and returns S3's status and what it says.
func answer(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	return response.StatusCode, string(body)
}

// A link stores the one file that it was made for, and S3 itself refuses every other.
func TestLinkStoresOneFileAndNoOther(t *testing.T) {
	b := testbed.Open(t)
	client := b.Documents(t)
	vault := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
	const data = "the back of a card"
	link, err := vault.Link(t.Context(), exhibit, slotOf(data))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		data   string
		change func(http.Header)
	}{
		"other bytes":   {strings.ToUpper(data), func(http.Header) {}},
		"longer":        {data + " ", func(http.Header) {}},
		"shorter":       {data[1:], func(http.Header) {}},
		"empty":         {"", func(http.Header) {}},
		"another type":  {data, func(h http.Header) { h.Set("Content-Type", "text/html") }},
		"other digest":  {strings.ToUpper(data), func(h http.Header) { h.Set("X-Amz-Checksum-Sha256", digest(strings.ToUpper(data))) }},
		"no digest":     {data, func(h http.Header) { h.Del("X-Amz-Checksum-Sha256") }},
		"not encrypted": {data, func(h http.Header) { h.Del("X-Amz-Server-Side-Encryption") }},
		"another slot":  {data, func(h http.Header) { h.Set("X-Amz-Meta-Slot", "8") }},
		"no slot":       {data, func(h http.Header) { h.Del("X-Amz-Meta-Slot") }},
		"another key":   {data, func(h http.Header) { h.Set("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "alias/aws/s3") }},
		"another customer's context": {data, func(h http.Header) {
			h.Set("X-Amz-Server-Side-Encryption-Context", base64.StdEncoding.EncodeToString([]byte(`{"customer_id":"x"}`)))
		}},
	} {
		if status, answer := send(t, link, c.data, c.change); status < 400 || status > 499 {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	elsewhere := link
	elsewhere.URL = strings.Replace(link.URL, "/back?", "/front?", 1)
	if status, answer := send(t, elsewhere, data, func(http.Header) {}); status != http.StatusForbidden {
		t.Errorf("another place: %d %s", status, answer)
	}
	if files := b.Files(t); len(files) != 0 {
		t.Errorf("stored: %v", files)
	}
	if status, answer := send(t, link, data, func(http.Header) {}); status != http.StatusOK {
		t.Errorf("the file itself: %d %s", status, answer)
	}
	head, err := client.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &b.Bucket, Key: aws.String(exhibitKey), ChecksumMode: types.ChecksumModeEnabled})
	if err != nil {
		t.Fatal(err)
	}
	if head.ServerSideEncryption != types.ServerSideEncryptionAwsKms || aws.ToString(head.SSEKMSKeyId) != b.KeyARN ||
		aws.ToString(head.ContentType) != "image/jpeg" || aws.ToString(head.ChecksumSHA256) != digest(data) {
		t.Errorf("stored as %+v", head)
	}
	names := []string{"Content-Type", "X-Amz-Checksum-Sha256", "X-Amz-Meta-Slot", "X-Amz-Server-Side-Encryption", "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id", "X-Amz-Server-Side-Encryption-Context"}
	if diff := cmp.Diff(names, slices.Sorted(maps.Keys(link.Headers))); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	whose, _ := base64.StdEncoding.DecodeString(link.Headers["X-Amz-Server-Side-Encryption-Context"])
	if want := `{"brand_id":"` + testbed.BrandID + `","customer_id":"` + testbed.CustomerID + `"}`; string(whose) != want {
		t.Errorf("encrypted for %s", whose)
	}
}

// get reads what a link leads to.
func get(t *testing.T, link string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, r)
}

// A link reads the one version that it was made for, for as long as it was made for, as nothing but a file to be saved.
func TestReadLinkReadsOneVersionAndNoOther(t *testing.T) {
	b := testbed.Open(t)
	b.Documents(t)
	vault := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
	versions := map[string]string{} // by what they hold
	for _, data := range []string{"<script>held</script>", "a newer one"} {
		if err := vault.Put(t.Context(), exhibit, slotOf(data), []byte(data)); err != nil {
			t.Fatal(err)
		}
		for _, f := range b.Files(t) {
			_, version, _ := strings.Cut(f, " ")
			if file, err := vault.File(t.Context(), exhibit, version, 100); err == nil {
				versions[string(file.Data)] = version
			}
		}
	}
	const data = "<script>held</script>"
	held := kyc.Evidence{Content: contentOf(data), Version: versions[data]}
	held.Media = kyc.PDF // what it is known to be, and not what it was stored as
	read := func(v *docvault.Vault) string {
		t.Helper()
		link, err := v.ReadLink(t.Context(), exhibit, held, "government_id-back.pdf", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return link
	}
	link := read(docvault.New(b.AWS, b.Bucket, "", clock.Now))
	if status, body := get(t, link); status != http.StatusOK || body != data {
		t.Errorf("%d %q", status, body)
	}
	// S3 answers as the link says. The emulator does so too, but not where a version is named.
	parsed, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"response-content-type": "application/pdf", "response-cache-control": "no-store",
		"response-content-disposition": `attachment; filename="government_id-back.pdf"`, "versionId": held.Version, "X-Amz-Expires": "60",
	} {
		if got := parsed.Query()[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for name, change := range map[string][2]string{
		"another side":    {"/back?", "/front?"},
		"another version": {held.Version, versions["a newer one"]},
		"another type":    {"application%2Fpdf", "text%2Fhtml"},
		"shown in a page": {"attachment", "inline"},
		"a longer life":   {"X-Amz-Expires=60", "X-Amz-Expires=600"},
	} {
		changed := strings.Replace(link, change[0], change[1], 1)
		if status, body := get(t, changed); status != http.StatusForbidden || changed == link {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	for age, want := range map[time.Duration]int{50 * time.Second: http.StatusOK, 61 * time.Second: http.StatusForbidden} {
		old := docvault.New(b.AWS, b.Bucket, "", func() time.Time { return clock.Now().Add(-age) })
		if status, body := get(t, read(old)); status != want {
			t.Errorf("%s old: %d %s", age, status, body)
		}
	}
	if status, body := get(t, strings.Split(link, "?")[0]); status != http.StatusForbidden {
		t.Errorf("without a signature: %d %s", status, body)
	}
}

func digest(data string) string {
	sum := sha256.Sum256([]byte(data))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func TestPutKeepsEveryVersion(t *testing.T) {
	b := testbed.Open(t)
	client := b.Documents(t)
	vault := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
	for range 2 {
		if err := vault.Put(t.Context(), exhibit, slotOf("a file"), []byte("a file")); err != nil {
			t.Fatal(err)
		}
	}
	if files := b.Files(t); len(files) != 2 || !strings.HasPrefix(files[0], exhibitKey+" ") {
		t.Errorf("stored: %v", files)
	}
	if err := vault.Put(t.Context(), exhibit, slotOf("a file"), []byte("b file")); err == nil {
		t.Error("other bytes than the digest's were stored")
	}
	out, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Bucket, Key: aws.String(exhibitKey)})
	if err != nil {
		t.Fatal(err)
	}
	if data, _ := io.ReadAll(out.Body); !bytes.Equal(data, []byte("a file")) || out.ServerSideEncryption != types.ServerSideEncryptionAwsKms {
		t.Errorf("%q, %s", data, out.ServerSideEncryption)
	}
}

func TestRemoveAll(t *testing.T) {
	b := testbed.Open(t)
	b.Documents(t)
	vault := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
	other := exhibit
	other.CustomerID = testbed.AttemptID
	front := exhibit
	front.Side = kyc.Front
	for _, e := range []kyc.Exhibit{exhibit, exhibit, front, other} {
		if err := vault.Put(t.Context(), e, slotOf("a file"), []byte("a file")); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := vault.RemoveAll(t.Context(), kyc.CustomerRef{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID}); err != nil {
			t.Fatal(err)
		}
		if files := b.Files(t); len(files) != 1 || !strings.HasPrefix(files[0], testbed.BrandID+"/"+testbed.AttemptID+"/") {
			t.Errorf("left: %v", files)
		}
	}
	elsewhere := docvault.New(b.AWS, "another-bucket", b.KeyARN, clock.Now)
	if err := elsewhere.RemoveAll(t.Context(), kyc.CustomerRef{BrandID: testbed.BrandID, CustomerID: testbed.CustomerID}); err == nil {
		t.Error("where there is no bucket nothing is known to be removed")
	}
}

func TestFile(t *testing.T) {
	b := testbed.Open(t)
	client := b.Documents(t)
	vault := docvault.New(b.AWS, b.Bucket, b.KeyARN, clock.Now)
	const data = "a file"
	if err := vault.Put(t.Context(), exhibit, slotOf(data), []byte(data)); err != nil {
		t.Fatal(err)
	}
	_, version, _ := strings.Cut(b.Files(t)[0], " ")
	file, err := vault.File(t.Context(), exhibit, version, 6)
	if err != nil || string(file.Data) != data || file.Content != contentOf(data) || file.Slot != 7 || clock.Now().Sub(file.At).Abs() > time.Minute {
		t.Errorf("%+v, %v", file, err)
	}
	if file, err = vault.File(t.Context(), exhibit, version, 5); err != nil || file.Data != nil || file.Length != 6 || file.SHA256 != [32]byte{} {
		t.Errorf("longer than wanted: %+v, %v", file, err)
	}
	for status, want := range map[string]kyc.Scan{"": kyc.NotScanned, "NO_THREATS_FOUND": kyc.Clean, "THREATS_FOUND": kyc.Infected, "UNSUPPORTED": kyc.Unscannable, "FAILED": -1} {
		tags := &types.Tagging{TagSet: []types.Tag{{Key: aws.String("other"), Value: aws.String("THREATS_FOUND")}}}
		if status != "" {
			tags.TagSet = append(tags.TagSet, types.Tag{Key: aws.String("GuardDutyMalwareScanStatus"), Value: &status})
		}
		if _, err := client.PutObjectTagging(t.Context(), &s3.PutObjectTaggingInput{Bucket: &b.Bucket, Key: aws.String(exhibitKey), VersionId: &version, Tagging: tags}); err != nil {
			t.Fatal(err)
		}
		if got, err := vault.Scan(t.Context(), exhibit, version); (err != nil) != (want < 0) || err == nil && got != want {
			t.Errorf("%q: %v, %v", status, got, err)
		}
	}
	for range 2 {
		if err := vault.Remove(t.Context(), exhibit, version); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := vault.File(t.Context(), exhibit, version, 6); !errors.Is(err, kyc.ErrNoFile) {
		t.Errorf("removed: %v", err)
	}
}

func TestKeysAreReadBack(t *testing.T) {
	if got, ok := docvault.ParseKey(exhibitKey); !ok || got != exhibit {
		t.Errorf("%+v, %t", got, ok)
	}
	for _, key := range []string{"", "x", exhibitKey + "/x", strings.TrimSuffix(exhibitKey, "/back"), strings.Replace(exhibitKey, "/back", "/side", 1), "x" + exhibitKey} {
		if e, ok := docvault.ParseKey(key); ok {
			t.Errorf("%q is %+v", key, e)
		}
	}
}
