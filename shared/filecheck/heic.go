package filecheck

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// box is one box of the ISO base media file format (ISO/IEC 14496-12 section 4.2).
type box struct {
	kind string
	body []byte
}

// maxBoxes is how many boxes may lie side by side; a photo has about ten.
const maxBoxes = 1000

// readBoxes reads the boxes that data consists of.
func readBoxes(data []byte) ([]box, Reason) {
	var boxes []box
	for len(data) > 0 {
		if len(data) < 8 {
			return nil, Truncated
		}
		size, head := uint64(binary.BigEndian.Uint32(data)), uint64(8)
		switch size {
		case 0: // up to the end
			size = uint64(len(data))
		case 1: // its size follows
			if len(data) < 16 {
				return nil, Truncated
			}
			size, head = binary.BigEndian.Uint64(data[8:]), 16
		}
		kind := data[4:8]
		if size < head || len(boxes) == maxBoxes || bytes.ContainsFunc(kind, func(r rune) bool { return r < ' ' || r > '~' }) {
			return nil, Unreadable
		}
		if size > uint64(len(data)) {
			return nil, Truncated
		}
		boxes = append(boxes, box{string(kind), data[head:size]})
		data = data[size:]
	}
	return boxes, ""
}

func find(boxes []box, kind string) (body []byte, ok bool) {
	i := slices.IndexFunc(boxes, func(b box) bool { return b.kind == kind })
	if i < 0 {
		return nil, false
	}
	return boxes[i].body, true
}

// isHEIC reports whether data begins with a box that names a brand of still images coded by HEVC (ISO/IEC 23008-12
// annex B.4), be it as the major one or among the compatible ones: mif1, which phones write first, names no coding.
func isHEIC(data []byte) bool {
	if !isFilm(data) {
		return false
	}
	size := binary.BigEndian.Uint32(data)
	if size < 16 || size > 1024 || int(size) > len(data) || size%4 != 0 {
		return false
	}
	brands := slices.Collect(slices.Chunk(data[8:size], 4))
	for i, brand := range brands {
		if isVersion := i == 1; !isVersion && slices.Contains([]string{"heic", "heix", "heim", "heis"}, string(brand)) {
			return true
		}
	}
	return false
}

// judgeHEIC looks at the outline of the file: every box lies where it should, and those without which there is no picture
// are there. The picture is not decoded, for the decoders of HEVC can't be linked into this program by their licences.
func judgeHEIC(data []byte) Reason {
	boxes, reason := readBoxes(data)
	if reason != "" {
		return reason
	}
	meta, ok := find(boxes, "meta")
	if !ok || len(meta) < 4 {
		return Unreadable
	}
	parts, reason := readBoxes(meta[4:]) // behind its version and flags
	if reason != "" {
		return Unreadable // the file is as long as it says
	}
	handler, _ := find(parts, "hdlr")
	if len(handler) < 12 || string(handler[8:12]) != "pict" {
		return Unreadable
	}
	for _, kind := range []string{"pitm", "iinf", "iloc", "iprp"} {
		if body, ok := find(parts, kind); !ok || len(body) < 4 {
			return Unreadable
		}
	}
	_, inside := find(parts, "idat")
	if content, ok := find(boxes, "mdat"); !inside && (!ok || len(content) == 0) {
		return Unreadable
	}
	return ""
}
