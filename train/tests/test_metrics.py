import numpy as np
import pytest

import metrics


@pytest.mark.parametrize("truth, output, want", [
    ("a b c", "a b c", (0, 0, 0)), ("a b c", "a x c", (1, 0, 0)), ("a b c", "a c", (0, 0, 1)),
    ("a c", "a b c", (0, 1, 0)),
    ("a b", "", (0, 0, 2)), ("", "a", (0, 1, 0)), ("a b c d", "b c d e", (0, 1, 1)), ("one two", "two one", (2, 0, 0))])
def test_edits(truth, output, want):
    assert metrics.edits(truth.split(), output.split()) == want


def test_edits_agree_with_the_recursion():
    def cost(a, b):
        if not a or not b:
            return len(a) + len(b)
        return min(cost(a[1:], b[1:]) + (a[0] != b[0]), cost(a[1:], b) + 1, cost(a, b[1:]) + 1)
    rng = np.random.default_rng(0)
    for _ in range(40):
        a, b = (list(rng.choice(list("xyz"), rng.integers(6))) for _ in range(2))
        s, i, d = metrics.edits(a, b)
        assert s + i + d == cost(a, b) and len(b) - len(a) == i - d


def test_word_errors_are_of_the_whole_set():
    got = metrics.word_errors(["one", "a b c d e"], ["two", "a b c d e"])
    assert got == {"wer": pytest.approx(100 / 6), "words": 6, "substitutions": 1, "insertions": 0, "deletions": 0,
                   "texts": 2, "texts_right": 1}
    assert metrics.word_errors(["a"], ["b c d"])["wer"] == 300
    with pytest.raises(ValueError, match="1 outputs, want 2"):
        metrics.word_errors(["a", "b"], ["a"])


def test_accuracy():
    assert metrics.accuracy(["a", "b", "b"], ["a", "b", "c"]) == pytest.approx(200 / 3)
    assert metrics.accuracy([], []) == 0


def test_overlap():
    got = metrics.overlap([[0, 0, 2, 2]], [[1, 0, 3, 2], [0, 0, 2, 2], [2, 2, 4, 4], [5, 5, 5, 5]])
    np.testing.assert_allclose(got, [[1 / 3, 1, 0, 0]])


def box(x, side=10):
    return (x, 0, x + side, 10)


def test_map_of_a_case_by_hand():
    # Two pictures, three cells. By score: right, wrong place, right, same cell again, right.
    # Precision 1/1, 1/2, 2/3, 2/4, 3/5, made to fall 1, 2/3, 2/3, 3/5, 3/5; recall rises at the 1st, 3rd and 5th.
    truths = [[("cell", box(0)), ("cell", box(20))], [("cell", box(0)), ("plate", box(40))]]
    outputs = [[("cell", 0.9, box(1)), ("cell", 0.8, box(50)), ("cell", 0.5, box(21))],
               [("cell", 0.7, box(0)), ("cell", 0.6, box(0)), ("plate", 0.1, box(44))]]
    got = metrics.mean_average_precision(truths, outputs, ["cell", "plate", "none"])
    cell = 100 * (1 + 2 / 3 + 3 / 5) / 3
    assert got["by_label"] == {"cell": pytest.approx(cell), "plate": 0}  # 6 of 14 overlap: too little
    assert got["map"] == pytest.approx(cell / 2) and got["pictures"] == 2 and got["boxes"] == 4
    loose = metrics.mean_average_precision(truths, outputs, ["plate"], least=0.4)
    assert loose["map"] == 100


def test_map_of_what_is_missing():
    truths = [[("cell", box(0)), ("cell", box(20))]]
    assert metrics.mean_average_precision(truths, [[]], ["cell"])["map"] == 0
    half = metrics.mean_average_precision(truths, [[("cell", 0.3, box(0)), ("other", 0.9, box(20))]], ["cell"])
    assert half["map"] == 50
    with pytest.raises(ValueError, match="0 pictures, want 1"):
        metrics.mean_average_precision(truths, [], ["cell"])


def test_a_hit_needs_its_half_exactly():
    assert metrics.hits([(0, 0, 10, 10)], [(0, 0, 5, 10)], 0.5).tolist() == [True]
    assert metrics.hits([(0, 0, 10, 10)], [(0, 0, 4.9, 10)], 0.5).tolist() == [False]
