// Package filecheck says what is in a file that somebody uploaded: told by its content, never by its name or by the type
// it was sent with. A photo is decoded to its last pixel, a PDF is read to its last object; whatever else it is, or holds
// beside that, is refused with a reason for the person who uploaded it.
//
// One look takes up to 400 MiB of memory beside the file itself (PixelMemory, pdfMemory): a Lambda function of 1024 MB
// that looks at one file at a time is enough.
package filecheck

import (
	"bytes"
	"context"
	"crypto/sha256"

	"kyc/shared/kyc"
)

// Type is a type of file that is taken, as a media type.
type Type string

const (
	JPEG Type = "image/jpeg"
	PNG  Type = "image/png"
	PDF  Type = "application/pdf"
	HEIC Type = "image/heic"
)

// Types lists every type that is taken.
func Types() []Type { return []Type{JPEG, PNG, PDF, HEIC} }

// Limits of what is taken.
const (
	MaxBytes  = 20 << 20   // a photo of 50 megapixels at a camera's usual quality has about 15 MB
	MaxPixels = 50_000_000 // what phones take in their highest resolution, 8160 x 6120 among it
	// MinSide is the least number of pixels of an image's shorter side. A card (ISO/IEC 7810 ID-1) is 54 mm high and its
	// smallest print that matters about 2 mm: at 240 pixels nine of them, which can just be read.
	MinSide  = 240
	MaxPages = 20 // of a PDF: a bank statement has that many, a contract has more

	// PixelMemory is what decoding an image may take, in bytes: 50 megapixels of a photo, interlaced or progressive, or of
	// 16 bits per channel.
	PixelMemory = 400 << 20
)

// Result is what was found. It holds nothing of the content but its text, which can't print itself.
type Result struct {
	Type   Type     // empty where it is none that is taken
	Reason Reason   // why the file is refused, empty where it is accepted
	Size   int      // bytes
	SHA256 [32]byte // of the whole file

	Width, Height int // of a JPEG or PNG, in pixels as they are stored, that is before its EXIF orientation is applied
	Pages         int // of a PDF
	// Text is that of an accepted PDF, a line for each on its pages; empty where they have none, as those of a scan that nobody
	// has read. TextIsCut says that there is more than may be, or that something in it can't be read.
	Text      kyc.Secret
	TextIsCut bool
	// Decoded says that every pixel could be read. It is false of an accepted PDF, whose objects were read and whose pages
	// were not drawn, and of an accepted HEIC, of which nothing but its outline was looked at.
	Decoded bool
}

// Accepted reports whether nothing speaks against the file.
func (r Result) Accepted() bool { return r.Reason == "" }

// Inspect looks into a file that was declared to be of a type; an empty type declares nothing. The error is that of ctx,
// where it ended first: then nothing is known about the file. Everything else is in the result. It may be called side by
// side, and then refuses a PDF as unreadable while others take much memory: what a PDF takes is told by the whole heap.
func Inspect(ctx context.Context, data []byte, declared Type) (Result, error) {
	r := Result{Type: typeOf(data), Size: len(data), SHA256: sha256.Sum256(data)}
	switch {
	case len(data) == 0:
		r.Reason = Empty
	case len(data) > MaxBytes:
		r.Reason = TooLarge
	case r.Type == "":
		r.Reason = UnsupportedType
	case declared != "" && declared != r.Type:
		r.Reason = WrongType
	case holdsArchive(data) || r.Type != PDF && holdsMarkup(data):
		r.Reason = ExtraContent
	default:
		r.look(ctx, data)
	}
	return r, ctx.Err()
}

func (r *Result) look(ctx context.Context, data []byte) {
	// The decoders are other people's code and the bytes are anybody's: a panic is one more way to be unreadable.
	defer func() {
		if recover() != nil {
			r.Reason = Unreadable
		}
	}()
	switch r.Type {
	case JPEG:
		r.lookIntoJPEG(ctx, data)
	case PNG:
		r.lookIntoPNG(ctx, data)
	case HEIC:
		r.Reason = judgeHEIC(data)
	case PDF:
		r.lookIntoPDF(ctx, data)
	}
}

func typeOf(data []byte) Type {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(data, []byte(pngSignature)):
		return PNG
	case bytes.HasPrefix(data, []byte("%PDF-")):
		return PDF
	case isHEIC(data):
		return HEIC
	}
	return ""
}

// reader reads data for as long as ctx lasts: so a decoder ends with it.
type reader struct {
	ctx  context.Context
	data *bytes.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.data.Read(p)
}
