#!/usr/bin/env bash
# Everything that only a GPU can show, on a machine that may lack Go: the test programs and sentences lie in PROGRAMS, from
# make gpu-programs. What each step said goes to OUT/gpu-check.txt, a line for each step to standard output. All steps run,
# whatever comes of them; one that fails, that finds no GPU or that takes too long makes the exit status 1.
#
#     kernels/cuda/check.sh PROGRAMS OUT
set -uo pipefail
[ $# = 2 ] || { echo "usage: $0 PROGRAMS OUT" >&2; exit 2; }
mkdir -p "$2"
programs=$(realpath "$1") log=$(realpath "$2")/gpu-check.txt failed=0
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export MM_REQUIRE_GPU=1 MM_SENTENCES=$programs/sentences.tsv
: >"$log"

# step NAME SECONDS COMMAND…
step() {
  local name=$1 seconds=$2 began=$SECONDS status=0
  shift 2
  printf '\n== %s: %s\n' "$name" "$*" >>"$log"
  timeout --kill-after=5 "$seconds" "$@" >>"$log" 2>&1 </dev/null || status=$?
  case $status in
    0) printf '%s: passed in %d s\n' "$name" $((SECONDS - began)) ;;
    124 | 137) printf '%s: FAILED, not done in %d s\n' "$name" "$seconds" ;;
    *) printf '%s: FAILED with status %d in %d s\n' "$name" "$status" $((SECONDS - began)) ;;
  esac | tee -a "$log"
  [ "$status" = 0 ] || failed=1
}

# in_folder FOLDER COMMAND…: the tests read what lies beside their sources.
in_folder() { (cd "$1" && shift && exec "$@"); }
export -f in_folder

# kernels NAME SECONDS TESTS [SKIPPED]
kernels() {
  step "$1" "$2" bash -c 'in_folder kernels/cuda "$@"' - "$programs/cuda.test" -test.v -test.run "$3" ${4:+-test.skip "$4"}
}

# sanitized TOOL SECONDS TESTS SKIPPED: under the sanitizer a launch takes milliseconds, so the tests of ten thousands are left out.
sanitized() {
  step "$1" "$2" bash -c 'in_folder kernels/cuda "$@"' - compute-sanitizer --tool "$1" --error-exitcode 9 --print-limit 20 \
    "$programs/cuda.test" -test.v -test.run "$3" -test.skip "TestConformance/gpu/(Company|Allocations|TopK|MatMul)\$|$4"
}

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader >>"$log" 2>&1
# What no product and no step is computed with by default comes by itself: should it hang, the others have been seen.
others='Hopper|Program'
kernels kernels 100 '/^gpu$' "$others"
kernels hopper 30 'Hopper/^gpu$'
kernels programs 30 'Program/^gpu$'
step network 90 "$programs/mm.test" -test.v -test.run '(CUDA|Agreement)/^gpu$' -test.skip '//(overlap|program)'
step steps 60 "$programs/mm.test" -test.v -test.run '(TinyCUDA|Agreement)/^gpu$/(overlap|program)'
step training 80 "${PYTHON:-python3}" -m pytest -q -rs -p no:cacheprovider -m gpu train/tests
sanitized memcheck 90 '/^gpu$' "$others"
sanitized racecheck 70 '(Aligned|Variants|AttentionCompany|Steps|Chain)/^gpu$' "$others"
sanitized memcheck 30 'TestProgram$/^gpu$' none

grep -hE -A12 '^ *(--- FAIL|FAILED|=+ ERROR SUMMARY: [1-9])' "$log" | head -60
exit "$failed"
