import dataclasses
import io
import json

import torch

import checkpoint
import export
import golden
import ship
import train
from model import MultiModel
from test_training import options
from tokenizer import vocabulary


def test_parts_make_a_checkpoint_that_export_and_init_read(tmp_path):
    trainer = train.Trainer(options())
    trainer.save(tmp_path / "last.pt")
    state = torch.load(tmp_path / "last.pt", weights_only=False)
    parts = ship.parts(state, 10_000)
    assert len(parts) > 3 and max(map(len, parts)) <= 10_000
    blob = b"".join(parts)
    assert len(blob) < 0.6 * (tmp_path / "last.pt").stat().st_size
    back = torch.load(io.BytesIO(blob), weights_only=False)
    assert back["config"] == state["config"] and back["step"] == 0
    for kind in ("model", "average"):
        assert all(torch.equal(v, state["average"][k]) for k, v in back[kind].items())
    (tmp_path / "weights.pt").write_bytes(blob)
    train.Trainer(options(init=tmp_path / "weights.pt"))


def test_export_mixes_a_run_with_what_it_began_from(tmp_path, tokenizer_dir):
    began = train.Trainer(options()).model
    checkpoint.save(tmp_path / "began", began.config, began.state_dict(), vocabulary(), "f32", tokenizer_dir / "tokenizer.tiktoken")
    state = {n: w + 1 for n, w in began.state_dict().items()} | {"audio.new": torch.ones(2)}
    hears = dataclasses.replace(began.config, audio_bands=80, letters=28)
    mixed, config = export.mixed(state, hears, tmp_path / "began", {"encoder.": 0.75, "": 0.25})
    assert config == hears
    assert torch.equal(mixed["audio.new"], torch.ones(2))
    for name, share in (("encoder.norm.gain", 0.75), ("embed.weight", 0.25)):
        assert torch.allclose(mixed[name], began.state_dict()[name] + share, atol=1e-6)


def test_export_keeps_what_a_run_lacks(tmp_path):
    whole = golden.tiny_model(senses=True)
    checkpoint.save(tmp_path, whole.config, whole.state_dict(), golden.tiny_vocabulary(), "f32")
    heads = tuple(h for h in whole.config.heads_of if h[0] == "digits")
    heard = dataclasses.replace(whole.config, image_channels=(), heads_of=heads)
    state = {n: w + 1 for n, w in MultiModel(heard).state_dict().items()}
    mixed, config = export.mixed(state, heard, tmp_path, {"audio.": 1, "": 0})
    assert set(config.heads_of) == set(whole.config.heads_of)
    assert config == dataclasses.replace(whole.config, heads_of=config.heads_of)
    for name, w in whole.state_dict().items():
        if "noise" not in name:  # which is for training alone
            assert torch.equal(mixed[name], state[name] if name.startswith("audio.") else w), name
    MultiModel(config).load_state_dict(mixed)


def test_tasks_that_are_left_out_take_their_heads_with_them(tmp_path):
    model = golden.tiny_model(senses=True)
    for without, gone in (([], set()), (["transcribe", "detect"], {"letters", "bccd"})):
        tensors = checkpoint.save(tmp_path, model.config, model.state_dict(), golden.tiny_vocabulary(), "f32", version="0.3.0", without=without)
        config = json.loads((tmp_path / "config.json").read_text())
        assert config["version"] == "0.3.0" and not set(without) & {t["name"] for t in config["tasks"]}
        assert {n.split(".")[1] for n in tensors if n.startswith("decoders.")} == {"letters", "bccd", "cifar10", "digits", "commands"} - gone
        again, _ = checkpoint.load(tmp_path)
        assert again.config.letters == (0 if gone else 28) and len(again.heads) == 4 - bool(gone)
