package filecheck

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"

	"kyc/shared/kyc"
)

// Limits of reading a PDF. Documents of 20 pages stay far below each.
const (
	pdfMemory    = 256 << 20 // bytes by which the heap may grow, and what it takes to read one object more
	pdfReads     = 256 << 20 // bytes read of the file, many more than once: each object is read by itself, in blocks
	maxDecoded   = 1 << 20   // bytes of one object stream or cross-reference stream
	maxText      = 256 << 10 // bytes of one object, its stream aside: the library takes time by the square of its strings
	maxTexts     = 8 << 20   // bytes of all that are not compressed, and once more of those that are
	maxObjects   = 100_000
	maxDepth     = 64   // of objects in objects
	maxTreeDepth = 32   // of the page tree
	endOfPDF     = 1024 // where readers look for the end mark (ISO 32000-1 annex H.3.4.4)
)

// lookIntoPDF counts the pages of a PDF, reads their text, and says why it is refused. Whether it is complete is told by its
// last line; damage that every reader repairs is tolerated.
func (r *Result) lookIntoPDF(ctx context.Context, data []byte) {
	s, reason := judgePDF(ctx, data)
	if reason == "" {
		var pages []page
		pages, reason = s.pages()
		if r.Pages = len(pages); reason == "" {
			text, all := readText(s, pages)
			r.Text, r.TextIsCut = kyc.NewSecret(text), !all
		}
	}
	r.Reason = reason
}

// judgePDF reads a PDF, all but its pages, and says why it is refused.
func judgePDF(ctx context.Context, data []byte) (search, Reason) {
	last := bytes.LastIndex(data, []byte("%%EOF"))
	behind := data[max(0, last):]
	switch {
	case last < 0 || len(behind) > endOfPDF && bytes.Contains(behind, []byte(" obj")):
		return search{}, Truncated
	case len(behind) > endOfPDF:
		return search{}, ExtraContent
	}
	if reason := judgeNames(data); reason != "" {
		return search{}, reason
	}
	if longest, all := texts(data); longest > maxText || all > maxTexts {
		return search{}, Unreadable
	}
	source := newMeter(ctx, data)
	file, err := pdfcpu.ReadWithContext(ctx, source, settings(len(data)))
	switch {
	case err != nil:
		return search{}, Unreadable
	case file.Encrypt != nil:
		return search{}, Encrypted
	}
	left := maxTexts
	s := search{ctx, file.XRefTable, source, &left}
	return s, s.all()
}

// settings are written out, for the library would read its defaults from a folder of the user, which it makes first.
func settings(size int) *model.Configuration {
	return &model.Configuration{
		Reader15:       true, // object streams and cross-reference streams
		ValidationMode: model.ValidationRelaxed,
		Offline:        true,
		Limits: model.ResourceLimits{
			MaxStreamBytes: int64(size), MaxDecodeBytes: maxDecoded, MaxImagePixels: 1, MaxImageBytes: 1, // none is decoded
			MaxObjectCount: maxObjects, MaxObjectStreamCount: maxObjects, MaxObjectStreamFirst: maxDecoded, MaxXRefEntries: maxObjects,
			MaxRecursionDepth: maxDepth,
		},
	}
}

// meter is the file as the library reads it, and stops it from reading on: the library bounds what one stream takes, not
// what they take together, and any number of entries may point at the same bytes.
type meter struct {
	*bytes.Reader
	ctx  context.Context
	left int    // bytes that may still be read
	most uint64 // bytes of heap that may be in use
	next uint64 // from where on it is asked how many are
}

func newMeter(ctx context.Context, data []byte) *meter {
	runtime.GC() // what an earlier file left behind is no allowance for this one
	most := heapInUse() + pdfMemory
	return &meter{Reader: bytes.NewReader(data), ctx: ctx, left: pdfReads, most: most, next: most}
}

var errTooMuch = errors.New("filecheck: reading this PDF takes too much")

func (m *meter) Read(p []byte) (int, error) {
	if err := m.check(); err != nil {
		return 0, err
	}
	n, err := m.Reader.Read(p)
	m.left -= n
	return n, err
}

func (m *meter) check() error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	if m.left < 0 {
		return errTooMuch
	}
	if heapInUse() > m.next {
		runtime.GC() // what was counted may be garbage
		used := heapInUse()
		if used > m.most {
			m.left = -1
			return errTooMuch
		}
		m.next = max(m.most, used+pdfMemory/4)
	}
	return nil
}

func heapInUse() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// Names (ISO 32000-1 section 7.3.5) of what acts by itself or brings something along. None of them is needed for a
// document that shows something. A link to a web page, which waits for a click, is none of them.
var (
	activeKeys  = []string{"JavaScript", "EmbeddedFiles", "XFA", "RichMediaContent", "RichMediaSettings"}
	activeKinds = []string{ // values of Type, Subtype and S
		"JavaScript", "Launch", "SubmitForm", "ImportData", "GoToE", "Rendition", "Movie", "Sound", "RichMedia", "RichMediaExecute",
		"3D", "EmbeddedFile", "FileAttachment",
	}
)

// judgeNames looks for names in the bytes of the file, compressed objects aside: so an object that the library does not
// come by is found too, which another reader might. Names of less than six letters are left to search, for they come up by
// chance in pixels. Encrypt stands in a trailer, which is never compressed.
func judgeNames(data []byte) Reason {
	active := false
	for rest := data; ; {
		at := bytes.IndexByte(rest, '/')
		if at < 0 {
			break
		}
		rest = rest[at+1:]
		name := plainName(rest)
		if name == "Encrypt" {
			return Encrypted
		}
		active = active || len(name) >= 6 && (slices.Contains(activeKeys, name) || slices.Contains(activeKinds, name))
	}
	if active {
		return ActiveContent
	}
	return ""
}

// plainName returns the name that data begins with, and any character of it that is written as #xx as itself; of one that
// is longer than any that is looked for, a part.
func plainName(data []byte) string {
	const longest = 3 * 24
	data = data[:min(len(data), longest)]
	if end := bytes.IndexAny(data, "\x00\t\n\f\r ()<>[]{}/%"); end >= 0 {
		data = data[:end]
	}
	if bytes.IndexByte(data, '#') < 0 {
		return string(data)
	}
	var name strings.Builder
	for i := 0; i < len(data); i++ {
		if data[i] == '#' && i+2 < len(data) {
			if c, err := strconv.ParseUint(string(data[i+1:i+3]), 16, 8); err == nil {
				name.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		name.WriteByte(data[i])
	}
	return name.String()
}

// texts returns how long the longest object is and how long all are, their streams aside. Where an object ends and its
// stream begins is told as the library tells it.
func texts(data []byte) (longest, all int) {
	start := 0
	add := func(end int) { longest, all = max(longest, end-start), all+end-start }
	for at := 0; at < len(data); at++ {
		next := bytes.IndexByte(data[at:], 'e')
		if next < 0 {
			break
		}
		at += next
		switch rest := data[at:]; {
		case bytes.HasPrefix(rest, []byte("endobj")):
			add(at)
			start = at
		case at > start+3 && bytes.HasPrefix(data[at-3:], []byte("stream")) && bytes.HasSuffix(bytes.TrimSpace(data[max(start, at-64):at-3]), []byte(">>")):
			end := bytes.Index(rest, []byte("endstream"))
			if end < 0 {
				continue
			}
			add(at)
			start, at = at+end, at+end
		}
	}
	add(len(data))
	return longest, all
}

// search goes through every object of a file, be it in use or not.
type search struct {
	ctx   context.Context
	table *model.XRefTable
	meter *meter
	texts *int // bytes of compressed objects that may still be read
}

func (s search) all() Reason {
	for _, entry := range s.table.Table {
		if entry == nil {
			continue
		}
		if reason := s.object(entry.Object, 0); reason != "" {
			return reason
		}
		if s.meter.check() != nil {
			return Unreadable
		}
	}
	if s.table.Root == nil {
		return Unreadable
	}
	return s.opening()
}

// opening judges what a reader does when it opens the file: it may go to a page.
func (s search) opening() Reason {
	root, ok := s.value(*s.table.Root).(types.Dict)
	if !ok {
		return Unreadable
	}
	if action, ok := s.value(get(root, "OpenAction")).(types.Dict); ok {
		kind, isAction := s.value(get(action, "S")).(types.Name)
		if isAction && plainName([]byte(kind)) != "GoTo" || get(action, "Next") != nil {
			return ActiveContent
		}
	}
	return ""
}

func (s search) object(o types.Object, depth int) Reason {
	if depth > maxDepth {
		return Unreadable
	}
	inside := func(objects types.Array) Reason {
		for _, o := range objects {
			if reason := s.object(o, depth+1); reason != "" {
				return reason
			}
		}
		return ""
	}
	switch o := o.(type) {
	case types.Array:
		return inside(o)
	case types.Dict:
		return s.dictionary(o, depth)
	case types.StreamDict:
		return s.dictionary(o.Dict, depth)
	case types.XRefStreamDict:
		return s.dictionary(o.Dict, depth)
	case types.ObjectStreamDict:
		return inside(o.ObjArray)
	case types.LazyObjectStreamObject:
		text, err := o.GetData()
		if *s.texts -= len(text); err != nil || len(text) > maxText || *s.texts < 0 || s.meter.check() != nil {
			return Unreadable
		}
		object, err := o.DecodedObject(s.ctx)
		if err != nil {
			return Unreadable
		}
		return s.object(object, depth+1)
	}
	return ""
}

func (s search) dictionary(d types.Dict, depth int) Reason {
	for key, value := range d {
		key = plainName([]byte(key))
		switch {
		case slices.Contains(activeKeys, key),
			key == "AA" && s.holdsAction(value),
			key == "EF" && s.holdsFile(value):
			return ActiveContent
		case key == "S" || key == "Subtype" || key == "Type":
			if kind, ok := s.value(value).(types.Name); ok && slices.Contains(activeKinds, plainName([]byte(kind))) {
				return ActiveContent
			}
		}
		if reason := s.object(value, depth+1); reason != "" {
			return reason
		}
	}
	return ""
}

// holdsAction tells additional actions from a resource that goes by their short name.
func (s search) holdsAction(o types.Object) bool {
	actions, _ := s.value(o).(types.Dict)
	for _, value := range actions {
		if action, ok := s.value(value).(types.Dict); ok && get(action, "S") != nil {
			return true
		}
	}
	return false
}

// holdsFile tells the files of a file specification (ISO 32000-1 table 44) from a resource that goes by their short name.
func (s search) holdsFile(o types.Object) bool {
	files, _ := s.value(o).(types.Dict)
	return slices.ContainsFunc([]string{"F", "UF", "DOS", "Mac", "Unix"}, func(key string) bool { return get(files, key) != nil })
}

// value returns what o refers to, nil where that is nothing.
func (s search) value(o types.Object) types.Object {
	v, err := s.table.Dereference(o)
	if err != nil {
		return nil
	}
	return v
}

// get returns the value of a key, however the key is written.
func get(d types.Dict, key string) types.Object {
	for k, v := range d {
		if plainName([]byte(k)) == key {
			return v
		}
	}
	return nil
}

// pages goes through the page tree (ISO 32000-1 section 7.7.3), for the count that it states is anybody's.
func (s search) pages() ([]page, Reason) {
	var pages []page
	seen := map[int]bool{}
	var add func(o, resources types.Object, depth int) Reason
	add = func(o, resources types.Object, depth int) Reason {
		if ref, ok := o.(types.IndirectRef); ok {
			if seen[ref.ObjectNumber.Value()] {
				return Unreadable
			}
			seen[ref.ObjectNumber.Value()] = true
		}
		node, ok := s.value(o).(types.Dict)
		if !ok || depth > maxTreeDepth {
			return Unreadable
		}
		if own := get(node, "Resources"); own != nil {
			resources = own
		}
		kids, ok := s.value(get(node, "Kids")).(types.Array)
		if !ok {
			if pages = append(pages, page{node, resources}); len(pages) > MaxPages {
				return TooManyPages
			}
			return ""
		}
		for _, kid := range kids {
			if reason := add(kid, resources, depth+1); reason != "" {
				return reason
			}
		}
		return ""
	}
	root, _ := s.value(*s.table.Root).(types.Dict)
	reason := add(get(root, "Pages"), nil, 0)
	switch {
	case reason == TooManyPages:
		return nil, reason // nobody counted them all
	case reason == "" && len(pages) == 0:
		reason = Unreadable
	}
	return pages, reason
}
