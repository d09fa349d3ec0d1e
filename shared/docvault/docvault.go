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
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"kyc/shared/kyc"
)

// linkLife is how long a link can be used. A slot that it fills lasts longer: what was begun in time may end later.
const linkLife = 15 * time.Minute

// Vault keeps files. It is safe for concurrent use.
type Vault struct {
	bucket bucket
	keyARN string
}

// New returns the vault in a bucket, whose objects are encrypted under the KMS key keyARN. Requests are signed by the clock
// now, which must show real time.
func New(cfg aws.Config, name, keyARN string, now func() time.Time) *Vault {
	return &Vault{bucket: newBucket(cfg, name, now), keyARN: keyARN}
}

// Link returns the request that stores an announced file at its place, and no other: type, length, SHA-256 and encryption are
// headers that its signature covers, so that S3 refuses whatever differs. It can be used for linkLife of real time.
func (v *Vault) Link(ctx context.Context, e kyc.Exhibit, content kyc.Content) (kyc.Upload, error) {
	headers, err := v.headers(e, content)
	if err != nil {
		return kyc.Upload{}, err
	}
	link, err := v.bucket.link(ctx, http.MethodPut, key(e), headers, content.Length, linkLife)
	return kyc.Upload{Method: http.MethodPut, URL: link, Headers: headers}, err
}

// Put stores a file at its place.
func (v *Vault) Put(ctx context.Context, e kyc.Exhibit, content kyc.Content, data []byte) error {
	headers, err := v.headers(e, content)
	if err != nil {
		return err
	}
	if int64(len(data)) != content.Length {
		return errors.New("put a file: it is not as long as it was said to be")
	}
	r := request{method: http.MethodPut, key: key(e), headers: headers, body: data, digest: hex.EncodeToString(content.SHA256[:])}
	if _, err := v.bucket.do(ctx, r); err != nil {
		return fmt.Errorf("put a file: %w", err)
	}
	return nil
}

// headers are those that a file is stored with. S3 compares what it gets with the digest among them.
func (v *Vault) headers(e kyc.Exhibit, c kyc.Content) (map[string]string, error) {
	whose, err := json.Marshal(map[string]string{"brand_id": e.BrandID, "customer_id": e.CustomerID})
	if err != nil {
		return nil, fmt.Errorf("write the encryption context: %w", err)
	}
	return map[string]string{
		"Content-Type":                                string(c.Media),
		"X-Amz-Checksum-Sha256":                       base64.StdEncoding.EncodeToString(c.SHA256[:]),
		"X-Amz-Server-Side-Encryption":                "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": v.keyARN,
		"X-Amz-Server-Side-Encryption-Context":        base64.StdEncoding.EncodeToString(whose),
	}, nil
}

func key(e kyc.Exhibit) string {
	return strings.Join([]string{e.BrandID, e.CustomerID, e.ProgramID, e.AttemptID, e.DocumentID, string(e.Side)}, "/")
}
