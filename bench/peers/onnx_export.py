"""An exported model as two ONNX graphs: the trunk, from tokens to what every decoding step reads of the memory, and one
greedy decoding step.

    trunk: ids (B, S), mask (B, S, 1) of ones and zeros -> key.i, value.i (B, H, S, d) of each cross-attention i
    step: token (B, 1), unseen (B, 1, 1, S), state -> next (B, 1), state

    python onnx_export.py --model ../../models/base --out FOLDER [--int8]

State of a step: conv.i (B, reach, C), the past of each causal convolution; keys.i and values.i (B, H, room, d) of each
self-attention, written in place; filled (B,) and total (1,), the rows stored before this one, and with it.
"""
import argparse
import math
import sys
from pathlib import Path

import numpy as np
import onnx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "train"))

import checkpoint  # noqa: E402
from onnx_graph import FLOAT, FUSED, INT32, INT64, Graph, rotary  # noqa: E402


def number(x):
    return np.full(1, x, np.float32)


def trunk(model, positions):
    g, c = Graph(model.config), model.config
    x = g.add("Gather", g.constant(model.embed.weight.detach() * math.sqrt(c.width)), "ids")
    tables = [g.constant(t) for t in rotary(c, positions)]
    unseen = g.add("Mul", g.add("Sub", "mask", g.constant(number(1))), g.constant(number(1e4)))
    columns = g.add("Unsqueeze", unseen, g.constant([1]))  # (B, 1, S, 1)
    zeros = g.add("Mul", columns, g.constant(number(0)))
    unseen = g.add("Add", zeros, g.add("Transpose", columns, perm=[0, 1, 3, 2]))  # (B, 1, S, S): what no row sees
    for block in model.encoder.blocks:
        x = centred_conv(g, x, block.conv)
        x = self_attention(g, x, block.attn, tables, unseen)
        x = g.all_experts(x, block.moe) if hasattr(block, "moe") else g.feed_forward(x, block.ffn)
    x = g.norm(x, model.encoder.norm)
    shape, outputs = ["B", c.heads, "S", c.width // c.heads], {}
    for i, cross in enumerate(crosses(model)):
        for name, weight in zip(("key", "value"), cross.kv.weight.detach().chunk(2)):
            g.add("Identity", g.heads_first(g.linear(x, weight.contiguous())), outputs=[f"{name}.{i}"])
            outputs[f"{name}.{i}"] = FLOAT, shape
    return g.model("trunk", {"ids": (INT64, ["B", "S"]), "mask": (FLOAT, ["B", "S", 1])}, outputs)


def crosses(model):
    return [model.decoder.io.cross] + [b.cross for b in model.decoder.blocks]


def causal(model):
    """(channels, rows of the past) of the causal convolutions, in the order of the state."""
    io, c = model.decoder.io, model.config
    convs = [(c.width, conv) for conv in (io.conv1, io.conv2)] + [(2 * c.width, io.merge)]
    convs += [(c.width, b.conv) for b in model.decoder.blocks]
    return [(channels, (len(conv.depthwise) - 1) * getattr(conv, "dilation", 1)) for channels, conv in convs]


def centred_conv(g, x, conv):
    """Shifted rows times taps; rows of padding are zeros, as if there were nothing."""
    width, h = len(conv.depthwise), g.add("Mul", g.norm(x, conv.norm), "mask")
    reach = width // 2 * conv.dilation
    padded = g.add("Pad", h, g.constant([0, reach, 0, 0, reach, 0]))
    total = None
    for k in range(width):
        at = k * conv.dilation
        last = at - 2 * reach or 2**31  # rows left out at the end, counted from there
        rows = g.add("Slice", padded, g.constant([at]), g.constant([last]), g.constant([1]))
        tap = g.add("Mul", rows, g.constant(conv.depthwise[k].contiguous()))
        total = g.add("Add", total, tap) if total else tap
    return g.add("Add", x, g.linear(g.silu(total), conv.pointwise.weight))


def self_attention(g, x, attn, tables, unseen):
    q, k, v = g.add("Split", g.linear(g.norm(x, attn.norm), attn.qkv.weight), g.constant([g.c.width] * 3), outputs=3,
                    axis=-1)
    first = g.constant([0])
    q, k = (g.add("RotaryEmbedding", t, first, *tables, domain=FUSED, num_heads=g.c.heads) for t in (q, k))
    h = g.add("MultiHeadAttention", q, k, v, "", "", unseen, domain=FUSED, num_heads=g.c.heads)
    return g.add("Add", x, g.linear(h, attn.out.weight))


class StepGraph(Graph):
    """One row of each output: values are (B, 1, C)."""

    def __init__(self, model, positions):
        super().__init__(model.config)
        self.tables = [self.constant(t) for t in rotary(model.config, positions)]
        self.convs = self.crossed = self.cached = 0

    def depthwise(self, x, module, dilation):
        i, self.convs = self.convs, self.convs + 1
        window = self.add("Concat", f"conv.{i}", x, axis=1)
        self.add("Slice", window, self.constant([1]), self.constant([2**31]), self.constant([1]),
                 outputs=[f"conv.{i}.next"])
        taps = window
        if dilation > 1:
            taps = self.add("Slice", window, self.constant([0]), self.constant([2**31]), self.constant([1]),
                            self.constant([dilation]))
        return self.add("ReduceSum", self.add("Mul", taps, self.constant(module.depthwise)), self.constant([1]),
                        keepdims=1)

    def conv(self, x, conv):
        h = self.depthwise(self.norm(x, conv.norm), conv, conv.dilation)
        return self.add("Add", x, self.linear(self.silu(h), conv.pointwise.weight))

    def cross(self, x, cross):
        i, self.crossed = self.crossed, self.crossed + 1
        q = self.linear(self.norm(x, cross.norm), cross.q.weight)
        h = self.add("MultiHeadAttention", q, f"key.{i}", f"value.{i}", "", "", "unseen", domain=FUSED,
                     num_heads=self.c.heads)
        return self.add("Add", x, self.linear(h, cross.out.weight))

    def merge(self, h, y, merge):
        both = self.norm(self.add("Concat", h, y, axis=-1), merge.norm)
        return self.add("Add", h, self.linear(self.silu(self.depthwise(both, merge, 1)), merge.pointwise.weight))

    def attention(self, x, attn):
        i, self.cached = self.cached, self.cached + 1
        qkv = self.linear(self.norm(x, attn.norm), attn.qkv.weight)
        h, _, _ = self.add(
            "GroupQueryAttention", qkv, "", "", f"keys.{i}", f"values.{i}", "filled", "total", *self.tables,
            outputs=[f"attended.{i}", f"keys.{i}.next", f"values.{i}.next"], domain=FUSED, num_heads=self.c.heads,
            kv_num_heads=self.c.heads, do_rotary=1)
        return self.add("Add", x, self.linear(h, attn.out.weight))


def step(model, positions, end, few):
    """few: the experts' weights are fetched for each row."""
    g, c, io = StepGraph(model, positions), model.config, model.decoder.io
    experts = g.few_experts if few else g.all_experts
    y = g.add("Gather", g.constant(model.embed.weight.detach() * math.sqrt(c.width)), "token")
    x = g.conv(g.conv(y, io.conv1), io.conv2)
    x = g.merge(g.cross(x, io.cross), y, io.merge)
    for block in model.decoder.blocks:
        x = g.cross(g.attention(g.conv(x, block.conv), block.attn), block.cross)
        x = experts(x, block.moe) if hasattr(block, "moe") else g.feed_forward(x, block.ffn)
    logits = g.linear(g.norm(x, model.decoder.norm), model.embed.weight[:end + 1].contiguous())
    g.add("ArgMax", logits, outputs=["next"], axis=-1, keepdims=0)
    return g.model("step", *signature(model))


def signature(model):
    """Inputs and outputs of a step."""
    c = model.config
    d, blocks = c.width // c.heads, len(model.decoder.blocks)
    inputs = {"token": (INT64, ["B", 1]), "unseen": (FLOAT, ["B", 1, 1, "S"]), "filled": (INT32, ["B"]),
              "total": (INT32, [1])}
    outputs = {"next": (INT64, ["B", 1])}
    for i in range(1 + blocks):
        inputs |= {f"{name}.{i}": (FLOAT, ["B", c.heads, "S", d]) for name in ("key", "value")}
    for i, (channels, reach) in enumerate(causal(model)):
        inputs[f"conv.{i}"] = outputs[f"conv.{i}.next"] = FLOAT, ["B", reach, channels]
    for i in range(blocks):
        for name in ("keys", "values"):
            inputs[f"{name}.{i}"] = outputs[f"{name}.{i}.next"] = FLOAT, ["B", c.heads, "room", d]
    return inputs, outputs


def write(graph, path, int8):
    if not int8:
        onnx.save(graph, str(path))
        return
    from onnxruntime.quantization import QuantType, quantize_dynamic
    whole = path.with_suffix(".f32.onnx")
    onnx.save(graph, str(whole))
    quantize_dynamic(whole, path, op_types_to_quantize=["MatMul"], per_channel=True, weight_type=QuantType.QInt8,
                     extra_options={"DefaultTensorType": FLOAT})
    whole.unlink()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, required=True, help="exported model directory")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--int8", action="store_true", help="weights and, as the graphs run, activations of 8 bits")
    a = p.parse_args()
    model, settings = checkpoint.load(a.model)
    positions, end = settings["model"]["max_positions"], settings["vocabulary"]["end"]
    a.out.mkdir(parents=True, exist_ok=True)
    write(trunk(model, positions), a.out / "trunk.onnx", a.int8)
    for name in ("few", "many"):  # rows of a step
        write(step(model, positions, end, few=name == "few"), a.out / f"{name}.onnx", a.int8)


if __name__ == "__main__":
    main()
