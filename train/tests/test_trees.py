import pytest

import data
import trees
from tokenizer import Tokenizer

LINE = "(ROOT (S (NP-SBJ (DT The) (NN dog)) (VP (VBD barked) (PRN (-LRB- -LRB-) (ADVP (RB twice)) (-RRB- -RRB-))) (. .)))"


def write(node):
    if isinstance(node, tuple):
        return f"({node[0]} {node[1]})"
    return f"({node[0]} {' '.join(map(write, node[1:]))})"


def rebuild(decisions, words):
    root, left = ["ROOT"], iter(words)
    stack = [root]
    for kind, name in decisions:
        if kind == "(":
            stack[-1].append([name])
            stack.append(stack[-1][-1])
        elif kind == "tag":
            stack[-1].append((name, trees.escape(next(left))))
        else:
            stack.pop()
    return root


def test_reading_and_writing_round_trip():
    assert write(trees.read(LINE)) == LINE


def test_decisions_hold_the_whole_tree():
    tree = trees.read(LINE)
    assert write(rebuild(trees.decisions(tree), trees.words(tree))) == LINE.replace("-SBJ", "")


def test_words_are_the_surface_text():
    assert trees.words(trees.read(LINE)) == ["The", "dog", "barked", "(", "twice", ")", "."]


def test_unlabelled_outer_bracket_is_root():
    assert trees.read("( (S (NN x)))") == trees.read("(ROOT (S (NN x)))") == ["ROOT", ["S", ("NN", "x")]]


@pytest.mark.parametrize("line", ["(S (NN x)", "(S (NN x)))", "(NN x) (NN y)", "x", "(S (NN x y))"])
def test_malformed_lines_are_refused(line):
    with pytest.raises((ValueError, IndexError)):
        trees.read(line)


def test_tree_example_copies_words_and_learns_decisions(tokenizer_dir):
    tok = Tokenizer(tokenizer_dir)
    tree = tok.vocab["tree"]
    source, inputs, labels = data.tree_example(tok, "(ROOT (NP (DT The) (NN dog)))")
    the, dog = tok.encode("The"), tok.encode("dog")
    parse = tok.commands["<parse>"]
    stream = [*the, tree["labels"]["NP"], tree["tags"]["DT"], *dog, tree["tags"]["NN"], tree["close"], tok.end]
    assert source == [parse, *the, *dog]
    assert inputs == [parse, *stream[:-1]]
    assert labels == [t if t >= tok.end else -1 for t in stream]
