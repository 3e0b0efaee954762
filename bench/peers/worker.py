"""The peers of mm as workers: each answers requests from standard input, a JSON object a line, and says how long it
took.

    python worker.py eager --model ../../models/base --threads 2

A request is {"task": "translate", "to", "batch", "max_tokens", "texts", "lengths"}, {"task": "parse", "batch", "words"},
{"task": "transcribe" or "classify", "batch", "files"} or {"task": "memory"}; lengths are the tokens of each output, for
a peer whose weights mean nothing. An answer is {"seconds", "texts", "tokens"} or {"resident", "peak"}, in bytes, or
{"error"}. The first line says {"ready": what runs}. bench/decode is the same for mm.
"""
import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "train"))

TASKS = ("translate", "parse", "transcribe", "classify")
PEERS = ("eager", "compiled", "onnx", "onnx-int8", "ctranslate2")


def open_peer(a):
    if a.peer == "eager":
        from eager import Eager
        return Eager(a.model, a.threads)
    if a.peer == "compiled":
        from compiled import Compiled
        return Compiled(a.model, a.threads)
    if a.peer.startswith("onnx"):
        from onnx_peer import OnnxRuntime
        return OnnxRuntime(a.model, a.threads, a.scratch, int8=a.peer == "onnx-int8")
    from ctranslate2_peer import CTranslate2
    return CTranslate2(a.model, a.workers, a.threads, a.scratch, a.compute)


def memory():
    """What this process holds; the peak starts anew."""
    sizes = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    resident, peak = (int(sizes[key].split()[0]) << 10 for key in ("VmRSS", "VmHWM"))
    Path("/proc/self/clear_refs").write_text("5")
    return {"resident": resident, "peak": peak}


def answer(peer, request):
    if request["task"] == "memory":
        return memory()
    work = getattr(peer, request["task"], None) if request["task"] in TASKS else None
    if not work:
        raise ValueError(f"task {request['task']}: {peer.name} does not do it")
    start = time.perf_counter()
    texts, tokens = work(request)
    return {"seconds": time.perf_counter() - start, "texts": texts, "tokens": tokens}


def serve(peer, requests, out):
    print(json.dumps({"ready": peer.name}), file=out, flush=True)
    for line in requests:
        try:
            said = answer(peer, json.loads(line))
        except Exception as e:  # whatever it is belongs to whoever asked
            said = {"error": f"{type(e).__name__}: {e}"}
        print(json.dumps(said), file=out, flush=True)


def groups(sources, batch):
    """The indices of the sources, shortest first, in batches."""
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    return [order[at:at + batch] for at in range(0, len(order), batch)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("peer", choices=PEERS)
    p.add_argument("--model", type=Path, required=True, help="exported model directory")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--workers", type=int, default=1, help="of CTranslate2, each with so many threads")
    p.add_argument("--compute", default="int8", help="CTranslate2's type of weights")
    p.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()), help="keeps converted models")
    a = p.parse_args()
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print
    serve(open_peer(a), sys.stdin, out)


if __name__ == "__main__":
    main()
