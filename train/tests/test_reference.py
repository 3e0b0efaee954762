import numpy as np
import pytest
import torch

import audio
import brackets
import checkpoint
import golden
import sounds
import tasks
import tokenizer
from model import Config, MultiModel
from reference import Grammar, Reference
from repeats import Repeats


def written(folder, tokenizer_dir, seed, **more):
    """A random model with the full vocabulary, written as int8 and read back."""
    torch.manual_seed(seed)
    model = MultiModel(Config(width=32, heads=2, ffn=48, experts=4, expert_ffn=16, encoder_blocks=2, decoder_blocks=2,
                              encoder_moe=(1,), decoder_moe=(0,), **more)).requires_grad_(False)
    for p in model.parameters():
        if p.dim() > 1:
            torch.nn.init.normal_(p, std=p.shape[-1]**-0.5)
    checkpoint.save(folder, model.config, model.state_dict(), tokenizer.vocabulary(), "int8", tokenizer_dir / "tokenizer.tiktoken")
    return Reference(folder)


@pytest.fixture
def reference(tokenizer_dir, tmp_path):
    return written(tmp_path / "model", tokenizer_dir, 3)


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


@pytest.fixture
def senses(tokenizer_dir, tmp_path):
    """With all modalities."""
    return written(tmp_path / "senses", tokenizer_dir, 5, audio_bands=80, audio_blocks=1, image_channels=(8, 16, 32),
                   image_blocks=(1, 1, 1), image_expand=2, heads_of=tasks.heads(("audio", "image")), letters=len(tasks.LETTERS))


def test_transcription_is_uncached_greedy_decoding_of_the_trainer_s_clip(senses):
    samples = np.random.default_rng(1).normal(0, 0.1, 16000)
    output = senses.transcribe(samples)
    clip = sounds.clean(audio.log_mel(samples))
    command = torch.zeros(1, 1 + len(clip) // 4, dtype=torch.int64)
    command[0, 0] = senses.commands["<transcribe>"]
    rows = golden.rows_of(command.shape[1])
    frames = torch.cat((torch.zeros(4, 80), torch.from_numpy(clip)))[None]
    memory, _ = senses.model.encode_audio(frames, command, rows)
    written, rule = [], Repeats(senses.spelling, [])
    for token in [*output.tokens, senses.end][:len(output.tokens) + (not output.cut)]:
        inputs = torch.tensor([[senses.commands["<transcribe>"], *written]])
        x, _ = senses.model.decode(inputs, golden.rows_of(inputs.shape[1]), memory, rows)
        best = senses.model.logits(x)[0, -1, :senses.end + 1].argsort(descending=True).tolist()
        assert next(t for t in best if t not in rule.forbidden()) == token
        written.append(token)
        rule.add(token)
    assert len(output.tokens) == len(clip) // 4 + 16 or not output.cut


def test_pictures_have_the_classes_that_they_have_alone(senses):
    images = np.random.default_rng(2).integers(0, 256, (6, 40, 32, 3), np.uint8)
    together = senses.classify(list(images))
    assert together == [senses.classify([image])[0] for image in images] and set(together) <= set(tasks.CIFAR10)
