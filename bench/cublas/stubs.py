"""Static libraries libcuda.a and libcublas.a without CUDA: each function jumps to the one of that name in the shared library,
which is opened when the program starts; where that is missing, a call returns 999, the code of an unknown error.

    python stubs.py --include DIR… --out LIB
"""
import argparse
import re
import subprocess
from pathlib import Path

LIBRARIES = {"cuda": ("cuda.h", "cu[A-Z]", ["libcuda.so.1"]),
             "cublas": ("cublas_v2.h", "cublas[A-Z]", ["libcublas.so.13", "libcublas.so.12"])}
SOURCE = """#include <dlfcn.h>
#include <stddef.h>
static const char *names[] = {NAMES};
static const char *files[] = {FILES};
__attribute__((visibility("hidden"))) void *LIBRARY_functions[sizeof names / sizeof *names];
static int missing(void) { return 999; }
__attribute__((constructor)) static void find(void) {
	void *library = NULL;
	for (size_t i = 0; !library && i < sizeof files / sizeof *files; i++) library = dlopen(files[i], RTLD_NOW | RTLD_GLOBAL);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		void *function = library ? dlsym(library, names[i]) : NULL;
		LIBRARY_functions[i] = function ? function : (void *)missing;
	}
}
"""
JUMP = 'asm(".text\\n.globl {0}\\n.type {0}, @function\\n{0}: jmp *{1}_functions+{2}(%rip)\\n");\n'


def run(*command, **options):
    return subprocess.run(command, text=True, check=True, stdout=subprocess.PIPE, **options).stdout


def functions(header, prefix, includes):
    """The functions that a header declares, as the linker knows them."""
    text = run("gcc", "-E", "-P", "-x", "c", *(f"-I{i}" for i in includes), "-", input=f"#include <{header}>\n")
    return sorted(set(re.findall(rf"\b({prefix}\w*)\s*\(", text)))


def source(library, names, files):
    def listed(texts):
        return ", ".join(f'"{t}"' for t in texts)
    head = SOURCE.replace("NAMES", listed(names)).replace("FILES", listed(files)).replace("LIBRARY", library)
    return head + "".join(JUMP.format(name, library, 8 * i) for i, name in enumerate(names))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--include", type=Path, nargs="+", required=True, help="folders with cuda.h and cublas_v2.h")
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    for library, (header, prefix, files) in LIBRARIES.items():
        code, thing = a.out / f"{library}.c", a.out / f"{library}.o"
        code.write_text(source(library, functions(header, prefix, a.include), files), encoding="utf-8")
        run("gcc", "-O1", "-fPIC", "-c", "-o", str(thing), str(code))
        (a.out / f"lib{library}.a").unlink(missing_ok=True)
        run("ar", "rcs", str(a.out / f"lib{library}.a"), str(thing))


if __name__ == "__main__":
    main()
