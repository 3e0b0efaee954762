import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent))
torch.set_num_threads(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "gpu: needs a CUDA GPU; skipped without one unless MM_REQUIRE_GPU=1")


@pytest.fixture
def tiny():
    """A small model with every parameter random, and its vocabulary."""
    import golden
    return golden.tiny_model(), golden.tiny_vocabulary()


@pytest.fixture
def senses():
    """The same with encoders of sounds and pictures, and heads."""
    import golden
    return golden.tiny_model(senses=True), golden.tiny_vocabulary()


@pytest.fixture
def tokenizer_dir(tmp_path):
    """A rank table of the full size: the 256 bytes, then made-up merges."""
    import base64

    import tokenizer
    tokens = [bytes([b]) for b in range(256)]
    letters = b"etaoinshrdlucmfwypvbgkqjxz"
    pairs = [b" " + bytes([a]) for a in letters] + [bytes([a, b]) for a in letters for b in letters]
    pairs += [p + bytes([c]) for p in pairs[26:] for c in letters]
    tokens = (tokens + pairs)[:tokenizer.RANKS]
    assert len(tokens) == tokenizer.RANKS
    folder = tmp_path / "tok"
    folder.mkdir()
    (folder / "tokenizer.tiktoken").write_text("".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(tokens)))
    return folder
