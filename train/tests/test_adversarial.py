import numpy as np
import torch

import batches
import losses
import train
from test_training import SMALL, options

CONFIG = SMALL[:-1] + ', "image_channels": [8, 16, 32], "image_blocks": [1, 1, 1]}'
EPS = 16 / 255  # of pixels that span 2


def photo_batch(count=4):
    rng = np.random.default_rng(1)
    return batches.photo_batch(rng.uniform(-1, 1, (count, 32, 32, 3)).astype(np.float32), np.arange(count), 257)


def test_attacks_stay_within_eps_and_raise_the_loss():
    t = train.Trainer(options(kinds=["photos"], config=CONFIG))
    for _ in range(3):  # a head that has learned nothing has no slope
        t.train_step({"photos": photo_batch()})
    b = t.put(photo_batch())
    t.model.eval().requires_grad_(False)
    clean = float(losses.photos(t.model, b, 0.0)[0])
    found = {}
    for steps in (1, 8):
        torch.manual_seed(3)
        changed = losses.attacked(t.model, b, EPS, steps)
        moved = (changed["pixels"] - b["pixels"]).abs().max()
        assert 0.9 * EPS < moved < EPS + 1e-6 and changed["pixels"].abs().max() <= 1
        assert not changed["pixels"].requires_grad and torch.equal(changed["label"], b["label"])
        found[steps] = float(losses.photos(t.model, changed, 0.0)[0])
    assert clean < found[1] and clean < found[8]


def test_training_on_attacked_photos_makes_attacks_cost_less():
    batch, left = photo_batch(), {}
    for eps in (0, 8 / 255):
        t = train.Trainer(options(kinds=["photos"], config=CONFIG, adversarial=eps, adversarial_steps=2, steps=40, hours=100.0))
        for _ in range(30):
            t.train_step({"photos": batch})
        t.model.eval().requires_grad_(False)
        torch.manual_seed(5)
        b = t.put(batch)
        left[eps] = float(losses.photos(t.model, losses.attacked(t.model, b, EPS, 5), 0.0)[0])
    assert left[8 / 255] < left[0]


def test_eps_is_a_fraction():
    a = train.parser().parse_args(["--data", "d", "--run", "r", "--tokenizer", "t", "--adversarial", "8/255"])
    assert float(a.adversarial) == 8 / 255 and a.adversarial_steps == 1
