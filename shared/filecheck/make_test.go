package filecheck_test

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"strings"
)

// The files that the tests look into are made here.

// picture draws something that does not compress to nothing.
func picture(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, color.RGBA{uint8(x * y), uint8(x + y), uint8(x ^ y), 255})
		}
	}
	return m
}

func makeJPEG(m image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func makePNG(m image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// afterSOI inserts a segment where a camera puts its own.
func afterSOI(photo []byte, marker byte, body string) []byte {
	segment := append([]byte{0xff, marker}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return bytes.Join([][]byte{photo[:2], segment, []byte(body), photo[2:]}, nil)
}

// chunk makes a chunk of PNG.
func chunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// afterIHDR inserts chunks where a PNG may have them.
func afterIHDR(file []byte, chunks ...[]byte) []byte {
	const head = 8 + 25
	return bytes.Join([][]byte{file[:head], bytes.Join(chunks, nil), file[head:]}, nil)
}

// emptyPNG is a PNG whose header says anything, and whose picture is body.
func emptyPNG(w, h uint32, depth, colorType, interlace byte, body []byte) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	head = append(head, depth, colorType, 0, 0, interlace)
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", head), chunk("IDAT", body), chunk("IEND", nil)}, nil)
}

func deflate(b []byte) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// box makes a box of ISO/IEC 14496-12.
func box(kind string, parts ...string) string {
	body := strings.Join(parts, "")
	return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8))) + kind + body
}

const (
	brands = "heic\x00\x00\x00\x00mif1heic"
	zero4  = "\x00\x00\x00\x00"
)

func meta() string {
	return box("meta", zero4, box("hdlr", zero4+zero4+"pict"+zero4), box("pitm", zero4+"\x00\x01"), box("iinf", zero4+"\x00\x00"),
		box("iloc", zero4+zero4), box("iprp", box("ipco")))
}

func makeHEIC() string {
	return box("ftyp", brands) + meta() + box("mdat", strings.Repeat("pixels", 100))
}

// A document of one page, by object number: 1 is the catalog, 2 the page tree, 3 the page, 4 what is on it.
func onePage() []string {
	return []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 4 0 R /Resources << >> >>",
		stream("", "BT (proof of address) Tj ET"),
	}
}

func stream(dict, body string) string {
	return fmt.Sprintf("<< %s /Length %d >>\nstream\n%s\nendstream", dict, len(body), body)
}

// makePDF writes objects, the first of which is the catalog, with a cross-reference table.
func makePDF(trailer string, objects ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var table strings.Builder
	fmt.Fprintf(&table, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "%strailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n", table.String(), len(objects)+1, trailer, at)
	return b.String()
}

// makeStreamPDF writes the same with every object that is no stream in an object stream, and a cross-reference stream.
// More compressed objects that no reference leads to may follow.
func makeStreamPDF(objects []string, more ...string) string {
	var b strings.Builder
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	holder, table := len(objects)+1, len(objects)+2
	var prolog, content, entries strings.Builder
	entry := func(kind byte, where, index int) {
		entries.WriteByte(kind)
		entries.Write(binary.BigEndian.AppendUint32(nil, uint32(where)))
		entries.Write(binary.BigEndian.AppendUint16(nil, uint16(index)))
	}
	entry(0, 0, 0xffff)
	compressed := 0
	for i, o := range objects {
		if strings.Contains(o, "stream") {
			entry(1, b.Len(), 0)
			fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
			continue
		}
		entry(2, holder, compressed)
		compressed++
		fmt.Fprintf(&prolog, "%d %d ", i+1, content.Len())
		content.WriteString(o + " ")
	}
	for i, o := range more {
		compressed++
		fmt.Fprintf(&prolog, "%d %d ", 900+i, content.Len())
		content.WriteString(o + " ")
	}
	entry(1, b.Len(), 0)
	packed := string(deflate([]byte(prolog.String() + content.String())))
	fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", holder,
		stream(fmt.Sprintf("/Type /ObjStm /N %d /First %d /Filter /FlateDecode", compressed, prolog.Len()), packed))
	at := b.Len()
	entry(1, at, 0)
	fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\nstartxref\n%d\n%%%%EOF\n", table,
		stream(fmt.Sprintf("/Type /XRef /Size %d /W [1 4 2] /Root 1 0 R /Filter /FlateDecode", table+1), string(deflate([]byte(entries.String())))), at)
	return b.String()
}

// with returns the objects of onePage with more inside the catalog, and more objects behind.
func with(catalog string, more ...string) []string {
	objects := onePage()
	objects[0] = "<< /Type /Catalog /Pages 2 0 R " + catalog + " >>"
	return append(objects, more...)
}

// pages returns the objects of a document of n pages.
func pages(n int) []string {
	objects := []string{"<< /Type /Catalog /Pages 2 0 R >>", ""}
	var kids strings.Builder
	for i := range n {
		fmt.Fprintf(&kids, "%d 0 R ", 3+i)
		objects = append(objects, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] >>")
	}
	objects[1] = fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", kids.String(), n)
	return objects
}
