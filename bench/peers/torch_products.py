"""oneDNN as PyTorch carries it, newer than the wheels: packed linear layers through the operators that torch.compile
emits. The call costs some microseconds of Python, so only products of at least 64 rows are timed.

    kernels --list | python torch_products.py --threads 2 --sample-ms 20 --samples 5
"""
import argparse
import json
import sys
import time

import torch

LEAST_ROWS = 64


def seconds(work, sample, samples):
    """The rule of products.h."""
    def lasts(calls):
        start = time.perf_counter()
        for _ in range(calls):
            work()
        return time.perf_counter() - start

    work()
    calls = 1
    while (took := lasts(calls)) < sample:
        calls = min(10 * calls, int(1.1 * calls * sample / max(took, 1e-9)) + 1)
    return sorted(lasts(calls) for _ in range(samples))[samples // 2] / calls


def floating(m, n, k, dtype):
    """(work, what it must come near)."""
    x, w = torch.randn(m, k).to(dtype), torch.randn(n, k).to(dtype)
    packed = torch.ops.mkldnn._reorder_linear_weight(w, m)
    return lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], ""), x.float() @ w.float().t()


def integer(m, n, k):
    x = torch.randint(0, 128, (m, k), dtype=torch.uint8)  # 7 bits, as onednn.c says
    w = torch.randint(-127, 128, (n, k), dtype=torch.int8)
    packed = torch.ops.onednn.qlinear_prepack(w, list(x.shape))
    scales, zeros = torch.ones(n), torch.zeros(n, dtype=torch.int64)
    one, zero = torch.ones(1), torch.zeros(1, dtype=torch.int64)

    def work():
        return torch.ops.onednn.qlinear_pointwise(x, one, zero, packed, scales, zeros, None, 1.0, 0, torch.float32,
                                                  "none", [], "")

    return work, x.float() @ w.float().t()


def prepared(dtype, m, n, k):
    """(form, work) of a product, checked."""
    if dtype == "i8":
        form, (work, want) = "u8 s8 to f32, scaled", integer(m, n, k)
    else:
        form, (work, want) = dtype, floating(m, n, k, {"f32": torch.float32, "bf16": torch.bfloat16}[dtype])
    torch.testing.assert_close(work().float(), want, rtol=2e-2, atol=2e-2 * want.abs().max().item())
    return form, work


@torch.inference_mode()
def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--sample-ms", type=float, default=20)
    p.add_argument("--samples", type=int, default=5)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    config = torch.__config__.show()
    version = config.split("MKL-DNN v")[1].split()[0] if "MKL-DNN v" in config else "unknown"
    for line in sys.stdin:
        dtype, *sizes = line.split()
        m, n, k, copies = map(int, sizes)
        if m >= LEAST_ROWS:
            try:
                form, work = prepared(dtype, m, n, k)
            except RuntimeError as e:
                if "cpu support" not in str(e):
                    raise
                print(f"torch: no {dtype} on this machine", file=sys.stderr)
                continue
            took = seconds(work, a.sample_ms / 1e3, a.samples)
            print(json.dumps({"library": f"oneDNN {version} in PyTorch", "dtype": dtype, "form": form, "m": m, "n": n,
                              "k": k,
                              "copies": copies, "seconds": took}), flush=True)


if __name__ == "__main__":
    main()
