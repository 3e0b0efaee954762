import json
import sys

import bench_gpu
import checkpoint


def test_writes_json_and_markdown(tiny, tmp_path, monkeypatch):
    model, vocabulary = tiny
    checkpoint.save(tmp_path / "model", model.config, model.state_dict(), vocabulary, "f32", name="tiny")
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", "--model", str(tmp_path / "model"), "--out", str(tmp_path / "out"), "--device", "cpu",
                                      "--rows", "2", "--steps", "1", "--runs", "1", "--batches", "1", "2", "--no-compile"])
    bench_gpu.main()
    result = json.loads((tmp_path / "out" / "gpu-bench.json").read_text())
    assert [(d["dtype"], d["batch"]) for d in result["decoding"]] == [("float32", 1), ("float32", 2), ("bfloat16", 1), ("bfloat16", 2)]
    assert all(d["tokens_per_second"] > 0 for d in result["decoding"] + result["training"]["shapes"])
    assert (tmp_path / "out" / "gpu-bench.md").read_text().count("| bfloat16 |") == 2
