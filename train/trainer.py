"""Trainer: a model, its average, its optimizers and the clock. It takes batches of several kinds a step (losses.py)."""
import copy
import json
import os
import time
from pathlib import Path

import torch

import checkpoint
import losses
import optim
import precision
import tasks
from model import Config, MultiModel

SOME = ("audio.", "image.", "heads.", "letters.", "glance.")  # weights that not every model has
SENSES = {"audio": dict(audio_bands=80, audio_blocks=6, audio_dropout=0.1), "image": dict(image_channels=(64, 128, 256))}


def initial(path):
    """Weights to start from: those of a training checkpoint, or of an exported model directory."""
    if Path(path).is_dir():
        return checkpoint.load(path)[0].state_dict()
    return torch.load(path, map_location="cpu")["model"]


def config(overrides, kinds):
    """Config with what the kinds of batches need: a modality net and the heads that read it."""
    modalities = {"sounds": "audio", "murmurs": "audio"} | dict.fromkeys(("photos", "glances", "captions", "cells"), "image")
    needs = {key: value for k in kinds if k in modalities for key, value in SENSES[modalities[k]].items()}
    more = {"sounds": ("letters", len(tasks.LETTERS)), "murmurs": ("letters", len(tasks.LETTERS)),
            "glances": ("glances", len(tasks.CIFAR10)), "captions": ("captions", 96)}
    needs |= dict(more[k] for k in kinds if k in more)
    read = sorted({modalities[k] for k in kinds if k in modalities and k not in ("murmurs", "glances")})  # by heads, behind the trunk
    return Config(**{**needs, "heads_of": tasks.heads(read), **json.loads(overrides)})


class Trainer:
    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.device = a, a.device
        self.model = MultiModel(config(a.config, a.kinds)).to(a.device)
        known = self.start_from(initial(a.init)) if a.init else set()
        factors = checkpoint.by_beginning(known, a.lr_known)
        for name, p in self.model.named_parameters():
            p.requires_grad_(factors.get(name, 1.0) > 0)
        self.opts = optim.optimizers(self.model, a.lr_matrix, a.lr_rest, a.weight_decay, a.device != "cpu", factors)
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.loss = {k: torch.compile(self.batch_loss, dynamic=False) if a.compile else self.batch_loss for k in a.kinds}

    def start_from(self, weights):
        """Weights of a model of the same widths; modality nets and heads that either lacks stay random or are left out, all
        others must be there. Returns the names of those that were taken."""
        own = self.model.state_dict()
        weights = {n: w for n, w in weights.items() if n in own or not n.startswith(SOME)}
        missing, unknown = self.model.load_state_dict(weights, strict=False)
        missing = [n for n in missing if not n.startswith(SOME)]
        if missing or unknown:
            raise ValueError(f"train: weights to start from lack {missing} and have {unknown}, which this model does not")
        return set(weights)

    def batch_loss(self, kind, model, b):
        with precision.autocast(self.device):
            return losses.KINDS[kind](model, b, self.a.smoothing)

    def compile(self, empty):
        """Compile for the batches {kind: [batch, …]} and for the optimizer before the clock runs, which on a GPU takes as
        long as many steps; gradients are thrown away. Call it before load."""
        for kind, batches in empty.items():
            for b in batches:
                self.backward(kind, b)
        for p in self.model.parameters():
            p.grad = torch.zeros_like(p)
        self.opts[0].step()
        self.model.zero_grad(set_to_none=True)

    def put(self, batch):
        return {k: torch.from_numpy(v).to(self.device, non_blocking=True) for k, v in batch.items()}

    def backward(self, kind, batch):
        """Adds the gradients of one batch; returns its measures and its balance loss."""
        b = self.put(batch)
        if kind == "photos" and self.a.adversarial:
            with precision.autocast(self.device):
                b = losses.attacked(self.model, b, 2 * float(self.a.adversarial), self.a.adversarial_steps)  # pixels span 2
        loss, balance, measures = self.loss[kind](kind, self.model, b)
        weight = losses.WEIGHTS[kind]
        (weight * (loss + losses.EXPERT_LOSS * balance)).backward()
        return measures, balance

    def progress(self):
        """How much of the hours, or of the steps where there is a number of them, is over."""
        return max(self.seconds / (self.a.hours * 3600), self.step / self.a.steps)

    def train_step(self, batches):
        """One update from a batch of each kind: {kind: batch}."""
        start = time.monotonic()
        factor = optim.schedule(self.progress())
        for o in self.opts:
            for g in o.param_groups:
                g["lr"] = g.setdefault("peak", g["lr"]) * factor
        out = {}
        for kind, batch in batches.items():
            measures, balance = self.backward(kind, batch)
            out |= {name: (float(total), float(count)) for name, (total, count) in measures.items()}
            out["balance." + kind] = float(torch.as_tensor(balance).detach()), 1.0
            if kind == "text":
                self.tokens += int((batch["tgt_segment"] > 0).sum())
        out["norm"] = float(torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.a.clip)), 1.0
        out["lr"] = factor, 1.0
        for o in self.opts:
            o.step()
            o.zero_grad(set_to_none=True)
        self.step += 1
        self.update_average()
        self.seconds += min(time.monotonic() - start, 60.0)  # a pause (SIGSTOP) is not training time
        return out

    @torch.no_grad()
    def update_average(self):
        """Exponential moving average, short at first."""
        keep = min(self.a.average, 1 - 1 / (1 + self.step / 10))
        for mean, p in zip(self.average.parameters(), self.model.parameters()):
            mean.lerp_(p, 1 - keep)

    def evaluate(self, dev):
        with precision.autocast(self.device):
            return losses.evaluate(self.average, dev, self.put)

    def save(self, path):
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step, seconds=self.seconds,
                     tokens=self.tokens, opts=[o.state_dict() for o in self.opts], config=self.model.config.dict(),
                     hours=self.a.hours)
        torch.save(state, str(path) + ".new")
        os.replace(str(path) + ".new", path)

    def load(self, path):
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        for o, s in zip(self.opts, state["opts"]):
            o.load_state_dict(s)
