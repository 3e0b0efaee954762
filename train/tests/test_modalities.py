import numpy as np
import torch

import losses
import tasks
from golden import rows_of
from layers import Rows
from modalities import STRIDE, beside, neighbours, positions


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def test_clips_do_not_hear_each_other(senses):
    """Rows of clips packed beside each other, command slots between them, are those of each clip alone."""
    model, vocabulary = senses
    command = vocabulary["commands"]["<transcribe>"]
    clips = [randn(STRIDE * n, 80, seed=n) for n in (3, 1, 7)]
    alone = []
    for clip in clips:
        rows = rows_of(1 + len(clip) // STRIDE)
        frames = torch.cat((randn(STRIDE, 80, seed=9), clip))[None]  # what stands in the command's slot is not heard
        first = torch.zeros(1, rows.segment.shape[1], dtype=torch.int64)
        first[0, 0] = command
        alone.append(model.encode_audio(frames, first, rows)[0][0])
    lengths = [len(a) for a in alone]
    segment = torch.cat([torch.full((n,), i + 1) for i, n in enumerate(lengths)] + [torch.zeros(2, dtype=torch.int64)])[None]
    position = torch.cat([torch.arange(n) for n in lengths] + [torch.zeros(2, dtype=torch.int64)])[None]
    frames = torch.cat([torch.cat((torch.zeros(STRIDE, 80), c)) for c in clips] + [torch.zeros(2 * STRIDE, 80)])[None]
    first = torch.where((position == 0) & (segment > 0), command, 0)
    together = model.encode_audio(frames, first, Rows(segment, position))[0][0, :sum(lengths)]
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_strided_stage_is_a_convolution(senses):
    model, _ = senses
    stage, x = model.audio.stages[0], randn(1, 12, 80)
    weight = stage.conv.weight.view(-1, 5, 80).permute(0, 2, 1)
    plain = torch.nn.functional.conv1d(x.transpose(1, 2), weight, stride=2, padding=2).transpose(1, 2)
    want = stage.norm(torch.nn.functional.silu(plain))
    torch.testing.assert_close(stage(x, torch.ones(1, 12)), want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_rows_beside_are_a_convolutions_taps():
    x, weight = randn(2, 11, 5), randn(9, 5, seed=1)
    segment = torch.tensor([[1] * 11, [2] * 4 + [3] * 7])
    got = sum(tap * w for tap, w in zip(beside(x, segment), weight))

    def plain(part):
        return torch.nn.functional.conv1d(part.T[None], weight.T[:, None], padding=4, groups=5)[0].T
    want = torch.stack((plain(x[0]), torch.cat((plain(x[1, :4]), plain(x[1, 4:])))))
    torch.testing.assert_close(got, want, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_neighbours_are_a_convolutions_taps():
    x, weight = randn(2, 6, 8, 5), randn(7, 5, 3, 3, seed=1)
    for stride in (1, 2):
        want = torch.nn.functional.conv2d(x.permute(0, 3, 1, 2), weight, stride=stride, padding=1).permute(0, 2, 3, 1)
        flat = weight.permute(0, 2, 3, 1).flatten(1)
        torch.testing.assert_close(torch.cat(neighbours(x, stride), -1) @ flat.T, want, atol=1e-4, rtol=1e-4)


def test_positions_tell_cells_apart():
    p = positions(5, 9, 32)
    assert p.shape == (45, 32) and (torch.cdist(p, p) + 9 * torch.eye(45)).min() > 0.5
    assert torch.equal(p[9 * 2 + 3, :16], p[9 * 2 + 7, :16]) and torch.equal(p[9 * 2 + 3, 16:], p[9 * 4 + 3, 16:])


@torch.no_grad()
def test_head_sees_its_segment_only(senses):
    model, _ = senses
    memory, segment = randn(1, 6, 32), torch.tensor([[1, 1, 2, 2, 2, 0]])
    z = model.heads["digits"](memory, segment, 2)
    alone = model.heads["digits"](memory[:, 2:5], torch.ones(1, 3), 1)
    torch.testing.assert_close(z[:, 1:], alone, atol=1e-5, rtol=1e-5)


def test_overlap_of_boxes_by_hand():
    a, b = torch.tensor([2.0, 2, 2, 2]), torch.tensor([2.0, 2, 0, 2])  # 4x4, and its left half
    overlap, generalized = losses.box_overlap(a, b)
    assert overlap.item() == 0.5 and generalized.item() == 0.5
    overlap, generalized = losses.box_overlap(torch.tensor([1.0, 1, 3, 1]), torch.tensor([3.0, 1, 1, 1]))
    assert torch.isclose(overlap, torch.tensor(1 / 3)) and torch.isclose(generalized, torch.tensor(1 / 3))


def test_every_head_has_a_task():
    config = tasks.heads(("audio", "image"))
    assert {name for name, _, _ in config} == {"digits", "commands", "cifar10", "bccd"}
    assert np.unique([t["command"] for t in tasks.TASKS]).size == len(tasks.TASKS)
