#!/usr/bin/env bash
# The program cublas, in WORK, which keeps what it takes: CUDA's headers, out of Python packages of 630 MB, and libraries that find
# the real ones when the program starts. gorgonia.org/cu compiles with the headers of CUDA 12, not with later ones.
#
#     bench/cublas/build.sh WORK PYTHON
set -euo pipefail
[ $# = 2 ] || { echo "usage: $0 WORK PYTHON" >&2; exit 2; }
mkdir -p "$1"
work=$(realpath "$1") python=$2
cd "$(dirname "${BASH_SOURCE[0]}")"

if [ ! -e "$work/headers/complete" ]; then
  rm -rf "$work/headers"
  "$python" -m pip download --quiet --no-deps --only-binary=:all: --dest "$work/headers" nvidia-cuda-runtime-cu12==12.9.79 \
    nvidia-cublas-cu12==12.9.3.13 nvidia-cuda-nvcc-cu12==12.9.86 nvidia-cuda-cccl-cu12==12.9.27
  for wheel in "$work"/headers/*.whl; do
    "$python" -c 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1])
z.extractall(sys.argv[2], [n for n in z.namelist() if "/include/" in n])' "$wheel" "$work/headers"
    rm "$wheel"
  done
  touch "$work/headers/complete"
fi
includes=("$work"/headers/nvidia/{cuda_runtime,cublas,cuda_nvcc,cuda_cccl}/include)
"$python" stubs.py --include "${includes[@]}" --out "$work/lib"
CGO_CFLAGS="-O2 -w ${includes[*]/#/-I}" CGO_LDFLAGS="-L$work/lib -ldl" go build -tags cublas -ldflags '-s -w' -o "$work/cublas" .
