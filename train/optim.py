"""Muon for the matrices (Jordan et al. 2024), AdamW for the rest, and the learning-rate schedule."""
import torch

import precision

NEWTON = ((3.4445, -4.7750, 2.0315),) * 5


def orthogonalize(g):
    """The nearest (semi-)orthogonal matrices to a stack (n, a, b), by five Newton-Schulz steps."""
    x = g.to(precision.fast(g.device))
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for a, b, c in NEWTON:
        s = x @ x.mT
        x = a * x + (b * s + c * (s @ s)) @ x
    return x.mT if tall else x


# How many stacked matrices a parameter holds along its first axis: each gets an orthogonal update of its own.
STACKED = {"qkv": 3, "kv": 2, "up": 2}


def matrices(name, tensor):
    """View a parameter as a stack (n, a, b)."""
    parts = next((n for key, n in STACKED.items() if name.split(".")[-2] == key or name.endswith("moe." + key)), 1)
    if tensor.dim() == 3:
        return tensor.reshape(tensor.shape[0] * parts, -1, tensor.shape[2])
    return tensor.reshape(parts, -1, tensor.shape[1])


class Muon(torch.optim.Optimizer):
    """Momentum, then the orthogonalized update scaled by sqrt(max(1, a/b)); equal shapes go through as one stack."""

    def __init__(self, named, lr=0.02, momentum=0.95, weight_decay=0.0, compile=False):
        self.names = [n for n, _ in named]
        super().__init__([p for _, p in named], dict(lr=lr, momentum=momentum, weight_decay=weight_decay))
        self.orthogonalize = torch.compile(orthogonalize, dynamic=False) if compile else orthogonalize

    @torch.no_grad()
    def step(self):
        (group,) = self.param_groups
        lr, mu = group["lr"], group["momentum"]
        shapes = {}
        for name, p in zip(self.names, group["params"]):
            if p.grad is None:  # nothing of this step's batches came by
                continue
            buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
            buffer.lerp_(p.grad, 1 - mu)
            shapes.setdefault(matrices(name, p).shape[1:], []).append((name, p, matrices(name, p.grad.lerp(buffer, mu))))
        for (a, b), entries in shapes.items():
            updates = self.orthogonalize(torch.cat([u for _, _, u in entries])).float()
            at, scale = 0, max(1.0, a / b)**0.5
            for name, p, u in entries:
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(updates[at:at + len(u)].reshape(p.shape), alpha=-lr * scale)
                at += len(u)


# Parameters that are no maps between rows of the shared width, whatever their shape.
VECTORS = ("embed", "depthwise", "moe.gate", "moe.noise", "query", "labels", "letters", "glance")


def optimizers(model, lr_matrix, lr_rest, weight_decay, compile, factors=None):
    """Muon over every linear map of the blocks, AdamW over embeddings, gains, filters, gates and labels. The names in factors
    learn at so many times the rates."""
    out, factors = [], factors or {}
    for share in sorted({1.0, *factors.values()}, reverse=True):
        chosen, rest = [], []
        for name, p in model.named_parameters():
            if factors.get(name, 1.0) == share and p.requires_grad:
                is_matrix = p.dim() >= 2 and not any(key in name for key in VECTORS)
                (chosen if is_matrix else rest).append((name, p))
        if chosen:
            out.append(Muon(chosen, share * lr_matrix, weight_decay=weight_decay, compile=compile))
        if rest:
            out.append(torch.optim.AdamW([p for _, p in rest], share * lr_rest, betas=(0.9, 0.98), weight_decay=0.0))
    return out


def schedule(progress, warm=0.02, decay=0.45):
    """Learning-rate factor over progress 0..1: linear warm-up, constant, linear decay to a hundredth."""
    if progress < warm:
        return max(progress / warm, 0.02)
    return max(min(1.0, (1 - progress) / decay), 0.01)
