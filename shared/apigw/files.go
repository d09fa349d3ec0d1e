package apigw

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"kyc/shared/clock"
	"kyc/shared/kyc"
	"kyc/shared/telemetry"
)

// File is an answer that is the same for everybody. Its text is UTF-8.
type File struct {
	Zipped  []byte            // what it says, compressed with gzip
	Headers map[string]string // Content-Type, Cache-Control and what else belongs to it
}

// Zip compresses what a File says. The same text gives the same bytes.
func Zip(text []byte) []byte {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // fails for a level that there is not
	_, _ = w.Write(text)                                       // fails where the buffer does, which never does
	_ = w.Close()
	return zipped.Bytes()
}

// Files answers GET with files, given by their path without base path and trailing slash, and writes one log line for
// each request. It looks for no brand: its routes are those that have no authorizer. A client that has a file already,
// as it says in If-None-Match, is told so. The function it returns is safe for concurrent use.
func Files(log *slog.Logger, files map[string]File) Func {
	tags := map[string]string{}
	for path, file := range files {
		sum := sha256.Sum256(file.Zipped)
		// A weak tag, for it stands for the text and not for its bytes, which depend on Accept-Encoding.
		tags[path] = `W/"` + hex.EncodeToString(sum[:12]) + `"`
	}
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		start := clock.Now()
		_, path, _ := strings.Cut(strings.Replace(e.RouteKey, "{proxy+}", e.PathParameters["proxy"], 1), " ")
		path = strings.TrimSuffix(strings.TrimPrefix(path, BasePath), "/")
		var response events.APIGatewayV2HTTPResponse
		var err error
		if file, ok := files[path]; ok {
			response, err = file.answer(e, tags[path])
		} else {
			response, err = encode(refused(ctx, &kyc.Error{Kind: kyc.NotFound, Code: "invalid_request", Message: "Nothing is at this path."}, ""))
		}
		telemetry.Done(ctx, log, "request", clock.Now().Sub(start), err, slog.String("route", e.RouteKey), slog.Int("status", response.StatusCode))
		return response, err
	}
}

func (f File) answer(e events.APIGatewayV2HTTPRequest, tag string) (events.APIGatewayV2HTTPResponse, error) {
	headers := map[string]string{"ETag": tag, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
	maps.Copy(headers, f.Headers)
	if known, _ := Header(e.Headers, "If-None-Match"); matches(known, tag) {
		delete(headers, "Content-Type")
		return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusNotModified, Headers: headers}, nil
	}
	if accepted, _ := Header(e.Headers, "Accept-Encoding"); acceptsGzip(accepted) {
		headers["Content-Encoding"] = "gzip"
		return events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusOK, Headers: headers, Body: base64.StdEncoding.EncodeToString(f.Zipped), IsBase64Encoded: true,
		}, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(f.Zipped))
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("unzip a file: %w", err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return events.APIGatewayV2HTTPResponse{}, fmt.Errorf("unzip a file: %w", err)
	}
	return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK, Headers: headers, Body: string(text)}, nil
}

// matches compares weakly, as RFC 9110 section 13.1.2 wants it for If-None-Match: strong or weak makes no difference.
func matches(known, tag string) bool {
	for one := range strings.SplitSeq(known, ",") {
		one = strings.TrimSpace(one)
		if one == "*" || one != "" && strings.TrimPrefix(one, "W/") == strings.TrimPrefix(tag, "W/") {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3): a coding of weight 0 is refused. That * may mean gzip is
// no reason to send it.
func acceptsGzip(accepted string) bool {
	for one := range strings.SplitSeq(accepted, ",") {
		coding, weight, weighted := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return !weighted || strings.ContainsAny(weight, "123456789")
		}
	}
	return false
}
