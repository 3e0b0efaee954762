package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"
)

// readJobs yields the jobs of r, one JSON object a line. What is wrong with a line
// is that job's error. limit is the longest input text in bytes.
func readJobs(r io.Reader, name string, limit int) iter.Seq[item] {
	// JSON may escape each byte of a text as six.
	const escaped, rest = 6, 64 << 10
	return func(yield func(item) bool) {
		for l := range readLines(r, name, escaped*limit+rest) {
			it := item{line: l}
			if l.err == nil && l.broken == nil {
				it = readJob(l, limit)
			}
			if !yield(it) {
				return
			}
		}
	}
}

// readJob reads the job on a line.
func readJob(l line, limit int) item {
	it := item{line: l}
	it.text, it.err = "", it.decode(l.text)
	in := &it.input
	size := len(in.Text)
	for _, w := range in.Words {
		size += len(w) + 1
	}
	if it.err == nil && size > limit { // the model would say so too, but later: here it is forgotten
		it.err = fmt.Errorf("%s: input of %d bytes, want at most %d (--max-input raises it)", in.Task, size, limit)
		in.Text, in.Words = "", nil
	}
	it.text = cmp.Or(in.Text, strings.Join(in.Words, " "), it.audio, it.image)
	return it
}

// decode reads the fields of a job. Those before a wrong one are kept, so that the
// error has the job's id and task.
func (it *item) decode(text string) error {
	if !utf8.ValidString(text) {
		return errors.New("a job that is not UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf(`%.40q, want a JSON object such as {"task":"translate","to":"de","text":"Good morning."}`, text)
	}
	seen := map[string]bool{}
	var wrong error
	for d.More() {
		name, err := d.Token() // a string, being a key
		if err != nil {
			return badJSON(err)
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return badJSON(err)
		}
		key := fmt.Sprint(name)
		if err := it.set(key, value); err != nil && wrong == nil {
			wrong = err
		}
		if seen[key] && wrong == nil {
			wrong = fmt.Errorf("field %q a second time", key)
		}
		seen[key] = true
	}
	if _, err := d.Token(); err != nil { // the closing bracket
		return badJSON(err)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more after the JSON object, at offset %d", d.InputOffset())
	}
	return wrong
}

func badJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the JSON object does not end")
	}
	return fmt.Errorf("no JSON object: %w", err)
}

const jobFields = "id, task, to, from, text, words, audio, image, beam, max_tokens or threshold"

// set reads one field.
func (it *item) set(name string, value json.RawMessage) error {
	in := &it.input
	const aFile = "the path of a file"
	var to any
	want := "a text"
	switch name {
	case "id":
		it.id = value
		return nil
	case "task":
		to = &in.Task
	case "to":
		to = &in.To
	case "from":
		to = &in.From
	case "text":
		to = &in.Text
	case "words":
		to, want = &in.Words, "a list of texts"
	case "audio":
		to, want = &it.audio, aFile
	case "image":
		to, want = &it.image, aFile
	case "beam":
		to, want = &in.Beam, "a whole number"
	case "max_tokens":
		to, want = &in.MaxTokens, "a whole number"
	case "threshold":
		to, want = &in.Threshold, "a number"
	default:
		return fmt.Errorf("field %q is unknown, want %s", name, jobFields)
	}
	err := json.Unmarshal(value, to)
	path, ok := to.(*string)
	if err != nil || string(value) == "null" || ok && *path == "" && want == aFile {
		return fmt.Errorf("field %q: %.40s, want %s", name, value, want)
	}
	return nil
}
