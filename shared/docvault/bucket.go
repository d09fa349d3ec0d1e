package docvault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// bucket speaks the few requests of S3's API that this package needs, signed by the SDK's signer. The SDK's own client for
// S3 would add a fifth of a MiB to each function that has it beside the one for KMS, more than a function may have.
type bucket struct {
	http        aws.HTTPClient
	credentials aws.CredentialsProvider
	region      string
	url         string // without a slash at its end
	now         func() time.Time
}

func newBucket(cfg aws.Config, name string, now func() time.Time) bucket {
	b := bucket{http: cfg.HTTPClient, credentials: cfg.Credentials, region: cfg.Region, now: now}
	if b.http == nil {
		b.http = http.DefaultClient
	}
	switch {
	case cfg.BaseEndpoint != nil: // an emulator, which has one host for all buckets
		b.url = strings.TrimSuffix(*cfg.BaseEndpoint, "/") + "/" + name
	case strings.HasPrefix(cfg.Region, "cn-"):
		b.url = "https://" + name + ".s3." + cfg.Region + ".amazonaws.com.cn"
	default:
		b.url = "https://" + name + ".s3." + cfg.Region + ".amazonaws.com"
	}
	return b
}

const (
	maxTries = 3
	// unsigned stands where the digest of a body stands that is not known while its request is signed.
	unsigned = "UNSIGNED-PAYLOAD"
	// empty is the SHA-256 of nothing.
	empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

type request struct {
	method, key string
	query       url.Values
	headers     map[string]string
	body        []byte
	digest      string // SHA-256 of body in hex
	limit       int64  // bytes of an answer that are read; a longer one is told of without any
}

type answer struct {
	header http.Header
	length int64
	body   []byte
}

// maxAnswer is far more than S3 says about a file.
const maxAnswer = 1 << 20

// statusError is an answer of S3 that is no success. It has no more of it than this: S3 quotes what it was sent.
type statusError struct{ status int }

func (e *statusError) Error() string { return "S3 answered with status " + strconv.Itoa(e.status) }

// notFound reports whether S3 has no such object, or version of one.
func notFound(err error) bool {
	e, ok := errors.AsType[*statusError](err)
	return ok && e.status == http.StatusNotFound
}

// do sends a request and returns the answer, of a 2xx alone. It sends it again where S3 was too busy or
// the answer was lost: all requests of this package may be repeated.
func (b bucket) do(ctx context.Context, r request) (answer, error) {
	for try := 1; ; try++ {
		response, err := b.once(ctx, r)
		failed, refused := errors.AsType[*statusError](err)
		if err == nil || try == maxTries || ctx.Err() != nil || refused && failed.status < 500 {
			return response, err
		}
		timer := time.NewTimer(50 * time.Millisecond << try)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (b bucket) once(ctx context.Context, r request) (answer, error) {
	request, err := b.request(ctx, r.method, r.key, r.query, r.headers)
	if err != nil {
		return answer{}, err
	}
	if r.digest == "" {
		r.digest = empty
	}
	if r.body != nil {
		request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(r.body)), int64(len(r.body))
	}
	request.Header.Set("X-Amz-Content-Sha256", r.digest)
	credentials, err := b.credentials.Retrieve(ctx)
	if err == nil {
		err = v4.NewSigner().SignHTTP(ctx, credentials, request, r.digest, "s3", b.region, b.now(), asS3)
	}
	if err != nil {
		return answer{}, fmt.Errorf("sign a request to S3: %w", err)
	}
	response, err := b.http.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode > 299 {
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer) // so that the connection can be used again
		return answer{}, &statusError{response.StatusCode}
	}
	a := answer{header: response.Header, length: response.ContentLength}
	if a.length > r.limit {
		return a, nil
	}
	if a.body, err = io.ReadAll(io.LimitReader(response.Body, r.limit+1)); err != nil {
		return answer{}, err
	}
	a.length = int64(len(a.body))
	return a, nil
}

// link returns the address of a request with this query and these headers, and a body of this length, that can be sent for so
// long.
func (b bucket) link(ctx context.Context, method, key string, query url.Values, headers map[string]string, length int64, life time.Duration) (string, error) {
	all := url.Values{"X-Amz-Expires": {strconv.Itoa(int(life / time.Second))}}
	maps.Copy(all, query)
	request, err := b.request(ctx, method, key, all, headers)
	if err != nil {
		return "", err
	}
	request.ContentLength = length
	credentials, err := b.credentials.Retrieve(ctx)
	var signed string
	if err == nil {
		signed, _, err = v4.NewSigner().PresignHTTP(ctx, credentials, request, unsigned, "s3", b.region, b.now(), asS3)
	}
	if err != nil {
		return "", fmt.Errorf("sign a link to S3: %w", err)
	}
	return signed, nil
}

func (b bucket) request(ctx context.Context, method, key string, query url.Values, headers map[string]string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, b.url+"/"+key+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("make a request to S3: %w", err)
	}
	r.URL.RawQuery = query.Encode()
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	return r, nil
}

// asS3 are the two ways in which S3 wants signatures to be: paths are escaped once, and headers stay headers, for what
// stands in a link's query instead could be left out by whoever sends it.
func asS3(o *v4.SignerOptions) { o.DisableURIPathEscaping, o.DisableHeaderHoisting = true, true }

// elements returns what stands inside each element of a name in an answer of S3. What is read so is ours: ids, versions and
// the words of a scanner, none of which XML writes in another way. A whole reader of XML takes 60 KB of each function.
func elements(xml, name string) []string {
	var all []string
	for {
		_, rest, found := strings.Cut(xml, "<"+name+">")
		inner, after, closed := strings.Cut(rest, "</"+name+">")
		if !found || !closed {
			return all
		}
		all, xml = append(all, inner), after
	}
}

// element returns what stands inside the first element of a name, empty where there is none.
func element(xml, name string) string {
	if all := elements(xml, name); len(all) > 0 {
		return all[0]
	}
	return ""
}
