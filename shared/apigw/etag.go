package apigw

import (
	"slices"
	"strings"
)

// ETag writes the version of what is answered as a strong entity tag (RFC 9110 section 8.8.3). A version holds no comma and
// no quote.
func ETag(version string) string { return `"` + version + `"` }

// IfMatch returns what tells whether the request may change what has the given version: always where the header If-Match is
// not sent, and not where it names other versions (RFC 9110 section 13.1.1). A weak tag matches nothing.
func (r *Request) IfMatch() func(version string) bool {
	value, sent := r.Header("If-Match")
	return func(version string) bool {
		return !sent || slices.ContainsFunc(tags(value), func(tag string) bool { return tag == "*" || tag == ETag(version) })
	}
}

// NoneMatch reports whether the request wants what has the given version at all: the header If-None-Match names those that
// its sender has (RFC 9110 section 13.1.2), weak or not.
func (r *Request) NoneMatch(version string) bool {
	value, _ := r.Header("If-None-Match")
	return !slices.ContainsFunc(tags(value), func(tag string) bool {
		return tag == "*" || strings.TrimPrefix(tag, "W/") == ETag(version)
	})
}

func tags(value string) []string {
	all := strings.Split(value, ",")
	for i, tag := range all {
		all[i] = strings.TrimSpace(tag)
	}
	return all
}
