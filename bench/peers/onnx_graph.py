"""Layers of train/model.py as ONNX nodes, in the fused operators that ONNX Runtime has on a CPU:
SimplifiedLayerNormalization, RotaryEmbedding, GroupQueryAttention, MultiHeadAttention, QuickGelu (which with alpha 1 is
SiLU).
"""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

FUSED = "com.microsoft"
FLOAT, INT64, INT32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32


class Graph:
    """Nodes and constants so far. Layers take and return names of values."""

    def __init__(self, config):
        self.c, self.nodes, self.constants, self.known = config, [], [], {}

    def constant(self, value):
        """A tensor of PyTorch or numpy, or a list of whole numbers; the same one twice is stored once."""
        key = str(value) if isinstance(value, list) else id(value)
        if key not in self.known:
            array = value.detach().numpy() if hasattr(value, "detach") else np.asarray(value)
            name = f"constant{len(self.constants)}"
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
            self.known[key] = name, value  # the value stays alive, so that its id stays its own
        return self.known[key][0]

    def add(self, op, *inputs, outputs=1, domain="", **attributes):
        """A node; the name of its output, or a list of names."""
        names = outputs if isinstance(outputs, list) else [f"value{len(self.nodes)}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, list(inputs), names, domain=domain, **attributes))
        return names[0] if len(names) == 1 else names

    def model(self, name, inputs, outputs):
        """inputs and outputs: {name: (type, shape)}."""
        def info(values):
            return [helper.make_tensor_value_info(n, t, shape) for n, (t, shape) in values.items()]

        graph = helper.make_graph(self.nodes, name, info(inputs), info(outputs), self.constants)
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(FUSED, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9)

    def linear(self, x, weight):
        """weight (out, in)."""
        return self.add("MatMul", x, self.transposed(weight))

    def transposed(self, weight):
        key = "transposed", id(weight)
        if key not in self.known:
            self.known[key] = self.constant(weight.detach().t().contiguous()), weight
        return self.known[key][0]

    def norm(self, x, norm):
        return self.add("SimplifiedLayerNormalization", x, self.constant(norm.gain), axis=-1, epsilon=norm.eps,
                        stash_type=1)

    def silu(self, x):
        return self.add("QuickGelu", x, domain=FUSED, alpha=1.0)

    def gated(self, x, width):
        """SiLU of the first width columns times the others."""
        gate, up = self.add("Split", x, self.constant([width, width]), outputs=2, axis=-1)
        return self.add("Mul", self.silu(gate), up)

    def heads_first(self, x):
        """(B, S, D) -> (B, H, S, d)."""
        split = self.add("Reshape", x, self.constant([0, 0, self.c.heads, self.c.width // self.c.heads]))
        return self.add("Transpose", split, perm=[0, 2, 1, 3])

    def feed_forward(self, x, ffn):
        hidden = self.gated(self.linear(self.norm(x, ffn.norm), ffn.up.weight), self.c.ffn)
        return self.add("Add", x, self.linear(hidden, ffn.down.weight))

    def gates(self, h, moe):
        """h (B, S, D) -> gates and numbers of the chosen experts, both (B, S, top)."""
        best, index = self.add("TopK", self.linear(h, moe.gate), self.constant([moe.top]), outputs=2, axis=-1)
        return self.add("Softmax", best, axis=-1), index

    def all_experts(self, x, moe):
        """x (B, S, D): every expert's hidden units times its gate, then one product, as Experts.forward."""
        E, F = self.c.experts, self.c.expert_ffn
        h = self.norm(x, moe.norm)
        gates, index = self.gates(h, moe)
        zeros = self.add("Mul", self.linear(h, moe.gate), self.constant(np.zeros(1, np.float32)))
        gates = self.add("Unsqueeze", self.add("ScatterElements", zeros, index, gates, axis=-1), self.constant([-1]))
        split = self.add("Reshape", self.linear(h, moe.up.flatten(0, 1)), self.constant([0, 0, E, 2 * F]))
        hidden = self.add("Mul", self.gated(split, F), gates)
        flat = self.add("Reshape", hidden, self.constant([0, 0, E * F]))
        return self.add("Add", x, self.linear(flat, moe.down.permute(1, 0, 2).flatten(1)))

    def few_experts(self, x, moe):
        """x (B, 1, D): fetches the weights of the chosen experts, which pays for few rows."""
        h = self.norm(x, moe.norm)
        gates, index = self.gates(h, moe)  # (B, 1, top)
        up = self.add("Gather", self.constant(moe.up.detach().transpose(1, 2).contiguous()),
                      index)  # (B, 1, top, D, 2F)
        down = self.add("Gather", self.constant(moe.down.detach().transpose(1, 2).contiguous()),
                        index)  # (B, 1, top, F, D)
        row = self.add("Unsqueeze", h, self.constant([2, 3]))  # (B, 1, 1, 1, D)
        out = self.add("MatMul", self.gated(self.add("MatMul", row, up), self.c.expert_ffn), down)  # (B, 1, top, 1, D)
        scaled = self.add("Mul", out, self.add("Unsqueeze", gates, self.constant([-1, -2])))
        return self.add("Add", x, self.add("ReduceSum", scaled, self.constant([2, 3]), keepdims=0))


def rotary(config, positions):
    """cos and sin (positions, d/2), as Rows.rope."""
    half = config.width // config.heads // 2
    freq = np.float32(config.rope_base) ** (-np.arange(half, dtype=np.float32) / np.float32(half))
    angle = np.arange(positions, dtype=np.float32)[:, None] * freq
    return np.cos(angle), np.sin(angle)
