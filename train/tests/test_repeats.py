import json
from pathlib import Path

import pytest

import repeats
from repeats import Repeats, Spelling

PIECES = [b"a", b" a", b"b", b" b", b"c", b"d", b"0", b" 0", b"1"]
TOKENS = {piece.decode(): i for i, piece in enumerate(PIECES)}


def ids(text):
    return [TOKENS[piece] for piece in text.split("|")] if text else []


def forbidden(text, source=""):
    rule = Repeats(Spelling(PIECES), ids(source))
    for token in ids(text):
        rule.add(token)
    return {PIECES[i].decode() for i in rule.forbidden()}


@pytest.mark.parametrize("text, wanted", [
    ("", set()), ("a|a", set()), ("a|a|a", {"a", " a"}), ("a| a|a", {"a", " a"}), ("d|d|d", {"d"}),
    ("a|c|a|c|a", set()), ("a|c|a|c|a|c|a", {"c"}), ("a|c|d|a|c|d|a|c|d|a|c", {"d"}),
    ("a|b|c|d|a|b|c|d|a|b|c|d|a|b|c", {"d"}), ("a|b|c|d|c|a| b|c|d|d|a|b|c|d|a|a|b|c", {"d"}), ("a|b|c|d|c|a|b|c|d|d|a|b|c", set()),
    ("|".join("0" * 11), set()), ("|".join("0" * 12), {"0"}), (" 0| 0| 0", {" 0"}), ("|".join("10" * 11), set()), ("c|0|0|0|0|0|0|0", set())])
def test_forbidden(text, wanted):
    assert forbidden(text) == wanted


def test_the_source_says_how_often():
    assert forbidden("a|a|a", source="c|c|c|c") == set()
    assert forbidden("a|a|a|a", source="c|c|c|c") == {"a", " a"}
    assert forbidden("a|a|a", source="|".join("0" * 9)) == {"a", " a"}
    assert forbidden("a|b|c|d|a|b|c|d|a|b|c|d|a|b|c", source="|".join("abdc" * 4)) == set()


def test_golden_file_is_what_the_rule_says():
    path = Path(__file__).parents[2] / "decoders/sequence/testdata/repeats.json"
    assert json.loads(path.read_text())["cases"] == repeats.golden()
