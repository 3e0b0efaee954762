package mm_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// bomb is a PNG of one pixel whose data inflate to 64 MiB.
func bomb(t *testing.T) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	for range 64 {
		z.Write(make([]byte, 1<<20))
	}
	z.Close()
	one := photo(t, 1, 1, 1)
	at := bytes.Index(one, []byte("IDAT")) - 4
	chunk := append(binary.BigEndian.AppendUint32(nil, uint32(packed.Len())), "IDAT"...)
	chunk = append(chunk, packed.Bytes()...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
	end := bytes.Index(one, []byte("IEND")) - 4
	return append(append(bytes.Clone(one[:at]), chunk...), one[end:]...)
}

// claiming is a PNG whose header claims another size.
func claiming(file []byte, width, height uint32) []byte {
	file = put(file, 16, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)...)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

func TestBadPictures(t *testing.T) {
	m := mm.LoadSenses(t)
	whole := photo(t, 40, 30, 1)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty.png", nil, "image: empty, want a JPEG, PNG, GIF, WebP or BMP file"},
		{"text.jpg", []byte("hello, I am a text named text.jpg"), `image: begins with "hello, I am "`},
		{"sound.png", wav(t, hum(0.1, 1)), "image: begins with"},
		{"header.png", whole[:20], "PNG image: header: truncated after 20 bytes"},
		{"data.png", whole[:len(whole)/2], "PNG image: data: "},
		{"huge.png", claiming(whole, 30000, 30000), "PNG image: 30000 × 30000 pixels, want 1 to 16384 a side"},
		{"large.png", claiming(whole, 16384, 16384), "are 268435456 pixels, want at most"},
		{"wide.png", claiming(whole, 0xfffffff0, 1), "PNG image: "},
		{"none.png", claiming(whole, 0, 5), "PNG image: "},
	} {
		for _, task := range []string{"classify", "detect"} {
			_, err := inFile(t, m, task, c.name, c.data)
			wantError(t, task+" of "+c.name, err, "mm: "+task+": ", string(filepath.Separator)+c.name+": ", c.want)
		}
	}
	if _, err := inFile(t, m, "classify", "bomb.png", bomb(t)); err != nil && !strings.Contains(err.Error(), "PNG image: data: ") {
		t.Errorf("bomb: %v, want an answer or an error of the data", err)
	}
	mm.CheckPlaces(t, m)
}

// encoded is what an encoder writes.
func encoded(t *testing.T, encode func(w io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestPictureFiles runs pictures of unusual kinds.
func TestPictureFiles(t *testing.T) {
	m := mm.LoadSenses(t)
	deep, frame := image.NewRGBA64(image.Rect(0, 0, 20, 10)), image.NewPaletted(image.Rect(0, 0, 12, 8), palette.Plan9)
	for i := range deep.Pix {
		deep.Pix[i] = byte(i * i)
	}
	for i := range frame.Pix {
		frame.Pix[i] = byte(i)
	}
	film := &gif.GIF{Image: []*image.Paletted{frame, image.NewPaletted(frame.Rect, palette.Plan9)}, Delay: []int{1, 1}}
	cmyk, err := base64.StdEncoding.DecodeString(cmykJPEG)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]mm.Output{}
	for name, data := range map[string][]byte{
		"deep.png":     encoded(t, func(w io.Writer) error { return png.Encode(w, deep) }),
		"pixel.png":    photo(t, 1, 1, 1),
		"gray.bmp.jpg": encoded(t, func(w io.Writer) error { return jpeg.Encode(w, image.NewGray(image.Rect(0, 0, 33, 7)), nil) }),
		"still.gif":    encoded(t, func(w io.Writer) error { return gif.Encode(w, frame, nil) }),
		"film.gif":     encoded(t, func(w io.Writer) error { return gif.EncodeAll(w, film) }),
		"cmyk.jpg":     cmyk,
	} {
		for _, task := range []string{"classify", "detect"} {
			out, err := inFile(t, m, task, name, data)
			if err != nil || len(out.Classes) == 0 && out.Boxes == nil {
				t.Errorf("%s of %s: %+v, error %v, want an answer", task, name, out, err)
			}
			if task == "classify" {
				answers[name] = out
			}
		}
	}
	same(t, mm.Input{Task: "classify"}, answers["film.gif"], answers["still.gif"]) // the first frame
}

// cmykJPEG is 8 × 8 of one colour in four channels, with Adobe's marker.
const cmykJPEG = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZHhcZWdj/8AA" +
	"FAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAYH/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwCgDQgbP//Z"
