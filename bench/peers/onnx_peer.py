"""ONNX Runtime: the graphs of onnx_export.py and a greedy loop around them, without PyTorch. All buffers are numpy
arrays that stay where they are, bound once and again when the batch shrinks.
"""
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

import tokenizer
from onnx_files import exported
from worker import groups

FEW = 8  # rows for which fetching the experts' weights pays


def up(n, to=16):
    return -(-n // to) * to


class State:
    """A batch of outputs in the middle of decoding. Pasts and tokens come in pairs, one of which is read."""

    def __init__(self, inputs, room, memory, unseen):
        """inputs {name: shape} of a step, its batch and room unknown."""
        B = len(unseen)
        self.memory, self.unseen = memory, unseen
        self.convs = [[np.zeros((B, *shape[1:]), np.float32) for _ in range(2)]
                      for name, shape in inputs.items() if name.startswith("conv.")]
        self.caches = [np.zeros((B, shape[1], room, shape[3]), np.float32)
                       for name, shape in inputs.items() if name.startswith(("keys.", "values."))]
        self.tokens = [np.zeros((B, 1), np.int64) for _ in range(2)]
        self.filled, self.total, self.at = np.zeros(B, np.int32), np.zeros(1, np.int32), 0

    def keep(self, rows):
        """Go on with these rows of the batch only."""
        self.memory = {name: array[rows] for name, array in self.memory.items()}
        self.convs = [[a[rows] for a in pair] for pair in self.convs]
        self.caches, self.tokens = [a[rows] for a in self.caches], [a[rows] for a in self.tokens]
        self.unseen, self.filled = self.unseen[rows], self.filled[rows]

    def bind(self, session, parity):
        """The binding of steps of that parity: what they read, and beside it what they write."""
        b = session.io_binding()

        def put(bind, name, array):
            bind(name, "cpu", 0, array.dtype.type, list(array.shape), array.ctypes.data)

        reads = {"token": self.tokens[parity], "unseen": self.unseen, "filled": self.filled, "total": self.total,
                 **self.memory}
        writes = {"next": self.tokens[1 - parity]}
        for i, pair in enumerate(self.convs):
            reads[f"conv.{i}"], writes[f"conv.{i}.next"] = pair[parity], pair[1 - parity]
        for i, cache in enumerate(self.caches):
            name = f"{('keys', 'values')[i % 2]}.{i // 2}"
            reads[name] = writes[f"{name}.next"] = cache
        for name, array in reads.items():
            put(b.bind_input, name, array)
        for name, array in writes.items():
            put(b.bind_output, name, array)
        return b

    def advance(self, session, bindings):
        """One step; the tokens (B,) that it chose."""
        parity = self.at % 2
        self.filled[:], self.total[:] = self.at, self.at + 1
        session.run_with_iobinding(bindings[parity])
        self.at += 1
        return self.tokens[1 - parity][:, 0]


class OnnxRuntime:
    def __init__(self, model, threads, scratch, int8=False):
        model = Path(model)
        settings = json.loads((model / "config.json").read_text(encoding="utf-8"))
        self.tok, self.positions = tokenizer.Tokenizer(model), settings["model"]["max_positions"]
        self.commands, self.end = settings["vocabulary"]["commands"], settings["vocabulary"]["end"]
        options, folder = ort.SessionOptions(), exported(model, scratch, int8)
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self.trunk, self.few, self.many = (
            ort.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
            for name in ("trunk", "few", "many"))
        self.inputs = {i.name: i.shape for i in self.few.get_inputs()}
        kind = "int8 by quantize_dynamic" if int8 else "float32"
        self.name = f"ONNX Runtime {ort.__version__}, {kind} with a KV cache"

    def start(self, sources, limits):
        """Encode a batch: the state in front of the first step."""
        longest = max(map(len, sources))
        ids, mask = np.zeros((len(sources), longest), np.int64), np.zeros((len(sources), longest, 1), np.float32)
        for i, source in enumerate(sources):
            ids[i, :len(source)], mask[i, :len(source)] = source, 1
        names = [o.name for o in self.trunk.get_outputs()]
        memory = dict(zip(names, self.trunk.run(names, {"ids": ids, "mask": mask})))
        unseen = np.ascontiguousarray((mask[:, None, None, :, 0] - 1) * np.float32(1e4))
        state = State(self.inputs, up(max(limits)), memory, unseen)
        state.tokens[0][:, 0] = [s[0] for s in sources]
        return state

    def greedy(self, sources, max_tokens=None):
        """Token ids of each output; the batch shrinks when a quarter of it has ended. Limits are the reference's."""
        limits = [min(self.positions, 3 * len(s) // 2 + 16, max_tokens or self.positions) for s in sources]
        state = self.start(sources, limits)
        out, live, ended, bindings = [[] for _ in sources], list(range(len(sources))), set(), None
        while True:
            if not bindings:
                session = self.few if len(live) <= FEW else self.many
                bindings = [state.bind(session, parity) for parity in range(2)]
            for i, token in zip(live, state.advance(session, bindings).tolist()):
                if i in ended:
                    continue
                if token != self.end:
                    out[i].append(token)
                if token == self.end or len(out[i]) == limits[i]:
                    ended.add(i)
            stay = [row for row, i in enumerate(live) if i not in ended]
            if not stay:
                return out
            if 4 * len(stay) <= 3 * len(live):
                live, bindings = [live[row] for row in stay], None
                state.keep(stay)

    def translate(self, request):
        sources = [[self.commands[f"<to-{request['to']}>"]] + self.tok.encode(s) for s in request["texts"]]
        tokens = [[]] * len(sources)
        for group in groups(sources, request["batch"]):
            for i, ids in zip(group, self.greedy([sources[i] for i in group], request.get("max_tokens"))):
                tokens[i] = ids
        return [self.tok.decode(ids) for ids in tokens], [len(ids) for ids in tokens]
