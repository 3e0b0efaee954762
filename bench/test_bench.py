"""The code around the measurements, on figures that are made up."""
import json
import sys
from types import SimpleNamespace

import pytest

import decoding
import growth
import machine
import plots
import products
import run
import sensing
import serving
import workers


def product(**changes):
    return {
    "name": "ffn up",
    "dtype": "i8",
    "m": 1,
    "n": 8,
    "k": 4,
    "groups": 1,
    "top": 1,
    "copies": 1,
    "seconds": 2e-6,
    "gflop_s": 100.0,
    "of_peak": 0.5,
    "read_gb_s": 16.0,
    "of_read": 0.25,
     **changes}


def kernels(seconds):
    """A report of bench/kernels with one plain and one grouped product."""
    one = product(seconds=seconds, gflop_s=1e-4 / seconds)
    return {"device": "cpu",
    "limits": {"peak_gflop_s": {"i8": 200.0 / seconds * 1e-6},
    "reads": [{"bytes": 64,
    "gb_s": 50e-6 / seconds}]},
    "products": [one,
    {**one,
    "groups": 8,
    "top": 2,
    "name": "experts up"}],
    "operations": [{"name": "attention",
    "rows": 8,
    "seconds": seconds,
    "gflop_s": 1.0,
    "of_peak": 0.1,
    "moved_gb_s": 2.0,
     "of_read": 0.1}]}


@pytest.fixture
def measured():
    theirs = {("i8",
    1,
    8,
    4,
    1): {"onednn-gomp: oneDNN 3.2.0, s32": [3e-6,
    1e-6,
    4e-6],
    "onednn-gomp: oneDNN 3.2.0, f32": [9e-6] * 3,
     "openblas: OpenBLAS, sgemm": [8e-6] * 3}}
    return {"rounds": 3, "rotate_mib": 12, "threads": [
        {"threads": 1, "device": "cpu", **products.merged([kernels(s) for s in (4e-6, 1e-6, 2e-6)], theirs)}]}


def test_the_median_round_counts_and_the_best_limit(measured):
    t = measured["threads"][0]
    assert [p["seconds"] for p in t["products"]] == [2e-6, 2e-6] and t["operations"][0]["seconds"] == 2e-6
    assert t["limits"]["peak_gflop_s"] == {"i8": pytest.approx(200.0)}
    assert t["limits"]["reads"] == [{"bytes": 64, "gb_s": pytest.approx(50.0)}]
    plain, experts = t["products"]
    assert plain["of_peak"] == pytest.approx(50 / 200) and plain["of_read"] == pytest.approx(16 / 50)
    assert "peers" not in experts
    assert products.fastest(plain, "onednn") == 3e-6 and products.fastest(plain, "openblas") == 8e-6
    assert products.fastest(experts, "onednn") is None


def test_products_table(measured):
    text = products.markdown(measured)
    assert "| i8 | M = 1, weights near | 1 | 50 | 25% | 32% | 1.50 × | 4.00 × |" in text
    assert "| i8 | experts, M = 1, weights near | 1 | 50 | 25% | 32% | – | – |" in text
    assert "| attention | 8 | 2.0 | 1 | 2 | 10% |" in text
    two = [product(n=n, peers={"onednn-x": s}) for n, s in ((8, 2e-6), (16, 8e-6))]
    assert products.row("i8", "M = 1", two)[-2] == "2.00 × (least 1.00, ffn up)"


def test_reading_takes_the_smallest_buffer_that_is_large_enough():
    reads = [{"bytes": 16, "gb_s": 3.0}, {"bytes": 64, "gb_s": 1.0}]
    assert [products.read_rate(reads, n) for n in (1, 16, 17, 1000)] == [3.0, 3.0, 1.0, 1.0]
    assert products.read_rate([], 5) == 0.0


def test_active_bytes_are_those_of_the_embedded_model():
    model = {"width": 256, "heads": 4, "ffn": 768, "experts": 8, "top_experts": 2, "expert_ffn": 256, "vocab": 8448,
             "decoder_blocks": 3, "decoder_moe": [1]}
    D, ffn, experts = 256, 3 * 256 * 768, 8 * 256 + 2 * 3 * 256 * 256
    want = 8448 * D + 6 * D * D + 3 * 7 * D * D + 2 * ffn + experts
    assert products.active_bytes({"model": model}) == want
    limits = {"threads": [{"limits": {"reads": [{"bytes": 2 * want, "gb_s": want / 1e6}]}}]}
    assert products.allowed({"model": model}, limits, 250.0) == {
        "bytes": want, "gb_s": want / 1e6, "tokens_per_second": pytest.approx(1000.0), "share": pytest.approx(0.25)}


def engine(name, scale, **more):
    return {
    "engine": name,
    "rates": {
        1: 100.0 * scale,
        32: 400.0 * scale},
        "threads": {
            1: "1",
            32: "2 × 1"},
            "first_ms": 80.0,
            "peak_bytes": 64 << 20,
             **more}


def decoded():
    return {"to": "de", "sentences": 10, "singles": 4, "rounds": 3, "threads": 2, "checkpoint_bytes": 14_000_000,
            "start_ms": 80.0,
            "engines": [engine("mm", 4, bleu=27.6, same=9), engine("PyTorch eager", 1, bleu=27.5, same=10),
                        engine("CTranslate2 int8", 2)],
            "allowed": {"bytes": 6e6, "gb_s": 60.0, "tokens_per_second": 10000.0, "share": 0.04},
            "parse": {"sentences": 2, "engines": [
                {"engine": "mm", "threads": "1", "parses_per_second": 30.0, "batch_parses_per_second": 90.0,
                 "f1": 60.0},
                {"engine": "PyTorch eager", "threads": "2", "parses_per_second": 2.0, "f1": 60.0}]}}


def test_decoding_table():
    text = decoding.markdown(decoded())
    assert "| mm | 400 (1) | 1600 (2 × 1) | 27.60 | 9 | 80 | 64 |" in text
    assert "| PyTorch eager | 100 (1), 4.0 × | 400 (2 × 1), 4.0 × | 27.50 | 10 | 80 | 64 |" in text
    assert "| CTranslate2 int8 | 200 (1), 2.0 × | 800 (2 × 1), 2.0 × | – | – | 80 | 64 |" in text
    assert "mm's 400 are 4% of that" in text and "= 85 MB" in text
    assert "| mm | 1 | 30.0 | 15.0 × | 90.0 | 60.0 |" in text


def test_same_outputs_are_counted_and_texts_dropped():
    result = {"engines": [{"engine": "mm", "texts": ["a", "b"]}, {
        "engine": "PyTorch eager", "texts": ["a", "c"]}, {"engine": "CTranslate2 int8"}]}
    decoding.same_outputs(result)
    assert [row.get("same") for row in result["engines"]] == [1, 2, None]
    assert not any("texts" in row for row in result["engines"])
    wrong = {"engines": [{"engine": "ONNX Runtime", "texts": ["a", "b"]},
                         {"engine": "PyTorch eager", "texts": ["a", "c"]}]}
    with pytest.raises(RuntimeError, match="ONNX Runtime: 1 of 2 outputs"):
        decoding.same_outputs(wrong)


def served(threads, soak=False):
    speed = {"requests_per_second": 50.0, "tokens_per_second": 900.0, "p50_ms": 1.5, "p99_ms": 9.0, "worst_ms": 12.0}
    found = {"threads": threads, "device": "cpu", "requests": 64, "goroutines": 64, "rounds": 3, "alone": speed,
             "together": {**speed, "requests_per_second": 150.0}, "ratio": 3.0, "different": 0}
    samples = [{"requests": i, "resident": (60 << 20) + i} for i in range(1, 101)]
    return found | ({"soak": {"requests": 100, "seconds": 2.0,
                    "samples": samples, "growth_bytes": 1 << 20}} if soak else {})


def test_serving_table():
    jobs = served(2) | {"batch": {"requests_per_second": 100.0}, "batched": 2.0}
    text = serving.markdown({"texts": [served(1), served(2, soak=True)], "jobs": jobs})
    assert "| 2 | 50.0 | 150.0 | 3.00 × | 1.5 / 9.0 | 1.5 / 9.0 | 0 |" in text
    assert "+1.00 MiB from the second tenth" in text
    assert "50.0 a second one by one, 100.0 in one batch (2.00 ×)" in text


def grown():
    points = [{"at": at, "sentences": 8, "seconds": at /
    1e3, "tokens": 80, "tokens_per_second": 80e3 /
     at, "peak_bytes": 50 << 20} for at in (8, 16)]
    return {
    "segment": 16,
    "rounds": 3,
    "curves": {
        name: {
            "mm, 1": points,
            "mm, 2": points,
             "PyTorch eager, 1": points} for name in growth.CURVES}}


def test_growth_table():
    text = growth.markdown(grown())
    assert "| rows | mm, 1, ms | mm, 2, ms | PyTorch eager, 1, ms | mm, 1, MiB | mm, 2, MiB |" in text
    assert "| 16 | 16 | 16 | 16 | 50 | 50 |" in text and "| 8 | 1 | 1 | 1 | 50 | 50 |" in text


def test_pictures_of_all_parts(tmp_path, measured):
    plots.draw({"products": measured, "decode": decoded(), "serve": {"texts": [
               served(2, soak=True)]}, "growth": grown()}, tmp_path)
    names = {"growth-rows.png", "growth-batch.png", "growth-length.png", "reads.png", "engines.png", "memory.png"}
    assert {p.name for p in tmp_path.iterdir()} == names
    assert all(p.read_bytes()[:4] == b"\x89PNG" for p in tmp_path.iterdir())


WORKER = """
import json, sys
print(json.dumps({"ready": "fake"}), flush=True)
for line in sys.stdin:
    r = json.loads(line)
    if r["task"] == "die":
        sys.exit("gone")
    print(json.dumps({"error": "no"} if r["task"] == "fail"
                     else {"seconds": 0.5, "tokens": [len(t) for t in r["texts"]]}), flush=True)
"""


@pytest.fixture
def variant(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    return workers.Variant("fake", "1", [sys.executable, str(tmp_path / "worker.py")])


def test_workers_take_turns(variant):
    other = workers.Variant("other", "2", variant.command)
    with workers.Worker(variant) as one, workers.Worker(other) as two:
        requests = {1: {"task": "translate", "texts": ["ab", "c"]}, 2: {"task": "translate", "texts": ["abcd"]}}
        answers = workers.take_turns([one, two], requests, 3)
        assert {key: len(found) for key, found in answers.items()} == {
                         (v, b): 3 for v in ("fake, 1", "other, 2") for b in (1, 2)}
        assert workers.rate(answers["fake, 1", 1]) == 6.0
        worker, rate = workers.best([one, two], answers, 2, "other")
        assert worker is two and rate == 8.0


def test_what_goes_wrong_with_a_worker_is_an_error(variant):
    with workers.Worker(variant) as worker:
        with pytest.raises(RuntimeError, match="fake, 1: fail: no"):
            worker.ask(task="fail")
        with pytest.raises(RuntimeError, match="ended with 1: gone"):
            worker.ask(task="die")


def test_speech_and_photos_stand_beside_pytorch():
    def row(engine, task, batch, rate):
        return {"engine": engine, "task": task, "batch": batch, "threads": "2", "per_second": rate, "quality": 12.5}
    rows = [row("mm", "transcribe", 1, 4.0), row("mm", "transcribe", 32, 8.0), row("mm", "classify", 32, 90.0),
            row("PyTorch eager", "transcribe", 1, 0.5), row("PyTorch eager", "classify", 32, 30.0)]
    text = sensing.markdown({"clips": 8, "seconds_of_sound": 40.0, "photos": 64, "rounds": 3, "rows": rows})
    assert "| transcribe | 1 | mm | 2 | 0.0500 of the sound's time | 8.0 × | WER 12.5 |" in text
    assert "| transcribe | 32 | mm | 2 | 0.0250 of the sound's time | 16.0 × |" in text
    assert "| classify | 32 | mm | 2 | 90 photos/s | 3.0 × | accuracy 12.5 |" in text
    assert "| classify | 32 | PyTorch eager | 2 | 30 photos/s | – |" in text
    assert "--audio" in sensing.markdown({})


def arguments(tmp_path, *more):
    (tmp_path / "peers/python").mkdir(parents=True, exist_ok=True)
    (tmp_path / "peers/python/complete").touch()
    return ["--bin", str(tmp_path), "--peers", str(tmp_path / "peers"), "--data", str(tmp_path), *more]


def test_variants_are_all_numbers_of_threads(tmp_path, monkeypatch):
    monkeypatch.setattr(workers.onnx_files, "exported", lambda model, scratch, int8, packages: tmp_path / "graphs")
    a = run.parsed(arguments(tmp_path))
    found = [v.key for v in workers.variants(a, a.engines)]
    assert {"mm, 1", "mm, 2", "PyTorch eager, 1", "ONNX Runtime int8, 2", "ONNX Runtime in Go, 2"} < set(found)
    assert not any("compiled" in k for k in found)  # but where it is named
    assert "PyTorch compiled, 2" in [v.key for v in workers.variants(a, ["PyTorch compiled"])]
    assert [
    k for k in found if k.startswith("CT")] == [
        "CTranslate2 int8, 1",
        "CTranslate2 int8, 2",
         "CTranslate2 int8, 2 × 1"]


def test_bad_options_end_the_program(tmp_path, capsys):
    for wrong in (["--only", "speed"], ["--skip", "x"], ["--engines", "torch"],
                  ["--engines", "PyTorch eager"], ["--threads", "0"]):
        with pytest.raises(SystemExit):
            run.parsed(arguments(tmp_path, *wrong))
    with pytest.raises(SystemExit):
        run.parsed(["--bin", ".", "--peers", str(tmp_path / "none"), "--data", "."])
    assert "bench-peers" in capsys.readouterr().err


def test_a_run_writes_sections_and_keeps_other_parts(tmp_path, monkeypatch, capsys):
    part = SimpleNamespace(measure=lambda a: {"rounds": a.rounds}, markdown=lambda r: f"{r['rounds']} rounds\n")
    monkeypatch.setattr(run, "PARTS", {"growth": part, "serve": part})
    page, file = tmp_path / "R.md", tmp_path / "b.json"
    file.write_text('{"decode": 7}')
    run.main(arguments(tmp_path, "--only", "serve", "--results", str(page), "--json", str(file), "--rounds", "4"))
    result = json.loads(file.read_text())
    assert result["decode"] == 7 and result["serve"] == {"rounds": 4} and "growth" not in result
    assert result["machines"]["serve"]["commit"] and not result["machines"]["serve"]["quick"]
    text = page.read_text()
    assert text.startswith("<!-- serve -->") and "4 rounds" in text and result["machines"]["serve"]["commit"] in text
    assert "\n    make bench BENCH='--only serve --rounds 4'\n" in text
    run.main(arguments(tmp_path, "--only", "growth", "--results", str(page), "--json", str(file), "--quick"))
    assert page.read_text() == text and json.loads(file.read_text())["machines"]["growth"]["quick"]
    assert "1 rounds" in capsys.readouterr().out


def test_the_machine_is_described():
    m = machine.machine()
    text = machine.described(m)
    assert m["commit"] in text and m["go"] in text and f"{m['cores']} cores" in text
