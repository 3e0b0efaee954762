"""The peers translate what the reference does. Those that bench/peers/setup.sh installs are skipped where they are
missing."""
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import worker
from compiled import Compiled
from reference import Reference

BASE = Path(__file__).resolve().parent.parent.parent / "models" / "base"
SENTENCES = """Where is the station?
Good night.
I would like a cup of tea.
The train is late again today.
She doesn't know me.
We have lived here for ten years.
Can you help me, please?
It is raining.
My brother bought a new car last week.
Nobody was at home.
What time is it?
The file could not be opened.
He asked me where I came from.
I am tired.
Do you want to dance?
This book is too expensive.
Tom is older than Mary.
They will come tomorrow if the weather is good.
I forgot to close the window before I left the house this morning.
Yes.""".splitlines()


@pytest.fixture(scope="module")
def wanted():
    torch.set_num_threads(1)
    reference = Reference(BASE)
    return {to: [o.tokens for o in reference.translate_outputs(SENTENCES, to)] for to in ("de", "fr")}


def same(peer, wanted, batch):
    for to, tokens in wanted.items():
        texts, counts = peer.translate({"texts": SENTENCES, "to": to, "batch": batch})
        assert counts == [len(t) for t in tokens]
        assert texts == [peer_tokenizer(peer).decode(t) for t in tokens]


def peer_tokenizer(peer):
    return peer.tok if hasattr(peer, "tok") else peer.reference.tok


@pytest.mark.parametrize("batch", [1, 7, 20])
def test_onnx_runtime_gives_the_tokens_of_the_reference(wanted, batch, tmp_path):
    pytest.importorskip("onnxruntime", reason="bench/peers/setup.sh installs it")
    from onnx_peer import OnnxRuntime
    peer = OnnxRuntime(BASE, 1, tmp_path)
    same(peer, wanted, batch)
    sources = [[peer.commands["<to-de>"]] + peer.tok.encode(s) for s in SENTENCES]
    assert peer.greedy(sources) == wanted["de"]
    assert max(map(len, peer.greedy(sources, max_tokens=2))) == 2


@pytest.mark.parametrize("batch", [1, 20])
def test_the_step_to_compile_gives_the_tokens_of_the_reference(wanted, batch):
    same(Compiled(BASE, 1, compile=False), wanted, batch)


def test_ctranslate2_makes_outputs_of_the_lengths_asked_for(tmp_path):
    """As a process of its own, since it hides PyTorch from itself."""
    pytest.importorskip("ctranslate2", reason="bench/peers/setup.sh installs it")
    request = {"task": "translate", "texts": SENTENCES[:3], "to": "de", "lengths": [7, 4, 2]}
    requests = [{**request, "batch": batch} for batch in (1, 3)]
    command = [sys.executable, worker.__file__, "ctranslate2", "--model", str(BASE), "--scratch", str(tmp_path)]
    packages = str(BASE.parent.parent / "build/peers/python")
    done = subprocess.run(command, input="".join(json.dumps(r) + "\n" for r in requests), encoding="utf-8", check=True,
                          stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": packages})
    ready, alone, together = map(json.loads, done.stdout.splitlines())
    assert ready["ready"].startswith("CTranslate2")
    assert (alone["tokens"], together["tokens"], alone["texts"]) == ([7, 4, 2], [4, 4, 4], [""] * 3)


class Echo:
    name = "echo"

    def translate(self, request):
        return request["texts"], [len(t) for t in request["texts"]]


def test_a_worker_answers_and_survives_bad_requests():
    out = io.StringIO()
    requests = ['{"task": "translate", "texts": ["abc"]}\n', "{\n", '{"task": "parse", "words": []}\n',
                '{"task": "memory"}\n']
    worker.serve(Echo(), requests, out)
    ready, good, broken, unknown, memory = map(json.loads, out.getvalue().splitlines())
    assert ready == {"ready": "echo"}
    assert good["texts"] == ["abc"] and good["tokens"] == [3] and good["seconds"] >= 0
    assert "JSONDecodeError" in broken["error"] and "echo does not do it" in unknown["error"]
    assert memory["peak"] >= memory["resident"] > 1 << 20


def test_groups_are_of_similar_length():
    assert worker.groups(["aaa", "a", "aa", "aaaa"], 2) == [[1, 2], [0, 3]]
