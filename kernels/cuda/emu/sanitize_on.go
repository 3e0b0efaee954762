//go:build asan

package emu

// sanitizers are on with go test -asan, whose runtime the library shares.
var sanitizers = []string{"-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"}
