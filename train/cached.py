"""One decoding step of model.py at a time, everything that later steps need being cached: keys and values of the
attentions, inputs of the causal convolutions. Eager PyTorch, float32; all sequences of a batch start together.
"""
import torch
import torch.nn.functional as F

from layers import Rows, rotate
from model import segment_mask


def sparse_experts(moe, x):
    """Experts.forward in eval mode with only the chosen experts run: x (B, D) -> (B, D)."""
    h = moe.norm(x)
    best = F.linear(h, moe.gate).topk(moe.top, -1)
    gates = best.values.softmax(-1)
    out = x.clone()
    for e in best.indices.unique().tolist():
        row, place = (best.indices == e).nonzero(as_tuple=True)
        gate, up = F.linear(h[row], moe.up[e]).chunk(2, -1)
        out.index_add_(0, row, F.linear(F.silu(gate) * up, moe.down[e]) * gates[row, place, None])
    return out


class Decoding:
    """State of a batch of outputs. step(tokens (B,)) -> logits (B, V) for the tokens that come next."""

    def __init__(self, model, memory, memory_rows, limit):
        """memory (B, S, D) of Encoder.forward; limit is the largest number of steps."""
        self.model, self.c, self.limit, self.at = model, model.config, limit, 0
        self.cross_mask = segment_mask(Rows(memory_rows.segment.new_ones(len(memory), 1), None), memory_rows, memory.dtype)
        self.cache = {}  # (module, part) -> tensor, batch first
        decoder = model.decoder
        for cross in [decoder.io.cross] + [block.cross for block in decoder.blocks]:
            kv = cross.kv(memory).view(*memory.shape[:2], 2, cross.heads, -1).permute(2, 0, 3, 1, 4)
            self.cache[cross, "k"], self.cache[cross, "v"] = kv[0].contiguous(), kv[1].contiguous()

    def keep(self, rows):
        """Go on with these rows of the batch only."""
        self.cache = {key: t[rows] for key, t in self.cache.items()}
        self.cross_mask = self.cross_mask[rows]

    def buffer(self, key, x, *shape):
        if key not in self.cache:
            self.cache[key] = x.new_zeros(shape)
        return self.cache[key]

    def depthwise(self, module, x, dilation):
        """The newest row of model.depthwise(causal=True): x (B, C)."""
        reach = (len(module.depthwise) - 1) * dilation
        past = self.buffer((module, "x"), x, len(x), reach + self.limit, x.shape[-1])
        past[:, reach + self.at] = x
        return torch.einsum("bkc,kc->bc", past[:, self.at:self.at + reach + 1:dilation], module.depthwise)

    def conv(self, conv, x):
        return x + conv.pointwise(F.silu(self.depthwise(conv, conv.norm(x), conv.dilation)))

    def attention(self, attn, x):
        B, C = x.shape
        q, k, v = attn.qkv(attn.norm(x)).view(B, 3, attn.heads, 1, -1).unbind(1)
        rope = Rows(None, torch.full((1, 1), self.at, device=x.device)).rope(C // attn.heads, self.c.rope_base)
        keys, values = (self.buffer((attn, part), x, B, attn.heads, self.limit, C // attn.heads) for part in "kv")
        keys[:, :, self.at], values[:, :, self.at] = rotate(k, *rope)[:, :, 0], v[:, :, 0]
        seen = slice(0, self.at + 1)
        h = F.scaled_dot_product_attention(rotate(q, *rope), keys[:, :, seen], values[:, :, seen])
        return x + attn.out(h.reshape(B, C))

    def cross(self, cross, x):
        q = cross.q(cross.norm(x)).view(len(x), cross.heads, 1, -1)
        h = F.scaled_dot_product_attention(q, self.cache[cross, "k"], self.cache[cross, "v"], attn_mask=self.cross_mask)
        return cross.out(h.reshape(x.shape))

    def merge(self, merge, h, y):
        both = self.depthwise(merge, merge.norm(torch.cat((h, y), -1)), 1)
        return h + merge.pointwise(F.silu(both))

    @torch.no_grad()
    def step(self, tokens):
        decoder = self.model.decoder
        y = self.model.embedded(tokens)
        x = self.conv(decoder.io.conv2, self.conv(decoder.io.conv1, y))
        x = self.merge(decoder.io.merge, x + self.cross(decoder.io.cross, x), y)
        for block in decoder.blocks:
            x = self.attention(block.attn, self.conv(block.conv, x))
            x = x + self.cross(block.cross, x)
            x = sparse_experts(block.moe, x) if hasattr(block, "moe") else block.ffn(x)
        self.at += 1
        return self.model.logits(decoder.norm(x))
