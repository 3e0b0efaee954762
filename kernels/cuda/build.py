"""Compiles the .cu files beside this one to kernels.fatbin, which the program embeds, and checks what came out.

    make kernels

It writes kernels.sum, by which the tests see whether the fatbin is of its sources, and the table of registers and shared
memory in README.md. It needs the packages of requirements.txt and a C++ compiler; no GPU.
"""
import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 3 << 20  # bytes of kernels.fatbin

# Machine code for these chips, and PTX that drivers compile for later ones.
TARGETS = ["arch=compute_80,code=sm_80", "arch=compute_90a,code=sm_90a", "arch=compute_100,code=sm_100",
           "arch=compute_80,code=compute_80"]
CHIPS = ["sm_80", "sm_90a", "sm_100"]

# What must stand in the machine code of kernels: tensor core instructions, where products are meant to run on those, copies by
# the memory system, barriers of a cluster.
MEANT = {r"matmul_(i8|bf16)_(8|16|32|wide)": {chip: ["HMMA.16816.F32.BF16"] for chip in CHIPS},
         r"matmul_(i8|bf16)_hopper": {"sm_90a": ["HGMMA.64x128x16.F32.BF16"]},
         r"matmul_bf16_bulk": {"sm_90a": ["HGMMA.64x128x16.F32.BF16", "UBLKCP"]},
         r"matmul_bf16_rounded": {"sm_90a": ["HGMMA.64x256x16.F32.BF16", "UBLKCP"]},
         r"program": {chip: ["UCGABAR_ARV", "UCGABAR_WAIT", "HMMA.16816.F32.BF16"] for chip in ("sm_90a", "sm_100")}}


def sources():
    """What kernels.fatbin is made from, by name."""
    names = [p for pattern in ("*.cu", "*.cuh") for p in HERE.glob(pattern)]
    return sorted(names + [HERE / "build.py", HERE / "requirements.txt"])


def run(command, **options):
    done = subprocess.run([str(c) for c in command], text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"build: {' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def compile_all(tools, work):
    """All kernels, which program.cu includes, for one fatbin; returns what the assembler said of each."""
    fatbin = work / "kernels.fatbin"
    flags = [f for t in TARGETS for f in ("-gencode", t)]
    said = run([tools / "nvcc", "-std=c++17", "-O3", "--fatbin", "-Xfatbin", "-compress-all", *flags, "-Xptxas", "-v",
                "-Werror", "all-warnings", "-o", fatbin, HERE / "program.cu"])
    return fatbin, said


def resources(said):
    """{(kernel, chip): (registers, static shared bytes, spilled bytes)} from the assembler's words."""
    found, kernel = {}, None
    for line in said.splitlines():
        if m := re.search(r"Compiling entry function '(\w+)' for '(\w+)'", line):
            kernel = m.groups()
        elif m := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line):
            spilled = int(m[1]) + int(m[2])
        elif m := re.search(r"Used (\d+) registers", line):
            shared = re.search(r"(\d+) bytes smem", line)
            found[kernel] = int(m[1]), int(shared[1]) if shared else 0, spilled
    return found


def check_instructions(tools, fatbin, kernels):
    """Fails where a kernel lacks the instructions that it was written for."""
    for chip in CHIPS:
        code, kernel = {}, None
        for line in run([tools / "cuobjdump", "-sass", "-arch", chip, fatbin]).splitlines():
            if m := re.search(r"Function : (\w+)", line):
                kernel = m[1]
            elif kernel:
                code.setdefault(kernel, []).append(line)
        for pattern, wanted in MEANT.items():
            named = [k for k in kernels if re.fullmatch(pattern, k)]
            if not named:
                sys.exit(f"build: no kernel is called {pattern}")
            for k in named:
                for instruction in wanted.get(chip, []):
                    if not any(instruction in line for line in code.get(k, [])):
                        sys.exit(f"build: kernel {k} for {chip} has no {instruction}")


def check_header(tools, work):
    """Fails where what driver/ says of the driver's calls, structs and numbers is not what its header says."""
    numbers = [m for p in sorted((HERE / "driver").glob("*.go"))
               for m in re.findall(r"= (\d+) +// (CU\w+)", p.read_text(encoding="utf-8"))]
    text = (HERE / "driver/testdata/header.c").read_text(encoding="utf-8").replace('"../shim.h"', f'"{HERE / "driver/shim.h"}"')
    unit = work / "header.c"
    unit.write_text(text + "".join(f"SAME({n}, {name});\n" for n, name in numbers), encoding="utf-8")
    run(["cc", "-std=gnu11", "-fsyntax-only", "-Werror", "-Wno-int-conversion", "-Wno-incompatible-pointer-types",
         "-I", tools.parent / "include", unit])
    return len(numbers)


def table(found):
    """Registers and shared memory of each kernel, for README.md."""
    lines = ["| kernel | " + " | ".join(f"{c}: registers" for c in CHIPS) + " | static shared memory, bytes |",
             "|---|" + "---:|" * (len(CHIPS) + 1)]
    for kernel in sorted({k for k, _ in found}):
        each = [found[kernel, c] for c in CHIPS]
        lines.append(f"| {kernel} | " + " | ".join(str(e[0]) for e in each) + f" | {max(e[1] for e in each)} |")
    return "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--work", type=Path, required=True, help="a folder for what is only needed here")
    a = p.parse_args()
    work = a.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    tools = next(Path(sys.prefix).glob("lib/python*/site-packages/nvidia/cu13/bin"), None)
    if not tools:
        sys.exit(f"build: no CUDA compiler in {sys.prefix}, want the packages of requirements.txt")

    numbers = check_header(tools, work)
    fatbin, said = compile_all(tools, work)
    found = resources(said)
    for (kernel, chip), (_, _, spilled) in found.items():
        if spilled:
            sys.exit(f"build: kernel {kernel} for {chip} spills {spilled} bytes of registers to memory")
    check_instructions(tools, fatbin, {k for k, _ in found})
    data = fatbin.read_bytes()
    if len(data) > LIMIT:
        sys.exit(f"build: kernels.fatbin has {len(data)} bytes, want at most {LIMIT}")

    (HERE / "kernels.fatbin").write_bytes(data)
    sums = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in [*sources(), HERE / "kernels.fatbin"]]
    (HERE / "kernels.sum").write_text("".join(sums), encoding="utf-8")
    run([sys.executable, HERE.parent.parent / "bench/section.py", "--file", HERE / "README.md", "--name", "resources"],
        input=table(found))
    print(f"kernels.fatbin: {len(data)} bytes, {len({k for k, _ in found})} kernels for {', '.join(CHIPS)} and PTX; "
          f"{numbers} numbers are the driver's")


if __name__ == "__main__":
    main()
