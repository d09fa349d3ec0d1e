package filecheck

import (
	"bytes"
	"strconv"
	"strings"
)

// tokenKind is a kind of token. A dictionary is what is in it.
type tokenKind int

const (
	operatorToken tokenKind = iota
	numberToken
	textToken
	nameToken
	openToken // of an array
	closeToken
)

type token struct {
	kind   tokenKind
	text   string
	number float64
}

// lexer reads the operators of a page and their operands (ISO 32000-1 section 7.8.2), and the same of a font's map. What it
// can't read it leaves out.
type lexer struct {
	data []byte
	at   int
}

const (
	spaces     = "\x00\t\n\f\r "
	delimiters = "()<>[]{}/%"
)

func isSpace(c byte) bool     { return strings.IndexByte(spaces, c) >= 0 }
func isDelimiter(c byte) bool { return strings.IndexByte(delimiters, c) >= 0 }

// next returns the next token, and false at the end.
func (l *lexer) next() (token, bool) {
	for l.at < len(l.data) {
		c := l.data[l.at]
		switch {
		case isSpace(c), strings.IndexByte("{})>", c) >= 0:
			l.at++
		case c == '[':
			l.at++
			return token{kind: openToken}, true
		case c == ']':
			l.at++
			return token{kind: closeToken}, true
		case c == '%':
			l.skipTo("\r\n")
		case c == '(':
			return token{kind: textToken, text: l.literal()}, true
		case c == '<' && bytes.HasPrefix(l.data[l.at:], []byte("<<")):
			l.at += 2
		case c == '<':
			return token{kind: textToken, text: l.hex()}, true
		case c == '/':
			l.at++
			return token{kind: nameToken, text: plainName([]byte(l.word()))}, true
		default:
			word := l.word()
			if strings.IndexByte("+-.0123456789", word[0]) >= 0 {
				number, _ := strconv.ParseFloat(word, 64)
				return token{kind: numberToken, number: number}, true
			}
			if word == "ID" {
				l.skipImage()
			}
			return token{kind: operatorToken, text: word}, true
		}
	}
	return token{}, false
}

func (l *lexer) skipTo(ends string) {
	if n := bytes.IndexAny(l.data[l.at:], ends); n >= 0 {
		l.at += n
		return
	}
	l.at = len(l.data)
}

// word reads up to a space or a delimiter.
func (l *lexer) word() string {
	start := l.at
	for l.at < len(l.data) && !isSpace(l.data[l.at]) && !isDelimiter(l.data[l.at]) {
		l.at++
	}
	return string(l.data[start:l.at])
}

// skipImage goes behind the bytes of an image in the content, to the EI that stands alone.
func (l *lexer) skipImage() {
	for l.at < len(l.data) {
		n := bytes.Index(l.data[l.at:], []byte("EI"))
		if n < 0 {
			break
		}
		begin, end := l.at+n, l.at+n+2
		l.at = end
		if begin > 0 && isSpace(l.data[begin-1]) && (end == len(l.data) || isSpace(l.data[end])) {
			return
		}
	}
	l.at = len(l.data)
}

var escapes = map[byte]byte{'n': '\n', 'r': '\r', 't': '\t', 'b': '\b', 'f': '\f'}

// literal reads a string in parentheses (section 7.3.4.2).
func (l *lexer) literal() string {
	var b strings.Builder
	depth := 0
	for l.at < len(l.data) {
		c := l.data[l.at]
		l.at++
		switch c {
		case '(':
			if depth++; depth == 1 {
				continue
			}
		case ')':
			if depth--; depth == 0 {
				return b.String()
			}
		case '\\':
			l.escaped(&b)
			continue
		case '\r': // an end of line is one line feed, however it is written
			if l.at < len(l.data) && l.data[l.at] == '\n' {
				l.at++
			}
			c = '\n'
		}
		b.WriteByte(c)
	}
	return b.String()
}

func (l *lexer) escaped(b *strings.Builder) {
	if l.at == len(l.data) {
		return
	}
	c := l.data[l.at]
	l.at++
	switch {
	case escapes[c] != 0:
		b.WriteByte(escapes[c])
	case c >= '0' && c <= '7':
		code := int(c - '0')
		for range 2 {
			if l.at == len(l.data) || l.data[l.at] < '0' || l.data[l.at] > '7' {
				break
			}
			code = code*8 + int(l.data[l.at]-'0')
			l.at++
		}
		b.WriteByte(byte(code))
	case c == '\r': // the line goes on
		if l.at < len(l.data) && l.data[l.at] == '\n' {
			l.at++
		}
	case c != '\n':
		b.WriteByte(c)
	}
}

// hex reads a string of hexadecimal digits; an odd last one stands for itself and a zero (section 7.3.4.3).
func (l *lexer) hex() string {
	var b strings.Builder
	var half byte
	digits := 0
	for l.at++; l.at < len(l.data) && l.data[l.at] != '>'; l.at++ {
		digit, ok := hexDigit(l.data[l.at])
		if !ok {
			continue
		}
		if digits++; digits%2 == 0 {
			b.WriteByte(half<<4 | digit)
		}
		half = digit
	}
	if digits%2 == 1 {
		b.WriteByte(half << 4)
	}
	l.at = min(l.at+1, len(l.data))
	return b.String()
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
