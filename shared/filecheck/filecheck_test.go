package filecheck_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"kyc/shared/filecheck"
)

func inspect(t *testing.T, data []byte) filecheck.Result {
	t.Helper()
	r, err := filecheck.Inspect(t.Context(), data, "")
	if err != nil {
		t.Fatal(err)
	}
	if r.Size != len(data) || r.SHA256 != sha256.Sum256(data) {
		t.Errorf("size %d and sum are not those of the file", r.Size)
	}
	return r
}

func archive() []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, _ := w.Create("word/document.xml")
	_, _ = f.Write([]byte("<w:document/>"))
	_ = w.Close()
	return b.Bytes()
}

func join(parts ...any) []byte {
	var b bytes.Buffer
	for _, part := range parts {
		switch part := part.(type) {
		case string:
			b.WriteString(part)
		case []byte:
			b.Write(part)
		}
	}
	return b.Bytes()
}

var (
	photo = makeJPEG(picture(320, 240))
	scan  = makePNG(picture(320, 240))
)

func TestAccepted(t *testing.T) {
	grey, deep, palette := image.NewGray(image.Rect(0, 0, 300, 300)), image.NewNRGBA64(image.Rect(0, 0, 300, 300)), image.NewPaletted(image.Rect(0, 0, 300, 300), []color.Color{color.Black, color.White})
	const notes = "\x00 camera's notes "
	for name, c := range map[string]struct {
		data    []byte
		kind    filecheck.Type
		decoded bool
		pages   int
	}{
		"JPEG":                       {photo, filecheck.JPEG, true, 0},
		"JPEG, grey":                 {makeJPEG(grey), filecheck.JPEG, true, 0},
		"JPEG with EXIF":             {afterSOI(photo, 0xe1, "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), filecheck.JPEG, true, 0},
		"JPEG, notes behind":         {join(photo, strings.Repeat(notes, 3000)), filecheck.JPEG, true, 0},
		"JPEG, another behind":       {join(photo, makeJPEG(picture(900, 900)), photo), filecheck.JPEG, true, 0},
		"JPEG, film behind":          {join(photo, box("ftyp", "mp42\x00\x00\x00\x00isom"), box("moov", zero4), box("mdat", strings.Repeat("film", 50_000))), filecheck.JPEG, true, 0},
		"JPEG, progressive":          {testdata(t, "progressive.jpg"), filecheck.JPEG, true, 0},
		"JPEG of 32 scans":           {moreScans(testdata(t, "progressive.jpg"), 22), filecheck.JPEG, true, 0},
		"JPEG, CMYK":                 {testdata(t, "cmyk.jpg"), filecheck.JPEG, true, 0},
		"PNG":                        {scan, filecheck.PNG, true, 0},
		"PNG, grey":                  {makePNG(grey), filecheck.PNG, true, 0},
		"PNG, 16 bits":               {makePNG(deep), filecheck.PNG, true, 0},
		"PNG, palette":               {makePNG(palette), filecheck.PNG, true, 0},
		"PNG with text":              {afterIHDR(scan, chunk("tEXt", []byte("Comment\x00scanned")), chunk("eXIf", []byte("MM\x00*"))), filecheck.PNG, true, 0},
		"PNG, notes behind":          {join(scan, notes), filecheck.PNG, true, 0},
		"HEIC":                       {[]byte(makeHEIC()), filecheck.HEIC, false, 0},
		"HEIC, large box":            {[]byte(box("ftyp", brands) + meta() + "\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x14here"), filecheck.HEIC, false, 0},
		"HEIC, last box open":        {[]byte(box("ftyp", brands) + meta() + zero4 + "mdathere"), filecheck.HEIC, false, 0},
		"HEIC, heic among the rest":  {[]byte(box("ftyp", "mif1\x00\x00\x00\x00mif1miafheic") + meta() + box("mdat", "x")), filecheck.HEIC, false, 0},
		"PDF":                        {[]byte(makePDF("", onePage()...)), filecheck.PDF, false, 1},
		"PDF, objects compressed":    {[]byte(makeStreamPDF(onePage())), filecheck.PDF, false, 1},
		"PDF, twenty pages":          {[]byte(makePDF("", pages(20)...)), filecheck.PDF, false, 20},
		"PDF that opens at a page":   {[]byte(makePDF("", with("/OpenAction [3 0 R /XYZ null null 0]")...)), filecheck.PDF, false, 1},
		"PDF that goes to a page":    {[]byte(makePDF("", with("/OpenAction << /S /GoTo /D [3 0 R /Fit] >>")...)), filecheck.PDF, false, 1},
		"PDF with a link":            {[]byte(makePDF("", with("", "<< /Type /Annot /Subtype /Link /A << /S /URI /URI (https://example.com) >> >>")...)), filecheck.PDF, false, 1},
		"PDF with a form":            {[]byte(makePDF("", with("/AcroForm << /Fields [] >>")...)), filecheck.PDF, false, 1},
		"PDF, short resource names":  {[]byte(makePDF("", with("", "<< /Font << /AA << /Type /Font >> /EF << /Type /Font >> /JS << /Type /Font >> >> >>")...)), filecheck.PDF, false, 1},
		"PDF, line breaks behind":    {[]byte(makePDF("", onePage()...) + "\r\n\r\n"), filecheck.PDF, false, 1},
		"PDF whose table is damaged": {[]byte(strings.Replace(makePDF("", onePage()...), "startxref\n", "startxref\n9", 1)), filecheck.PDF, false, 1},
		"PDF, cut and complete":      {[]byte(makePDF("", onePage()...) + strings.TrimPrefix(makePDF("", pages(2)...), "%PDF-1.7\n")), filecheck.PDF, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := inspect(t, c.data)
			if !r.Accepted() || r.Type != c.kind || r.Decoded != c.decoded || c.pages != 0 && r.Pages != c.pages {
				t.Errorf("got %+v", r)
			}
			if c.decoded == (r.Width == 0) || c.decoded == (r.Height == 0) {
				t.Errorf("%d x %d pixels", r.Width, r.Height)
			}
		})
	}
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRefused(t *testing.T) {
	big := make([]byte, filecheck.MaxBytes+1)
	copy(big, photo)
	heic := makeHEIC()
	one := makePDF("", onePage()...)
	action := func(s string) []byte { return []byte(makePDF("", with("/OpenAction 5 0 R", s)...)) }
	for name, c := range map[string]struct {
		data []byte
		why  filecheck.Reason
	}{
		"nothing":          {nil, filecheck.Empty},
		"21 MB":            {big, filecheck.TooLarge},
		"script":           {[]byte("#!/bin/sh\nrm -rf /\n"), filecheck.UnsupportedType},
		"page":             {[]byte("<!doctype html><script>alert(1)</script>"), filecheck.UnsupportedType},
		"SVG":              {[]byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), filecheck.UnsupportedType},
		"ZIP":              {archive(), filecheck.UnsupportedType},
		"GIF":              {[]byte("GIF89a\x01\x00\x01\x00\x80\x00\x00"), filecheck.UnsupportedType},
		"TIFF":             {[]byte("II*\x00\x08\x00\x00\x00"), filecheck.UnsupportedType},
		"WebP":             {[]byte("RIFF\x24\x00\x00\x00WEBPVP8 "), filecheck.UnsupportedType},
		"program":          {[]byte("\x7fELF\x02\x01\x01"), filecheck.UnsupportedType},
		"program, Windows": {[]byte("MZ\x90\x00"), filecheck.UnsupportedType},
		"film":             {[]byte(box("ftyp", "mp42\x00\x00\x00\x00isom") + box("moov", zero4)), filecheck.UnsupportedType},
		"AVIF":             {[]byte(box("ftyp", "avif\x00\x00\x00\x00mif1") + meta()), filecheck.UnsupportedType},
		"text":             {[]byte("hello"), filecheck.UnsupportedType},
		"one byte":         {[]byte("\xff"), filecheck.UnsupportedType},

		"JPEG, head alone":        {[]byte("\xff\xd8\xff"), filecheck.Truncated},
		"JPEG without picture":    {[]byte("\xff\xd8\xff\xd9"), filecheck.Unreadable},
		"JPEG without its end":    {photo[:len(photo)-2], filecheck.Truncated},
		"JPEG, half":              {photo[:len(photo)/2], filecheck.Truncated},
		"JPEG, half with an end":  {join(photo[:len(photo)/2], "\xff\xd9"), filecheck.Unreadable},
		"JPEG, 20 x 20":           {makeJPEG(picture(20, 20)), filecheck.TooSmall},
		"JPEG, a strip":           {makeJPEG(picture(1000, 239)), filecheck.TooSmall},
		"JPEG, 65,000 x 65,000":   {resized(photo, 65000, 65000), filecheck.TooManyPixels},
		"JPEG, no height":         {resized(photo, 320, 0), filecheck.Unreadable},
		"JPEG, arithmetic":        {bytes.Replace(photo, []byte("\xff\xc0"), []byte("\xff\xc9"), 1), filecheck.Unreadable},
		"JPEG of 33 scans":        {moreScans(testdata(t, "progressive.jpg"), 23), filecheck.Unreadable},
		"JPEG and ZIP":            {join(photo, archive()), filecheck.ExtraContent},
		"JPEG and ZIP and more":   {join(photo, archive(), "more"), filecheck.ExtraContent},
		"JPEG and RAR":            {join(photo, "Rar!\x1a\x07\x01\x00"), filecheck.ExtraContent},
		"JPEG and page":           {join(photo, "<html><body>"), filecheck.ExtraContent},
		"JPEG, script in comment": {afterSOI(photo, 0xfe, "*/=1;<ScRiPt>alert(1)</script>"), filecheck.ExtraContent},
		"JPEG, PHP in comment":    {afterSOI(photo, 0xfe, "<?php system($_GET[0]);"), filecheck.ExtraContent},
		"JPEG and PDF":            {afterSOI(photo, 0xfe, one), filecheck.ExtraContent},
		"JPEG, 65 KB behind":      {join(photo, strings.Repeat("x", 64<<10+1)), filecheck.ExtraContent},
		"JPEG, half a film":       {join(photo, box("ftyp", "mp42\x00\x00\x00\x00isom"), "\x00\xff\xff\xffmdat", strings.Repeat("film", 50_000)), filecheck.ExtraContent},

		"PNG, head alone":            {scan[:8], filecheck.Truncated},
		"PNG, half":                  {scan[:len(scan)/2], filecheck.Truncated},
		"PNG, no end":                {scan[:len(scan)-12], filecheck.Truncated},
		"PNG, a bit changed":         {flip(scan, len(scan)/2), filecheck.Unreadable},
		"PNG, a bit of text changed": {flip(afterIHDR(scan, chunk("tEXt", []byte("Comment\x00scanned"))), 50), filecheck.Unreadable},
		"PNG, too few rows":          {emptyPNG(300, 300, 8, 0, 0, deflate(make([]byte, 301*200))), filecheck.Unreadable},
		"PNG, too many rows":         {emptyPNG(300, 300, 8, 0, 0, deflate(make([]byte, 50<<20))), filecheck.Unreadable},
		"PNG, no picture":            {emptyPNG(300, 300, 8, 0, 0, nil), filecheck.Unreadable},
		"PNG, no size":               {emptyPNG(0, 300, 8, 0, 0, nil), filecheck.Unreadable},
		"PNG, negative size":         {emptyPNG(1<<31+300, 300, 8, 0, 0, nil), filecheck.Unreadable},
		"PNG, 20 x 20":               {makePNG(picture(20, 20)), filecheck.TooSmall},
		"PNG, 60,000 x 60,000":       {emptyPNG(60_000, 60_000, 8, 6, 0, deflate(make([]byte, 10))), filecheck.TooManyPixels},
		"PNG, 7,000 x 7,000, woven":  {emptyPNG(7_000, 7_000, 16, 6, 1, deflate(make([]byte, 10))), filecheck.TooManyPixels},
		"PNG, largest size":          {emptyPNG(1<<31-1, 1<<31-1, 16, 6, 1, nil), filecheck.TooManyPixels},
		"PNG, two heads":             {afterIHDR(scan, scan[8:33]), filecheck.Unreadable},
		"PNG, 5 MB of notes":         {afterIHDR(scan, chunk("zTXt", make([]byte, 5<<20))), filecheck.ExtraContent},
		"PNG, 5 MB in pieces":        {afterIHDR(scan, slices.Repeat([][]byte{chunk("prVt", make([]byte, 1<<20))}, 5)...), filecheck.ExtraContent},
		"PNG, a name of other bytes": {afterIHDR(scan, chunk("\x00\x01\x02\x03", nil)), filecheck.Unreadable},
		"PNG and ZIP":                {join(scan, archive()), filecheck.ExtraContent},
		"PNG with a ZIP inside":      {afterIHDR(scan, chunk("prVt", archive())), filecheck.ExtraContent},
		"PNG and PDF":                {afterIHDR(scan, chunk("prVt", []byte(one))), filecheck.ExtraContent},
		"PNG and page":               {afterIHDR(scan, chunk("tEXt", []byte("a\x00<script src=//example.com>"))), filecheck.ExtraContent},
		"PNG, 65 KB behind":          {join(scan, strings.Repeat("x", 64<<10+1)), filecheck.ExtraContent},

		"HEIC, cut":             {[]byte(heic[:len(heic)-1]), filecheck.Truncated},
		"HEIC, head alone":      {[]byte(box("ftyp", brands)), filecheck.Unreadable},
		"HEIC, no picture":      {[]byte(box("ftyp", brands) + meta()), filecheck.Unreadable},
		"HEIC, no meta":         {[]byte(box("ftyp", brands) + box("mdat", "x")), filecheck.Unreadable},
		"HEIC of sound":         {[]byte(strings.Replace(heic, "pict", "soun", 1)), filecheck.Unreadable},
		"HEIC, a box too long":  {[]byte(strings.Replace(heic, "\x00\x00\x00\x0epitm", "\x00\x00\xff\x0epitm", 1)), filecheck.Unreadable},
		"HEIC, a box too short": {[]byte(strings.Replace(heic, "\x00\x00\x00\x0epitm", "\x00\x00\x00\x02pitm", 1)), filecheck.Unreadable},
		"HEIC, bytes behind":    {[]byte(heic + "xyz"), filecheck.Truncated},
		"HEIC and ZIP":          {join(heic, box("free", string(archive()))), filecheck.ExtraContent},
		"HEIC and page":         {join(heic, box("free", "<html >")), filecheck.ExtraContent},

		"PDF, head alone":              {[]byte("%PDF-1.7\n"), filecheck.Truncated},
		"PDF, half":                    {[]byte(one[:len(one)/2]), filecheck.Truncated},
		"PDF, second half missing":     {[]byte(one + strings.Repeat("9 0 obj << >> endobj\n", 100)), filecheck.Truncated},
		"PDF, head and end":            {[]byte("%PDF-1.7\n%%EOF"), filecheck.Unreadable},
		"PDF with bytes behind":        {[]byte(one + strings.Repeat("x", 2000)), filecheck.ExtraContent},
		"PDF and ZIP":                  {join(one, archive()), filecheck.ExtraContent},
		"PDF without pages":            {[]byte(makePDF("", pages(0)...)), filecheck.Unreadable},
		"PDF, page tree in a ring":     {[]byte(makePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R] /Count 1 >>")), filecheck.Unreadable},
		"PDF, page missing":            {[]byte(makePDF("", "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [9 0 R] /Count 1 >>")), filecheck.Unreadable},
		"PDF, 21 pages":                {[]byte(makePDF("", pages(21)...)), filecheck.TooManyPages},
		"PDF, 21 pages, says one":      {[]byte(strings.Replace(makePDF("", pages(21)...), "/Count 21", "/Count 1 ", 1)), filecheck.TooManyPages},
		"PDF, encrypted":               {[]byte(makePDF("/Encrypt 5 0 R", with("", "<< /Filter /Standard /V 1 /R 2 /O (x) /U (x) /P -4 >>")...)), filecheck.Encrypted},
		"PDF, encrypted, name escaped": {[]byte(makePDF("/Encr#79pt 5 0 R", with("", "<< /Filter /Standard >>")...)), filecheck.Encrypted},

		"PDF, script at opening":     {action("<< /S /JavaScript /JS (app.alert(1)) >>"), filecheck.ActiveContent},
		"PDF, script, name escaped":  {action("<< /S /J#61vaScript /JS (app.alert(1)) >>"), filecheck.ActiveContent},
		"PDF, script in names":       {[]byte(makePDF("", with("/Names << /JavaScript << /Names [(a) 5 0 R] >> >>", "<< /S /JavaScript /JS (1) >>")...)), filecheck.ActiveContent},
		"PDF, script unused":         {[]byte(makePDF("", with("", "<< /S /JavaScript /JS (1) >>")...)), filecheck.ActiveContent},
		"PDF, program started":       {action("<< /S /Launch /F (cmd.exe) >>"), filecheck.ActiveContent},
		"PDF, web page at opening":   {action("<< /S /URI /URI (https://example.com) >>"), filecheck.ActiveContent},
		"PDF, next action":           {action("<< /S /GoTo /D [3 0 R /Fit] /Next << /S /URI /URI (https://example.com) >> >>"), filecheck.ActiveContent},
		"PDF, other file at opening": {action("<< /S /GoToR /F (//example.com/a.pdf) /D [0 /Fit] >>"), filecheck.ActiveContent},
		"PDF, action of a page":      {[]byte(makePDF("", append(onePage(), "<< /Type /Page /AA << /O << /S /URI /URI (https://example.com) >> >> >>")...)), filecheck.ActiveContent},
		"PDF, form sent":             {action("<< /S /SubmitForm /F (https://example.com) >>"), filecheck.ActiveContent},
		"PDF, file attached":         {[]byte(makePDF("", with("/Names << /EmbeddedFiles << /Names [(a) 5 0 R] >> >>", "<< /Type /Filespec /F (a) /EF << /F 6 0 R >> >>", stream("/Type /EmbeddedFile", "x"))...)), filecheck.ActiveContent},
		"PDF, file, type left out":   {[]byte(makePDF("", with("", "<< /F (a) /EF << /F 6 0 R >> >>", stream("", "x"))...)), filecheck.ActiveContent},
		"PDF, XFA":                   {[]byte(makePDF("", with("/AcroForm << /XFA 5 0 R >>", stream("", "<xdp/>"))...)), filecheck.ActiveContent},
		"PDF, media":                 {[]byte(makePDF("", with("", "<< /Type /Annot /Subtype /RichMedia >>")...)), filecheck.ActiveContent},
		"PDF, kind by reference":     {[]byte(makePDF("", with("", "<< /S 6 0 R /F (cmd.exe) >>", "/#4caunch")...)), filecheck.ActiveContent},

		"PDF, compressed script":        {[]byte(makeStreamPDF(with("/OpenAction 5 0 R", "<< /S /JavaScript /JS (1) >>"))), filecheck.ActiveContent},
		"PDF, compressed, escaped":      {[]byte(makeStreamPDF(with("/OpenAction 5 0 R", "<< /S /J#61vaScript /JS (1) >>"))), filecheck.ActiveContent},
		"PDF, compressed, by reference": {[]byte(makeStreamPDF(with("", "<< /S 6 0 R /F (cmd.exe) >>", "/Launch"))), filecheck.ActiveContent},
		"PDF, compressed, unused":       {[]byte(makeStreamPDF(onePage(), "<< /S /JavaScript /JS (1) >>")), filecheck.ActiveContent},
		"PDF, compressed XFA":           {[]byte(makeStreamPDF(with("/AcroForm << /XFA 5 0 R >>", stream("", "<xdp/>")))), filecheck.ActiveContent},
		"PDF, compressed, 21 pages":     {[]byte(makeStreamPDF(pages(21))), filecheck.TooManyPages},
	} {
		t.Run(name, func(t *testing.T) {
			if r := inspect(t, c.data); r.Reason != c.why || r.Decoded {
				t.Errorf("got %+v, want %q", r, c.why)
			}
		})
	}
}

// resized changes what a JPEG says of its size.
func resized(photo []byte, w, h int) []byte {
	b := bytes.Clone(photo)
	at := bytes.Index(b, []byte("\xff\xc0")) + 5
	copy(b[at:], []byte{byte(h >> 8), byte(h), byte(w >> 8), byte(w)})
	return b
}

// moreScans repeats the first scan of a progressive photo n times, which changes nothing in the picture.
func moreScans(photo []byte, n int) []byte {
	from := bytes.Index(photo, []byte("\xff\xda"))
	to := from + 2
	for photo[to] != 0xff || photo[to+1] == 0 {
		to++
	}
	return join(photo[:to], bytes.Repeat(photo[from:to], n), photo[to:])
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// What a file was declared to be counts where it contradicts the content, and decides nothing else.
func TestDeclared(t *testing.T) {
	files := map[filecheck.Type][]byte{filecheck.JPEG: photo, filecheck.PNG: scan, filecheck.HEIC: []byte(makeHEIC()), filecheck.PDF: []byte(makePDF("", onePage()...))}
	for kind, data := range files {
		for _, declared := range filecheck.Types() {
			want := filecheck.WrongType
			if declared == kind {
				want = ""
			}
			if r, err := filecheck.Inspect(t.Context(), data, declared); err != nil || r.Reason != want || r.Type != kind {
				t.Errorf("%s declared as %s: %q, %v", kind, declared, r.Reason, err)
			}
		}
	}
	if r, _ := filecheck.Inspect(t.Context(), []byte("hello"), filecheck.PNG); r.Reason != filecheck.UnsupportedType {
		t.Errorf("text declared as PNG: %q", r.Reason)
	}
}

// Cut anywhere, no file is accepted: nobody decides by half a document.
func TestEveryCutIsRefused(t *testing.T) {
	small := makeJPEG(picture(240, 240))
	for name, data := range map[string][]byte{
		"JPEG": small, "progressive": testdata(t, "progressive.jpg"), "PNG": makePNG(picture(240, 240)), "HEIC": []byte(makeHEIC()),
		"PDF": []byte(strings.TrimSpace(makePDF("", onePage()...))), "PDF, compressed": []byte(strings.TrimSpace(makeStreamPDF(onePage()))),
	} {
		t.Run(name, func(t *testing.T) {
			step := max(1, len(data)/300)
			for n := 0; n < len(data); n += step {
				if r := inspect(t, data[:n]); r.Accepted() {
					t.Fatalf("accepted when cut at byte %d of %d", n, len(data))
				}
			}
			if r := inspect(t, data[:len(data)-1]); r.Accepted() {
				t.Error("accepted without its last byte")
			}
		})
	}
}

// A file that claims much costs little.
func TestMemory(t *testing.T) {
	const mb = 1 << 20
	entries := func(n int, object string) string { // n entries of the table that point at one object
		b := makePDF("", append(onePage(), object)...)
		at := strings.Index(b, "5 0 obj")
		from := strings.Index(b, "xref\n0")
		return b[:from] + fmt.Sprintf("xref\n0 %d\n0000000000 65535 f \n", n+5) +
			b[from+len("xref\n0 6\n0000000000 65535 f \n"):from+len("xref\n0 6\n0000000000 65535 f \n")+4*20] +
			strings.Repeat(fmt.Sprintf("%010d 00000 n \n", at), n) + b[strings.Index(b, "trailer"):]
	}
	for name, c := range map[string]struct {
		data  []byte
		limit uint64
		why   filecheck.Reason
	}{
		"PNG, 60,000 x 60,000":           {emptyPNG(60_000, 60_000, 8, 6, 0, deflate(make([]byte, 10))), mb, filecheck.TooManyPixels},
		"PNG, 50 MB behind its rows":     {emptyPNG(300, 300, 8, 0, 0, deflate(make([]byte, 50*mb))), 2 * mb, filecheck.Unreadable},
		"PNG, text that unpacks to much": {afterIHDR(scan, chunk("zTXt", join("a\x00\x00", deflate(make([]byte, 50*mb))))), 4 * mb, ""},
		"JPEG, 65,000 x 65,000":          {resized(photo, 65000, 65000), mb, filecheck.TooManyPixels},
		"PDF, an object of 100 MB":       {[]byte(makeStreamPDF(onePage(), "("+strings.Repeat(" ", 100*mb)+")")), 64 * mb, filecheck.Unreadable},
		"PDF, one object of 19 MB":       {[]byte(makePDF("", append(onePage(), "["+strings.Repeat("()", 9*mb)+"]")...)), mb, filecheck.Unreadable},
		"PDF, 19 MB behind a lure":       {[]byte(makePDF("", append(onePage(), "[(>> stream\n)"+strings.Repeat("()", 9*mb)+"(endstream)]")...)), 64 * mb, ""},
		"PDF, 300 KB compressed":         {[]byte(makeStreamPDF(onePage(), "["+strings.Repeat("()", 150<<10)+"]")), 16 * mb, filecheck.Unreadable},
		"PDF, 9 MB of small objects":     {[]byte(makePDF("", slices.Concat(onePage(), slices.Repeat([]string{strings.Repeat("1 ", 50<<10)}, 90))...)), mb, filecheck.Unreadable},
		"PDF, letters for many letters": {[]byte(makePDF("", shown("/F Do", "/XObject << /F 7 0 R >> "+composite, "<< /Subtype /TrueType /ToUnicode 6 0 R >>",
			flate("", "1 beginbfchar <61> <"+strings.Repeat("4E2D", 16)+"> endbfchar"),
			flate("/Subtype /Form", "BT /F1 8 Tf ("+strings.Repeat("a", 7*mb)+") Tj ET"))...)), 128 * mb, ""},
		"PDF, many entries, one stream": {[]byte(entries(20_000, stream("", strings.Repeat("x", mb)))), 1024 * mb, filecheck.Unreadable},
		"PDF, lengths that are not so": {[]byte(makePDF("", slices.Concat(onePage(), []string{stream("", strings.Repeat("x", 4*mb))},
			slices.Repeat([]string{"<< /Length 4000000 >>\nstream\nx\nendstream"}, 2000))...)), 1024 * mb, filecheck.Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := inspect(t, c.data)
			runtime.ReadMemStats(&after)
			if got := after.TotalAlloc - before.TotalAlloc; got > c.limit {
				t.Errorf("%d bytes allocated", got)
			}
			if r.Reason != c.why {
				t.Errorf("got %q, want %q", r.Reason, c.why)
			}
		})
	}
}

// A context that has ended is an error, whatever has been found out: the file itself was not refused.
func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, data := range [][]byte{photo, scan, []byte(makePDF("", onePage()...)), []byte(makeHEIC())} {
		if r, err := filecheck.Inspect(ctx, data, ""); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", r.Type, err)
		}
	}
}

// The library for PDF has a folder of settings. It is neither read nor made.
func TestNothingIsWritten(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	inspect(t, []byte(makePDF("", onePage()...)))
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestSentences(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range filecheck.Reasons() {
		s := r.Sentence()
		if len(s) < 20 || !strings.HasSuffix(s, ".") || !unicode.IsUpper(rune(s[0])) || seen[s] {
			t.Errorf("%s: %q", r, s)
		}
		seen[s] = true
	}
	if len(seen) != 12 {
		t.Errorf("%d sentences", len(seen))
	}
}

func FuzzInspect(f *testing.F) {
	photo, scan := makeJPEG(image.NewGray(image.Rect(0, 0, 240, 240))), makePNG(image.NewGray(image.Rect(0, 0, 240, 240))) // small
	for _, seed := range [][]byte{
		photo, scan, afterIHDR(scan, chunk("tEXt", []byte("a"))), afterSOI(photo, 0xfe, "a"), []byte(makeHEIC()), join(photo, photo),
		[]byte(makePDF("", onePage()...)), []byte(makeStreamPDF(onePage())), []byte(makeStreamPDF(with("", "<< /S 6 0 R >>", "/Launch"))),
		[]byte(makePDF("/Prev 10", pages(3)...)),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := filecheck.Inspect(t.Context(), data, "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Accepted() && r.Type == "" || r.Accepted() && r.Type == filecheck.PDF && (r.Pages < 1 || r.Pages > filecheck.MaxPages) {
			t.Errorf("accepted: %+v", r)
		}
		if !r.Accepted() && r.Reason.Sentence() == "" {
			t.Errorf("no sentence for %q", r.Reason)
		}
		if r.Decoded && (min(r.Width, r.Height) < filecheck.MinSide || r.Width*r.Height > filecheck.MaxPixels) {
			t.Errorf("decoded: %+v", r)
		}
	})
}
