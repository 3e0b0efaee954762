"""PyTorch with a decoding step that torch.compile made: the arithmetic of train/cached.py on tensors of fixed room, so
that one program serves all steps. The encoder stays eager.

There are two programs. That of one row has its weights packed ahead (freezing) and returns new caches, which are small.
That of more rows writes into them in place: together with freezing that gives wrong tokens (PyTorch 2.15.0).
"""
import torch
import torch.nn.functional as F
from torch import nn

from layers import Rows, rotate
from model import segment_mask
from reference import Reference
from worker import groups

ROUND = 32  # caches and memories have room for a multiple of so many rows


def up(n):
    return -(-n // ROUND) * ROUND


class Step(nn.Module):
    """tokens (B,), at () -> best next tokens (B,), pasts of the next step, caches where they are new."""

    def __init__(self, model, end):
        super().__init__()
        self.model, self.c, self.end = model, model.config, end

    def depthwise(self, module, x, past, dilation):
        """x (B, C), past (B, reach, C) -> its causal convolution (B, C), past of the next step."""
        window = torch.cat((past, x[:, None]), 1)
        return (window[:, ::dilation] * module.depthwise).sum(1), window[:, 1:]

    def conv(self, conv, x, past):
        h, past = self.depthwise(conv, conv.norm(x), past, conv.dilation)
        return x + conv.pointwise(F.silu(h)), past

    def cross(self, cross, x, kv, mask):
        q = cross.q(cross.norm(x)).view(len(x), cross.heads, 1, -1)
        return cross.out(F.scaled_dot_product_attention(q, *kv, attn_mask=mask).reshape(x.shape))

    def attention(self, attn, x, kv, at):
        B, C = x.shape
        q, k, v = attn.qkv(attn.norm(x)).view(B, 3, attn.heads, 1, -1).unbind(1)
        rope, room = Rows(None, at.view(1, 1)).rope(C // attn.heads, self.c.rope_base), torch.arange(kv[0].shape[2], device=at.device)
        kv = self.store(kv, (rotate(k, *rope), v), at, room)
        h = F.scaled_dot_product_attention(rotate(q, *rope), *kv, attn_mask=(room <= at).view(1, 1, 1, -1))
        return x + attn.out(h.reshape(B, C)), kv

    def store(self, kv, new, at, room):
        """Caches (B, H, room, d) with new (B, H, 1, d) at row `at`."""
        if len(kv[0]) == 1:
            here = (room == at).view(1, 1, -1, 1)
            return tuple(torch.where(here, t, cache) for t, cache in zip(new, kv))
        for t, cache in zip(new, kv):
            cache.index_copy_(2, at.view(1), t)
        return kv

    def experts(self, moe, x):
        """One row fetches the weights of its experts; more run all of them, as Experts.forward does."""
        h = moe.norm(x)
        if len(x) > 1:
            return moe(x[None])[0][0]
        best = F.linear(h, moe.gate).topk(moe.top, -1)
        hidden = torch.einsum("bd,bkfd->bkf", h, moe.up[best.indices])
        gate, rest = hidden.chunk(2, -1)
        out = torch.einsum("bkf,bkdf->bkd", F.silu(gate) * rest, moe.down[best.indices])
        return x + (out * best.values.softmax(-1)[..., None]).sum(1)

    def forward(self, tokens, at, pasts, kvs, crosses, mask):
        io, blocks, new = self.model.decoder.io, self.model.decoder.blocks, []
        pasts = iter(pasts)

        def conv(module, x):
            x, past = self.conv(module, x, next(pasts))
            new.append(past)
            return x

        y = self.model.embedded(tokens)
        x = conv(io.conv2, conv(io.conv1, y))
        x = x + self.cross(io.cross, x, crosses[0], mask)
        both, past = self.depthwise(io.merge, io.merge.norm(torch.cat((x, y), -1)), next(pasts), 1)
        new.append(past)
        x = x + io.merge.pointwise(F.silu(both))
        stored = []
        for block, kv, cross in zip(blocks, kvs, crosses[1:]):
            x, kv = self.attention(block.attn, conv(block.conv, x), kv, at)
            stored.append(kv)
            x = x + self.cross(block.cross, x, cross, mask)
            x = self.experts(block.moe, x) if hasattr(block, "moe") else block.ffn(x)
        logits = F.linear(self.model.decoder.norm(x), self.model.embed.weight[:self.end + 1])
        return logits.argmax(-1), new, stored if len(tokens) == 1 else None


class Decoding:
    """State of a batch of outputs; the batch shrinks when half of them have ended."""

    def __init__(self, step, memory, mask, limit):
        """memory (B, S, D), mask (B, 1, 1, S)."""
        m, c, B = step.model, step.c, len(memory)
        io, blocks = m.decoder.io, m.decoder.blocks
        reaches = [(len(conv.depthwise) - 1) * conv.dilation
                   for conv in (io.conv1, io.conv2)] + [len(io.merge.depthwise) - 1]
        reaches += [(len(b.conv.depthwise) - 1) * b.conv.dilation for b in blocks]
        self.pasts = [memory.new_zeros(B, r, c.width * (2 if i == 2 else 1)) for i, r in enumerate(reaches)]
        self.kvs = [tuple(memory.new_zeros(B, c.heads, up(limit), c.width // c.heads) for _ in "kv") for _ in blocks]
        self.crosses = []
        for cross in [io.cross] + [b.cross for b in blocks]:
            kv = cross.kv(memory).view(B, -1, 2, cross.heads, c.width // cross.heads).permute(2, 0, 3, 1, 4)
            self.crosses.append((kv[0].contiguous(), kv[1].contiguous()))
        self.mask, self.at = mask, 0

    def advance(self, step, tokens):
        ids, self.pasts, kvs = step(tokens, torch.tensor(self.at), self.pasts, self.kvs, self.crosses, self.mask)
        self.kvs, self.at = kvs or self.kvs, self.at + 1
        return ids

    def keep(self, rows):
        self.pasts = [t[rows] for t in self.pasts]
        self.kvs = [tuple(t[rows] for t in kv) for kv in self.kvs]
        self.crosses = [tuple(t[rows] for t in kv) for kv in self.crosses]
        self.mask = self.mask[rows]


class Compiled:
    def __init__(self, model, threads, compile=True):
        torch.set_num_threads(threads)
        self.reference = Reference(model)
        self.step = Step(self.reference.model, self.reference.end).eval()
        self.one = self.many = self.step
        if compile:
            self.one = torch.compile(self.step, dynamic=True, options={"freezing": True})
            self.many = torch.compile(self.step, dynamic=True)
        self.name = f"PyTorch {torch.__version__}, step by torch.compile, float32 with a KV cache"

    @torch.no_grad()
    def greedy(self, sources, max_tokens):
        r = self.reference
        limits = r.limits(sources, max_tokens or None)
        memory, rows = r.encode(sources)
        pad = up(memory.shape[1]) - memory.shape[1]
        memory, segment = F.pad(memory, (0, 0, 0, pad)), F.pad(rows.segment, (0, pad))
        mask = segment_mask(Rows(segment.new_ones(len(memory), 1), None), Rows(segment, None), memory.dtype)
        state = Decoding(self.step, memory, mask, max(limits))
        tokens = torch.tensor([s[0] for s in sources])
        out, live, done = [[] for _ in sources], list(range(len(sources))), set()
        while True:
            tokens = state.advance(self.many if len(live) > 1 else self.one, tokens)
            for i, token in zip(live, tokens.tolist()):
                if i in done:
                    continue
                if token != r.end:
                    out[i].append(token)
                if token == r.end or len(out[i]) == limits[i]:
                    done.add(i)
            stay = [row for row, i in enumerate(live) if i not in done]
            if not stay:
                return out
            if 2 * len(stay) <= len(live):
                live, tokens = [live[row] for row in stay], tokens[stay]
                state.keep(torch.tensor(stay))

    def translate(self, request):
        r = self.reference
        sources = [[r.commands[f"<to-{request['to']}>"]] + r.tok.encode(s) for s in request["texts"]]
        tokens = [[]] * len(sources)
        for group in groups(sources, request["batch"]):
            for i, ids in zip(group, self.greedy([sources[i] for i in group], request.get("max_tokens"))):
                tokens[i] = ids
        return [r.tok.decode(ids) for ids in tokens], [len(ids) for ids in tokens]
