import numpy as np
import pytest

import checkpoint
import golden
import ngram


def counted(texts, prune=(0.0, 0.0), least=1):
    texts = [(t, 1) for t in texts]
    words = ngram.vocabulary(texts, least, 100)
    return ngram.Counted(ngram.numbers(texts, words), words, prune)


@pytest.fixture
def many():
    rng = np.random.default_rng(3)
    follows = rng.dirichlet(np.full(30, 0.1), 30)
    texts = []
    for _ in range(400):
        w, text = rng.integers(30), []
        for _ in range(rng.integers(1, 9)):
            text.append("w" + chr(97 + w % 26) * (1 + w // 26))
            w = rng.choice(30, p=follows[w])
        texts.append(" ".join(text))
    return texts


@pytest.mark.parametrize("prune", [(0, 0), (2, 3), (1e9, 1e9)])
def test_probabilities_sum_to_one_behind_every_history(many, prune):
    model = ngram.Stored(counted(many, prune).tables())
    n = len(model.words)
    for a in (-1, 0, 5, n - 1):
        for b in (-1, 0, 7, n + 1):
            p = model.probabilities(a, b)
            assert len(p) == n + 1 and (p > 0).all()
            assert abs(p.sum() - 1) < 0.04  # a code is within 1/32 of what it stands for


def test_what_was_seen_is_likely_and_pruning_costs_some_of_it(many):
    texts = [(t, 1) for t in many]
    whole, less, none = (ngram.Stored(counted(many, p).tables()) for p in ((0, 0), (2, 3), (1e9, 1e9)))
    nats = [sum(m.nats(t)[0] for t, _ in texts) / sum(m.nats(t)[1] for t, _ in texts) for m in (whole, less, none)]
    assert nats[0] < nats[1] < nats[2] and nats[2] - nats[0] > 0.3
    sizes = [len(m.tables["two.word"]) + len(m.tables["three.word"]) for m in (whole, less, none)]
    assert sizes[0] > sizes[1] > sizes[2] == 0


def test_every_pair_that_has_triples_is_there():
    """An unknown word in front leaves a triple without the pair before it."""
    model = counted(["rare a b c", "c b a", "b c a"], least=2)
    assert "rare" not in model.words
    assert np.isin(model.tri >> ngram.SHIFT, model.bi).all()
    t = model.tables()
    assert t["three.begin"][-1] == len(t["three.word"]) and t["two.begin"][-1] == len(t["two.word"])
    for begin, word in ((t["two.begin"], t["two.word"]), (t["three.begin"], t["three.word"])):
        for lo, hi in zip(begin, begin[1:]):
            assert (np.diff(word[lo:hi].astype(int)) > 0).all()


def test_letters_add_up_to_words(tmp_path):
    golden.tiny_words(tmp_path / "words.safetensors")
    model = ngram.Stored({n: t.numpy() for n, t in checkpoint.read_safetensors(tmp_path / "words.safetensors").items()})
    for text in ("one and two", "two and one and two", "on and on"):
        words = text.split()
        total, count = model.nats(text)
        assert count == len(words) + 1
        assert abs(model.letters(text).sum() + total) < 0.011 * count  # but for the share of unknown words
    assert model.letters("onto").sum() < model.letters("on").sum() - 5
