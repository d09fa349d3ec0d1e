package filecheck_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"kyc/shared/filecheck"
)

const zone1, zone2 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"

// shown is a document of one page with these contents and resources, and more objects from 5 on.
func shown(content, resources string, more ...string) []string {
	return append([]string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 /Resources << " + resources + " >> >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R >>",
		stream("", content),
	}, more...)
}

func flate(dict, body string) string {
	return stream(dict+" /Filter /FlateDecode", string(deflate([]byte(body))))
}

// wide writes text in codes of two bytes.
func wide(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		fmt.Fprintf(&b, "%04X", c)
	}
	return b.String()
}

const (
	helvetica = "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>"
	composite = "/Font << /F1 5 0 R >>"
	glyphless = "<< /Type /Font /Subtype /Type0 /BaseFont /GlyphLessFont /Encoding /Identity-H /ToUnicode 6 0 R >>"
	identity  = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /Adobe-Identity-UCS def\n" +
		"1 begincodespacerange <0000> <FFFF> endcodespacerange 1 beginbfrange <0000> <FFFF> <0000> endbfrange endcmap end end"
)

// Text is read in each way in which programs that read scans write it.
func TestText(t *testing.T) {
	invisible := "BT 3 Tr 1 0 0 1 20 50 Tm /F1 8 Tf [ <" + wide("P<UTOERIKSSON<<ANNA<MARIA<<<<") + "> ] TJ 180 0 Td [ <" + wide("<<<<<<<<<<<<<<<") +
		"> ] TJ ET BT 3 Tr 1 0 0 1 20 38 Tm /F1 8 Tf <" + wide(zone2) + "> Tj ET"
	const spaced = "P<UTOERIKSSON<<ANNA<MARIA<<<< <<<<<<<<<<<<<<<"
	// Codes from 0x80 on that stand for the letters of ABC, in the ways that a map can say so.
	odd := func(entries string) []string {
		return shown("BT /F1 8 Tf (\\200\\201\\202) Tj ET", composite, "<< /Type /Font /Subtype /TrueType /ToUnicode 6 0 R >>",
			flate("", "1 begincodespacerange <00> <FF> endcodespacerange "+entries))
	}
	for name, c := range map[string]struct {
		objects []string
		want    string
	}{
		"a standard font":      {shown("BT /F1 9 Tf 20 50 Td ("+zone1+") Tj 0 -12 Td ("+zone2+") Tj ET", helvetica), zone1 + "\n" + zone2},
		"no font":              {shown("BT (a \\(b\\) \\134 \\303\\r) Tj ET", ""), "a (b) \\ Ã\r"},
		"codes of two bytes":   {shown(invisible, composite, glyphless, flate("", identity)), spaced + "\n" + zone2},
		"in a form":            {shown("q 0.24 0 0 0.24 0 0 cm /OCR Do Q", "/XObject << /OCR 7 0 R >>", glyphless, flate("", identity), flate("/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Matrix [2 0 0 2 0 0] /Resources << "+composite+" >>", invisible)), spaced + "\n" + zone2},
		"a form of the page's": {shown("/Fm Do", "/XObject << /Fm 5 0 R >> "+helvetica, stream("/Subtype /Form", "BT /F1 1 Tf (inside) Tj ET")), "inside"},
		"turned":               {shown("BT /F1 9 Tf 0 1 -1 0 50 20 Tm (P<U) Tj 0 30 Td (one below) Tj 0 1 -1 0 50 90 Tm (TO) Tj ET", helvetica), "P<U\none below\nTO"},
		"turned, one line":     {shown("BT /F1 9 Tf 0 1 -1 0 50 20 Tm (P<U) Tj 30 0 Td (TO) Tj ET", helvetica), "P<U TO"},
		"lines by leading":     {shown("BT /F1 9 Tf 12 TL (a) Tj T* (b) Tj (c) ' 1 2 (d) \" 0 -14 TD (e) Tj T* (f) Tj ET", helvetica), "a\nb\nc\nd\ne\nf"},
		"pieces of one line":   {shown("BT /F1 9 Tf [(P<) -20 (U) 500 (TO)] TJ (X) Tj ET", helvetica), "P<UTOX"},
		"a word beside":        {shown("BT /F1 9 Tf (a) Tj 30 2 Td (b) Tj ET", helvetica), "a b"},
		"characters by name":   {shown("BT /F1 9 Tf (\\001\\002\\003\\004A) Tj ET", "/Font << /F1 << /Subtype /Type3 /Encoding << /Differences [1 /P /less /seven /florin] >> >> >>"), "P<7\ufffdA"},
		"mapped one by one":    {odd("3 beginbfchar <80> <0041> <81> <0042> <82> <0043> endbfchar"), "ABC"},
		"mapped as a range":    {odd("1 beginbfrange <80> <82> <0041> endbfrange"), "ABC"},
		"mapped to a list":     {odd("2 beginbfrange <80> <81> [<0041> <0042>] <82> <82> <0043> endbfrange"), "ABC"},
		"mapped to more":       {odd("2 beginbfchar <80> <00410042> <82> <D83DDE00> endbfchar"), "AB\ufffd😀"},
		"no map":               {shown("BT /F1 9 Tf <00410042> Tj ET", composite, "<< /Subtype /Type0 /Encoding /Identity-H >>"), "\ufffd\ufffd"},
		"a picture between":    {shown("BI /W 1 /H 1 ID (xEIy) EI BT (after) Tj ET", ""), "after"},
		"nothing":              {shown("0 0 9 9 re f", ""), ""},
		"a comment":            {shown("% (no) Tj\nBT (yes) Tj ET", ""), "yes"},
	} {
		t.Run(name, func(t *testing.T) {
			for form, file := range map[string]string{"plain": makePDF("", c.objects...), "compressed": makeStreamPDF(c.objects)} {
				r := inspect(t, []byte(file))
				if got := r.Text.Reveal(); !r.Accepted() || got != c.want || r.TextIsCut {
					t.Errorf("%s: %s, %q, cut: %t; want %q", form, r.Reason, got, r.TextIsCut, c.want)
				}
			}
		})
	}
	two := append(shown("", ""), stream("", "BT (P<U) Tj"), stream("", "(TO) Tj ET"), stream("", "BT (next) Tj ET"),
		"<< /Type /Page /Parent 2 0 R /Contents 7 0 R >>")
	two[1], two[2] = "<< /Type /Pages /Kids [3 0 R 8 0 R] /Count 2 >>", "<< /Type /Page /Parent 2 0 R /Contents [5 0 R 6 0 R] >>"
	if got := inspect(t, []byte(makePDF("", two...))).Text.Reveal(); got != "P<UTO\nnext" {
		t.Errorf("two pages, one of two streams: %q", got)
	}
}

// Of a page that can't be read whole, what was read is not relied on.
func TestTextOfHalfAPage(t *testing.T) {
	half := append(shown("", ""), stream("", "BT (P<U) Tj ET"), "42")
	half[2] = "<< /Type /Page /Parent 2 0 R /Contents [5 0 R 6 0 R] >>"
	if r := inspect(t, []byte(makePDF("", half...))); r.Accepted() && !r.TextIsCut {
		t.Errorf("read %q, as if it were all", r.Text.Reveal())
	}
}

// A file that would take much time or memory to read the text of is kept, and its text is not relied on: each of these is told to be cut
// within the limits that text.go has.
func TestTextThatTakesTooMuch(t *testing.T) {
	again := func(n int) string { return strings.Repeat("/F Do ", n) }
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "/F%d 1 Tf ", i)
		}
		return b.String()
	}
	for name, objects := range map[string][]string{
		"a bomb":                  shown("BT (a) Tj ET /F Do", "/XObject << /F 5 0 R >>", flate("/Subtype /Form", strings.Repeat(" ", 64<<20))),
		"a form in itself":        shown("/F Do", "/XObject << /F 5 0 R >>", stream("/Subtype /Form /Resources << /XObject << /F 5 0 R >> >>", again(64))),
		"a form again and again":  shown(again(10_000), "/XObject << /F 5 0 R >>", stream("/Subtype /Form", "BT (a) Tj ET")),
		"much to no end":          shown(again(10_000), "/XObject << /F 5 0 R >>", stream("/Subtype /Form /Filter /ASCIIHexDecode", strings.Repeat(" ", 1<<20)+">")),
		"many names":              shown(names(20_000), "/Font << >>"),
		"an array without an end": shown("["+strings.Repeat("1 ", 1<<20), ""),
		"much text":               shown("BT ("+strings.Repeat("a", 1<<20)+") Tj ET", ""),
		"a broken stream":         shown("/F Do", "/XObject << /F 5 0 R >>", stream("/Subtype /Form /Filter /FlateDecode", "no flate")),
		"a picture for a text":    shown("/F Do", "/XObject << /F 5 0 R >>", stream("/Subtype /Form /Filter /DCTDecode", "no text")),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			r, err := filecheck.Inspect(ctx, []byte(makePDF("", objects...)), "")
			if err != nil || !r.Accepted() || !r.TextIsCut {
				t.Errorf("%v, %s, cut: %t, %d bytes", err, r.Reason, r.TextIsCut, len(r.Text.Reveal()))
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r, err := filecheck.Inspect(ctx, []byte(makePDF("", shown("BT (a) Tj ET", "")...)), ""); !errors.Is(err, context.Canceled) || r.Text.Reveal() != "" {
		t.Errorf("%v", err)
	}
}

// Whatever a page holds, reading its text ends, and what it is said to show it shows.
func FuzzText(f *testing.F) {
	for _, content := range []string{"BT /F1 9 Tf 20 50 Td (P<UTO) Tj <5A> Tj [(a) -2 (b)] TJ ET", "q 1 0 0 1 0 0 cm /Fm Do Q", "BI ID x EI [[(", "<", "(\\", "/"} {
		f.Add(content, identity)
	}
	f.Fuzz(func(t *testing.T, content, cmap string) {
		r, err := filecheck.Inspect(t.Context(), []byte(makePDF("", shown(content, composite+" /XObject << /Fm 7 0 R >>", glyphless, flate("", cmap), stream("/Subtype /Form", content))...)), "")
		if err != nil {
			t.Fatal(err)
		}
		if text := r.Text.Reveal(); len(text) > 256<<10 || r.Reason != "" && text != "" {
			t.Errorf("%d bytes of text, %q", len(text), r.Reason)
		}
	})
}
