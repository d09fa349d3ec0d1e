package identity

import "unicode"

// consists reports whether every character of a text is allowed, and each joiner stands where its script needs it.
func consists(text string, allowed func(rune) bool) bool {
	runes := []rune(text)
	for n, r := range runes {
		if r == zwnj || r == zwj {
			if !joins(runes, n) {
				return false
			}
		} else if !allowed(r) {
			return false
		}
	}
	return true
}

const zwnj, zwj = '\u200c', '\u200d' // zero-width non-joiner and joiner

// joining are the scripts whose letters change their form beside others, which the joiners steer.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian,
	unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu,
	unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar,
}

// joins reports whether the joiner at n stands inside a word of a script that has a use for it: spelling a Persian or a
// Sinhalese name takes one, while between other letters it only makes two names of those that look alike. RFC 5892
// appendix A tells the places more exactly, by tables that Go's library does not have.
func joins(runes []rune, n int) bool {
	if n == 0 || n == len(runes)-1 {
		return false
	}
	before, after := runes[n-1], runes[n+1]
	return (unicode.In(before, joining...) || unicode.Is(unicode.Mn, before)) && unicode.In(after, joining...)
}
