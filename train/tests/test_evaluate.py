import json
import sys

import pytest

import brackets
import evaluate
import report

GOLD = "(ROOT (S (NP (DT The) (NN dog)) (VP (VBD saw) (NP (PRP me)) (ADVP (RB twice))) (. .)))"


def counts(line, gold=GOLD):
    c = brackets.score(gold, line)
    return c.matched, c.gold, c.test, c.exact, c.tags, c.well_formed


def test_the_same_tree_scores_full_marks():
    assert counts(GOLD) == (5, 5, 5, 1, 6, 1)


def test_wrong_label_and_wrong_tag():
    assert counts(GOLD.replace("(NP (PRP me))", "(PP (IN me))")) == (4, 5, 5, 0, 5, 1)


def test_missing_and_extra_brackets():
    assert counts("(ROOT (S (NP (DT The) (NN dog)) (VP (VBD saw) (PRP me) (RB twice)) (. .)))") == (3, 5, 3, 0, 6, 1)
    assert counts(GOLD.replace("(RB twice)", "(NP (RB twice))")) == (5, 5, 6, 0, 6, 1)


def test_punctuation_does_not_move_spans():
    inside = "(ROOT (S (NP (DT The) (NN dog)) (VP (VBD saw) (NP (PRP me)) (ADVP (RB twice)) (. .))))"
    assert counts(inside) == (5, 5, 5, 1, 6, 1)


def test_punctuation_is_what_gold_calls_so():
    assert counts(GOLD.replace("(. .)", "(NN .)"))[:5] == (5, 5, 5, 1, 5)


def test_equal_labels_function_tags_and_root_names():
    assert counts(GOLD.replace("ADVP", "PRT")) == (5, 5, 5, 1, 6, 1)
    assert counts(GOLD, GOLD.replace("(NP (DT", "(NP-SBJ=2 (DT").replace("ROOT", "TOP"))[:4] == (5, 5, 5, 1)


def test_repeated_unary_brackets_count_as_often_as_they_stand():
    gold = "(ROOT (NP (NP (NN x))))"
    assert counts("(ROOT (NP (NN x)))", gold)[:3] == (1, 2, 1)
    assert counts("(ROOT (NP (NP (NP (NN x)))))", gold)[:3] == (2, 2, 3)


@pytest.mark.parametrize("line", ["", GOLD[:-1], GOLD + ")", GOLD.replace("(NN dog)", ""), GOLD.replace("dog", "cat"),
                                  GOLD.replace("(NN dog)", "(NN dog) (NN dog)")])
def test_ill_formed_outputs_match_nothing(line):
    assert counts(line) == (0, 5, 0, 0, 0, 0)


def test_words_in_brackets_are_compared_by_their_escapes():
    gold = "(ROOT (NP (-LRB- -LRB-) (NN x) (-RRB- -RRB-)))"
    assert counts(gold, gold) == (1, 1, 1, 1, 3, 1)


def test_corpus_scores_are_micro_averages():
    s = brackets.corpus_score([GOLD, GOLD], [GOLD, ""])
    assert s["precision"] == 100 and s["recall"] == 50 and s["exact"] == 50 and s["well_formed"] == 50
    assert s["f1"] == pytest.approx(200 / 3)


@pytest.mark.parametrize("text, bad", [
    ("so so so so", True), ("so so so", False), ("a b a b a b a b", True), ("a b a b a b a", False),
    ("x y one two three one two three one two three one two three z", True), ("a normal sentence, with commas, and words.", False)])
def test_repeats(text, bad):
    assert evaluate.repeats(evaluate.pieces(text)) == bad


def test_overlong_outputs_collapse():
    assert evaluate.collapses("one two", "a b c d e f g") and not evaluate.collapses("one two", "a b c d e f")


FAKE = '''#!{python}
import json, sys
args = sys.argv[1:]
assert args[0] == "run" and args[-2:] == ["--json", "-"], args
for line in sys.stdin.read().splitlines():
    if args[1] == "parse":
        assert "--words" in args
        out = "(ROOT (S " + " ".join("(NN " + w.replace("(", "-LRB-").replace(")", "-RRB-") + ")" for w in line.split()) + "))"
    else:
        out = args[args.index("--to") + 1] + " " + line
    print(json.dumps(dict(task=args[1], input=line, output=out, score=-1.0, tokens=3, ms=1.0)))
'''


@pytest.fixture
def fake(tmp_path):
    """A data folder of a few lines and a binary that echoes."""
    for name, lines in {
        "tatoeba/test.en-de": ["a dog\tein Hund", "a cat\teine Katze"], "tatoeba/test.en-fr": ["a dog\tun chien", "a bird\tun oiseau"],
        "software/test.en-de": ["Open\tÖffnen"], "software/test.en-fr": ["Open\tOuvrir"],
        "wmt_news/newstest2014.en-de": ["News today\tNachrichten"], "wmt_news/newstest2014.en-fr": ["News today\tNouvelles"],
        "wmt_news/newstest2013.en-de": ["Hello\tHallo"], "wmt_news/newstest2013.en-fr": ["Hello\tBonjour"],
    }.items():
        path = tmp_path / "data" / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    for path in evaluate.TREEBANKS.values():
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / path).write_text(GOLD + "\n(ROOT (S (NN one) (-LRB- -LRB-)))\n")
    binary = tmp_path / "mm"
    binary.write_text(FAKE.format(python=sys.executable))
    binary.chmod(0o755)
    return tmp_path


def run(monkeypatch, *args):
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, args)])
    evaluate.main()


def test_all_sections_run_against_a_binary(fake, monkeypatch, capsys):
    run(monkeypatch, "--mm", fake / "mm", "--data", fake / "data", "--out", fake / "results.json", "--markdown", fake / "r.md")
    results = json.loads((fake / "results.json").read_text())
    assert set(results) == {"tatoeba", "software", "news", "zeroshot", "repetition", "parsing"}
    assert len(results["tatoeba"]) == 8 and len(results["zeroshot"]) == 8
    gum = results["parsing"][0]
    assert gum["well_formed"] == 100 and gum["recall"] == pytest.approx(100 * 2 / 6)
    assert "nrefs:1" in results["news"][0]["bleu_signature"]
    text = (fake / "r.md").read_text()
    assert "| en-de | beam 4 |" in text and "newstest2013" in text and "beam 4" in capsys.readouterr().out


def test_only_replaces_its_own_sections(fake, monkeypatch):
    out = fake / "results.json"
    out.write_text(json.dumps({"software": "earlier"}))
    run(monkeypatch, "--mm", fake / "mm", "--data", fake / "data", "--out", out, "--only", "parsing", "--quick", 1, "--beams", 1)
    results = json.loads(out.read_text())
    assert results["software"] == "earlier" and [r["sentences"] for r in results["parsing"]] == [1, 1]


def test_failures_of_the_binary_are_reported(fake):
    (fake / "mm").write_text(f"#!{sys.executable}\nimport sys\nsys.exit('mm: no such task')\n")
    with pytest.raises(RuntimeError, match="exit 1: mm: no such task"):
        evaluate.Runtime(fake / "mm").translate(["x"], "de")


def test_inputs_that_failed_count_as_empty(fake, capsys):
    (fake / "mm").write_text(FAKE.format(python=sys.executable).replace('out = args[args', 'out = "" and args[args') +
                             "sys.exit(1)\n")
    text = (fake / "mm").read_text().replace("ms=1.0)", "ms=1.0, error='mm: too long')")
    (fake / "mm").write_text(text)
    outputs, _ = evaluate.Runtime(fake / "mm").translate(["x", "y"], "de")
    assert outputs == ["", ""] and "2 of 2 failed: mm: too long" in capsys.readouterr().err


def test_joined_sets_share_their_english(fake):
    assert evaluate.joined(fake / "data", "tatoeba/test", 0) == [["ein Hund"], ["un chien"]]


def test_missing_sections_are_left_out_of_the_tables():
    assert report.markdown({}) == ""
