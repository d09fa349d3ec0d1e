package filecheck

import (
	"bytes"
	"context"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"io"
)

// header is what an image says about itself before any pixel is decoded.
type header struct {
	width, height int
	memory        int // bytes that decoding a pixel takes at most
	end           int // where the image ends in the file
	adobe         bool
	reason        Reason
}

func (r *Result) lookIntoJPEG(ctx context.Context, data []byte) {
	r.decode(ctx, data, readJPEG(data), jpeg.Decode)
}
func (r *Result) lookIntoPNG(ctx context.Context, data []byte) {
	r.decode(ctx, data, readPNG(data), png.Decode)
}

func (r *Result) decode(ctx context.Context, data []byte, h header, decode func(io.Reader) (image.Image, error)) {
	r.Width, r.Height = h.width, h.height
	switch {
	case h.reason != "":
		r.Reason = h.reason
		return
	case min(h.width, h.height) < 1:
		r.Reason = Unreadable
		return
	case h.width > MaxPixels/h.height || h.width*h.height > PixelMemory/h.memory:
		r.Reason = TooManyPixels
		return
	case min(h.width, h.height) < MinSide:
		r.Reason = TooSmall
		return
	case !mayFollow(data[h.end:]):
		r.Reason = ExtraContent
		return
	}
	decoded, err := decode(reader{ctx, bytes.NewReader(data[:h.end])})
	if r.Decoded = err == nil && decoded.Bounds().Dx() == h.width && decoded.Bounds().Dy() == h.height; !r.Decoded {
		r.Reason = Unreadable
	}
}

// Markers of JPEG (ITU-T T.81 table B.1).
const (
	markerSOF0  = 0xc0 // baseline; up to 0xcf, but for the three below, are frames of other kinds
	markerSOF2  = 0xc2 // progressive
	markerDHT   = 0xc4
	markerJPG   = 0xc8
	markerDAC   = 0xcc
	markerSOF15 = 0xcf
	markerRST0  = 0xd0
	markerEOI   = 0xd9
	markerSOS   = 0xda
	markerAPP14 = 0xee // by which Adobe says what the components are
	markerTEM   = 0x01
)

// maxScans bounds the time that a progressive photo takes, for each scan goes over every pixel. Encoders make about ten.
const maxScans = 32

// readJPEG walks from marker to marker up to the end of the image.
func readJPEG(data []byte) header {
	h := header{reason: Truncated} // until the end is found
	scans := 0
	for pos := 2; ; {
		next := bytes.IndexByte(data[pos:], 0xff) // as decoders do, between segments
		if next < 0 || pos+next+2 > len(data) {
			return h
		}
		pos += next + 1
		marker := data[pos]
		if marker == 0xff { // a fill byte
			continue
		}
		pos++
		if marker == markerEOI {
			h.end, h.reason = pos, ""
			if h.memory == 0 {
				h.reason = Unreadable // no frame
			}
			return h
		}
		if marker == 0 || marker == markerTEM || marker >= markerRST0 && marker < markerEOI {
			continue
		}
		if pos+2 > len(data) {
			return h
		}
		length := int(binary.BigEndian.Uint16(data[pos:]))
		if length < 2 {
			h.reason = Unreadable
			return h
		}
		if pos+length > len(data) {
			return h
		}
		segment := data[pos+2 : pos+length]
		pos += length
		switch {
		case marker == markerAPP14:
			h.adobe = true
		case marker == markerSOS:
			scans++
			if scans > maxScans {
				h.reason = Unreadable
				return h
			}
		case marker >= markerSOF0 && marker <= markerSOF15 && marker != markerDHT && marker != markerJPG && marker != markerDAC:
			if !h.readFrame(marker, segment) {
				h.reason = Unreadable
				return h
			}
		}
	}
}

// readFrame reads a frame's header (T.81 section B.2.2).
func (h *header) readFrame(marker byte, segment []byte) bool {
	if h.memory != 0 || len(segment) < 6 { // two frames are of the hierarchical mode, which nobody uses
		return false
	}
	h.height, h.width = int(binary.BigEndian.Uint16(segment[1:])), int(binary.BigEndian.Uint16(segment[3:]))
	components := int(segment[5])
	if components < 1 || components > 4 || len(segment) != 6+3*components {
		return false
	}
	samples, most := 0, 0
	for i := range components {
		factors := int(segment[6+3*i+1])
		n := (factors >> 4) * (factors & 15)
		samples, most = samples+n, max(most, n)
	}
	if most == 0 {
		return false
	}
	// The decoder keeps a byte for each sample, for a progressive image its coefficient of four bytes too. What is not YCbCr
	// it converts into four bytes for each pixel.
	bytesPerSample := 1
	if marker == markerSOF2 {
		bytesPerSample += 4
	}
	h.memory = (samples*bytesPerSample + most - 1) / most
	isRGB := h.adobe || components == 3 && segment[6] == 'R' && segment[9] == 'G' && segment[12] == 'B'
	if components == 4 || components == 3 && isRGB {
		h.memory += 4
	}
	return true
}

const pngSignature = "\x89PNG\r\n\x1a\n"

// maxAncillary is how many bytes of a PNG may be anything but the picture: a profile, EXIF, XMP, the signed history of C2PA.
const maxAncillary = 4 << 20

// readPNG walks from chunk to chunk (ISO/IEC 15948 section 5) up to the end of the image. Their
// sums are left to the decoder.
func readPNG(data []byte) header {
	h := header{reason: Truncated}
	ancillary := 0
	for pos := len(pngSignature); ; {
		if pos+12 > len(data) {
			return h
		}
		length := int(binary.BigEndian.Uint32(data[pos:]))
		name := data[pos+4 : pos+8]
		if bytes.ContainsFunc(name, func(r rune) bool { return r < 'A' || r > 'Z' && r < 'a' || r > 'z' }) {
			h.reason = Unreadable
			return h
		}
		if length > len(data)-pos-12 {
			return h
		}
		if (string(name) == "IHDR") != (h.memory == 0) {
			h.reason = Unreadable
			return h
		}
		chunk := data[pos+8 : pos+8+length]
		pos += 12 + length
		switch {
		case string(name) == "IHDR":
			if length != 13 || binary.BigEndian.Uint64(chunk)&0x8000_0000_8000_0000 != 0 {
				h.reason = Unreadable
				return h
			}
			h.width, h.height = int(binary.BigEndian.Uint32(chunk)), int(binary.BigEndian.Uint32(chunk[4:]))
			h.memory = 4
			if depth := chunk[8]; depth == 16 {
				h.memory = 8
			}
			if interlaced := chunk[12] != 0; interlaced { // each pass is an image before it is merged
				h.memory *= 2
			}
		case string(name) == "IEND":
			h.end, h.reason = pos, ""
			return h
		case name[0] >= 'a':
			if ancillary += length; ancillary > maxAncillary {
				h.reason = ExtraContent
				return h
			}
		}
	}
}
