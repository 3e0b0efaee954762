import numpy as np
import pytest

import data
import feed
import pack
import train
from tokenizer import Tokenizer

TREES = ["(ROOT (S (NP (DT The) (NN cat)) (VP (VBD sat)) (. .)))", "(ROOT (NP (JJ unfathomable) (NNS things)))"]
PAIRS = [("the cat", "die Katze"), ("a hat on the mat", "ein Hut"), ("tea", "Tee")]


@pytest.fixture
def corpora(tokenizer_dir):
    tok = Tokenizer(tokenizer_dir)
    return {split: {"tatoeba.en-de": data.encode_corpus(tok, "tatoeba.en-de", PAIRS[:count]),
                    "gum": data.encode_corpus(tok, "gum", [(t,) for t in TREES[:count]])}
            for split, count in (("train", 3), ("dev", 1))}


def same(a, b):
    return a.flat.dtype == b.flat.dtype and np.array_equal(a.flat, b.flat) and np.array_equal(a.start, b.start)


def test_packed_corpora_come_back(corpora, tokenizer_dir, tmp_path):
    for part, files in ((1e6, 1), (100, 4)):
        paths = pack.write(tmp_path / "gpu", pack.fingerprint(tokenizer_dir), corpora, part)
        assert len(paths) == files
        back = pack.read(paths, tokenizer_dir)
        for split, wanted in corpora.items():
            assert back[split].keys() == wanted.keys()
            for name, columns in wanted.items():
                assert len(back[split][name]) == len(columns)
                assert all(map(same, back[split][name], columns)), (split, name)


def test_trees_follow_from_their_inputs(corpora):
    source, inputs, labels = corpora["train"]["gum"]
    assert all(map(same, pack.tree_columns(inputs), (source, inputs, labels)))
    labels.flat[0] = 7
    with pytest.raises(ValueError, match="do not follow"):
        pack.stored([source, inputs, labels])


def test_another_tokenizers_ids_are_refused(corpora, tokenizer_dir, tmp_path):
    paths = pack.write(tmp_path / "gpu", "0" * 64, corpora, 1e6)
    with pytest.raises(ValueError, match="made with tokenizer 000000000000"):
        pack.read(paths, tokenizer_dir)


def test_a_cut_file_is_an_error(corpora, tokenizer_dir, tmp_path):
    (path,) = pack.write(tmp_path / "gpu", pack.fingerprint(tokenizer_dir), corpora, 1e6)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(Exception):
        pack.read([path], tokenizer_dir)


def test_workers_feed_what_one_thread_would(corpora):
    def packer(worker):
        made = [(1.0, data.Stream(corpora["train"]["gum"], data.parse_tree, np.random.default_rng(worker)), "gum")]
        return data.Packer(made, data.Shape(2, 60, 60), data.Shape(1, 80, 80), seed=worker)

    missing = [packer(w).next() for w in range(2)]
    get = feed.prefetch(packer, 2, depth=1)
    for _ in range(1000):  # a worker may be far ahead of the other
        batch = get()
        missing = [m for m in missing if not all(np.array_equal(m[k], batch[k]) for k in m)]
        if not missing:
            return
    pytest.fail(f"the first batch of {len(missing)} workers never came")


def test_a_dead_worker_is_an_error():
    def packer(worker):
        raise SystemExit(3)

    with pytest.raises(RuntimeError, match=r"exit codes \[3\]"):
        feed.prefetch(packer, 1)(timeout=1)


def test_training_from_packed_files(corpora, tokenizer_dir, tmp_path):
    paths = pack.write(tmp_path / "gpu", pack.fingerprint(tokenizer_dir), corpora, 1e6)
    from test_training import SMALL
    a = train.parser().parse_args([
        "--packed", *map(str, paths), "--tokenizer", str(tokenizer_dir), "--run", str(tmp_path / "run"), "--steps", "2",
        "--rows", "2", "--workers", "1", "--no-compile", "--device", "cpu", "--log-every", "1",
        "--config", SMALL.replace("320", "8448")])
    train.run(a)
    assert (tmp_path / "run" / "last.pt").exists()
    assert (tmp_path / "run" / "log.jsonl").read_text().count('"text": ') == 2
