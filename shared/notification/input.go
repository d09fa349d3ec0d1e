package notification

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"kyc/shared/kyc"
)

// Input is a subscription as it came in, or what is to be different in one: nil, or empty, is what was not sent.
type Input struct {
	URL         string
	URLMember   string // what the body calls the address, which was sent then
	Events      []string
	Description *string
	Version     *string // of the events' envelope
	Status      *string
	Headers     map[string]*string // values by name, nil to take one away
	Timeout     *int               // seconds
	RetryPlan   []int              // seconds; empty, but not nil, for the stage's own
	StrictOrder *bool
	Scheme      *string
	Wrong       map[string][]string // what the reader of the body has found wrong already
}

const (
	maxDescription = 500 // characters
	// maxTimeout is the most that Standard Webhooks 1.0.0 advises.
	minTimeout, maxTimeout = time.Second, 30 * time.Second
	maxRetries             = 15
	minWait, maxWait       = time.Second, 24 * time.Hour
	maxHeaders             = 10
	maxValue               = 2048 // bytes
)

// apply returns the subscription with what in says, the values of headers to seal with it, and what is wrong.
func (s *Service) apply(sub kyc.Subscription, in Input, now time.Time) (kyc.Subscription, kyc.Profile, map[string][]string) {
	wrong := map[string][]string{}
	refuse := func(field, format string, args ...any) { wrong[field] = []string{fmt.Sprintf(format, args...)} }
	if sub.URL == "" || in.URL != "" || in.URLMember != "" {
		sub.URL = in.URL
		if why := s.CheckURL(in.URL); in.URL == "" {
			refuse(cmp.Or(in.URLMember, "url"), kyc.MissingField)
		} else if why != "" {
			refuse(cmp.Or(in.URLMember, "url"), "%s", why)
		}
	}
	if sub.Events == nil || in.Events != nil {
		events, unknown := kyc.ExpandEvents(in.Events)
		sub.Events = events
		switch {
		case in.Events == nil:
			refuse("events", kyc.MissingField)
		case len(unknown) > 0:
			refuse("events", "%d of the names match no event. Use names like %s, or kyc.* for all of a kind.", len(unknown), kyc.EventSuccess)
		case len(events) == 0:
			refuse("events", "Must name an event. To get none for a while, send the status %s.", kyc.StatusPaused)
		}
	}
	if in.Description != nil {
		if sub.Description = *in.Description; utf8.RuneCountInString(sub.Description) > maxDescription {
			refuse("description", "Must be at most %d characters.", maxDescription)
		}
	}
	if in.Version != nil && *in.Version != kyc.EventVersion {
		refuse("version", "Must be %s, the only version of the events' envelope.", kyc.EventVersion)
	}
	if in.Status != nil && *in.Status != sub.Status {
		if sub = sub.WithStatus(*in.Status, "", now); !slices.Contains(kyc.SubscriptionStatuses(), sub.Status) {
			refuse("status", "Must be one of %s.", strings.Join(kyc.SubscriptionStatuses(), ", "))
		}
	}
	if in.Timeout != nil {
		if sub.Timeout = seconds(*in.Timeout); sub.Timeout < minTimeout || sub.Timeout > maxTimeout {
			refuse("timeout_seconds", "Must be from %d to %d.", int(minTimeout.Seconds()), int(maxTimeout.Seconds()))
		}
	}
	if in.RetryPlan != nil {
		sub.RetryPlan = nil
		for _, n := range in.RetryPlan {
			sub.RetryPlan = append(sub.RetryPlan, seconds(n))
		}
		if len(sub.RetryPlan) > maxRetries || slices.ContainsFunc(sub.RetryPlan, func(d time.Duration) bool { return d < minWait || d > maxWait }) {
			refuse("retry_plan", "Must be at most %d waits, each from %d to %d seconds.", maxRetries, int(minWait.Seconds()), int(maxWait.Seconds()))
		}
	}
	if in.StrictOrder != nil {
		sub.StrictOrder = *in.StrictOrder
	}
	sub, more := applyHeaders(sub, in.Headers, refuse)
	_ = scheme(wrong, in.Scheme)
	maps.Copy(wrong, in.Wrong)
	return sub, more, wrong
}

// scheme reads how posts are to be signed, empty where that was not sent.
func scheme(wrong map[string][]string, sent *string) kyc.Scheme {
	if sent == nil {
		return ""
	}
	chosen := kyc.Scheme(*sent)
	if chosen != kyc.SchemeHMAC && chosen != kyc.SchemeEd25519 {
		wrong["signature_scheme"] = []string{fmt.Sprintf("Must be %s (HMAC-SHA-256) or %s (Ed25519).", kyc.SchemeHMAC, kyc.SchemeEd25519)}
	}
	return chosen
}

var (
	// token is a header's name (RFC 9110 section 5.6.2), as long as any that is in use.
	token = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$")
	// text is a header's value of visible ASCII, with spaces and tabs within (RFC 9110 section 5.5).
	text = regexp.MustCompile(`^[!-~]([\t -~]*[!-~])?$`)
	// reserved are names that a brand may not take: those of the signatures, those that say what and how long the body is
	// and where it goes, those that are about the connection alone (RFC 9110 section 7.6.1), and those that make the answer
	// another one than we can read.
	reserved = regexp.MustCompile(`(?i)^(webhook-.*|bond-signature|content-.*|user-agent|host|connection|proxy-.*|keep-alive|te|trailer|` +
		`transfer-encoding|upgrade|http2-settings|expect|accept-encoding|range|if-.*)$`)
	// pointer escapes a name for the JSON pointer to it (RFC 6901 section 3). A token holds no slash.
	pointer = strings.NewReplacer("~", "~0")
)

// applyHeaders adds, changes and takes away the headers that were sent, and returns the values to seal. What is wrong with a
// name is told without it: someone may have sent a credential in its place.
func applyHeaders(sub kyc.Subscription, sent map[string]*string, refuse func(field, format string, args ...any)) (kyc.Subscription, kyc.Profile) {
	more := kyc.Profile{}
	if len(sent) == 0 {
		return sub, more
	}
	names := map[string]string{} // as they are written, by what they are in lower case
	for _, name := range sub.Headers {
		names[strings.ToLower(name)] = name
	}
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		lower, value := strings.ToLower(name), sent[name]
		switch {
		case !token.MatchString(name):
			refuse("headers", "Must have names of 1 to 64 letters, digits and hyphens, like X-Tenant.")
			continue
		case seen[lower]:
			refuse("headers", "Must not have one name twice: capital letters make no difference.")
			continue
		case reserved.MatchString(name):
			refuse("headers/"+pointer.Replace(name), "May not be set: it is ours, or about the connection and not the event.")
		case value == nil:
			delete(names, lower)
		case len(*value) > maxValue || !text.MatchString(*value):
			refuse("headers/"+pointer.Replace(name), "Must be 1 to 2,048 characters of ASCII, without white space at either end.")
		default:
			names[lower] = name
			more[kyc.HeaderField(name)] = kyc.NewSecret(*value)
		}
		seen[lower] = true
	}
	if len(names) > maxHeaders {
		refuse("headers", "Must be at most %d headers, those that are there already included.", maxHeaders)
	}
	var written []string
	for _, lower := range slices.Sorted(maps.Keys(names)) {
		written = append(written, names[lower])
	}
	return sub.WithHeaders(written), more
}
