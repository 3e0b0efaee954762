package learn

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/internal/checkpoint"
)

// Pack is a learned head with what is needed to go on learning. In a folder it is
// head.json and a file of tensors, which head.json names by its hash: whoever reads
// the folder while it is written, or after a crash, finds the old pack or the new.
type Pack struct {
	Name        string
	Model       string // name and version of the checkpoint, for people
	mm.HeadSpec        // SHA256 is what tells checkpoints apart
	Memory      Set    // exemplars of the labels, the most typical of each first
	Held        Set    // examples that nothing was learned from, to see what is forgotten
	Limit       int    // of the memory
	Seed        uint64
	Metrics     Metrics
}

// Metrics say how good a head was when it was learned.
type Metrics struct {
	Examples   int         `json:"examples"` // trained on
	Epochs     int         `json:"epochs"`
	Hidden     int         `json:"hidden"`
	Dev        float64     `json:"dev"`    // accuracy on what epochs were chosen by
	Tested     int         `json:"tested"` // examples held out
	Accuracy   float64     `json:"accuracy"`
	Candidates []Candidate `json:"candidates,omitempty"`
	Curve      []Point     `json:"curve,omitempty"`
	Skipped    int         `json:"skipped,omitempty"` // inputs that could not be read
}

// Point is the accuracy of a head that learned from so many examples of each class.
type Point struct {
	Examples int     `json:"examples"` // a class; 0: all
	Accuracy float64 `json:"accuracy"`
}

const (
	packFile   = "head.json"
	packFormat = 1
	maxPack    = 16 << 20 // bytes of head.json
	maxTensors = 1 << 30
)

// tensorsName is what the other file may be called.
var tensorsName = regexp.MustCompile(`^head-[0-9a-f]{16}\.safetensors$`)

// packJSON is head.json.
type packJSON struct {
	Format  int      `json:"format"`
	Name    string   `json:"name"`
	Model   string   `json:"model"`
	SHA256  string   `json:"sha256"` // of the checkpoint's weights
	Task    string   `json:"task"`
	To      string   `json:"to,omitempty"`
	Taps    []mm.Tap `json:"taps"`
	Width   int      `json:"width"` // of all features
	Labels  []string `json:"labels"`
	Shot    mm.Shot  `json:"shot"`
	Length  float32  `json:"length,omitempty"` // of imprinted rows
	Memory  []int    `json:"memory"`           // exemplars of each label
	Held    []int    `json:"held"`             // likewise
	Limit   int      `json:"limit"`
	Seed    uint64   `json:"seed"`
	Metrics Metrics  `json:"metrics"`
	Tensors string   `json:"tensors"`
	Sum     string   `json:"tensors_sha256"`
}

// IsPack says whether dir holds a pack.
func IsPack(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, packFile))
	return err == nil
}

// Open reads the head pack in dir. Its bytes are not trusted; that it fits a model is
// for mm.Model.AddHead to see.
func Open(dir string) (*Pack, error) {
	p, err := open(dir)
	for range 3 { // where it was replaced since head.json was read
		if !errors.Is(err, errReplaced) {
			break
		}
		p, err = open(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("learn: head pack %s: %w", dir, err)
	}
	return p, nil
}

var errReplaced = errors.New("its tensors are not there")

func open(dir string) (*Pack, error) {
	text, err := readFile(dir, packFile, maxPack)
	if err != nil {
		return nil, err
	}
	return decode(text, func(name, want string) ([]byte, error) {
		file, err := readFile(dir, name, maxTensors)
		if errors.Is(err, os.ErrNotExist) {
			return nil, errReplaced
		}
		if err == nil {
			err = checkSum(file, want)
		}
		return file, err
	})
}

// decode makes a pack of head.json and of the file that it names with its hash.
func decode(text []byte, read func(name, sum string) ([]byte, error)) (*Pack, error) {
	var j packJSON
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&j); err != nil {
		return nil, fmt.Errorf("%s: %w", packFile, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%s: more after the JSON value", packFile)
	}
	if j.Format != packFormat {
		return nil, fmt.Errorf("%s: format %d, want %d", packFile, j.Format, packFormat)
	}
	if !tensorsName.MatchString(j.Tensors) {
		return nil, fmt.Errorf("%s: tensors %q, want a name such as head-0123456789abcdef.safetensors", packFile, j.Tensors)
	}
	file, err := read(j.Tensors, j.Sum)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.Tensors, err)
	}
	tensors, err := checkpoint.ReadFloats(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.Tensors, err)
	}
	p, err := j.pack(tensors)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", j.Tensors, err)
	}
	return p, nil
}

// readFile reads a regular file of at most limit bytes.
func readFile(dir, name string, limit int64) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s: %v of %d bytes, want a regular file of at most %d", name, info.Mode().Type(), info.Size(), limit)
	}
	return os.ReadFile(path)
}

// checkSum wants a file that is what head.json says.
func checkSum(file []byte, want string) error {
	if sum := sumOf(file); sum != want {
		return fmt.Errorf("sha256 %.12s…, want %.12s…: it is damaged", sum, want)
	}
	return nil
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// pack joins what the files say; all sizes must fit.
func (j packJSON) pack(tensors map[string]checkpoint.Floats) (*Pack, error) {
	n := &classes.Network{}
	p := &Pack{Name: j.Name, Model: j.Model, Limit: j.Limit, Seed: j.Seed, Metrics: j.Metrics, HeadSpec: mm.HeadSpec{
		Task: j.Task, To: j.To, Taps: j.Taps, Labels: j.Labels, Network: n, Shot: j.Shot, Length: j.Length, SHA256: j.SHA256}}
	p.Memory.Width, p.Held.Width = j.Width, j.Width
	for name, t := range tensors {
		to := p.tensors()[name]
		if to == nil {
			return nil, fmt.Errorf("tensor %q: a head has none of this name", name)
		}
		*to = t.Values
	}
	if len(j.Memory) != len(j.Labels) || len(j.Held) != len(j.Labels) || j.Limit < 0 || j.Width < 1 || len(j.Taps) < 1 || j.Width%len(j.Taps) != 0 {
		return nil, fmt.Errorf("memory of %d labels and limit %d, width %d of %d taps, want %d labels and a width for each tap",
			len(j.Memory), j.Limit, j.Width, len(j.Taps), len(j.Labels))
	}
	if err := n.Check(j.Width, len(j.Labels)); err != nil {
		return nil, err
	}
	if err := p.Memory.label(j.Memory); err != nil {
		return nil, fmt.Errorf("memory: %w", err)
	}
	if err := p.Held.label(j.Held); err != nil {
		return nil, fmt.Errorf("held: %w", err)
	}
	return p, nil
}

// label gives the rows, which stand label by label, their labels.
func (s *Set) label(counts []int) error {
	rows := len(s.Rows) / s.Width
	for l, count := range counts {
		if count < 0 || count > rows-s.Len() {
			return fmt.Errorf("%d examples of label %d, want 0 to %d", count, l, rows-s.Len())
		}
		for range count {
			s.Labels = append(s.Labels, l)
		}
	}
	if len(s.Rows) != s.Len()*s.Width {
		return fmt.Errorf("%d values, want %d for %d examples", len(s.Rows), s.Len()*s.Width, s.Len())
	}
	for i, v := range s.Rows {
		if d := v - v; d != 0 {
			return fmt.Errorf("value %d is %v, want a number", i, v)
		}
	}
	return nil
}

// tensors are where the values of each tensor stand.
func (p *Pack) tensors() map[string]*[]float32 {
	n := p.Network
	return map[string]*[]float32{
		"shift": &n.Shift, "scale": &n.Scale, "hidden": &n.Hidden, "hidden_bias": &n.HiddenBias,
		"labels": &n.Labels, "bias": &n.Bias, "predict": &n.Predict,
		"memory": &p.Memory.Rows, "held": &p.Held.Rows,
	}
}
