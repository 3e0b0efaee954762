"""The layers of model.py, in the order of internal/nn: packed rows with a segment and a position each."""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


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
