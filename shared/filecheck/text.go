package filecheck

import (
	"math"
	"slices"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/filter"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// Limits of the text of a PDF.
const (
	maxContent  = 8 << 20   // bytes of what draws its pages, decoded, and of its fonts' maps; whatever is drawn twice counts twice
	maxLayer    = 256 << 10 // bytes of text: a full page has 5 KB
	maxForms    = 8         // of forms in forms
	maxFilters  = 3         // of one stream
	maxOperands = 16 << 10  // of one operator, which shows a line at the most
	lookUp      = 4 << 10   // what a font or a form costs of maxContent before it is read: so many of them are few
)

// page is a page as the page tree has it.
type page struct {
	dict      types.Dict
	resources types.Object // its own, or those of the nearest node above that has some
}

// layer is the text of pages, as it grows. A library for it was looked for: the one that this package reads PDFs with has
// none, and the others take memory and time without bounds from a few hundred bytes.
//
// Text is taken in the order in which it is drawn, be it visible or not: programs that read scans put what they have read
// below or over the picture, unseen. What is drawn at one height is one line, with a space wherever it was moved to. It is
// decoded by the font's own map to Unicode (ToUnicode) or, where a font of one byte a character has none, as ASCII and
// Latin-1, by the names of its characters where it names them. Not covered, and U+FFFD, are fonts of several bytes without a
// map, other characters of fonts without one, and names that are not those of letters, digits and the filler of zones.
// Spaces that are nothing but a gap in a line are not seen, and neither is replacement text (ActualText).
type layer struct {
	search
	left  int // of maxContent
	fonts map[int]*font
	text  strings.Builder
	cut   bool // there is more than may be, or something can't be read

	drawn            bool
	atX, atY, height float64 // of what was drawn last
}

// readText returns the text of pages, empty where they have none. It reports false where that is too much to be read.
func readText(s search, pages []page) (text string, all bool) {
	defer func() {
		if recover() != nil { // the file can be read, and its text can't
			text, all = "", false
		}
	}()
	l := &layer{search: s, left: maxContent, fonts: map[int]*font{}}
	for _, p := range pages {
		l.drawn = false
		if l.text.Len() > 0 {
			l.write("\n")
		}
		l.draw(l.content(get(p.dict, "Contents")), p.resources, identity, 0)
	}
	return l.text.String(), !l.cut && l.meter.check() == nil
}

// spend takes n bytes of what may be read, and reports whether they were left.
func (l *layer) spend(n int) bool {
	l.left -= n
	l.cut = l.cut || l.left < 0 || l.meter.check() != nil
	return !l.cut
}

// write adds to the text, and reports whether there was room.
func (l *layer) write(text string) bool {
	if l.text.Len()+len(text) > maxLayer {
		l.cut = true
		return false
	}
	l.text.WriteString(text)
	return true
}

// content decodes a stream, or several that are one.
func (l *layer) content(o types.Object) []byte {
	switch o := l.value(o).(type) {
	case types.StreamDict:
		return l.decode(o)
	case types.Array:
		var all []byte
		for _, part := range o {
			stream, ok := l.value(part).(types.StreamDict)
			if !ok || !l.spend(lookUp) {
				l.cut = true
				break
			}
			all = append(append(all, l.decode(stream)...), '\n')
		}
		return all
	}
	return nil
}

// decode decodes a stream, within what is left.
func (l *layer) decode(stream types.StreamDict) []byte {
	textual := func(f types.PDFFilter) bool {
		return slices.Contains([]string{filter.Flate, filter.LZW, filter.ASCII85, filter.ASCIIHex, filter.RunLength}, f.Name)
	}
	filters := stream.FilterPipeline
	if len(filters) > maxFilters || slices.ContainsFunc(filters, func(f types.PDFFilter) bool { return !textual(f) }) || !l.spend(len(stream.Raw)) {
		l.cut = true
		return nil
	}
	data, err := stream.DecodeLengthWithLimit(-1, int64(l.left))
	if err != nil || !l.spend(len(data)) {
		l.cut = true
		return nil
	}
	return data
}

// matrix maps x, y to ax+cy+e, bx+dy+f (ISO 32000-1 section 8.3.3).
type matrix struct{ a, b, c, d, e, f float64 }

var identity = matrix{a: 1, d: 1}

// then returns the map that is m and, after it, n.
func (m matrix) then(n matrix) matrix {
	return matrix{
		m.a*n.a + m.b*n.c, m.a*n.b + m.b*n.d, m.c*n.a + m.d*n.c, m.c*n.b + m.d*n.d,
		m.e*n.a + m.f*n.c + n.e, m.e*n.b + m.f*n.d + n.f,
	}
}

// state is what q keeps and Q brings back.
type state struct {
	at      matrix
	font    *font
	size    float64
	leading float64
}

// canvas is one run of operators, of a page or of a form on it.
type canvas struct {
	*layer
	resources  types.Dict
	fonts      map[string]*font // by the names that the resources give them
	state      state
	saved      []state
	text, line matrix // of the text, and of its line
	moved      bool   // since something was drawn
	depth      int
}

func (l *layer) draw(content []byte, resources types.Object, at matrix, depth int) {
	dict, _ := l.value(resources).(types.Dict)
	c := &canvas{layer: l, resources: dict, fonts: map[string]*font{}, state: state{at: at}, text: identity, line: identity, moved: true, depth: depth}
	operators := lexer{data: content}
	var operands []token
	for n := 0; !l.cut; n++ {
		t, ok := operators.next()
		if !ok || n%1024 == 0 && !l.spend(0) {
			return
		}
		switch t.kind {
		case operatorToken:
			c.do(t.text, operands)
			operands = operands[:0]
		case nameToken, textToken, numberToken:
			operands = append(operands, t)
			l.cut = l.cut || len(operands) > maxOperands
		}
	}
}

// number returns the nth operand, 0 where that is none.
func number(operands []token, n int) float64 {
	if n < 0 || n >= len(operands) {
		return 0
	}
	return operands[n].number
}

func matrixOf(o []token) matrix {
	return matrix{number(o, 0), number(o, 1), number(o, 2), number(o, 3), number(o, 4), number(o, 5)}
}

const maxSaved = 64

func (c *canvas) do(operator string, operands []token) {
	switch operator {
	case "q":
		if len(c.saved) < maxSaved {
			c.saved = append(c.saved, c.state)
		}
	case "Q":
		if n := len(c.saved); n > 0 {
			c.state, c.saved = c.saved[n-1], c.saved[:n-1]
		}
	case "cm":
		c.state.at = matrixOf(operands).then(c.state.at)
	case "BT":
		c.place(identity)
	case "Tm":
		c.place(matrixOf(operands))
	case "Td":
		c.move(number(operands, 0), number(operands, 1))
	case "TD":
		c.state.leading = -number(operands, 1)
		c.move(number(operands, 0), number(operands, 1))
	case "TL":
		c.state.leading = number(operands, 0)
	case "T*":
		c.move(0, -c.state.leading)
	case "Tf":
		c.state.size = number(operands, 1)
		c.state.font = nil
		if len(operands) > 0 && operands[0].kind == nameToken {
			c.state.font = c.fontOf(operands[0].text)
		}
	case "'", `"`:
		c.move(0, -c.state.leading)
		c.show(operands)
	case "Tj", "TJ":
		c.show(operands)
	case "Do":
		if len(operands) > 0 && operands[0].kind == nameToken {
			c.form(operands[0].text)
		}
	}
}

func (c *canvas) place(m matrix)    { c.text, c.line, c.moved = m, m, true }
func (c *canvas) move(x, y float64) { c.place(matrix{a: 1, d: 1, e: x, f: y}.then(c.line)) }
func (c *canvas) resource(of, name string) types.Object {
	dict, _ := c.value(c.resources[of]).(types.Dict)
	return dict[name]
}

// show writes strings, on the line that they are on.
func (c *canvas) show(operands []token) {
	m := c.text.then(c.state.at)
	height := math.Abs(c.state.size) * math.Hypot(m.c, m.d)
	// How far it is from the line of what was drawn before, across the way in which it is written.
	across := math.Abs((m.e-c.atX)*m.b-(m.f-c.atY)*m.a) / math.Hypot(m.a, m.b)
	switch {
	case !c.drawn:
	case !(across <= max(height, c.height)/2): // or no number
		c.write("\n")
	case c.moved:
		c.write(" ")
	}
	c.drawn, c.moved, c.atX, c.atY, c.height = true, false, m.e, m.f, height
	for _, o := range operands {
		if o.kind == textToken {
			c.state.font.decode(o.text, c.write)
		}
	}
}

// form draws a form (ISO 32000-1 section 8.10), which programs keep the text that they have read in.
func (c *canvas) form(name string) {
	if c.depth >= maxForms || !c.spend(lookUp) {
		return
	}
	form, ok := c.value(c.resource("XObject", name)).(types.StreamDict)
	if kind, isName := c.value(form.Dict["Subtype"]).(types.Name); !ok || !isName || kind != "Form" {
		return
	}
	at := c.state.at
	if m, ok := c.value(form.Dict["Matrix"]).(types.Array); ok {
		var numbers []token
		for _, o := range m[:min(len(m), 6)] {
			numbers = append(numbers, token{number: c.float(o)})
		}
		at = matrixOf(numbers).then(at)
	}
	resources := form.Dict["Resources"]
	if resources == nil {
		resources = c.resources
	}
	c.draw(c.decode(form), resources, at, c.depth+1)
	c.moved = true
}

func (l *layer) float(o types.Object) float64 {
	switch o := l.value(o).(type) {
	case types.Integer:
		return float64(o)
	case types.Float:
		return float64(o)
	}
	return 0
}
