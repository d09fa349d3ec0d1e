package filecheck

// Reason says why a file is refused.
type Reason string

const (
	Empty           Reason = "empty"
	TooLarge        Reason = "too_large"
	UnsupportedType Reason = "unsupported_type"
	WrongType       Reason = "wrong_type" // another type than was declared
	Unreadable      Reason = "unreadable"
	Truncated       Reason = "truncated"
	TooSmall        Reason = "too_small"
	TooManyPixels   Reason = "too_many_pixels"
	TooManyPages    Reason = "too_many_pages"
	Encrypted       Reason = "encrypted"
	ActiveContent   Reason = "active_content" // a script, an action that reaches out, a form of XFA, an attached file, media
	ExtraContent    Reason = "extra_content"  // another file inside or behind this one
)

// sentences are for the person who uploaded the file.
var sentences = map[Reason]string{
	Empty:           "The file is empty. Choose it again, or take a new photo.",
	TooLarge:        "The file is larger than 20 MB. Send a smaller photo or scan.",
	UnsupportedType: "This is not a file that we can read. Send a photo (JPEG, PNG or HEIC) or a PDF.",
	WrongType:       "The file is of another type than its upload was started for. Start again with this file.",
	Unreadable:      "The file is damaged and can't be read. Take a new photo, or save the document as a new PDF.",
	Truncated:       "The end of the file is missing. Upload it again, and wait until the upload has finished.",
	TooSmall:        "The picture is too small to be read. Send one of at least 240 pixels in width and height, better 1,000.",
	TooManyPixels:   "The picture has too many pixels. Send one of at most 50 megapixels.",
	TooManyPages:    "The PDF has more than 20 pages. Send the pages that were asked for only.",
	Encrypted:       "The PDF is protected by a password or against changes. Print it into a new PDF, or send a photo of it.",
	ActiveContent:   "The PDF holds a script, an attachment or a form that can act by itself. Print it into a new PDF, or send a photo of it.",
	ExtraContent:    "There is more in the file than a picture or a document. Send a photo without video or effects, or take a screenshot of it.",
}

// Reasons lists every reason.
func Reasons() []Reason {
	return []Reason{Empty, TooLarge, UnsupportedType, WrongType, Unreadable, Truncated, TooSmall, TooManyPixels, TooManyPages,
		Encrypted, ActiveContent, ExtraContent}
}

// Sentence says in English what is wrong and what to do, and nothing about the content.
func (r Reason) Sentence() string { return sentences[r] }
