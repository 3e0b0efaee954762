import argparse

import numpy as np
import pytest
import torch

import batches
import captions
import losses
import sounds
import tasks
import tokenizer
import train
import trainer


class Source:
    """Clips of 1 to 3 seconds in two sets: words to transcribe, and digits with a label that are words too."""

    names = ["kathleen", "fsdd"]

    def __init__(self):
        self.rng = np.random.default_rng(3)
        self.clips = [self.rng.normal(size=(self.rng.integers(100, 300), sounds.BANDS)).astype(np.float32) for _ in range(20)]

    def count(self, name):
        return len(self.clips)

    def get(self, name, i):
        return (self.clips[i], "six", 6) if name == "fsdd" else (self.clips[i], "it's a word", None)


@pytest.fixture
def tok(tokenizer_dir):
    return tokenizer.Tokenizer(tokenizer_dir)


def made(tok, rows=3, words=False):
    return batches.SoundBatches(Source(), tok, {"kathleen": 0.5, "fsdd": 0.5}, rows, seed=1, augment=False, words=words)


def test_clips_stand_where_their_segments_say(tok):
    source, b = Source(), made(tok).next()
    known = {sounds.clean(clip).tobytes() for clip in source.clips}
    clips = 0
    for row in range(3):
        for n in range(1, b["src_segment"][row].max() + 1):
            (slots,) = np.nonzero(b["src_segment"][row] == n)
            first, last = slots[0], slots[-1]
            assert b["command"][row, first] > 0 and not b["command"][row, first + 1:last + 1].any()
            assert not b["frames"][row, 4 * first:4 * first + 4].any()
            assert b["frames"][row, 4 * first + 4:4 * last + 4].tobytes() in known
            target = b["labels"][row][b["tgt_segment"][row] == n]
            label = b["class.digits"][row, n - 1]
            if label >= 0:
                assert label == 6 and not len(target) and b["command"][row, first] == tok.commands["<digits>"]
            else:
                assert tok.decode(target[:-1]) in ("six", "it's a word") and target[-1] == tok.end
            clips += 1
    assert clips > 6 and not (b["class.commands"] >= 0).any()


def test_letters_stand_for_their_clips(tok):
    b = made(tok).next()
    spelled = 0
    for index, letters, rows, count in zip(b["ctc_index"], b["ctc_targets"], b["ctc_rows"], b["ctc_letters"]):
        if count:
            spelled += 1
            text = "".join(batches.LETTERS[i - 1] for i in letters[:count])
            segment = b["src_segment"].ravel()[index[:rows]]
            assert text in ("six", "it's a word") and (segment == segment[0]).all() and not b["command"].ravel()[index[:rows]].any()
            assert (np.diff(index[:rows]) == 1).all() and b["command"].ravel()[index[0] - 1] == tok.commands["<transcribe>"]
    assert spelled > 3


def test_cells_belong_to_the_smallest_box_near_their_centre():
    boxes = np.array([[0, 0, 64, 64], [40, 40, 60, 60], [100.5, 100.5, 101, 101]], float)
    owner, sides = batches.assign(boxes, [0, 1, 2])
    owner, sides = owner.reshape(18, 24), sides.reshape(18, 24, 4)
    assert owner[4, 4] == 0 and owner[6, 6] == 1 and owner[0, 0] == -1  # the corner is too far from the box's centre
    assert (owner == 2).sum() == 1 and owner[12, 12] == 2  # smaller than a cell, and yet somebody's
    assert np.allclose(sides[4, 4], [36, 36, 28, 28]) and np.allclose(sides[6, 6], [12, 12, 8, 8]) and (sides[owner >= 0] > 0).all()


def options(kinds):
    small = '{"width": 32, "heads": 2, "ffn": 48, "experts": 4, "expert_ffn": 16, "encoder_blocks": 2, "decoder_blocks": 1, ' \
            '"encoder_moe": [1], "decoder_moe": [0], "encoder_dilations": [1, 2], "decoder_dilations": [1]'
    image = ', "image_channels": [8, 16, 32], "image_blocks": [1, 1, 1]' if {"photos", "glances", "captions", "cells"} & set(kinds) else ""
    return argparse.Namespace(kinds=kinds, seed=1, device="cpu", config=small + image + "}", init=None, lr_matrix=0.02,
                              lr_rest=3e-3, lr_known={"": 1.0}, weight_decay=0.0, compile=False, smoothing=0.1, hours=1.0, steps=10**9, clip=2.0, average=0.9,
                              adversarial=0, adversarial_steps=1)


def test_losses_of_all_kinds_fall_together(tok):
    rng = np.random.default_rng(0)
    boxes = np.array([[20, 20, 70, 60], [120, 80, 150, 110]], float)
    photos = rng.uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    cells = rng.uniform(-1, 1, (144, 192, 3)).astype(np.float32)
    described = captions.CaptionBatches((255 * rng.random((2, 96, 96, 3))).astype(np.uint8), [["a dog runs ."], ["two men , one boy"]], tok, 2, 1)
    step = {"captions": described.next(), "sounds": made(tok, rows=2).next(), "murmurs": made(tok, rows=2, words=True).next(), "photos": batches.photo_batch(photos, np.array([3, 1, 4, 1]), 8201),
            "glances": batches.photo_batch(photos, np.array([3, 1, 4, 1]), 8201),
            "cells": batches.cell_batch([(cells, boxes, [0, 2])], 8202)}
    t = trainer.Trainer(options(list(step)))
    t.seconds = 600.0
    first = t.train_step(step)
    for _ in range(25):
        last = t.train_step(step)
    for name in ("captions", "transcribe", "ctc", "murmurs", "digits", "cifar10", "glances", "bccd"):
        before, after = (total / count for total, count in (first[name], last[name]))
        assert after < 0.8 * before, name
    dev = losses.evaluate(t.average, {"set": ("sounds", [step["sounds"]]), "cifar10": ("photos", [step["photos"]])}, t.put)
    assert list(losses.evaluate(t.average, {"set.murmurs": ("murmurs", [step["murmurs"]])}, t.put)) == ["set.murmurs"]
    assert set(dev) == {"set.transcribe", "set.ctc", "set.digits", "cifar10"} and len(dev["cifar10"]) == 2


def test_weights_of_texts_start_a_model_of_all_senses(tmp_path):
    text = trainer.Trainer(options(["text"]))
    text.save(tmp_path / "last.pt")
    a = options(["text", "sounds", "photos"])
    a.init = tmp_path / "last.pt"
    both = trainer.Trainer(a)
    for name, p in text.model.named_parameters():
        assert torch.equal(p, both.model.get_parameter(name))
    assert {n for n, _, _ in both.model.config.heads_of} == {t["head"] for t in tasks.TASKS if "head" in t}
    a.lr_known = train.factors('{"encoder.": 0.5, "": 0}')
    some = trainer.Trainer(a)
    assert {n for n, p in text.model.named_parameters() if some.model.get_parameter(n).requires_grad} == {
        n for n, _ in text.model.named_parameters() if n.startswith("encoder.")}
    a.lr_known = train.factors("0")
    still = trainer.Trainer(a)
    image = still.model.image.stages[0].conv.weight.clone()
    photos = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
    still.train_step({"photos": batches.photo_batch(photos, np.array([3, 1, 4, 1]), 8201)})
    assert all(torch.equal(p, still.model.get_parameter(name)) for name, p in text.model.named_parameters())
    assert not torch.equal(image, still.model.image.stages[0].conv.weight)
    a.config = a.config.replace('"ffn": 48', '"ffn": 64')
    with pytest.raises(RuntimeError, match="size mismatch"):
        trainer.Trainer(a)


@pytest.mark.parametrize("alone, joint, net, heads", [("glances", ["photos", "cells"], "image", {"cifar10", "bccd"}),
                                                      ("murmurs", ["sounds"], "audio", {"digits", "commands"})])
def test_modality_nets_taught_alone_start_a_model_with_heads(tmp_path, alone, joint, net, heads):
    first = trainer.Trainer(options([alone]))
    assert not first.model.heads and (first.model.letters is None) == (alone == "glances")
    first.save(tmp_path / "last.pt")
    a = options(joint)
    a.init = tmp_path / "last.pt"
    then = trainer.Trainer(a)
    assert set(then.model.heads) == heads and then.model.glance is None
    for name, p in first.model.get_submodule(net).named_parameters():
        assert torch.equal(p, then.model.get_submodule(net).get_parameter(name))


def test_without_heads_every_clip_is_words(tok):
    b = made(tok, rows=2, words=True).next()
    assert all((b[name] == -1).all() for name in ("class.digits", "class.commands")) and (b["ctc_letters"] > 0).sum() > 8


def test_captions_are_written_like_other_texts(tok):
    assert captions.plain("a dog , brown , isn 't here .") == "A dog, brown, isn't here."
    b = captions.CaptionBatches(np.zeros((3, 96, 96, 3), np.uint8), [["one"], ["two", "three"], ["four"] * 5], tok, 2, 1).next()
    assert b["pixels"].shape == (2, 96, 96, 3) and b["tgt"].shape == b["labels"].shape == (2 * captions.EACH, captions.TOKENS)
    assert (b["tgt"][:, 0] == tok.commands["<to-en>"]).all() and "src" not in b
    texts = {tok.decode([t for t in row if 0 <= t < tok.end]) for row in b["labels"]}
    assert texts <= {"One.", "Two.", "Three.", "Four."}
