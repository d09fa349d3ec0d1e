// Package docvault keeps the files that were sent as evidence in one S3 bucket, versioned and encrypted.
//
// A file has a place of its own, one per side of a document:
//
//	BRAND/CUSTOMER/PROGRAM/ATTEMPT/DOCUMENT/SIDE
//
// What is sent to it again becomes another version of the same object, so that nothing is overwritten. Every object is
// encrypted under the stack's KMS key with brand and customer as encryption context: whoever reads it must be allowed to
// decrypt for that customer, and CloudTrail shows for whom the key was used. The bucket has no S3 Bucket Key, under which
// S3 would put the bucket into the context in place of the customer.
package docvault

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kyc/shared/kyc"
)

// linkLife is how long a link can be used. A slot that it fills lasts longer: what was begun in time may end later.
const linkLife = 15 * time.Minute

// slotHeader keeps with an object which slot it was sent for.
const slotHeader = "X-Amz-Meta-Slot"

// Vault keeps files. It is safe for concurrent use.
type Vault struct {
	bucket bucket
	keyARN string
}

// New returns the vault in a bucket, whose objects are encrypted under the KMS key keyARN, which may be empty where none is stored. Requests are signed by the clock
// now, which must show real time.
func New(cfg aws.Config, name, keyARN string, now func() time.Time) *Vault {
	return &Vault{bucket: newBucket(cfg, name, now), keyARN: keyARN}
}

// Origin is where links lead to: scheme and host, as a page has to name them that sends files by links.
func (v *Vault) Origin() string {
	scheme, rest, _ := strings.Cut(v.bucket.url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// Link returns the request that stores an announced file at its place, and no other: type, length, SHA-256, slot and encryption
// are headers that its signature covers, so that S3 refuses whatever differs. It can be used for linkLife of real time.
func (v *Vault) Link(ctx context.Context, e kyc.Exhibit, slot kyc.Slot) (kyc.Upload, error) {
	headers, err := v.headers(e, slot)
	if err != nil {
		return kyc.Upload{}, err
	}
	link, err := v.bucket.link(ctx, http.MethodPut, key(e), nil, headers, slot.Length, linkLife)
	return kyc.Upload{Method: http.MethodPut, URL: link, Headers: headers}, err
}

// ReadLink returns an address at which one version of a file can be read with GET, and no other, for life of real time. S3
// answers with the type that the evidence is known to have, as a file to be saved under the given name, which must need no
// quoting, and to be kept by no cache: so no browser shows it as a page, whatever is in it. All that is covered by the signature.
func (v *Vault) ReadLink(ctx context.Context, e kyc.Exhibit, held kyc.Evidence, name string, life time.Duration) (string, error) {
	return v.bucket.link(ctx, http.MethodGet, key(e), url.Values{
		"versionId":                    {held.Version},
		"response-content-type":        {string(held.Media)},
		"response-content-disposition": {`attachment; filename="` + name + `"`},
		"response-cache-control":       {"no-store"},
	}, nil, 0, life)
}

// Put stores a file at its place.
func (v *Vault) Put(ctx context.Context, e kyc.Exhibit, slot kyc.Slot, data []byte) error {
	headers, err := v.headers(e, slot)
	if err != nil {
		return err
	}
	if int64(len(data)) != slot.Length {
		return errors.New("put a file: it is not as long as it was said to be")
	}
	r := request{method: http.MethodPut, key: key(e), headers: headers, body: data, digest: hex.EncodeToString(slot.SHA256[:])}
	if _, err := v.bucket.do(ctx, r); err != nil {
		return fmt.Errorf("put a file: %w", err)
	}
	return nil
}

// File reads one version of a file. Of one that is longer than limit bytes it tells the length and the type alone. It returns
// kyc.ErrNoFile where there is none.
func (v *Vault) File(ctx context.Context, e kyc.Exhibit, version string, limit int64) (kyc.StoredFile, error) {
	r := request{method: http.MethodGet, key: key(e), query: url.Values{"versionId": {version}}, limit: limit}
	response, err := v.bucket.do(ctx, r)
	if notFound(err) {
		return kyc.StoredFile{}, kyc.ErrNoFile
	}
	if err != nil {
		return kyc.StoredFile{}, fmt.Errorf("get a file: %w", err)
	}
	stored, err := http.ParseTime(response.header.Get("Last-Modified"))
	if err != nil {
		return kyc.StoredFile{}, errors.New("get a file: its time is none")
	}
	file := kyc.StoredFile{Content: kyc.Content{Media: kyc.Media(response.header.Get("Content-Type")), Length: response.length}, At: stored.UTC()}
	file.Slot, _ = strconv.Atoi(response.header.Get(slotHeader)) // none was stored for slot 0
	if response.length <= limit {
		file.Data, file.SHA256 = response.body, sha256.Sum256(response.body)
	}
	return file, nil
}

// scanTag is the tag that GuardDuty Malware Protection for S3 sets on each object that it has looked at.
const scanTag = "GuardDutyMalwareScanStatus"

// scans are the values of scanTag. What is none of them is a failure to scan.
var scans = map[string]kyc.Scan{"": kyc.NotScanned, "NO_THREATS_FOUND": kyc.Clean, "THREATS_FOUND": kyc.Infected, "UNSUPPORTED": kyc.Unscannable}

// Scan returns what a virus scanner has found in one version of a file, by the tag that it has set.
func (v *Vault) Scan(ctx context.Context, e kyc.Exhibit, version string) (kyc.Scan, error) {
	r := request{method: http.MethodGet, key: key(e), query: url.Values{"tagging": {""}, "versionId": {version}}, limit: maxAnswer}
	response, err := v.bucket.do(ctx, r)
	if err != nil {
		return kyc.NotScanned, fmt.Errorf("get a file's tags: %w", err)
	}
	status := ""
	for _, tag := range elements(string(response.body), "Tag") {
		if element(tag, "Key") == scanTag {
			status = element(tag, "Value")
		}
	}
	scan, known := scans[status]
	if !known {
		return kyc.NotScanned, errors.New("the scanner could not look at a file: see its findings in GuardDuty")
	}
	return scan, nil
}

// Remove removes one version of a file for good. Removing it again does nothing.
func (v *Vault) Remove(ctx context.Context, e kyc.Exhibit, version string) error {
	r := request{method: http.MethodDelete, key: key(e), query: url.Values{"versionId": {version}}}
	if _, err := v.bucket.do(ctx, r); err != nil && !notFound(err) {
		return fmt.Errorf("remove a file: %w", err)
	}
	return nil
}

// RemoveAll removes every version of every file of a customer for good.
func (v *Vault) RemoveAll(ctx context.Context, ref kyc.CustomerRef) error {
	prefix := ref.BrandID + "/" + ref.CustomerID + "/"
	for {
		r := request{method: http.MethodGet, query: url.Values{"versions": {""}, "prefix": {prefix}}, limit: maxAnswer}
		response, err := v.bucket.do(ctx, r)
		if err != nil {
			return fmt.Errorf("list the files of customer %s: %w", ref.CustomerID, err)
		}
		list := string(response.body)
		if !strings.Contains(list, "</ListVersionsResult>") {
			return errors.New("list the files of a customer: the answer is no list, or not all of it")
		}
		files := append(elements(list, "Version"), elements(list, "DeleteMarker")...)
		for _, f := range files {
			r := request{method: http.MethodDelete, key: element(f, "Key"), query: url.Values{"versionId": {element(f, "VersionId")}}}
			if !strings.HasPrefix(r.key, prefix) {
				return errors.New("list the files of a customer: the answer has others")
			}
			if _, err := v.bucket.do(ctx, r); err != nil && !notFound(err) {
				return fmt.Errorf("remove a file of customer %s: %w", ref.CustomerID, err)
			}
		}
		if len(files) == 0 {
			return nil
		}
	}
}

// headers are those that a file is stored with. S3 compares what it gets with the digest among them.
func (v *Vault) headers(e kyc.Exhibit, s kyc.Slot) (map[string]string, error) {
	whose, err := json.Marshal(map[string]string{"brand_id": e.BrandID, "customer_id": e.CustomerID})
	if err != nil {
		return nil, fmt.Errorf("write the encryption context: %w", err)
	}
	return map[string]string{
		"Content-Type":                 string(s.Media),
		"X-Amz-Checksum-Sha256":        base64.StdEncoding.EncodeToString(s.SHA256[:]),
		slotHeader:                     strconv.Itoa(s.Number),
		"X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": v.keyARN,
		"X-Amz-Server-Side-Encryption-Context":        base64.StdEncoding.EncodeToString(whose),
	}, nil
}

// ParseKey is the inverse of key. It reports false for an object that no file of ours is.
func ParseKey(key string) (kyc.Exhibit, bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 6 {
		return kyc.Exhibit{}, false
	}
	for _, id := range parts[:5] {
		if !kyc.IsUUID(id) {
			return kyc.Exhibit{}, false
		}
	}
	side := kyc.Side(parts[5])
	return kyc.Exhibit{
		Pair:      kyc.Pair{BrandID: parts[0], CustomerID: parts[1], ProgramID: parts[2]},
		AttemptID: parts[3], DocumentID: parts[4], Side: side,
	}, side == kyc.Front || side == kyc.Back
}

func key(e kyc.Exhibit) string {
	return strings.Join([]string{e.BrandID, e.CustomerID, e.ProgramID, e.AttemptID, e.DocumentID, string(e.Side)}, "/")
}
