package apigw

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"kyc/shared/kyc"
)

const (
	maxBody  = 64 << 10
	maxDepth = 16
)

// Object is a JSON object that is read member by member. Whatever is read with the wrong type, or not read at all, is
// wrong: all of it is reported at once.
type Object struct {
	members map[string]any
	path    string // of its members: empty, or like addresses/0/
	wrong   map[string][]string
}

// Object reads the body as one JSON object, strictly: no member twice, no invalid UTF-8, nothing after it. It refuses
// anything else as kyc.Invalid with the given code. A body without a content type may be JSON; one that names another
// type is not read as JSON, whatever it looks like.
func (r *Request) Object(code string) (*Object, error) { return r.LongObject(code, maxBody) }

// LongObject is Object for a body of up to so many bytes.
func (r *Request) LongObject(code string, limit int) (*Object, error) {
	refuse := func(why string) error { return &kyc.Error{Kind: kyc.Invalid, Code: code, Message: why} }
	contentType, _ := r.Header("Content-Type")
	if media, _, err := mime.ParseMediaType(contentType); contentType != "" && (err != nil || media != "application/json") {
		return nil, refuse("Send a JSON object, with the header Content-Type: application/json.")
	}
	body, err := r.Body()
	if err != nil {
		return nil, refuse("The body's base64 is malformed.")
	}
	return parse(body, code, limit)
}

// ParseObject is Object for a body that comes without a request.
func ParseObject(body []byte, code string) (*Object, error) { return parse(body, code, maxBody) }

func parse(body []byte, code string, limit int) (*Object, error) {
	refuse := func(why string) error { return &kyc.Error{Kind: kyc.Invalid, Code: code, Message: why} }
	switch {
	case len(body) > limit:
		return nil, refuse(fmt.Sprintf("The body must be at most %d bytes.", limit))
	case !utf8.Valid(body):
		return nil, refuse("The body is not valid UTF-8.")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	v, err := value(d, 0)
	twice, isTwice := errors.AsType[twiceError](err)
	switch {
	case isTwice:
		return nil, &kyc.Error{Kind: kyc.Invalid, Code: code, Fields: map[string][]string{twice.pointer: {"Stands there twice: send it once."}}}
	case errors.Is(err, errDepth):
		return nil, refuse("The body is nested too deeply.")
	}
	members, ok := v.(map[string]any)
	if err != nil || !ok {
		return nil, refuse("The body is not a JSON object.")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, refuse("Something follows the JSON object in the body.")
	}
	return &Object{members: members, wrong: map[string][]string{}}, nil
}

// Body returns the body's bytes.
func (r *Request) Body() ([]byte, error) {
	if r.event.IsBase64Encoded {
		return base64.StdEncoding.DecodeString(r.event.Body)
	}
	return []byte(r.event.Body), nil
}

var errDepth = errors.New("nested too deeply")

// twiceError says where an object has a member for the second time: its JSON pointer, without the first slash.
type twiceError struct{ pointer string }

func (twiceError) Error() string { return "member twice" }

// below completes the pointer of a twiceError on its way up. It is written then alone: with a pointer at hand for every
// value, a long name with many members inside would cost more than its size.
func below(parent string, err error) error {
	if twice, ok := err.(twiceError); ok {
		return twiceError{parent + "/" + twice.pointer}
	}
	return err
}

func value(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		members := map[string]any{}
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			name := token.(string)
			if _, twice := members[name]; twice {
				return nil, twiceError{escape.Replace(name)}
			}
			if members[name], err = value(d, depth+1); err != nil {
				return nil, below(escape.Replace(name), err)
			}
		}
		_, err = d.Token()
		return members, err
	case json.Delim('['):
		list := []any{}
		for d.More() {
			v, err := value(d, depth+1)
			if err != nil {
				return nil, below(strconv.Itoa(len(list)), err)
			}
			list = append(list, v)
		}
		_, err = d.Token()
		return list, err
	}
	return token, nil
}

func (o *Object) fail(name, why string) {
	pointer := o.path + escape.Replace(name)
	o.wrong[pointer] = append(o.wrong[pointer], why)
}

// take removes a member, so that what is left over in the end is unknown. A null counts as not there.
func (o *Object) take(name string) (any, bool) {
	v, ok := o.members[name]
	delete(o.members, name)
	return v, ok && v != nil
}

// String reads a member that must be a string where it is there.
func (o *Object) String(name string) (string, bool) {
	v, ok := o.take(name)
	if !ok {
		return "", false
	}
	s, ok := v.(string)
	switch {
	case !ok:
		o.fail(name, "Must be a string.")
		return "", false
	case strings.ContainsFunc(s, control):
		o.fail(name, noText)
		return "", false
	}
	return s, true
}

const noText = "Must not hold control characters or invisible ones."

// control reports whether r is no text: a control character, one that ends a line or paragraph, half of a surrogate pair,
// which the JSON reader has replaced, or one that is not seen and may change how its neighbours look (Unicode's Cf: marks
// of direction, zero-width spaces). Of these the two joiners are part of how some languages are written; where they may
// stand depends on what the text is.
func control(r rune) bool {
	return r == utf8.RuneError || r != zwnj && r != zwj && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

const zwnj, zwj = '\u200c', '\u200d' // zero-width non-joiner and joiner

// Bool reads a member that must be true or false where it is there. What is not there is false.
func (o *Object) Bool(name string) bool {
	b := o.Flag(name)
	return b != nil && *b
}

// Flag reads a member that must be true or false where it is there. It returns nil where it is not.
func (o *Object) Flag(name string) *bool {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	b, isBool := v.(bool)
	if !isBool {
		o.fail(name, "Must be true or false.")
		return nil
	}
	return &b
}

// Int reads a member that must be a whole number where it is there. It returns nil where it is not.
func (o *Object) Int(name string) *int {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	text, _ := v.(json.Number)
	n, err := strconv.Atoi(text.String())
	if err != nil {
		o.fail(name, "Must be a whole number.")
		return nil
	}
	return &n
}

// Strings reads a member that must be an array of strings where it is there.
func (o *Object) Strings(name string) []string {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	all := make([]string, 0, len(list)) // an empty list is not the same as none
	clean := true
	for _, element := range list {
		s, isString := element.(string)
		isList, clean = isList && isString, clean && !strings.ContainsFunc(s, control)
		all = append(all, s)
	}
	switch {
	case !isList:
		o.fail(name, "Must be an array of strings.")
		return nil
	case !clean:
		o.fail(name, noText)
		return nil
	}
	return all
}

// Ints reads a member that must be an array of whole numbers where it is there.
func (o *Object) Ints(name string) []int {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	all := make([]int, 0, len(list)) // an empty list is not the same as none
	for _, element := range list {
		number, _ := element.(json.Number)
		n, err := strconv.Atoi(number.String())
		isList = isList && err == nil
		all = append(all, n)
	}
	if !isList {
		o.fail(name, "Must be an array of whole numbers.")
		return nil
	}
	return all
}

// Texts reads a member that must be an object of strings where it is there, by their names. Here null says that what has
// the name is to go (RFC 7396), and is nil.
func (o *Object) Texts(name string) map[string]*string {
	inner := o.Object(name)
	if inner == nil {
		return nil
	}
	texts := make(map[string]*string, len(inner.members))
	for member, value := range maps.Clone(inner.members) {
		if value == nil {
			texts[member] = nil
		} else if s, ok := inner.String(member); ok {
			texts[member] = &s
		}
	}
	return texts
}

// Object reads a member that must be an object where it is there. It returns nil where it is not. What is wrong in it is
// reported with the whole, named like address/street.
func (o *Object) Object(name string) *Object {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	members, isObject := v.(map[string]any)
	if !isObject {
		o.fail(name, "Must be an object.")
		return nil
	}
	return &Object{members: members, path: o.path + escape.Replace(name) + "/", wrong: o.wrong}
}

// Objects reads a member that must be an array of objects where it is there. It returns nil where it is not. What is wrong
// in them is reported with the whole.
func (o *Object) Objects(name string) []*Object {
	v, ok := o.take(name)
	if !ok {
		return nil
	}
	list, isList := v.([]any)
	all := make([]*Object, 0, len(list)) // an empty list is not the same as none
	for n, element := range list {
		members, isObject := element.(map[string]any)
		isList = isList && isObject
		all = append(all, &Object{members: members, path: fmt.Sprintf("%s%s/%d/", o.path, escape.Replace(name), n), wrong: o.wrong})
	}
	if !isList {
		o.fail(name, "Must be an array of objects.")
		return nil
	}
	return all
}

// Rest reports every member that was not read as unknown.
func (o *Object) Rest() {
	for name := range o.members {
		o.fail(name, "Unknown field.")
	}
}

// Wrong returns what was found wrong, as kyc.Error's Fields.
func (o *Object) Wrong() map[string][]string { return o.wrong }
