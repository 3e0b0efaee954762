package token

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
)

// maxPiece bounds a rank's length in bytes; training allows 24 characters.
const maxPiece = 256

// readTable parses a .tiktoken table: a line for each rank, the base64 of its
// bytes and its number. All of 0 to ranks-1 must be there once, and all 256
// single bytes among them, so that every text has an encoding.
func readTable(data []byte, ranks int) (pieces []string, err error) {
	if ranks < 256 || ranks > maxVocabulary {
		return nil, fmt.Errorf("tokenizer: %d ranks, want 256 to %d", ranks, maxVocabulary)
	}
	pieces = make([]string, ranks)
	seen := make(map[string]int, ranks)
	lines := bufio.NewScanner(bytes.NewReader(data))
	number := 0
	for lines.Scan() {
		number++
		piece, rank, err := readLine(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("tokenizer: line %d: %w", number, err)
		}
		if rank < 0 || rank >= ranks {
			return nil, fmt.Errorf("tokenizer: line %d: rank %d, want 0 to %d", number, rank, ranks-1)
		}
		if pieces[rank] != "" {
			return nil, fmt.Errorf("tokenizer: line %d: rank %d a second time", number, rank)
		}
		if other, ok := seen[piece]; ok {
			return nil, fmt.Errorf("tokenizer: line %d: %q is rank %d already", number, piece, other)
		}
		pieces[rank], seen[piece] = piece, rank
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("tokenizer: line %d: %w", number+1, err)
	}
	if len(seen) != ranks {
		return nil, fmt.Errorf("tokenizer: %d ranks, want %d", len(seen), ranks)
	}
	for b := range 256 {
		if _, ok := seen[string([]byte{byte(b)})]; !ok {
			return nil, fmt.Errorf("tokenizer: no rank for the byte %#02x", b)
		}
	}
	return pieces, nil
}

func readLine(line []byte) (piece string, rank int, err error) {
	fields := bytes.Fields(line)
	if len(fields) != 2 {
		return "", 0, fmt.Errorf("%d fields, want base64 and a rank", len(fields))
	}
	text, err := base64.StdEncoding.DecodeString(string(fields[0]))
	if err != nil {
		return "", 0, fmt.Errorf("%q is not base64", fields[0])
	}
	if len(text) == 0 || len(text) > maxPiece {
		return "", 0, fmt.Errorf("a piece of %d bytes, want 1 to %d", len(text), maxPiece)
	}
	rank, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return "", 0, fmt.Errorf("rank %q, want a number", fields[1])
	}
	return string(text), rank, nil
}
