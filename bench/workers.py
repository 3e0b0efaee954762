"""The engines that are compared, each a process that answers timed requests (bench/decode, peers/worker.py), and rounds
in which all of them take turns, so that whatever else the machine does hits all alike.
"""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))

import onnx_files  # noqa: E402


@dataclass
class Variant:
    """One way to run an engine."""
    engine: str  # as tables call it
    threads: str  # "1", "2", or "2 × 1" for workers of some threads each
    command: list
    env: dict = field(default_factory=dict)

    @property
    def key(self):
        return f"{self.engine}, {self.threads}"


class Worker:
    """A started variant; a context manager that ends it."""

    def __init__(self, variant):
        self.variant, self.errors = variant, tempfile.TemporaryFile()
        began = time.perf_counter()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors, "encoding": "utf-8"}
        self.process = subprocess.Popen(variant.command, **pipes, env=os.environ | variant.env)
        self.name = self.read()["ready"]
        self.started = time.perf_counter() - began

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            self.errors.seek(0)
            raise RuntimeError(f"bench: {self.variant.key}: ended with {self.process.returncode}: "
                               f"{self.errors.read()[-2000:].decode(errors='replace')}")
        return json.loads(line)

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = self.read()
        if answer.get("error"):
            raise RuntimeError(f"bench: {self.variant.key}: {request['task']}: {answer['error']}")
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def variants(a, engines):
    """The ways to run the engines named, with 1 up to a.threads threads."""
    found = []
    for threads in range(1, a.threads + 1):
        env = {"OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(a.peers / "python")}
        for engine in engines:
            if engine == "mm":
                found.append(Variant("mm", str(threads),
                                     [str(a.bin / "decode"), "--model", str(a.model), "--threads", str(threads)]))
            elif engine == IN_GO:
                found.append(Variant(engine, str(threads), onnx_in_go(a, threads), env))
            elif engine == "CTranslate2 int8":
                found += ctranslate2(a, engine, threads, env)
            else:
                found.append(Variant(engine, str(threads), peer(a, PEERS[engine], threads), env))
    return found


# As tables call them: what peers/worker.py calls them.
PEERS = {"PyTorch eager": "eager", "PyTorch compiled": "compiled", "ONNX Runtime": "onnx",
         "ONNX Runtime int8": "onnx-int8",
         "CTranslate2 int8": "ctranslate2"}
IN_GO = "ONNX Runtime in Go"
ENGINES = ["mm", *PEERS, IN_GO]
USUAL = [e for e in ENGINES if e != "PyTorch compiled"]  # whose two programs take minutes to compile


def peer(a, name, threads, *options):
    return [a.python, str(HERE / "peers/worker.py"), name, "--model", str(a.model), "--threads", str(threads),
            "--scratch", str(a.peers / "models"), *options]


def onnx_in_go(a, threads):
    """peers/ortgo with the graphs that ONNX Runtime has in Python."""
    library = a.peers / "lib/libonnxruntime.so"
    graphs = onnx_files.exported(a.model, a.peers / "models", False, a.peers / "python")
    return [str(a.peers / "bin/ortgo"), "--library", str(library), "--model", str(a.model), "--graphs", str(graphs),
            "--threads", str(threads)]


def ctranslate2(a, engine, threads, env):
    """Its threads may share a batch or each take a part of it."""
    for workers in range(1, threads + 1):
        if threads % workers == 0:
            each = threads // workers
            name = str(threads) if workers == 1 else f"{workers} × {each}"
            yield Variant(engine, name, peer(a, PEERS[engine], each, "--workers", str(workers)),
                          env | {"OMP_NUM_THREADS": str(each)})


def take_turns(workers, requests, rounds):
    """{(variant's key, request's key): [answers]}; requests {key: request} go to all workers that do them, one after
    another, in every round, after one that is not counted."""
    answers = {}
    for turn in range(rounds + 1):
        for key, request in requests.items():
            for worker in workers:
                answer = worker.ask(**request)
                if turn:
                    answers.setdefault((worker.variant.key, key), []).append(answer)
    return answers


def rate(answers):
    """Tokens a second, the median of rounds."""
    return statistics.median(sum(a["tokens"]) / a["seconds"] for a in answers)


def best(workers, answers, key, engine, score=rate):
    """(variant, score) of an engine at one request: the best of its numbers of threads."""
    scored = [(score(answers[w.variant.key, key]), w) for w in workers if w.variant.engine == engine]
    value, worker = max(scored, key=lambda s: s[0])
    return worker, value


def first_translation(variant, text, to, runs):
    """Milliseconds from the start of a process to its first translation, the median of runs after one that warms the
    files; of no runs, that one."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        with Worker(variant) as worker:
            worker.ask(task="translate", to=to, batch=1, texts=[text], lengths=[8])
            times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times[1:] or times)
