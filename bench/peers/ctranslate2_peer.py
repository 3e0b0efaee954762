"""CTranslate2 on a Transformer as wide and deep as the model, with its vocabulary and random weights: it has no
operators for convolutions and experts, so this is the nearest that it runs. Blocks count as layers, and the I/O mixer
as one more.

As the weights mean nothing, each output is as long as the request says; the step that would find the end is made and
not counted. A batch has one length, the mean of its outputs', which suits it: nothing is left over while the longest
ends.
"""
import json
import os
import shutil
import sys
from pathlib import Path

sys.modules["torch"] = None  # CTranslate2 imports it where it is there, and does not need it here

import ctranslate2  # noqa: E402
import numpy as np  # noqa: E402
from ctranslate2.specs import common_spec, transformer_spec  # noqa: E402

import tokenizer  # noqa: E402
from worker import groups  # noqa: E402


def random_spec(m, rng):
    """A pre-norm Transformer with gated feed-forward layers and RMS norms, of the sizes m."""
    D, F, V, decoder = m["width"], m["ffn"], m["vocab"], m["decoder_blocks"] + 1
    spec = transformer_spec.TransformerSpec.from_config(
        (m["encoder_blocks"], decoder), m["heads"], pre_norm=True, rms_norm=True,
        activation=common_spec.Activation.SWISH, ffn_glu=True)

    def matrix(rows, cols):
        return (rng.standard_normal((rows, cols)) * cols**-0.5).astype(np.float32)

    def norm(layer):
        layer.gamma = np.ones(D, np.float32)

    def attention(layer, shapes):
        norm(layer.layer_norm)
        for part, shape in zip(layer.linear, shapes, strict=True):
            part.weight = matrix(*shape)

    def feed_forward(layer):
        norm(layer.layer_norm)
        layer.linear_0.weight, layer.linear_0_noact.weight = matrix(F, D), matrix(F, D)
        layer.linear_1.weight = matrix(D, F)

    table = matrix(V, D)
    source = spec.encoder.embeddings
    (source[0] if isinstance(source, list) else source).weight = table
    spec.decoder.embeddings.weight = spec.decoder.projection.weight = table
    for layer in [*spec.encoder.layer, *spec.decoder.layer]:
        attention(layer.self_attention, [(3 * D, D), (D, D)])
        feed_forward(layer.ffn)
    for layer in spec.decoder.layer:
        attention(layer.attention, [(D, D), (2 * D, D), (D, D)])
    norm(spec.encoder.layer_norm)
    norm(spec.decoder.layer_norm)
    return spec


def converted(settings, scratch):
    """The folder of a model of these sizes, made where it is missing."""
    folder = Path(scratch) / ("ctranslate2-" + "-".join(str(settings[k]) for k in SIZES))
    if not folder.exists():
        spec = random_spec(settings, np.random.default_rng(0))
        vocabulary = ["<unk>", "<s>", "</s>"] + [f"t{i}" for i in range(settings["vocab"] - 3)]
        spec.register_source_vocabulary(vocabulary)
        spec.register_target_vocabulary(vocabulary)
        spec.validate()
        spec.optimize(quantization=None)
        making = folder.with_suffix(f".{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        spec.save(str(making))
        making.rename(folder)
    return folder


SIZES = ("width", "heads", "ffn", "vocab", "encoder_blocks", "decoder_blocks")


class CTranslate2:
    def __init__(self, model, workers, threads, scratch, compute="int8"):
        settings = json.loads((Path(model) / "config.json").read_text(encoding="utf-8"))["model"]
        self.tok, self.workers = tokenizer.Tokenizer(model), workers
        self.translator = ctranslate2.Translator(str(converted(settings, scratch)), compute_type=compute,
                                                 inter_threads=workers, intra_threads=threads)
        self.name = (f"CTranslate2 {ctranslate2.__version__}, {compute}, random weights of equal size, "
                     f"{workers} × {threads} threads")

    def translate(self, request):
        """The texts that come back are empty."""
        lengths, batch = request["lengths"], request["batch"]
        # A command in front of each source, as the model has.
        sources = [["t0"] + [f"t{i}" for i in self.tok.encode(s)] for s in request["texts"]]
        tokens = [0] * len(sources)
        for group in groups(sources, batch):
            length = max(1, round(sum(lengths[i] for i in group) / len(group)))
            self.translator.translate_batch(
                [sources[i] for i in group], beam_size=1, min_decoding_length=length + 1,
                max_decoding_length=length + 1, max_batch_size=max(1, batch // self.workers))
            for i in group:
                tokens[i] = length
        return [""] * len(sources), tokens
