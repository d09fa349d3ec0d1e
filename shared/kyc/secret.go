package kyc

import (
	"crypto/hmac"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is personal data, or a credential, that cannot print itself: every verb of fmt, slog and every text or JSON
// encoder show a placeholder. It holds a pointer, because fmt prints a plain string even from an unexported field.
// The zero Secret holds nothing. A Secret is immutable and safe for concurrent use.
type Secret struct{ value *string }

// NewSecret wraps s.
func NewSecret(s string) Secret { return Secret{value: &s} }

// Reveal returns the value. Call it only where the value must leave: encryption, a check, an answer to its owner.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsZero reports whether s holds nothing or the empty string.
func (s Secret) IsZero() bool { return s.value == nil || *s.value == "" }

// Equal reports whether both hold the same, and takes as long for every difference.
func (s Secret) Equal(t Secret) bool { return hmac.Equal([]byte(s.Reveal()), []byte(t.Reveal())) }

// Format implements fmt.Formatter for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON, XML and YAML encoders honour.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
