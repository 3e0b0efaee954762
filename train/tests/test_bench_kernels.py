import bench_kernels
from report import table

PRINTED = """goos: linux
BenchmarkGPU/matmul/i8/1x256x768-16   20   412.0 GB/s   0.80 TFLOP/s   3.2 gpu-µs
BenchmarkGPU/hoppermatmul/bf16/4096x4096x4096   20   1.0 GB/s   500.0 TFLOP/s   275.0 gpu-µs
BenchmarkCUDA/translate/256-16   5   9000 ns/op   100000 tokens/s   10.0 µs/token
BenchmarkCUDA/transcribe/32x10x32-16   5   9000 ns/op   320 µs/request
PASS
"""


def test_reads_what_go_prints():
    assert bench_kernels.benchmarks(PRINTED) == {
        "matmul/i8/1x256x768": {"GB/s": 412.0, "TFLOP/s": 0.8, "gpu-µs": 3.2},
        "hoppermatmul/bf16/4096x4096x4096": {"GB/s": 1.0, "TFLOP/s": 500.0, "gpu-µs": 275.0},
        "translate/256": {"ns/op": 9000.0, "tokens/s": 100000.0, "µs/token": 10.0},
        "transcribe/32x10x32": {"ns/op": 9000.0, "µs/request": 320.0}}


def test_compares_by_name_whatever_fails(monkeypatch):
    def run(program, folder, pattern, times, steps):
        if pattern == "CUDA/^classify" or steps == "program":
            return {}
        begins = {"GPU/^[^hbr]": "matmul"}.get(pattern, pattern.split("^")[-1])
        return {name: v for name, v in bench_kernels.benchmarks(PRINTED).items() if name.startswith(begins)}

    monkeypatch.setattr(bench_kernels, "ceilings", lambda times: {"TFLOP/s": 800.0, "GB/s": 4000.0})
    monkeypatch.setattr(bench_kernels, "run", run)
    monkeypatch.setattr(bench_kernels, "theirs", lambda name, times: (550.0, "cuBLAS bf16") if "4096" in name else None)
    r = bench_kernels.compare(".", 20)
    assert [k.get("ratio") for k in r["kernels"]] == [None, 2.0]
    assert r["kernels"][1]["flop_share"] == 500 / 800 and r["kernels"][0]["byte_share"] == 412 / 4000
    assert set(r["mm"]) == {"translate/256", "transcribe/32x10x32"}
    assert set(r["steps"]["overlap"]) == {"translate/256"} and not r["steps"]["program"]
    text = bench_kernels.markdown(r, table)
    assert "| 256 | 10.0 | 10.0 | – |" in text
    assert "| `hoppermatmul/bf16/4096x4096x4096` | 275.0 | 550.0 | cuBLAS bf16 | 2.00 | – | 62 % | 0 % |" in text


def test_cublas_is_asked_for_each_shape_once(tmp_path):
    program = tmp_path / "cublas"
    program.write_text('#!/bin/sh\nfor s in "$@"; do echo "BenchmarkCuBLAS/sgemm/$s 20 7.500 gpu-µs 1.000 TFLOP/s"; done\n')
    program.chmod(0o755)
    names = ["matmul/i8/1x256x768", "hoppermatmul/i8/1x256x768", "matmul/bf16/8x8x8", "copy/9x9"]
    assert bench_kernels.cublas(program, names) == {"1x256x768": 7.5, "8x8x8": 7.5}


def test_what_came_before_a_failure_counts(tmp_path, monkeypatch, capsys):
    program = tmp_path / "cuda.test"
    program.write_text('#!/bin/sh\necho "BenchmarkGPU/copy/9x9 20 1.0 GB/s 2.5 gpu-µs"\necho "panic: $MM_CUDA_STEPS"\n[ "$4" = hang ] && sleep 9\nexit 2\n')
    program.chmod(0o755)
    monkeypatch.setattr(bench_kernels, "LONGEST", 1)
    for pattern, says in ("GPU", "exit 2: BenchmarkGPU/copy"), ("hang", "not done in 1 s"):
        assert bench_kernels.run(program, tmp_path, pattern, 20, "overlap") == {"copy/9x9": {"GB/s": 1.0, "gpu-µs": 2.5}}
        said = capsys.readouterr().out
        assert says in said and "panic: overlap" in said
