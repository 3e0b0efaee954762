package learn

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"sync"
)

// cache is a file of features that grows as they are made: records of a fixed size,
// each the hash of the input, its features and a checksum over both. One that a crash
// cut, or that is damaged, is made anew.
type cache struct {
	width int
	lock  sync.Mutex
	rows  map[contentSum][]float32
	file  *os.File // nil: features are not kept
	wrong error    // the first that befell the file
}

// openCache reads what is there of a key.
func openCache(dir, key string, width int) (*cache, error) {
	c := &cache{width: width, rows: map[contentSum][]float32{}}
	if dir == "" {
		return c, nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "features-"+key)
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	size := c.recordSize()
	whole := len(data) / size * size
	for at := 0; at < whole; at += size {
		c.read(data[at : at+size])
	}
	if c.file, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o666); err != nil {
		return nil, err
	}
	if whole < len(data) {
		return c, c.file.Truncate(int64(whole))
	}
	return c, nil
}

func (c *cache) recordSize() int { return len(contentSum{}) + 4*c.width + 4 }

func (c *cache) read(record []byte) {
	body := record[:len(record)-4]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(record[len(body):]) {
		return
	}
	row := make([]float32, c.width)
	for i := range row {
		row[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[len(contentSum{})+4*i:]))
	}
	c.rows[contentSum(body[:len(contentSum{})])] = row
}

func (c *cache) get(sum contentSum) ([]float32, bool) {
	c.lock.Lock()
	defer c.lock.Unlock()
	row, ok := c.rows[sum]
	return row, ok
}

// put keeps a row. Where the disk is full, the work goes on, and err tells at its end.
func (c *cache) put(sum contentSum, row []float32) {
	record := append(make([]byte, 0, c.recordSize()), sum[:]...)
	for _, v := range row {
		record = binary.LittleEndian.AppendUint32(record, math.Float32bits(v))
	}
	record = binary.LittleEndian.AppendUint32(record, crc32.ChecksumIEEE(record))
	c.lock.Lock()
	defer c.lock.Unlock()
	c.rows[sum] = row
	if c.file != nil && c.wrong == nil {
		_, c.wrong = c.file.Write(record)
	}
}

func (c *cache) err() error {
	c.lock.Lock()
	defer c.lock.Unlock()
	return c.wrong
}

func (c *cache) close() {
	if c.file != nil {
		c.file.Close()
	}
}
