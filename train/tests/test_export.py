import json

import pytest
import torch

import checkpoint
import export
import golden


def test_rounding_error_is_within_half_a_step_or_better_than_it():
    w = torch.randn(40, 64) * torch.logspace(-3, 1, 40)[:, None]
    codes, scales = checkpoint.quantize(w)
    back = checkpoint.dequantize(codes, scales)
    plain = w.abs().amax(-1, keepdim=True) / 127
    error, bound = (back - w).pow(2).sum(-1), ((w / plain).round() * plain - w).pow(2).sum(-1)
    assert (error <= bound * (1 + 1e-5)).all()  # clipping is only used where it helps
    unclipped = (w / scales[:, None]).abs() <= 127
    assert ((back - w).abs() <= 0.5001 * scales[:, None])[unclipped].all()
    assert codes.abs().max() <= 127


def test_experts_have_a_scale_a_row_and_zeros_stay_zero():
    w = torch.randn(4, 6, 8)
    w[2, 3] = 0
    codes, scales = checkpoint.quantize(w)
    assert codes.shape == w.shape and scales.shape == (24,)
    assert not checkpoint.dequantize(codes, scales)[2, 3].any()
    torch.testing.assert_close(checkpoint.dequantize(codes, scales), w, atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype, atol", [("f32", 0), ("bf16", 0.01), ("int8", 0.02)])
def test_exported_models_load_again(senses, tmp_path, dtype, atol):
    model, vocabulary = senses
    tensors = checkpoint.save(tmp_path, model.config, model.state_dict(), vocabulary, dtype)
    loaded, settings = checkpoint.load(tmp_path)
    assert settings["vocabulary"] == vocabulary and loaded.config == model.config
    for (name, a), (_, b) in zip(model.named_parameters(), loaded.named_parameters()):
        if "moe.noise" not in name:
            torch.testing.assert_close(b, a, atol=atol, rtol=atol)
    errors = export.relative_errors(model.state_dict(), tensors)
    assert set(errors) == {*checkpoint.MATRICES, "moe.up", "moe.down"}
    assert all(e <= {"f32": 0, "bf16": 0.004, "int8": 0.02}[dtype] for e, _, _ in errors.values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["config.json", "model.safetensors"]


def test_names_are_the_runtimes(tiny):
    tensors = checkpoint.exported_tensors(tiny[0].state_dict(), "int8")
    for name in ("embed", "embed.scale", "mixer.encoder.norm", "mixer.encoder.0.conv.depthwise", "mixer.encoder.1.moe.up.scale",
                 "mixer.io.merge.pointwise", "mixer.io.cross.norm", "mixer.decoder.0.cross.kv", "mixer.decoder.norm"):
        assert name in tensors
    assert not any("noise" in n or "weight" in n or "gain" in n for n in tensors)
    assert tensors["mixer.encoder.1.moe.gate"].dtype == tensors["mixer.io.conv1.depthwise"].dtype == torch.float32


def test_tensors_start_at_cache_lines(senses, tmp_path):
    checkpoint.write_safetensors(tmp_path / "t", checkpoint.exported_tensors(senses[0].state_dict(), "f32"))
    raw = (tmp_path / "t").read_bytes()
    size = int.from_bytes(raw[:8], "little")
    spans = [v["data_offsets"] for v in json.loads(raw[8:8 + size]).values()]
    whole = [(8 + size + a) % 64 for a, b in spans if (b - a) % 64 == 0]
    assert len(whole) > 40 and not any(whole)


def test_load_names_what_does_not_fit(tiny, tmp_path):
    model, vocabulary = tiny
    tensors = checkpoint.save(tmp_path, model.config, model.state_dict(), vocabulary, "f32")
    checkpoint.write_safetensors(tmp_path / "model.safetensors", {**tensors, "extra": torch.zeros(1)})
    with pytest.raises(ValueError, match="unused tensors .*extra"):
        checkpoint.load(tmp_path)
    checkpoint.write_safetensors(tmp_path / "model.safetensors", {**tensors, "embed": torch.zeros(3, 32)})
    with pytest.raises(ValueError, match=r'"embed": shape \[3, 32\], want \[320, 32\]'):
        checkpoint.load(tmp_path)


def test_golden_values_are_reproducible(tmp_path):
    for folder in ("a", "b"):
        golden.write_tiny(tmp_path / folder)
    for name in ("config.json", "model.safetensors", "golden.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    values = checkpoint.read_safetensors(tmp_path / "a" / "golden.safetensors")
    assert values["src.offsets"].tolist() == [0, 1, 6, 19] and values["tgt.offsets"].tolist() == [0, 4, 5, 14]
    assert values["memory"].shape == (19, 32) and values["logits"].shape == (14, 320)
