import argparse

import numpy as np
import pytest
import torch

import checkpoint
import data
import optim
import train
from model import Config
from tokenizer import Tokenizer

SMALL = '{"width": 32, "heads": 2, "ffn": 48, "experts": 4, "expert_ffn": 16, "vocab": 320, "encoder_blocks": 2, ' \
        '"decoder_blocks": 1, "encoder_moe": [1], "decoder_moe": [0]}'


def options(**over):
    return argparse.Namespace(**{**dict(
        seed=1, kinds=["text"], every={}, device="cpu", config=SMALL, init=None, lr_matrix=0.02, lr_rest=3e-3, lr_known={"": 1.0},
        weight_decay=0.0, compile=False, smoothing=0.1, hours=1.0, steps=10**9, clip=2.0, average=0.9,
        adversarial=0, adversarial_steps=1), **over})


def batch(rng, rows=2):
    def example():
        src, tgt = (rng.integers(0, 256, n) for n in rng.integers(2, 9, 2))
        return np.r_[257, src], np.r_[257, tgt], np.r_[tgt, 256]
    return data.pack([[example() for _ in range(3)] for _ in range(rows)], data.Shape(rows, 32, 32))


def test_muon_updates_are_orthogonal_where_rows_allow():
    """Singular values within a factor of 20 of each other all come near 1, whatever the scale."""
    torch.manual_seed(0)
    for shape in ((3, 24, 24), (2, 16, 64), (2, 64, 16)):
        u, s, v = torch.linalg.svd(torch.randn(shape), full_matrices=False)
        g = u @ torch.diag_embed(torch.linspace(0.05, 1, s.shape[-1]).expand_as(s)) @ v * 1e-3
        s = torch.linalg.svdvals(optim.orthogonalize(g).float())
        assert 0.6 < s.min() and s.max() < 1.3


def test_muon_splits_stacked_matrices():
    qkv = torch.randn(96, 32)
    assert torch.equal(optim.matrices("encoder.blocks.0.attn.qkv.weight", qkv)[1], qkv[32:64])
    assert optim.matrices("decoder.blocks.1.moe.up", torch.randn(4, 32, 16)).shape == (8, 16, 16)
    assert optim.matrices("decoder.blocks.1.moe.down", torch.randn(4, 16, 8)).shape == (4, 16, 8)


def test_every_parameter_has_one_optimizer():
    model = train.Trainer(options()).model
    muon, adam = optim.optimizers(model, 0.02, 3e-3, 0.0, compile=False)
    ids = [id(p) for o in (muon, adam) for g in o.param_groups for p in g["params"]]
    assert sorted(ids) == sorted(id(p) for p in model.parameters())


def test_known_weights_learn_at_a_share_of_the_rates():
    model = train.Trainer(options()).model
    known = {n for n, _ in model.named_parameters() if n.startswith("encoder.")}
    name_of = {id(p): n for n, p in model.named_parameters()}
    rates = {}
    for o in optim.optimizers(model, 0.02, 3e-3, 0.0, False, dict.fromkeys(known, 0.25)):
        for g in o.param_groups:
            rates |= {name_of[id(p)]: g["lr"] / (0.02 if isinstance(o, optim.Muon) else 3e-3) for p in g["params"]}
    assert rates == {n: 0.25 if n in known else 1.0 for n in name_of.values()}


def test_schedule_warms_up_holds_and_decays():
    assert optim.schedule(0.0) == pytest.approx(0.02) and optim.schedule(0.01) == pytest.approx(0.5)
    assert optim.schedule(0.1) == optim.schedule(0.54) == 1.0
    assert optim.schedule(0.775) == pytest.approx(0.5) and optim.schedule(1.0) == 0.01
    values = [optim.schedule(x) for x in np.linspace(0.55, 1, 50)]
    assert values == sorted(values, reverse=True)


def test_loss_falls_on_one_batch():
    trainer, b = train.Trainer(options()), batch(np.random.default_rng(0))
    trainer.seconds = 600.0
    losses = [trainer.train_step({"text": b})["text"][0] for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]


def test_resume_goes_on_as_if_never_stopped(tmp_path):
    rng = np.random.default_rng(0)
    batches = [batch(rng) for _ in range(4)]

    def step(trainer, b):
        torch.manual_seed(trainer.step)  # the noise of the gates
        trainer.seconds = 600.0 * (trainer.step + 1)
        return trainer.train_step({"text": b})

    one = train.Trainer(options())
    for b in batches[:2]:
        step(one, b)
    one.save(tmp_path / "last.pt")
    other = train.Trainer(options(seed=2))
    other.load(tmp_path / "last.pt")
    assert (other.step, other.tokens, other.seconds) == (one.step, one.tokens, one.seconds)
    for b in batches[2:]:
        assert step(one, b) == step(other, b)
    for kind in ("model", "average"):
        a, b = (getattr(t, kind).state_dict() for t in (one, other))
        assert all(torch.equal(a[name], b[name]) for name in a), kind


def test_configs_survive_json():
    trainer = train.Trainer(options())
    assert Config(**trainer.model.config.dict()) == trainer.model.config


def test_packer_loses_and_doubles_nothing():
    made = []

    class Source:
        def draw(self):
            n = len(made) + 1
            made.append(n)
            size = 2 + n % 5
            return np.full(size, n), np.full(size, n), np.full(size, n)

    packer = data.Packer([(1.0, Source(), "x")], data.Shape(2, 20, 20), data.Shape(1, 40, 40), seed=0)
    seen = []
    for _ in range(10):
        b = packer.next()
        for row in range(2):
            for n in range(1, b["src_segment"][row].max() + 1):
                slots = b["src_segment"][row] == n
                values, counts = np.unique(b["src"][row][slots], return_counts=True)
                assert len(values) == 1 and counts[0] == 2 + values[0] % 5
                assert (b["src_position"][row][slots] == np.arange(counts[0])).all()
                assert (b["labels"][row][b["tgt_segment"][row] == n] == values[0]).all()
                seen.append(int(values[0]))
        assert (b["labels"][b["tgt_segment"] == 0] == -1).all()
    waiting = [int(e[0][0]) for group in packer.waiting.values() for e in group]
    assert sorted(seen + waiting) == made


def test_compiling_leaves_the_weights_alone():
    trainer = train.Trainer(options(rows=2))
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.compile({"text": [data.pack([[]] * shape.rows, shape) for shape in train.shapes(2)]})
    assert all(torch.equal(v, before[k]) for k, v in trainer.model.state_dict().items())
    assert all(p.grad is None for p in trainer.model.parameters()) and trainer.step == 0
    assert all((s["momentum"] == 0).all() for s in trainer.opts[0].state.values())


def test_starts_from_an_exported_model(tmp_path):
    first = train.Trainer(options(seed=2))
    checkpoint.save(tmp_path, first.model.config, first.model.state_dict(), {}, "f32")
    second = train.Trainer(options(init=tmp_path))
    for (name, a), (_, b) in zip(first.model.named_parameters(), second.model.named_parameters()):
        assert torch.equal(a, b), name


def test_dictation_is_what_one_says_and_has_no_source(tokenizer_dir):
    tok = Tokenizer(tokenizer_dir)
    rows = [("It is 5 o'clock.", "Es ist 5 Uhr."), ("Well-known, isn't it?", "Bekannt, oder?")]
    encoded = {"tatoeba.en-de": data.encode_corpus(tok, "tatoeba.en-de", rows)}
    ((share, stream, name),) = data.streams(tok, encoded, {"dictation": 0.5}, seed=1)
    assert share == 1 and name == "dictation.de"
    for _ in range(3):
        source, inputs, labels = stream.draw()
        assert source.tolist() == inputs[:1].tolist() == [tok.commands["<transcribe>"]] and labels[-1] == tok.end
        assert tok.decode(inputs[1:].tolist()) == tok.decode(labels.tolist()) == "well known isn't it"
