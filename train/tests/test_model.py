"""Properties of the reference model on packed rows."""
import numpy as np
import torch

import data
from cached import Decoding, sparse_experts
from golden import rows_of, trace
from layers import Rows

SEGMENTS = [([257, 1, 2, 3], [258, 9, 8]), ([259, 7], [257, 4, 5, 6, 7, 8]), ([258, 11, 12, 13, 14, 15, 16], [259])]


def packed_logits(model, segments, slots=(16, 12)):
    shape = data.Shape(1, *slots)
    batch = data.pack([[(np.array(s), np.array(t), np.array(t)) for s, t in segments]], shape)
    b = {k: torch.from_numpy(v) for k, v in batch.items()}
    logits, _ = model(b["src"], Rows(b["src_segment"], b["src_position"]), b["tgt"], Rows(b["tgt_segment"], b["tgt_position"]))
    return logits[0], b["tgt_segment"][0]


def test_packing_never_mixes_segments(tiny):
    logits, segment = packed_logits(tiny[0], SEGMENTS)
    for n, (src, tgt) in enumerate(SEGMENTS, 1):
        torch.testing.assert_close(logits[segment == n], trace(tiny[0], src, tgt)["logits"], atol=1e-5, rtol=1e-5)


def test_future_targets_do_not_change_the_past(tiny):
    src, tgt = [257, 1, 2, 3, 4], [258, 10, 11, 12, 13, 14, 15, 16]
    for cut in range(1, len(tgt)):
        changed = tgt[:cut] + [200] * (len(tgt) - cut)
        before, after = (trace(tiny[0], src, t)["logits"] for t in (tgt, changed))
        torch.testing.assert_close(before[:cut], after[:cut], atol=1e-6, rtol=0)
        assert (before[cut:] - after[cut:]).abs().max() > 1e-3


def test_source_reaches_every_output(tiny):
    tgt = [258, 10, 11]
    a, b = (trace(tiny[0], src, tgt)["logits"] for src in ([257, 1, 2, 3], [257, 1, 2, 4]))
    assert ((a - b).abs().amax(-1) > 1e-3).all()


def test_dense_experts_equal_the_chosen_ones_alone(tiny):
    moe, x = tiny[0].encoder.blocks[1].moe, torch.randn(37, 32)
    dense, _ = moe(x[None])
    torch.testing.assert_close(sparse_experts(moe, x), dense[0], atol=1e-5, rtol=1e-5)


def test_balance_loss_is_small_only_for_even_experts(tiny):
    moe, x = tiny[0].encoder.blocks[1].moe.train(), torch.randn(1, 512, 32) + 2
    valid = torch.ones(1, 512, dtype=torch.bool)
    moe.noise.zero_()
    moe.gate.zero_()
    even = moe(x, valid)[1]
    moe.gate[0] = 1.0  # every row to the first expert
    assert even < 0.05 and moe(x, valid)[1] > 0.5


def test_cached_decoding_equals_the_full_forward(tiny):
    model = tiny[0]
    sources = torch.tensor([[257, 1, 2, 3, 4, 5], [258, 9, 8, 0, 0, 0]])
    segment = (torch.arange(6) < torch.tensor([[6], [3]])).long()
    rows = Rows(segment, torch.arange(6).expand(2, -1))
    targets = torch.randint(0, 256, (2, 12))
    state = Decoding(model, model.encode(sources, rows)[0], rows, 12)
    steps = torch.stack([state.step(targets[:, t]) for t in range(12)], 1)
    for i, n in enumerate((6, 3)):
        want = trace(model, sources[i, :n].tolist(), targets[i].tolist())["logits"]
        torch.testing.assert_close(steps[i], want, atol=1e-5, rtol=1e-5)


def test_dropping_rows_of_a_cached_batch_leaves_the_others(tiny):
    model, rows = tiny[0], rows_of(4)
    rows = Rows(rows.segment.expand(3, -1), rows.position.expand(3, -1))
    memory = model.encode(torch.randint(0, 256, (3, 4)), rows)[0]
    targets = torch.randint(0, 256, (3, 6))
    whole, part = (Decoding(model, memory, rows, 6) for _ in range(2))
    for t in range(6):
        if t == 3:
            part.keep(torch.tensor([0, 2]))
        chosen = [0, 1, 2] if t < 3 else [0, 2]
        torch.testing.assert_close(part.step(targets[chosen, t]), whole.step(targets[:, t])[chosen], atol=1e-5, rtol=1e-5)
