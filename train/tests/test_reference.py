import pytest
import torch

import brackets
import checkpoint
import golden
import tokenizer
from model import Config, MultiModel
from reference import Grammar, Reference
from repeats import Repeats


@pytest.fixture
def reference(tokenizer_dir, tmp_path):
    """A random model with the full vocabulary, written as int8 and read back."""
    torch.manual_seed(3)
    model = MultiModel(Config(width=32, heads=2, ffn=48, experts=4, expert_ffn=16, encoder_blocks=2, decoder_blocks=2,
                              encoder_moe=(1,), decoder_moe=(0,))).requires_grad_(False)
    for p in model.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=p.shape[-1]**-0.5)
    checkpoint.save(tmp_path / "model", model.config, model.state_dict(), tokenizer.vocabulary(), "int8",
                    tokenizer_dir / "tokenizer.tiktoken")
    return Reference(tmp_path / "model")


def uncached(reference, source, limit):
    out, rule = [], Repeats(reference.spelling, source[1:])
    while len(out) < limit:
        logits = golden.trace(reference.model, source, [source[0]] + out)["logits"][-1]
        best = logits[:reference.end + 1].argsort(descending=True).tolist()
        token = next(t for t in best if t not in rule.forbidden())
        if token == reference.end:
            break
        out.append(token)
        rule.add(token)
    return out


SENTENCES = ["the cat sat", "", "on the mat today there", "a"]


def test_greedy_equals_uncached_decoding(reference):
    outputs = reference.translate_outputs(SENTENCES, "de")
    for text, output in zip(SENTENCES, outputs):
        source = [reference.commands["<to-de>"]] + reference.tok.encode(text)
        limit = 3 * len(source) // 2 + 16
        assert output.tokens == (uncached(reference, source, limit) if text else [])
        assert len(output.tokens) <= limit


def test_no_output_goes_round_in_circles(reference):
    """Embeddings of a few tokens are made so large that the random model says nothing else."""
    reference.model.embed.weight.data[300:303] *= 20
    outputs = reference.translate_outputs(SENTENCES, "de")
    assert any(len(o.tokens) > 10 and len(set(o.tokens)) < 8 for o in outputs)
    for text, output in zip(SENTENCES, outputs):
        rule = Repeats(reference.spelling, reference.tok.encode(text))
        for token in output.tokens:
            assert token not in rule.forbidden()
            rule.add(token)


def test_batch_size_does_not_change_outputs(reference):
    assert reference.translate(SENTENCES, "fr", batch=1) == reference.translate(SENTENCES, "fr", batch=4)


def test_max_len_cuts(reference):
    assert all(len(o.tokens) <= 3 for o in reference.translate_outputs(SENTENCES, "en", max_len=3))


def test_source_beyond_the_positions_is_an_error(reference):
    with pytest.raises(ValueError, match="want at most 256"):
        reference.translate(["z1 " * 200], "de")


def test_parses_are_well_formed_even_of_an_untrained_model(reference):
    words = "the ( old ) man sat .".split()
    assert brackets.well_formed(reference.parse(words), words)


def test_grammar_ends_only_when_all_is_placed():
    vocabulary = tokenizer.vocabulary()
    tree, grammar = vocabulary["tree"], Grammar(vocabulary, [[1], [2, 3]])
    noun, np = tree["tags"]["NN"], tree["labels"]["NP"]
    assert tree["close"] not in grammar.allowed() and vocabulary["end"] not in grammar.allowed()
    assert grammar.accept(np) == [] and tree["close"] not in grammar.allowed()
    assert grammar.accept(noun) == [2, 3] and tree["close"] in grammar.allowed()
    assert grammar.accept(noun) == [] and grammar.allowed() == [tree["close"]]
    grammar.accept(tree["close"])
    assert grammar.allowed() == [vocabulary["end"]]
