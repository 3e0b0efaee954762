"""The model directory that the Go runtime reads: config.json, model.safetensors, tokenizer.tiktoken.

Tensor names follow the runtime's layers (`mixer.encoder.3.attn.qkv`), not the modules of model.py. An int8 matrix comes
with `NAME.scale`, one float32 a row (an expert stack [E, out, in] has E * out rows): row r stands for int8 * scale[r].
"""
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import torch

import tasks
from model import Config, MultiModel

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int8: "I8", torch.int32: "I32", torch.uint8: "U8", torch.uint16: "U16",
          torch.uint32: "U32"}
RENAMED = [(r"^(encoder|decoder)\.blocks\.", r"mixer.\1."), (r"^(encoder|decoder)\.norm", r"mixer.\1.norm"),
           (r"^decoder\.io\.", "mixer.io."), (r"^(audio|image)\.", r"encoders.\1."), (r"^heads\.", "decoders."),
           (r"^letters\.", "decoders.letters."),
           (r"\.(weight|gain)$", "")]
MATRICES = ("embed", "qkv", "kv", "q", "out", "pointwise", "up", "down", "conv", "hidden")
EXACT = r"^decoders\.\w+\.out$"  # small matrices that stay in float32, as those with other names do
TRAINING = ("moe.noise", "glance.weight")  # parameters that the runtime has no use for
CLIPPING = [1 - 0.01 * i for i in range(0, 11)]
MAX_POSITIONS = 256
WINDOW = 1600  # frames of sound at most: 16 seconds


def exported_name(name):
    """The runtime's name of a parameter of model.py, or None for what only training needs."""
    if name.endswith(TRAINING):
        return None
    for pattern, to in RENAMED:
        name = re.sub(pattern, to, name)
    return name


def is_matrix(name):
    return name.split(".")[-1] in MATRICES and not re.match(EXACT, name)


def quantize(w):
    """Symmetric int8 of w (..., in): codes of w's shape and a scale for each of its rows, clipped where that makes the
    squared error of the row smaller."""
    rows = w.detach().float().reshape(-1, w.shape[-1])
    top = rows.abs().amax(-1, keepdim=True)
    best = torch.full_like(top, float("inf"))
    codes, scales = torch.zeros_like(rows), torch.ones_like(top)
    for keep in CLIPPING:
        scale = torch.where(top > 0, top * keep / 127, 1.0)
        q = (rows / scale).round().clamp(-127, 127)
        error = (q * scale - rows).pow(2).sum(-1, keepdim=True)
        better = error < best
        best, scales, codes = (torch.where(better, new, old) for new, old in ((error, best), (scale, scales), (q, codes)))
    return codes.to(torch.int8).view(w.shape), scales.flatten()


def dequantize(codes, scales):
    return (codes.float().reshape(-1, codes.shape[-1]) * scales[:, None]).view(codes.shape)


def exported_tensors(state, dtype):
    """state_dict of a MultiModel -> {name: tensor} of the file; dtype f32, bf16 or int8 is that of the matrices."""
    out = {}
    for key, value in state.items():
        name = exported_name(key)
        if name is None:
            continue
        value = value.detach().float()
        if is_matrix(name) and dtype == "int8":
            out[name], out[name + ".scale"] = quantize(value)
        elif is_matrix(name) and dtype == "bf16":
            out[name] = value.bfloat16()
        else:
            out[name] = value
    return out


def by_beginning(names, values):
    """{name: the value of the first beginning in values that the name has}."""
    return {n: next(v for begin, v in values.items() if n.startswith(begin)) for n in names}


def raw_bytes(tensor):
    tensor = tensor.contiguous()
    return (tensor.view(torch.int16) if tensor.dtype == torch.bfloat16 else tensor).numpy().tobytes()


def write_safetensors(path, tensors):
    """The safetensors format. Sizes that are multiples of 64 bytes go before the others, wide types before narrow ones, and
    the header is padded, so that as many tensors as the format's ban on gaps allows start at a multiple of 64."""
    def size(t):
        return t.numel() * t.element_size()

    order = sorted(tensors, key=lambda n: (size(tensors[n]) % ALIGNMENT != 0, -tensors[n].element_size(), n))
    header, at = {}, 0
    for name in order:
        t = tensors[name]
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + size(t)]}
        at += size(t)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    temporary = Path(str(path) + ".new")
    with open(temporary, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name in order:
            f.write(raw_bytes(tensors[name]))
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)


def read_safetensors(path):
    from safetensors.torch import load_file
    return load_file(path)


def config_json(config, vocabulary, name="base", version="0.1.0", without=(), words=False):
    c = config
    model = {
        "width": c.width, "heads": c.heads, "ffn": c.ffn, "experts": c.experts, "top_experts": 2, "expert_ffn": c.expert_ffn,
        "vocab": c.vocab, "encoder_blocks": c.encoder_blocks, "decoder_blocks": c.decoder_blocks,
        "encoder_moe": list(c.encoder_moe), "decoder_moe": list(c.decoder_moe), "conv_width": c.conv_width,
        "encoder_dilations": list(c.encoder_dilations), "decoder_dilations": list(c.decoder_dilations),
        "io_dilations": [1, 4], "merge_width": 3, "rope_base": c.rope_base, "norm_eps": c.norm_eps,
        "max_positions": MAX_POSITIONS,
    }
    if c.audio_bands:
        model["audio"] = {"bands": c.audio_bands, "window": WINDOW, "blocks": c.audio_blocks, "expand": c.audio_expand}
    if c.image_channels:
        model["image"] = {"channels": list(c.image_channels), "blocks": list(c.image_blocks), "expand": c.image_expand}
    return {"format": 1, "name": name, "version": version, "model": model, "vocabulary": vocabulary,
            "tasks": tasks.of(c, without, words)}


def save(directory, config, state, vocabulary, dtype, tokenizer=None, name="base", version="0.1.0", without=(),
         words=None):
    """Write a model directory; each file appears whole or not at all. Tasks that are left out take their heads with them;
    tokenizer and words are files to copy. Returns the tensors written."""
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    settings = config_json(config, vocabulary, name, version, without, words is not None)
    heads = {t["head"] for t in settings["tasks"] if "head" in t}
    tensors = {n: t for n, t in exported_tensors(state, dtype).items() if not n.startswith("decoders.") or n.split(".")[1] in heads}
    write_safetensors(directory / "model.safetensors", tensors)
    for file, copy in ((tokenizer, "tokenizer.tiktoken"), (words, "words.safetensors")):
        if file and file != directory / copy:
            shutil.copyfile(file, directory / f"{copy}.new")
            os.replace(directory / f"{copy}.new", directory / copy)
    text = json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
    (directory / "config.json.new").write_text(text, encoding="utf-8")
    os.replace(directory / "config.json.new", directory / "config.json")
    return tensors


def model_config(settings):
    """Config of model.py from config.json; what model.py has built in must agree."""
    m = settings["model"]
    for key, want in (("top_experts", 2), ("io_dilations", [1, 4]), ("merge_width", 3)):
        if m[key] != want:
            raise ValueError(f"checkpoint: {key} {m[key]}, the reference model has {want}")
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in m.items() if k in Config.__dataclass_fields__}
    heads = tuple((t["head"], t["output"], len(t["labels"])) for t in settings["tasks"] if "labels" in t)
    letters = max((len(t["letters"]) for t in settings["tasks"] if "letters" in t), default=0)
    senses = {f"{sense}_{k}": tuple(v) if isinstance(v, list) else v
              for sense in ("audio", "image") for k, v in m.get(sense, {}).items() if k != "window"}
    captions = max((t["canvas"][0] for t in settings["tasks"] if t["name"] == "caption"), default=0)
    return Config(**fields, **senses, heads_of=heads, letters=letters, captions=captions)


def load(directory):
    """(MultiModel in eval mode with float32 weights, config.json as a dict)."""
    directory = Path(directory)
    settings = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    model = MultiModel(model_config(settings)).eval().requires_grad_(False)
    tensors = read_safetensors(directory / "model.safetensors")
    for key, parameter in model.state_dict().items():
        name = exported_name(key)
        if name is None:
            continue
        value, scales = tensors.pop(name), tensors.pop(name + ".scale", None)
        value = value.float() if scales is None else dequantize(value, scales)
        if value.shape != parameter.shape:
            raise ValueError(f'checkpoint: tensor "{name}": shape {list(value.shape)}, want {list(parameter.shape)}')
        parameter.copy_(value)
    if tensors:
        raise ValueError(f"checkpoint: unused tensors {sorted(tensors)}")
    return model, settings
