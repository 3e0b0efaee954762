"""Modality nets of the MultiModel (Kaiser et al. 2017, section 2.5): sounds and pictures to rows of the shared width, and
the heads that read classes and boxes from mixed rows. Small, as the paper wants them: the trunk does the work.

    log-mel frames (4T, 80) -> AudioEncoder -> (T, D)              25 rows a second
    pixels (H, W, 3)        -> ImageEncoder -> (H/8 · W/8, D)      one row for 8x8 pixels, raster order
    memory -> ClassHead -> logits (L)         memory of the grid -> BoxHead -> (L + 5) for each cell
"""
import torch
import torch.nn.functional as F
from torch import nn

from layers import CrossAttention, Norm, linear

STRIDE = 4  # frames a row of sound
CELL = 8  # pixels a side of a row of a picture
TAPS = 5


class Stage(nn.Module):
    """norm(SiLU(W · [x[2t-2] ; … ; x[2t+2]])): a strided convolution inside each clip."""

    def __init__(self, n_in, width, eps):
        super().__init__()
        self.conv, self.norm = linear(TAPS * n_in, width), Norm(width, eps)

    def forward(self, x, segment):
        """x (B, 2T, C), segment (B, 2T), equal within pairs -> (B, T, D)."""
        steps, reach = x.shape[1], TAPS // 2
        padded, near = F.pad(x, (0, 0, reach, reach)), F.pad(segment, (reach, reach), value=-1)
        own = segment[:, ::2, None]
        taps = [padded[:, k:k + steps:2] * (near[:, k:k + steps:2, None] == own) for k in range(TAPS)]
        return self.norm(F.silu(self.conv(torch.cat(taps, -1))))


class Block(nn.Module):
    """x + Down · SiLU(Up · depthwise(norm(x))): a separable convolution over nine neighbours with a wide middle."""

    def __init__(self, width, expand, eps, dropout=0.0):
        super().__init__()
        self.norm, self.dropout = Norm(width, eps), dropout
        self.depthwise = nn.Parameter(torch.randn(9, width) / 3)
        self.up, self.down = linear(width, expand * width), linear(expand * width, width, zero=True)

    def forward(self, x, nine):
        """nine(h) are the neighbours of each row of h, nine tensors of its shape."""
        h = self.norm(x)
        y = sum(tap * weight.to(h.dtype) for tap, weight in zip(nine(h), self.depthwise))
        return x + F.dropout(self.down(F.silu(self.up(y))), self.dropout, self.training)


def beside(x, segment):
    """Rows t-4 … t+4 of every row, zero outside its segment: x (B, T, C), segment (B, T) -> 9 tensors."""
    steps = x.shape[1]
    padded, near = F.pad(x, (0, 0, 4, 4)), F.pad(segment, (4, 4), value=-1)
    return [padded[:, k:k + steps] * (near[:, k:k + steps] == segment)[..., None] for k in range(9)]


class AudioEncoder(nn.Module):
    """Two strided stages over prepared log-mel frames (sounds.clean), then residual blocks along time."""

    def __init__(self, bands, width, blocks, expand, eps, dropout=0.0):
        super().__init__()
        self.stages = nn.ModuleList((Stage(bands, width, eps), Stage(width, width, eps)))
        self.blocks = nn.ModuleList(Block(width, expand, eps, dropout) for _ in range(blocks))

    def forward(self, frames, segment):
        """frames (B, 4T, bands), segment (B, T): the clip of each row -> (B, T, D)."""
        x = frames
        for stage, repeat in zip(self.stages, (STRIDE, STRIDE // 2)):
            x = stage(x, segment.repeat_interleave(repeat, 1))
        for block in self.blocks:
            x = block(x, lambda h: beside(h, segment))
        return x


def neighbours(x, stride):
    """The nine neighbours of every cell, row by row, zero outside: x (B, H, W, C) -> 9 tensors (B, H/s, W/s, C)."""
    h, w = x.shape[1:3]
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    return [padded[:, i:i + h:stride, j:j + w:stride] for i in range(3) for j in range(3)]


class PictureStage(nn.Module):
    """norm(W · the nine neighbours), stride 2, then residual blocks."""

    def __init__(self, n_in, width, blocks, expand, eps):
        super().__init__()
        self.conv, self.norm = linear(9 * n_in, width), Norm(width, eps)
        self.blocks = nn.ModuleList(Block(width, expand, eps) for _ in range(blocks))

    def forward(self, x):
        x = self.norm(self.conv(torch.cat(neighbours(x, 2), -1)))
        for block in self.blocks:
            x = block(x, lambda h: neighbours(h, 1))
        return x


def positions(height, width, columns, device=None):
    """(height · width, columns) sinusoids (Vaswani et al. 2017) of y in the first half of the columns and of x in the second."""
    quarter = columns // 4
    freq = 10000.0 ** (-torch.arange(quarter, device=device, dtype=torch.float32) / quarter)
    y, x = torch.arange(height, device=device)[:, None] * freq, torch.arange(width, device=device)[:, None] * freq
    y, x = torch.cat((y.sin(), y.cos()), -1), torch.cat((x.sin(), x.cos()), -1)
    return torch.cat((y[:, None].expand(-1, width, -1), x[None].expand(height, -1, -1)), -1).reshape(height * width, columns)


class ImageEncoder(nn.Module):
    """Three stages of stride 2 to the shared width, then 2-D positions."""

    def __init__(self, channels, blocks, expand, eps):
        super().__init__()
        ins = (3, *channels[:-1])
        self.stages = nn.ModuleList(PictureStage(i, c, b, expand, eps) for i, c, b in zip(ins, channels, blocks))
        self.norm = Norm(channels[-1], eps)

    def forward(self, pixels):
        """pixels (B, H, W, 3) from -1 to 1 -> (B, H/8 · W/8, D)."""
        x = pixels
        for stage in self.stages:
            x = stage(x)
        height, width = x.shape[1:3]
        x = self.norm(x.flatten(1, 2))
        return x + positions(height, width, x.shape[-1], x.device).to(x.dtype)


class ClassHead(nn.Module):
    """Attention with one learned query over a segment's memory, then a linear map to the labels."""

    def __init__(self, c, labels):
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, c.width))
        self.cross, self.norm = CrossAttention(c), Norm(c.width, c.norm_eps)
        self.labels = linear(c.width, labels)

    def forward(self, memory, segment, count):
        """Logits (B, count, L) of segments 1 … count of each row of memory (B, T, D)."""
        query = self.query.to(memory.dtype).expand(memory.shape[0], count, -1)
        own = segment[:, None] == torch.arange(1, count + 1, device=segment.device)[:, None]
        mask = torch.where(own, 0.0, -1e4).to(memory.dtype)[:, None]
        return self.labels(self.norm(query + self.cross(query, memory, mask)))


class BoxHead(nn.Module):
    """For every cell: class logits, objectness, and the distances from its centre to the sides of a box (FCOS, Tian et
    al. 2019), 8 · softplus(o) pixels each; one scale, no anchors."""

    def __init__(self, c, labels):
        super().__init__()
        self.norm = Norm(c.width, c.norm_eps)
        self.hidden, self.out = linear(c.width, c.width), linear(c.width, labels + 5, zero=True)
        self.bias = nn.Parameter(torch.cat((torch.full((labels,), -1.0), torch.tensor([-3.0]), torch.full((4,), 1.5))))

    def forward(self, rows):
        """rows (B, T, D) -> (B, T, L + 5)."""
        return self.out(F.silu(self.hidden(self.norm(rows)))).float() + self.bias


class LetterHead(nn.Module):
    """Which letter each row of a sound is, or the blank, column 0, from what the audio encoder hears in it and from what the
    trunk makes of that."""

    def __init__(self, width, letters):
        super().__init__()
        self.heard, self.out = linear(width, letters + 1), linear(width, letters + 1, zero=True)

    def forward(self, heard, memory=None):
        """Rows (…, D) before and behind the trunk, or the former alone -> logits (…, 1 + letters), float32."""
        with torch.autocast(heard.device.type, enabled=False):
            z = self.heard(heard.float())
            return z if memory is None else z + self.out(memory.float())


HEADS = {"classes": ClassHead, "boxes": BoxHead}
