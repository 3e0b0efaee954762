"""The MultiModel (Kaiser et al. 2017, "One Model To Learn Them All", arXiv 1706.05137), small and pre-norm.

Rows are packed: a batch is (B, T) token slots that hold several segments (sentences) each, with a segment number and a
position per slot. Convolutions and attention never cross a segment's border, so a segment's rows do not depend on its
neighbours. Parameter names are the tensor names of the checkpoint.

    text tokens -> embedding -> encoder blocks -> memory
    outputs so far -> embedding -> I/O mixer (reads memory) -> decoder blocks (read memory) -> logits
"""
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    width: int = 256
    heads: int = 4
    ffn: int = 768
    experts: int = 8
    expert_ffn: int = 256
    vocab: int = 8448
    encoder_blocks: int = 6
    decoder_blocks: int = 3
    encoder_moe: tuple = (3,)
    decoder_moe: tuple = (1,)
    conv_width: int = 5
    encoder_dilations: tuple = (1, 2, 4, 1, 2, 4)
    decoder_dilations: tuple = (1, 2, 4)
    rope_base: float = 10000.0
    norm_eps: float = 1e-6

    def dict(self):
        return asdict(self)


@dataclass
class Rows:
    """What a layer must know about the packed rows: all (B, T)."""
    segment: torch.Tensor  # 0 marks padding slots
    position: torch.Tensor  # within the segment

    def rope(self, head_dim, base):
        half = head_dim // 2
        freq = base ** (-torch.arange(half, device=self.position.device, dtype=torch.float32) / half)
        angle = self.position[..., None].float() * freq
        return angle.cos()[:, None], angle.sin()[:, None]  # (B, 1, T, half)


def rms_norm(x, gain, eps):
    """x / rms(x) * gain over the last axis (Zhang & Sennrich 2019), in float32."""
    h = x.float()
    return (h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + eps) * gain).to(x.dtype)


class Norm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.gain, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return rms_norm(x, self.gain, self.eps)


def linear(n_in, n_out, zero=False):
    layer = nn.Linear(n_in, n_out, bias=False)
    nn.init.zeros_(layer.weight) if zero else nn.init.normal_(layer.weight, std=n_in**-0.5)
    return layer


def depthwise(x, weight, dilation, rows, causal):
    """y[t] = sum_k weight[k] * x[t + (k - c) * dilation] inside a segment; c = K - 1 when causal, else K // 2.

    x (B, T, C), weight (K, C). Written as shifted multiply-adds: far faster than conv1d(groups=C) on a CPU.
    """
    width, steps = weight.shape[0], x.shape[1]
    centre = width - 1 if causal else width // 2
    reach = (width - 1) * dilation
    padded = F.pad(x, (0, 0, reach, reach))
    segment = F.pad(rows.segment, (reach, reach), value=-1)
    out = torch.zeros_like(x)
    for k in range(width):
        at = reach + (k - centre) * dilation
        same = segment[:, at:at + steps] == rows.segment
        out = out + padded[:, at:at + steps] * weight[k].to(x.dtype) * same[..., None]
    return out


class SeparableConv(nn.Module):
    """x + W · SiLU(depthwise(norm(x))): the paper's convolution step (section 2.3), with the norm in front."""

    def __init__(self, c, dilation, causal):
        super().__init__()
        self.norm = Norm(c.width, c.norm_eps)
        self.depthwise = nn.Parameter(torch.randn(c.conv_width, c.width) * c.conv_width**-0.5)
        self.pointwise = linear(c.width, c.width, zero=True)
        self.dilation, self.causal = dilation, causal

    def forward(self, x, rows):
        h = depthwise(self.norm(x), self.depthwise, self.dilation, rows, self.causal)
        return x + self.pointwise(F.silu(h))


def rotate(x, cos, sin):
    """Rotary positions (Su et al. 2021), halves rotated against each other: x (B, H, T, d)."""
    a, b = x.float().chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


class Attention(nn.Module):
    """x + Out · softmax(q k / sqrt(d)) v over the segment's rows (self-attention, with rotary positions)."""

    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        self.norm = Norm(c.width, c.norm_eps)
        self.qkv = linear(c.width, 3 * c.width)
        self.out = linear(c.width, c.width, zero=True)

    def forward(self, x, rope, mask):
        B, T, C = x.shape
        q, k, v = self.qkv(self.norm(x)).view(B, T, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(rotate(q, *rope), rotate(k, *rope), v, attn_mask=mask)
        return x + self.out(h.transpose(1, 2).reshape(B, T, C))


class CrossAttention(nn.Module):
    """Out · softmax(q k / sqrt(d)) v, queries from the outputs, keys and values from the memory; no positions."""

    def __init__(self, c):
        super().__init__()
        self.heads = c.heads
        self.norm = Norm(c.width, c.norm_eps)
        self.q = linear(c.width, c.width)
        self.kv = linear(c.width, 2 * c.width)
        self.out = linear(c.width, c.width, zero=True)

    def forward(self, x, memory, mask):
        B, T, C = x.shape
        q = self.q(self.norm(x)).view(B, T, self.heads, C // self.heads).transpose(1, 2)
        k, v = self.kv(memory).view(B, memory.shape[1], 2, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return self.out(h.transpose(1, 2).reshape(B, T, C))


class FeedForward(nn.Module):
    """x + Down · (SiLU(gate) * up), gate and up being the halves of Up · norm(x) (Shazeer 2020)."""

    def __init__(self, c):
        super().__init__()
        self.norm = Norm(c.width, c.norm_eps)
        self.up = linear(c.width, 2 * c.ffn)
        self.down = linear(c.ffn, c.width, zero=True)

    def forward(self, x):
        gate, up = self.up(self.norm(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Experts(nn.Module):
    """Sparsely gated mixture of experts (Shazeer et al. 2017, section 2): noisy top-2, each expert a gated layer.

    Training multiplies the hidden units of every expert by its gate, most of them zero: the same numbers as running
    the chosen experts alone, as one dense product, which is what compiles well. `balance` holds CV²(importance) +
    CV²(load) of the last training step.
    """

    def __init__(self, c, top=2):
        super().__init__()
        E, F_, D = c.experts, c.expert_ffn, c.width
        self.top = top
        self.norm = Norm(D, c.norm_eps)
        self.gate = nn.Parameter(torch.randn(E, D) * 0.02)
        self.noise = nn.Parameter(torch.zeros(E, D))  # training only: not exported
        self.up = nn.Parameter(torch.randn(E, 2 * F_, D) * D**-0.5)
        self.down = nn.Parameter(torch.zeros(E, D, F_))

    def forward(self, x, valid=None):
        h = self.norm(x)
        clean = F.linear(h, self.gate.to(h.dtype)).float()  # (B, T, E)
        balance = clean.new_zeros(())
        if self.training:
            spread = F.softplus(F.linear(h, self.noise.to(h.dtype)).float()) + 1e-2
            logits = clean + torch.randn_like(clean) * spread
        else:
            logits = clean
        best = logits.topk(self.top + 1, -1).values
        chosen = logits >= best[..., self.top - 1:self.top]
        gates = torch.softmax(logits.masked_fill(~chosen, float("-inf")), -1)
        if self.training:
            balance = self.balance_loss(gates, clean, spread, best, chosen, valid)
        E, F2, D = self.up.shape
        gate, up = F.linear(h, self.up.view(E * F2, D)).unflatten(-1, (E, F2)).chunk(2, -1)
        hidden = F.silu(gate) * up * gates[..., None].to(h.dtype)
        out = F.linear(hidden.flatten(-2), self.down.permute(1, 0, 2).reshape(D, E * F2 // 2))
        return x + out, balance

    def balance_loss(self, gates, clean, spread, best, chosen, valid):
        """CV² of importance and of load; load is the smooth chance that an expert stays in the top k."""
        rival = torch.where(chosen, best[..., self.top:self.top + 1], best[..., self.top - 1:self.top])
        load = 0.5 * (1 + torch.erf((clean - rival) / spread / math.sqrt(2)))
        keep = valid[..., None].float()

        def cv2(total):
            return total.var(unbiased=False) / (total.mean().pow(2) + 1e-9)

        return cv2((gates * keep).sum((0, 1))) + cv2((load * keep).sum((0, 1)))


class EncoderBlock(nn.Module):
    def __init__(self, c, i):
        super().__init__()
        self.conv = SeparableConv(c, c.encoder_dilations[i], causal=False)
        self.attn = Attention(c)
        if i in c.encoder_moe:
            self.moe = Experts(c)
        else:
            self.ffn = FeedForward(c)

    def forward(self, x, rows, rope, mask):
        x = self.attn(self.conv(x, rows), rope, mask)
        if hasattr(self, "moe"):
            return self.moe(x, rows.segment > 0)
        return self.ffn(x), None


class IOMixer(nn.Module):
    """Joins the outputs so far with the memory: two causal convolutions (dilations 1 and 4), attention over the
    memory, then a width-3 convolution over their concatenation with the shifted targets (section 2.4)."""

    def __init__(self, c):
        super().__init__()
        self.conv1 = SeparableConv(c, 1, causal=True)
        self.conv2 = SeparableConv(c, 4, causal=True)
        self.cross = CrossAttention(c)
        self.merge = Merge(c)

    def forward(self, y, rows, memory, cross_mask):
        h = self.conv2(self.conv1(y, rows), rows)
        h = h + self.cross(h, memory, cross_mask)
        return self.merge(h, y, rows)


class Merge(nn.Module):
    """h + W · SiLU(depthwise(norm([h ; y]))), width 3, 2·width channels in, width out."""

    def __init__(self, c):
        super().__init__()
        self.norm = Norm(2 * c.width, c.norm_eps)
        self.depthwise = nn.Parameter(torch.randn(3, 2 * c.width) * 3**-0.5)
        self.pointwise = linear(2 * c.width, c.width, zero=True)

    def forward(self, h, y, rows):
        both = depthwise(self.norm(torch.cat((h, y), -1)), self.depthwise, 1, rows, causal=True)
        return h + self.pointwise(F.silu(both))


class DecoderBlock(nn.Module):
    def __init__(self, c, i):
        super().__init__()
        self.conv = SeparableConv(c, c.decoder_dilations[i], causal=True)
        self.attn = Attention(c)
        self.cross = CrossAttention(c)
        if i in c.decoder_moe:
            self.moe = Experts(c)
        else:
            self.ffn = FeedForward(c)

    def forward(self, x, rows, rope, mask, memory, cross_mask):
        x = self.attn(self.conv(x, rows), rope, mask)
        x = x + self.cross(x, memory, cross_mask)
        if hasattr(self, "moe"):
            return self.moe(x, rows.segment > 0)
        return self.ffn(x), None


class Encoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.blocks = nn.ModuleList(EncoderBlock(c, i) for i in range(c.encoder_blocks))
        self.norm = Norm(c.width, c.norm_eps)
        self.config = c

    def forward(self, x, rows, taps=None):
        """x (B, T, D) encoded rows -> memory (B, T, D), balance loss. taps collects each block's output."""
        c = self.config
        mask = segment_mask(rows, rows, x.dtype)
        rope = rows.rope(c.width // c.heads, c.rope_base)
        total = 0.0
        for i, block in enumerate(self.blocks):
            x, balance = block(x, rows, rope, mask)
            total = total + (balance if balance is not None else 0.0)
            if taps is not None:
                taps[f"encoder.{i}"] = x
        return self.norm(x), total


class Decoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.io = IOMixer(c)
        self.blocks = nn.ModuleList(DecoderBlock(c, i) for i in range(c.decoder_blocks))
        self.norm = Norm(c.width, c.norm_eps)
        self.config = c

    def forward(self, y, rows, memory, memory_rows, taps=None):
        """y (B, T, D) embedded outputs so far -> rows to predict the next output from, balance loss."""
        c = self.config
        causal = segment_mask(rows, rows, y.dtype, causal=True)
        cross = segment_mask(rows, memory_rows, y.dtype)
        rope = rows.rope(c.width // c.heads, c.rope_base)
        x, total = self.io(y, rows, memory, cross), 0.0
        if taps is not None:
            taps["decoder.io"] = x
        for i, block in enumerate(self.blocks):
            x, balance = block(x, rows, rope, causal, memory, cross)
            total = total + (balance if balance is not None else 0.0)
            if taps is not None:
                taps[f"decoder.{i}"] = x
        return self.norm(x), total


class MultiModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocab, config.width)
        nn.init.normal_(self.embed.weight, std=config.width**-0.5)
        self.encoder, self.decoder = Encoder(config), Decoder(config)

    def embedded(self, tokens):
        return self.embed(tokens) * math.sqrt(self.config.width)

    def encode(self, tokens, rows, taps=None):
        x = self.embedded(tokens)
        if torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda"):
            x = x.to(torch.bfloat16)
        return self.encoder(x, rows, taps)

    def decode(self, tokens, rows, memory, memory_rows, taps=None):
        y = self.embedded(tokens).to(memory.dtype)
        return self.decoder(y, rows, memory, memory_rows, taps)

    def logits(self, x):
        return F.linear(x, self.embed.weight.to(x.dtype))

    def forward(self, src, src_rows, tgt, tgt_rows):
        memory, b1 = self.encode(src, src_rows)
        x, b2 = self.decode(tgt, tgt_rows, memory, src_rows)
        return self.logits(x), b1 + b2


def segment_mask(queries, keys, dtype, causal=False):
    """(B, 1, Tq, Tk) additive mask: a row sees the rows of its own segment (and, causal, none after it)."""
    see = queries.segment[:, :, None] == keys.segment[:, None, :]
    if causal:
        see = see & (queries.position[:, :, None] >= keys.position[:, None, :])
    return torch.where(see, 0.0, -1e4).to(dtype)[:, None]


def smoothed_loss(logits, labels, smoothing):
    """Mean cross-entropy with uniform label smoothing over the slots whose label is >= 0; also the plain one."""
    z = logits.float().flatten(0, -2)
    y = labels.flatten()
    keep = (y >= 0).float()
    n = keep.sum().clamp(min=1)
    norm = torch.logsumexp(z, -1)
    nll = norm - z.gather(-1, y.clamp(min=0)[:, None]).squeeze(-1)
    flat = norm - z.mean(-1)
    plain = (nll * keep).sum() / n
    return (1 - smoothing) * plain + smoothing * (flat * keep).sum() / n, plain.detach()
