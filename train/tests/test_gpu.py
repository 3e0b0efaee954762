"""What must agree between a CUDA GPU and the CPU. Skipped without a GPU, unless MM_REQUIRE_GPU=1."""
import copy
import os

import numpy as np
import pytest
import torch

import train
from layers import Rows
from test_training import batch, options

pytestmark = pytest.mark.gpu


@pytest.fixture
def cuda():
    if torch.cuda.is_available():
        return "cuda"
    reason = f"no CUDA GPU: PyTorch {torch.__version__} sees {torch.cuda.device_count()}"
    if os.environ.get("MM_REQUIRE_GPU") == "1":
        pytest.fail(reason + " and MM_REQUIRE_GPU=1")
    pytest.skip(reason)


@pytest.fixture
def trainers(cuda, monkeypatch):
    """Two trainers with equal weights, on the CPU and on the GPU, without the gates' noise, which no two devices share."""
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    cpu, gpu = train.Trainer(options()), train.Trainer(options(device=cuda))
    generator = torch.Generator().manual_seed(5)
    for p in cpu.model.parameters():  # the zero-initialised matrices too
        if p.dim() > 1:
            p.data = torch.randn(p.shape, generator=generator) * p.shape[-1]**-0.5
    gpu.model.load_state_dict(cpu.model.state_dict())
    return cpu, gpu


def apart(a, b):
    return ((a.cpu() - b.cpu()).norm() / a.norm().cpu().clamp(min=1e-12)).item()


def test_logits_agree_in_float32(trainers):
    b, outputs = batch(np.random.default_rng(1)), []
    for t in trainers:
        x = t.put(b)
        with torch.no_grad():
            model = copy.deepcopy(t.model).eval()
            outputs.append(model(x["src"], Rows(x["src_segment"], x["src_position"]),
                                 x["tgt"], Rows(x["tgt_segment"], x["tgt_position"]))[0])
    assert apart(*outputs) < 1e-4


def test_loss_and_gradients_agree_in_bfloat16(trainers):
    b, costs, gradients = batch(np.random.default_rng(2), rows=8), [], []
    for t in trainers:
        measures, balance = t.backward("text", b)
        costs.append((float(measures["text"][0]), float(balance)))
        gradients.append(torch.cat([p.grad.flatten().float().cpu() for p in t.model.parameters()]))
    assert costs[1] == pytest.approx(costs[0], rel=2e-2)
    assert torch.nn.functional.cosine_similarity(*gradients, dim=0) > 0.98
    assert gradients[1].norm().item() == pytest.approx(gradients[0].norm().item(), rel=5e-2)


def test_a_training_step_agrees(trainers):
    """Muon makes every singular value of an update one, so that directions which rounding decides differ: the sizes of the
    updates agree closely, their directions mostly."""
    b, results = batch(np.random.default_rng(3), rows=8), []
    before = torch.cat([p.detach().flatten().clone() for p in trainers[0].model.parameters()])
    for t in trainers:
        t.seconds = 600.0
        results.append(t.train_step({"text": b}))
    moved = [torch.cat([p.detach().flatten().cpu() for p in t.model.parameters()]) - before for t in trainers]
    assert results[1]["text"][0] == pytest.approx(results[0]["text"][0], rel=2e-2)
    assert results[1]["norm"][0] == pytest.approx(results[0]["norm"][0], rel=5e-2)
    assert moved[1].norm().item() == pytest.approx(moved[0].norm().item(), rel=5e-2)
    assert torch.nn.functional.cosine_similarity(*moved, dim=0) > 0.8


def test_compiled_training_learns(cuda):
    trainer = train.Trainer(options(device=cuda, compile=True))
    b = batch(np.random.default_rng(0))
    trainer.seconds = 600.0
    losses = [trainer.train_step({"text": b})["text"][0] for _ in range(30)]
    assert losses[-1] < 0.6 * losses[0]


def test_checkpoints_move_between_devices(trainers, tmp_path):
    cpu, gpu = trainers
    b = batch(np.random.default_rng(4))
    gpu.train_step({"text": b})
    gpu.save(tmp_path / "last.pt")
    cpu.load(tmp_path / "last.pt")
    for a, b in zip(cpu.model.parameters(), gpu.model.parameters()):
        assert torch.equal(a, b.cpu())
    assert cpu.step == 1 and {p.device.type for p in cpu.model.parameters()} == {"cpu"}
    cpu.train_step({"text": batch(np.random.default_rng(4))})
