import io

import torch

import ship
import train
from test_training import options


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
