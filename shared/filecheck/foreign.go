package filecheck

import (
	"bytes"
	"encoding/binary"
)

// maxTail is how many bytes may follow an image: cameras leave notes of their own there. No archive fits unseen, for
// holdsArchive looks at the whole file.
const maxTail = 64 << 10

// mayFollow reports whether an image may have this tail: a short one, or what phones write, which is further photos
// (CIPA DC-007, of which Ultra HDR is made) or the film of a motion photo.
func mayFollow(tail []byte) bool {
	for range 8 {
		if len(tail) <= maxTail {
			return true
		}
		if isFilm(tail) {
			boxes, reason := readBoxes(tail)
			return reason == "" && len(boxes) > 1
		}
		if typeOf(tail) != JPEG {
			return false
		}
		next := readJPEG(tail)
		if next.reason != "" {
			return false
		}
		tail = tail[next.end:]
	}
	return false
}

// isFilm reports whether data begins as an MP4 does.
func isFilm(data []byte) bool { return len(data) >= 8 && string(data[4:8]) == "ftyp" }

// zipTail begins the last record of a ZIP archive, thus of an office document or a Java archive too (APPNOTE.TXT section
// 4.3.16). It has 22 bytes and a comment of up to 65,535, whose length it ends with.
const (
	zipTail       = "PK\x05\x06"
	zipTailLength = 22
)

// holdsArchive reports whether the file is an archive too. ZIP is read from its end, so that any file can have one behind
// it; the others are searched for by the programs that unpack themselves.
func holdsArchive(data []byte) bool {
	for tail := data[max(0, len(data)-zipTailLength-65535):]; ; tail = tail[1:] {
		at := bytes.Index(tail, []byte(zipTail))
		if at < 0 {
			break
		}
		tail = tail[at:]
		// Those who read ZIP take it with some bytes behind its comment, too.
		if len(tail) >= zipTailLength && int(binary.LittleEndian.Uint16(tail[20:])) <= len(tail)-zipTailLength {
			return true
		}
	}
	return bytes.Contains(data, []byte("Rar!\x1a\x07")) || bytes.Contains(data, []byte("7z\xbc\xaf\x27\x1c"))
}

// headOfPDF is where readers of PDF look for its header (ISO 32000-1 annex H.3.4.1).
const headOfPDF = 1024

// markup is what a browser, or a server of PHP, would run if it was handed the image as something else. Each is long
// enough not to come up by chance in 20 MB of pixels.
var markup = []string{"<script", "<html>", "<html ", "<iframe", "<?php ", "<?php\n", "<?php\r", "<!doctype html", "<svg xmlns", "<svg onload"}

// holdsMarkup reports whether an image is a document or a script too.
func holdsMarkup(data []byte) bool {
	if bytes.Contains(data[:min(len(data), headOfPDF)], []byte("%PDF-")) {
		return true
	}
	for rest := data; ; {
		at := bytes.IndexByte(rest, '<')
		if at < 0 {
			return false
		}
		rest = rest[at:]
		for _, m := range markup {
			if len(rest) >= len(m) && bytes.EqualFold(rest[:len(m)], []byte(m)) {
				return true
			}
		}
		rest = rest[1:]
	}
}
