// Package emu builds, for tests, a libcuda.so.1 that needs no GPU: the CUDA driver
// API over host memory, and kernels compiled by the host's C++ compiler from the
// same .cu files that nvcc compiles. The threads of a block, or of a cluster of
// blocks, are coroutines that meet at barriers and in warp operations, so what the
// kernels compute, and whether they wait where they must, is tested wherever there
// is a C++ compiler. How long they take is not.
package emu

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

//go:embed src
var sources embed.FS

// Library compiles the emulator and the given .cu files, which may include the .cuh
// files beside them, and returns the path of the library. What is compiled stays in
// the user's cache. Without a C++ compiler the test is skipped, or fails where
// MM_REQUIRE_EMU=1 wants it to run. MM_REQUIRE_GPU=1 wants tests on a GPU, which is
// no place to repeat these.
func Library(t testing.TB, kernels ...string) string {
	t.Helper()
	if os.Getenv("MM_REQUIRE_GPU") == "1" && os.Getenv("MM_REQUIRE_EMU") != "1" {
		t.Skip("a GPU is wanted, the emulator is left out")
	}
	path, err := build(cacheDir(t), kernels)
	if errors.Is(err, exec.ErrNotFound) && os.Getenv("MM_REQUIRE_EMU") != "1" {
		t.Skipf("the CUDA emulator cannot be built: %v", err)
	}
	if err != nil {
		t.Fatalf("build the CUDA emulator: %v", err)
	}
	return path
}

func cacheDir(t testing.TB) string {
	base, err := os.UserCacheDir()
	if err == nil {
		base = filepath.Join(base, "mm", "emu")
		err = os.MkdirAll(base, 0o777)
	}
	if err != nil {
		return t.TempDir()
	}
	return base
}

// compiler is a C++ compiler with the flags of every call.
type compiler struct {
	command []string
	dir     string // of what it makes
}

func build(dir string, kernels []string) (string, error) {
	c, err := newCompiler(dir)
	if err != nil {
		return "", err
	}
	own, headers, err := c.unpack()
	if err != nil {
		return "", err
	}
	link := []string{"-shared"}
	for _, file := range append(own, kernels...) {
		object, err := c.object(file, headers)
		if err != nil {
			return "", err
		}
		link = append(link, object)
	}
	return c.make("lib", ".so.1", link, link[1:])
}

func newCompiler(dir string) (*compiler, error) {
	names := []string{"c++", "g++", "clang++"}
	if name := os.Getenv("CXX"); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			command := []string{path, "-std=c++17", "-O2", "-g1", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"}
			return &compiler{append(command, sanitizers...), dir}, nil
		}
	}
	return nil, fmt.Errorf("%w: a C++ compiler: %s", exec.ErrNotFound, strings.Join(names, ", "))
}

// unpack writes the emulator's own sources to disk. It returns those to compile and
// the header that stands in front of every file.
func (c *compiler) unpack() (files []string, header string, err error) {
	h := sha256.New()
	entries, err := fs.ReadDir(sources, "src")
	if err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		data, err := sources.ReadFile("src/" + e.Name())
		if err != nil {
			return nil, "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", e.Name(), len(data), data)
	}
	dir := filepath.Join(c.dir, "src-"+key(h))
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, "", err
	}
	for _, e := range entries {
		data, _ := sources.ReadFile("src/" + e.Name())
		path := filepath.Join(dir, e.Name())
		if err := write(path, data); err != nil {
			return nil, "", err
		}
		if filepath.Ext(path) == ".cc" {
			files = append(files, path)
		}
	}
	return files, filepath.Join(dir, "emu.h"), nil
}

// object compiles one file, unless it, the headers and the flags are as before.
func (c *compiler) object(file, header string) (string, error) {
	near, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*.cu*"))
	if err != nil {
		return "", err
	}
	own, err := filepath.Glob(filepath.Join(filepath.Dir(file), "*.h"))
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	return c.make(name, ".o", []string{"-c", "-x", "c++", "-include", header, file}, slices.Concat(near, own, []string{header, file}))
}

// make runs the compiler with a name for its output that is made from the flags and
// the content of the files it reads; where that file exists, nothing is run.
func (c *compiler) make(name, ext string, arguments, reads []string) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%q", c.command)
	for _, file := range reads {
		data, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", filepath.Base(file), len(data), data)
	}
	path := filepath.Join(c.dir, name+"-"+key(h)+ext)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	run := exec.Command(c.command[0], slices.Concat(c.command[1:], arguments, []string{"-o", temporary})...)
	if output, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", run, err, output)
	}
	return path, os.Rename(temporary, path)
}

func key(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)[:10]) }

// write makes a file in one step: another process may be making it too.
func write(path string, data []byte) error {
	temporary := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(temporary, data, 0o666); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
