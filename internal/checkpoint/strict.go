package checkpoint

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// maxDepth of nested JSON: what is read here needs four levels.
const maxDepth = 16

// decodeStrict decodes one JSON value that is the whole of data. Fields that
// the target lacks and keys given twice are errors: encoding/json would take
// the last of them silently.
func decodeStrict(data []byte, target any) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	if err := checkKeys(data); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode(target)
}

// checkKeys wants one JSON value in which no object has a key twice.
func checkKeys(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	var open []map[string]bool // keys of the objects around here; nil for an array
	key := false               // the next string is a key
	for {
		token, err := d.Token()
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		switch value := token.(type) {
		case json.Delim:
			if value == '{' || value == '[' {
				if len(open) == maxDepth {
					return fmt.Errorf("more than %d levels of nesting", maxDepth)
				}
				open = append(open, nil)
				if value == '{' {
					open[len(open)-1] = map[string]bool{}
				}
			} else {
				open = open[:len(open)-1]
			}
		case string:
			if key {
				keys := open[len(open)-1]
				if keys[value] {
					return fmt.Errorf("key %q a second time", value)
				}
				keys[value] = true
				key = false
				continue // its value follows
			}
		}
		if len(open) == 0 {
			break
		}
		key = open[len(open)-1] != nil
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more after the JSON value, at offset %d", d.InputOffset())
	}
	return nil
}
