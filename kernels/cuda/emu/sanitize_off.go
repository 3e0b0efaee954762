//go:build !asan

package emu

// sanitizers are the checks that need no support from the program that loads the
// library: a trap where a GPU would fault on an address that is not aligned.
var sanitizers = []string{"-fsanitize=alignment,shift,integer-divide-by-zero", "-fsanitize-undefined-trap-on-error"}
