package filecheck

import (
	"cmp"
	"slices"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// Limits of a font's maps. A font of all of Unicode's basic plane has fewer entries.
const (
	maxEntries     = 64 << 10
	maxDifferences = 1 << 10
)

// font tells which text the codes of a string stand for.
type font struct {
	width  int            // bytes of a code
	ranges []codeRange    // by their first code, where the font has a map
	names  map[int]string // what codes stand for by their names
	blind  bool           // whether codes can't be told without a map
}

// codeRange maps codes to text: the first to to, the others to what follows in its last place.
type codeRange struct {
	first, last int
	to          []rune
}

const unknown = string(utf8.RuneError)

// fontOf returns the font of a name, nil where there is none.
func (c *canvas) fontOf(name string) *font {
	if f, known := c.fonts[name]; known {
		return f
	}
	if !c.spend(lookUp) {
		return nil
	}
	o := c.resource("Font", name)
	ref, isRef := o.(types.IndirectRef)
	if isRef {
		if f, known := c.layer.fonts[ref.ObjectNumber.Value()]; known {
			return f
		}
	}
	dict, _ := c.value(o).(types.Dict)
	f := c.readFont(dict)
	if c.fonts[name] = f; isRef {
		c.layer.fonts[ref.ObjectNumber.Value()] = f
	}
	return f
}

func (l *layer) readFont(dict types.Dict) *font {
	f := &font{width: 1}
	if kind, ok := l.value(dict["Subtype"]).(types.Name); ok && kind == "Type0" {
		f.width, f.blind = 2, true
	}
	if encoding, ok := l.value(dict["Encoding"]).(types.Dict); ok && !f.blind {
		f.names = l.differences(encoding)
	}
	if stream, ok := l.value(dict["ToUnicode"]).(types.StreamDict); ok {
		f.readMap(l.decode(stream))
	}
	return f
}

// differences reads which codes have other characters than the font's encoding says (section 9.6.6).
func (l *layer) differences(encoding types.Dict) map[int]string {
	names := map[int]string{}
	all, _ := l.value(encoding["Differences"]).(types.Array)
	code := 0
	for _, o := range all[:min(len(all), maxDifferences)] {
		switch o := o.(type) {
		case types.Integer:
			code = int(o)
		case types.Name:
			names[code] = named(string(o))
			code++
		}
	}
	return names
}

// characters are the names of what machine-readable text is made of beside letters, whose names are themselves.
var characters = map[string]string{
	"less": "<", "space": " ", "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
	"eight": "8", "nine": "9",
}

func named(character string) string {
	if len(character) == 1 {
		return character
	}
	if c, ok := characters[character]; ok {
		return c
	}
	return unknown
}

// readMap reads a map to Unicode (section 9.10.3): whole ranges, and characters one by one.
func (f *font) readMap(data []byte) {
	operators := lexer{data: data}
	var operands []token
	for len(f.ranges) < maxEntries && len(operands) < maxEntries {
		t, ok := operators.next()
		if !ok {
			slices.SortStableFunc(f.ranges, func(a, b codeRange) int { return cmp.Compare(a.first, b.first) })
			return
		}
		if t.kind != operatorToken {
			operands = append(operands, t)
			continue
		}
		switch t.text {
		case "endcodespacerange":
			if len(operands) > 0 && f.blind {
				f.width = min(max(len(operands[0].text), 1), 4)
			}
		case "endbfchar":
			for ; len(operands) >= 2; operands = operands[2:] {
				f.add(codeOf(operands[0].text), codeOf(operands[0].text), operands[1])
			}
		case "endbfrange":
			for len(operands) >= 3 {
				first, last := codeOf(operands[0].text), codeOf(operands[1].text)
				to := operands[2]
				operands = operands[3:]
				if to.kind != openToken {
					f.add(first, last, to)
					continue
				}
				for ; len(operands) > 0 && operands[0].kind != closeToken; operands = operands[1:] {
					f.add(first, first, operands[0])
					first++
				}
				operands = operands[min(1, len(operands)):]
			}
		}
		operands = nil
	}
	f.ranges, f.names, f.blind = nil, nil, true // who knows what the rest would say
}

func (f *font) add(first, last int, to token) {
	f.ranges = append(f.ranges, codeRange{first, last, utf16Of(to.text)})
}

func codeOf(text string) int {
	code := 0
	for _, c := range []byte(text[:min(len(text), 4)]) {
		code = code<<8 | int(c)
	}
	return code
}

func utf16Of(text string) []rune {
	const longest = 16 // characters of one code: a ligature has a few
	var units []uint16
	for i := 0; i+1 < len(text) && len(units) < longest; i += 2 {
		units = append(units, uint16(text[i])<<8|uint16(text[i+1]))
	}
	return utf16.Decode(units)
}

// decode writes what a string stands for, character by character for as long as write takes them: each may be many letters.
// A nil font, which nobody has named, is one of ASCII.
func (f *font) decode(text string, write func(string) bool) {
	if f == nil {
		f = &font{width: 1}
	}
	for len(text) > 0 {
		n := min(f.width, len(text))
		if !write(f.character(codeOf(text[:n]))) {
			return
		}
		text = text[n:]
	}
}

func (f *font) character(code int) string {
	if at, _ := slices.BinarySearchFunc(f.ranges, code+1, func(r codeRange, code int) int { return cmp.Compare(r.first, code) }); at > 0 {
		r := f.ranges[at-1]
		if code > r.last || len(r.to) == 0 {
			return unknown
		}
		to := slices.Clone(r.to)
		to[len(to)-1] += rune(code - r.first)
		return string(to)
	}
	switch name, named := f.names[code]; {
	case f.blind, len(f.ranges) > 0:
		return unknown
	case named:
		return name
	case code >= 0x7f && code < 0xa0: // where the encodings of fonts differ
		return unknown
	}
	return string(rune(code))
}
