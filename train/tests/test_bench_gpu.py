import argparse
import json
import sys

import bench_aims
import bench_gpu
import bench_torch
import checkpoint
import pytest
import torch
from reference import Reference
from report import table


def written(folder, made):
    model, vocabulary = made
    checkpoint.save(folder, model.config, model.state_dict(), vocabulary, "f32", name="tiny")
    return folder


@pytest.fixture
def small(monkeypatch):
    """Twelve tokens of a tenth of a second."""
    monkeypatch.setattr(bench_torch, "SECONDS", 0.1)
    monkeypatch.setattr(bench_torch, "TOKENS", 12)


def run(monkeypatch, model, out, *options):
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", "--model", str(model), "--out", str(out), "--device", "cpu", "--rows", "2",
                                      "--steps", "1", "--runs", "1", "--batches", "1", "2", "--photos", "1", "3", "--sounds", "2", *options])
    bench_gpu.main()
    return json.loads((out / "gpu-bench.json").read_text()), (out / "gpu-bench.md").read_text()


def test_writes_json_and_markdown(senses, tmp_path, monkeypatch, small):
    result, text = run(monkeypatch, written(tmp_path / "model", senses), tmp_path / "out", "--no-compile")
    assert [(p["task"], p["dtype"], p["batch"]) for p in result["pytorch"]] == [
        (task, dtype, batch) for task, batches in (("translate", (1, 2)), ("classify", (1, 3)), ("transcribe", (2,)))
        for dtype in ("float32", "bfloat16") for batch in batches]
    assert all(p["seconds"] > 0 for p in result["pytorch"])
    assert all(s["tokens_per_second"] > 0 for s in result["training"]["shapes"])
    assert text.count("| bfloat16 |") == 5 and text.count("| not measured | – |") == 9


def test_a_model_that_neither_hears_nor_sees_translates(tiny, tmp_path, monkeypatch):
    result, _ = run(monkeypatch, written(tmp_path / "model", tiny), tmp_path / "out", "--no-compile")
    assert {p["task"] for p in result["pytorch"]} == {"translate"}


def options(**more):
    return argparse.Namespace(device="cpu", runs=1, backend="aot_eager", **more)


@pytest.mark.parametrize("task", bench_torch.TASKS)
def test_what_is_compiled_gives_what_eager_gives(senses, tmp_path, small, task):
    model, _ = senses  # which says one thing all the time, unless outputs are made unlike what they follow
    model.decoder.norm.gain.data[::2] *= -1
    model.embed.weight.data *= 3
    for part in (model.decoder.io, *model.decoder.blocks):
        part.cross.out.weight.data *= 0.1
    reference = Reference(written(tmp_path / "model", senses))
    for batch in (1, 2):
        work = bench_torch.TASKS[task](reference, batch)
        program = bench_torch.compiled(work, options())
        for _ in range(2):  # the state begins anew
            got = program().clone()
        assert torch.equal(got, work())
        if task != "classify":
            assert got.shape == (batch, work.steps) and len(got.unique()) > 2


def test_goes_on_after_what_cannot_be_compiled(tiny, tmp_path, capsys, monkeypatch):
    def refuses(graph, inputs):
        raise AssertionError("not on this machine")

    a, reference = options(), Reference(written(tmp_path / "model", tiny))
    a.backend = refuses
    assert bench_torch.measure(a, reference, "compiled", "translate", [1], bench_gpu.BF16) == []
    said = capsys.readouterr().out
    assert "translate, compiled, torch.bfloat16, batch of 1" in said and "not on this machine" in said
    assert bench_torch.measure(a, reference, "compiled", "translate", [1], bench_gpu.BF16, until=1e-9) == []
    assert "no time left" in capsys.readouterr().out


def test_says_what_was_aimed_for_and_what_came_out():
    def took(way, dtype, batch, us):
        return {"task": "translate", "way": way, "dtype": dtype, "batch": batch, "seconds": us * 24 / 1e6}

    result = {"pytorch": [took("eager", "float32", 1, 1100), took("eager", "bfloat16", 1, 1000), took("compiled", "bfloat16", 1, 120),
                          took("compiled", "bfloat16", 256, 640)],
              "ours": {"mm": {"translate/1": {"µs/token": 50.0}, "translate/256": {"µs/token": 1.0}},
                       "kernels": [{"name": "matmul/i8/1x256x768", "ratio": 2.0}, {"name": "matmul/i8/8x256x768", "ratio": 0.5},
                                   {"name": "hoppermatmul/i8/8x256x768", "ratio": 0.9}, {"name": "copy/1x1", "ratio": 0.1},
                                   {"name": "matmul/bf16/4096x4096x4096", "ratio": 0.95},
                                   {"name": "attention/64x60x4x64", "ratio": 1.5}, {"name": "attention/1x16384x8x128", "ratio": 0.7}]}}
    assert bench_aims.rows(result, 24) == [
        ["one greedy translation, µs a token", "≤ 80", "50", True],
        ["… times as fast as PyTorch, eager", "≥ 10", "20.0", True],
        ["… times as fast as PyTorch, compiled", "≥ 3", "2.4", False],
        ["256 at once, times as many tokens/s as PyTorch, compiled", "≥ 2", "2.5", True],
        ["products of the model's shapes, times as fast as cuBLAS bf16", "≥ 1.0",
         "0.90 to 2.00, least at `hoppermatmul/i8/8x256x768`", False],
        ["products of 4096³, times as fast as cuBLAS bf16", "≥ 0.9", "0.95, `matmul/bf16/4096x4096x4096`", True],
        ["products of 8192³, times as fast as cuBLAS bf16", "≥ 0.9", "not measured", None],
        ["attention of the model's shapes, times as fast as PyTorch's best", "≥ 1.0", "1.50, `attention/64x60x4x64`", True],
        ["attention of 16k × 128, times as fast as PyTorch's best", "≥ 0.8", "0.70, `attention/1x16384x8x128`", False]]
    assert "| … times as fast as PyTorch, compiled | ≥ 3 | 2.4 | no |" in bench_aims.markdown(result, 24, table)


def test_puts_mm_beside_pytorch():
    pytorch = [{"task": task, "way": way, "dtype": "bfloat16", "batch": batch, "seconds": 0.24, "graphs": way == "eager", "same": 1.0}
               for task, batch in (("translate", 2), ("classify", 12), ("transcribe", 2)) for way in ("eager", "compiled")]
    mm = {"translate/2": {"µs/token": 100.0, "tokens/s": 10000.0}, "classify/12": {"µs/request": 1000.0},
          "transcribe/2x10x32": {"µs/request": 5000.0}}
    text = bench_gpu.models({"pytorch": pytorch, "ours": {"mm": mm}})
    assert "| task | at once | PyTorch's weights | mm | eager | compiled |" in text
    assert "| translate | 2 | bfloat16 | 200 µs, 10000/s | 10000 µs, 200/s | 10000 µs, 200/s (no graphs) |" in text
    assert "| classify | 12 | bfloat16 | 1000 | 50 | 50 (no graphs) |" in text
    assert "| transcribe | 2 | bfloat16 | 0.00050 | 0.01200 | 0.01200 (no graphs) |" in text
