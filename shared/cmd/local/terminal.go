package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	// quietSteps is how long a step may take without a word, in ticks of progressTick.
	quietSteps   = 2
	progressTick = time.Second
	// Where nothing can be overwritten, a long step says a line this often, in ticks.
	plainEvery = 10
)

// terminal writes whole lines to standard output, from several goroutines, and tells what a long step is busy with.
type terminal struct {
	file   *os.File
	screen bool // lines can be overwritten
	colour bool

	mu     sync.Mutex
	busy   bool          // an unfinished line is on the screen
	cancel chan struct{} // ends the current step's progress; nil: no step
}

func newTerminal(file *os.File) *terminal {
	info, err := file.Stat()
	screen := err == nil && info.Mode()&os.ModeCharDevice != 0 && variable("TERM") != "dumb"
	return &terminal{file: file, screen: screen, colour: screen && variable("NO_COLOR") == ""}
}

// variable reads one variable of the environment. Functions take theirs through lambdaenv; these two are the
// terminal's.
func variable(name string) string {
	for _, entry := range os.Environ() {
		if value, found := strings.CutPrefix(entry, name+"="); found {
			return value
		}
	}
	return ""
}

// line writes a line, or several.
func (t *terminal) line(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.write(text)
}

// write is line for callers that hold the mutex.
func (t *terminal) write(text string) {
	if t.busy {
		fmt.Fprint(t.file, "\r\x1b[K")
		t.busy = false
	}
	fmt.Fprintln(t.file, text)
}

func (t *terminal) warn(text string) { t.line(t.paint("33", text)) }

// step names what is being done from now on, in place of the step before. It is shown if it takes longer than two
// seconds, with the time that it has taken.
func (t *terminal) step(what string) {
	t.end()
	t.mu.Lock()
	defer t.mu.Unlock()
	cancel := make(chan struct{})
	t.cancel = cancel
	go t.progress(what, cancel)
}

// end ends the current step, if there is one.
func (t *terminal) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != nil {
		close(t.cancel)
		t.cancel = nil
	}
	if t.busy {
		fmt.Fprint(t.file, "\r\x1b[K")
		t.busy = false
	}
}

func (t *terminal) progress(what string, cancel chan struct{}) {
	tick := time.NewTicker(progressTick)
	defer tick.Stop()
	for ticks := 1; ; ticks++ {
		select {
		case <-cancel:
			return
		case <-tick.C:
		}
		if ticks >= quietSteps {
			t.still(what, ticks, cancel)
		}
	}
}

// still says that a step goes on.
func (t *terminal) still(what string, ticks int, cancel chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cancel != cancel {
		return // it has just ended
	}
	text := fmt.Sprintf("%s … %v", what, time.Duration(ticks)*progressTick)
	switch {
	case t.screen:
		fmt.Fprint(t.file, "\r\x1b[K"+text)
		t.busy = true
	case ticks == quietSteps || ticks%plainEvery == 0:
		t.write(text)
	}
}

func (t *terminal) bold(text string) string { return t.paint("1", text) }
func (t *terminal) dim(text string) string  { return t.paint("2", text) }
func (t *terminal) good(text string) string { return t.paint("32", text) }

func (t *terminal) paint(code, text string) string {
	if !t.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

// log shows one line of a function's log: time, function, level unless it is INFO, message, then the other fields as
// key=value in the order in which they were logged. What is no JSON is shown as it is.
func (t *terminal) log(function, line string) {
	fields, ok := parseFields(line)
	if !ok {
		t.logged("", function, line)
		return
	}
	var at, level, message string
	var rest []string
	for _, field := range fields {
		switch field.key {
		case "time", "timestamp":
			at = clockTime(field.text())
		case "level":
			level = field.text()
		case "msg", "message":
			message = field.text()
		case "function", "stage": // shown, and always the same
		default:
			rest = append(rest, t.dim(field.key+"=")+field.quoted())
		}
	}
	if level != "" && level != "INFO" {
		code := "33"
		if level == "ERROR" {
			code = "31"
		}
		message = t.paint(code, level) + " " + message
	}
	words := append([]string{message}, rest...)
	t.logged(at, function, strings.Join(words, " "))
}

// logged writes the columns of a log line. The widths are those of a time of day and of the longest usual name.
func (t *terminal) logged(at, function, text string) {
	t.line(t.dim(fmt.Sprintf("%-12s", at)) + "  " + t.paint("36", fmt.Sprintf("%-10s", function)) + "  " + text)
}

// clockTime is a log line's time of day here, to the millisecond.
func clockTime(text string) string {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return text
	}
	return timeOfDay(at)
}

func timeOfDay(at time.Time) string { return at.Local().Format("15:04:05.000") }

// logField is a member of a log line's JSON object.
type logField struct {
	key   string
	value json.RawMessage
}

// text is the value without quotes if it is a string.
func (f logField) text() string {
	var text *string
	if err := json.Unmarshal(f.value, &text); err != nil || text == nil {
		return string(f.value)
	}
	return *text
}

// quoted is text, in quotes if it would not be one word otherwise.
func (f logField) quoted() string {
	text := f.text()
	if len(f.value) > 0 && f.value[0] == '"' && (text == "" || strings.ContainsAny(text, " \t\r\n\"")) {
		return string(f.value)
	}
	return text
}

// parseFields reads a line that is one JSON object, keeping its order.
func parseFields(line string) ([]logField, bool) {
	decoder := json.NewDecoder(strings.NewReader(line))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	var fields []logField
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if err := decoder.Decode(&raw); err != nil {
			return nil, false
		}
		var value bytes.Buffer
		if err := json.Compact(&value, raw); err != nil {
			return nil, false
		}
		name, _ := key.(string) // an object's keys are strings
		fields = append(fields, logField{key: name, value: value.Bytes()})
	}
	return fields, true
}
