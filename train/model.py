"""The MultiModel (Kaiser et al. 2017, "One Model To Learn Them All", arXiv 1706.05137), small and pre-norm.

Rows are packed: a batch is (B, T) token slots that hold several segments (sentences) each, with a segment number and a
position per slot. Convolutions and attention never cross a segment's border, so a segment's rows do not depend on its
neighbours. Parameter names are the tensor names of the checkpoint.

    text tokens -> embedding, sounds and pictures -> modalities.py; the task's command in front -> encoder blocks -> memory
    memory -> a head of modalities.py -> classes or boxes
    outputs so far -> embedding -> I/O mixer (reads memory) -> decoder blocks (read memory) -> logits
"""
import math
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import nn

from layers import Attention, CrossAttention, Experts, FeedForward, Norm, Rows, SeparableConv, depthwise, linear
from modalities import HEADS, AudioEncoder, ImageEncoder, LetterHead


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
    attention: bool = True  # False: blocks without self-attention, an ablation that the runtime does not know
    audio_bands: int = 0  # of log-mel frames; 0: the model does not hear
    audio_blocks: int = 0  # of the audio encoder behind its two strided stages
    audio_expand: int = 2
    audio_dropout: float = 0.0  # in training
    image_channels: tuple = ()  # of the image encoder's stages, the last one the width; none: it does not see
    image_blocks: tuple = (2, 2, 2)
    image_expand: int = 4
    heads_of: tuple = ()  # (name, "classes" or "boxes", number of labels)
    captions: int = 0  # pixels a side of the pictures that are described; 0: none are
    letters: int = 0  # of the CTC head on rows of sound; 0: none
    glances: int = 0  # labels of the head on the image encoder alone, an auxiliary of training; 0: none

    def dict(self):
        return asdict(self)


class EncoderBlock(nn.Module):
    def __init__(self, c, i):
        super().__init__()
        self.conv = SeparableConv(c, c.encoder_dilations[i], causal=False)
        self.attn = Attention(c) if c.attention else None
        if i in c.encoder_moe:
            self.moe = Experts(c)
        else:
            self.ffn = FeedForward(c)

    def forward(self, x, rows, rope, mask):
        x = self.conv(x, rows)
        if self.attn:
            x = self.attn(x, rope, mask)
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
        self.attn = Attention(c) if c.attention else None
        self.cross = CrossAttention(c)
        if i in c.decoder_moe:
            self.moe = Experts(c)
        else:
            self.ffn = FeedForward(c)

    def forward(self, x, rows, rope, mask, memory, cross_mask):
        x = self.conv(x, rows)
        if self.attn:
            x = self.attn(x, rope, mask)
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
        c = self.config = config
        self.embed = nn.Embedding(c.vocab, c.width)
        nn.init.normal_(self.embed.weight, std=c.width**-0.5)
        self.encoder, self.decoder = Encoder(c), Decoder(c)
        self.audio = None
        if c.audio_bands:
            self.audio = AudioEncoder(c.audio_bands, c.width, c.audio_blocks, c.audio_expand, c.norm_eps, c.audio_dropout)
        self.image = ImageEncoder(c.image_channels, c.image_blocks, c.image_expand, c.norm_eps) if c.image_channels else None
        self.heads = nn.ModuleDict({name: HEADS[kind](c, labels) for name, kind, labels in c.heads_of})
        self.letters = LetterHead(c.width, c.letters) if c.letters else None
        self.glance = linear(c.width, c.glances) if c.glances else None

    def embedded(self, tokens):
        return self.embed(tokens) * math.sqrt(self.config.width)

    def encode(self, tokens, rows, taps=None):
        """tokens (B, T), a command first in each segment -> memory (B, T, D), balance loss."""
        return self.encoder(mixed(self.embedded(tokens)), rows, taps)

    def encode_audio(self, frames, command, rows, taps=None):
        """frames (B, 4T, bands); command (B, T): its token in the first row of each segment, 0 elsewhere."""
        return self.encode_heard(self.heard(frames, command, rows), command, rows, taps)

    def encode_heard(self, x, command, rows, taps=None):
        first = command > 0
        x = torch.where(first[..., None], self.embedded(command).to(x.dtype), x)
        return self.encoder(x, rows, taps)

    def heard(self, frames, command, rows):
        """(B, T, D): rows of sound without the trunk; those of commands mean nothing."""
        return self.audio(mixed(frames), torch.where(command > 0, 0, rows.segment))

    def encode_image(self, pixels, command, taps=None):
        """pixels (B, H, W, 3), command (B,) -> memory (B, 1 + H/8 · W/8, D), its Rows, balance loss."""
        x = self.image(mixed(pixels))
        x = torch.cat((self.embedded(command)[:, None].to(x.dtype), x), 1)
        index = torch.arange(x.shape[1], device=x.device).expand(x.shape[:2])
        rows = Rows(torch.ones_like(index), index)
        memory, balance = self.encoder(x, rows, taps)
        return memory, rows, balance

    def glanced(self, pixels):
        """pixels (B, H, W, 3) -> logits (B, glances) of the image encoder's mean row, without the trunk."""
        return self.glance(self.image(mixed(pixels)).mean(1))

    def decode(self, tokens, rows, memory, memory_rows, taps=None):
        y = self.embedded(tokens).to(memory.dtype)
        return self.decoder(y, rows, memory, memory_rows, taps)

    def logits(self, x):
        return F.linear(x, self.embed.weight.to(x.dtype))

    def forward(self, src, src_rows, tgt, tgt_rows):
        memory, b1 = self.encode(src, src_rows)
        x, b2 = self.decode(tgt, tgt_rows, memory, src_rows)
        return self.logits(x), b1 + b2


def mixed(x):
    """x in the precision that autocast would compute with."""
    half = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    return x.to(torch.bfloat16) if half else x


def segment_mask(queries, keys, dtype, causal=False):
    """(B, 1, Tq, Tk) additive mask: a row sees the rows of its own segment (and, causal, none after it)."""
    see = queries.segment[:, :, None] == keys.segment[:, None, :]
    if causal:
        see = see & (queries.position[:, :, None] >= keys.position[:, None, :])
    return torch.where(see, 0.0, -1e4).to(dtype)[:, None]
