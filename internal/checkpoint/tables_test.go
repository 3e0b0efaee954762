package checkpoint

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"
)

type table struct {
	Bytes  []uint8   `mm:"bytes"`
	Shorts []uint16  `mm:"shorts"`
	Ints   []uint32  `mm:"ints"`
	Floats []float32 `mm:"floats"`
}

// withWords is a model directory whose transcripts need words.safetensors.
func withWords(t *testing.T, words []byte) map[string][]byte {
	files := tinyFiles(t)
	files[configFile] = []byte(strings.Replace(sensesConfig, `"share": 0.5`, `"share": 0.5, "words": 0.25`, 1))
	files[wordsFile] = words
	return files
}

func tableFile(header string) []byte {
	data := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	data = append(data, header...)
	return append(data, 0, 0, 128, 63, 255, 255, 255, 255, 1, 2, 255, 254, 7, 8, 9)
}

const tableHeader = `{"floats":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"ints":{"dtype":"U32","shape":[1],"data_offsets":[4,8]},` +
	`"shorts":{"dtype":"U16","shape":[2],"data_offsets":[8,12]},"bytes":{"dtype":"U8","shape":[3],"data_offsets":[12,15]}}`

func TestBindWords(t *testing.T) {
	for _, pad := range []string{"", " "} { // aligned and not
		c, err := Load(mapFS(withWords(t, tableFile(tableHeader+pad))))
		if err != nil {
			t.Fatal(err)
		}
		var got table
		if err := c.BindWords(&got); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got.Bytes, []uint8{7, 8, 9}) || !slices.Equal(got.Shorts, []uint16{513, 65279}) ||
			!slices.Equal(got.Ints, []uint32{1<<32 - 1}) || !slices.Equal(got.Floats, []float32{1}) {
			t.Errorf("read %v", got)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBindWordsErrors(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"U16","shape":[2]`, `"BF16","shape":[2]`, `words.safetensors: tensor "shorts": BF16 of shape [2], want U16 of one dimension`},
		{`"U8","shape":[3]`, `"U8","shape":[3,1]`, `tensor "bytes": U8 of shape [3 1], want U8 of one dimension`},
		{`"ints"`, `"more"`, `tensor "ints": missing`},
		{`{"floats"`, `{"floats":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"more"`, `starts at 0 inside`},
	} {
		m, err := Load(mapFS(withWords(t, tableFile(strings.Replace(tableHeader, c.old, c.new, 1)))))
		if err == nil {
			err = m.BindWords(&table{})
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", c.new, err, c.want)
		}
	}
	files := withWords(t, nil)
	for _, words := range [][]byte{nil, {1, 2, 3}} {
		files[wordsFile] = words
		if _, err := Load(mapFS(files)); err == nil || !strings.Contains(err.Error(), "words.safetensors: ") {
			t.Errorf("%d bytes: error %v, want one that names the file", len(words), err)
		}
	}
	delete(files, wordsFile)
	if _, err := Open(writeDir(t, files)); err == nil || !strings.Contains(err.Error(), "words.safetensors") {
		t.Errorf("no file: error %v, want one that names it", err)
	}
}
