#!/usr/bin/env bash
# Sets up what `make bench` races against, all of it in one folder and at fixed versions:
#
#     bench/peers/setup.sh build/peers [PYTHON]
#
# FOLDER/python has ONNX Runtime and CTranslate2, for PYTHONPATH beside what train/requirements.txt brings. FOLDER/bin has
# drivers for the products of oneDNN and OpenBLAS, whose libraries lie in FOLDER/lib, and ONNX Runtime's peer in Go. Linux on
# x86-64, Go, gcc, half a gigabyte.
#
# oneDNN comes twice. onednn-cpu-gomp is Intel's last wheel with OpenMP threads; newer ones schedule through SYCL and need its
# runtime. PaddlePaddle's wheel carries a newer oneDNN, also with OpenMP: only that library is kept. The C interface of
# all 3.x is the same, so the headers of one serve for both.
set -euo pipefail

ONEDNN=2023.2.0         # oneDNN 3.2.0
PADDLE=3.3.1            # oneDNN 3.6.2
OPENBLAS=0.3.34.481.3   # OpenBLAS 0.3.34

[ $# -ge 1 ] || { echo "setup: no folder given, want setup.sh FOLDER [PYTHON]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
mkdir -p "$1"
to=$(cd "$1" && pwd)
python=${2:-python3}
CC=${CC:-gcc}

[ "$(uname -sm)" = "Linux x86_64" ] || { echo "setup: $(uname -sm), want Linux x86_64" >&2; exit 1; }
command -v "$CC" >/dev/null || { echo "setup: no compiler $CC" >&2; exit 1; }

# fetch NAME VERSION PATTERN FOLDER puts the matching files of a wheel into a folder, without the paths that they have in it.
fetch() {
  local wheels=$to/wheels-$1
  mkdir -p "$4"
  "$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --implementation cp --python-version 3.11 \
    --platform manylinux1_x86_64 --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 --dest "$wheels" "$1==$2"
  "$python" - "$wheels" "$3" "$4" <<'PYTHON'
import fnmatch, sys, zipfile
from pathlib import Path
wheels, pattern, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
wheel, = wheels.glob("*.whl")
with zipfile.ZipFile(wheel) as z:
    names = [n for n in z.namelist() if fnmatch.fnmatch(n, pattern)]
    for name in names:
        (folder / Path(name).name).write_bytes(z.read(name))
if not names:
    sys.exit(f"setup: {wheel.name}: no file like {pattern}")
PYTHON
  rm -rf "$wheels"
}

# driver NAME SOURCE INCLUDE LIBRARY-FOLDER LIBRARY
driver() {
  "$CC" -O2 -Wall -Wextra -I"$3" "$here/$2" -o "$to/bin/$1" -L"$4" "-l:$5" -lm "-Wl,-rpath,$4"
}

libraries() {
  local key=$to/lib/complete want="$ONEDNN $PADDLE $OPENBLAS"
  [ "$(cat "$key" 2>/dev/null)" != "$want" ] || return 0
  rm -rf "$to/lib" "$to/include"
  fetch onednn-devel-cpu-gomp "$ONEDNN" '*/include/oneapi/dnnl/*.h' "$to/include/oneapi/dnnl"
  fetch onednn-cpu-gomp "$ONEDNN" '*/lib/libdnnl.so.3' "$to/lib/onednn-gomp"
  fetch paddlepaddle "$PADDLE" 'paddle/libs/libdnnl.so.3' "$to/lib/onednn-paddle"
  fetch scipy-openblas32 "$OPENBLAS" 'scipy_openblas32/include/*.h' "$to/include"
  fetch scipy-openblas32 "$OPENBLAS" 'scipy_openblas32/lib/libscipy_openblas.so' "$to/lib/openblas"
  echo "$want" >"$key"
}

packages() {
  local key=$to/python/complete
  cmp -s "$here/requirements.txt" "$key" && return 0
  rm -rf "$to/python"
  "$python" -m pip install --quiet --disable-pip-version-check --root-user-action ignore --no-deps --target "$to/python" \
    -r "$here/requirements.txt"
  cp "$here/requirements.txt" "$key"
}

libraries
mkdir -p "$to/bin"
driver onednn-gomp onednn.c "$to/include" "$to/lib/onednn-gomp" libdnnl.so.3
driver onednn-paddle onednn.c "$to/include" "$to/lib/onednn-paddle" libdnnl.so.3
driver openblas openblas.c "$to/include" "$to/lib/openblas" libscipy_openblas.so
packages
ln -sf "$to"/python/onnxruntime/capi/libonnxruntime.so.* "$to/lib/libonnxruntime.so"
go -C "$here/ortgo" build -o "$to/bin/ortgo" .
PYTHONPATH=$to/python "$python" -c 'import ctranslate2, onnx, onnxruntime, torch
print(f"setup: PyTorch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}, CTranslate2 {ctranslate2.__version__}")'
