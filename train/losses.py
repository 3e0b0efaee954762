"""What a batch of each kind costs the model: kind -> function(model, batch, options) -> (loss, balance, {name: measure}).

Kinds are text, align (pairs of sentences), sounds, murmurs (letters of sounds without the trunk), photos (classes), glances
(the same without the trunk), captions and cells (boxes);
batches.py, captions.py and data.py make the batches. A measure is a pair (sum, count) of detached scalars, so that several batches can be
averaged.
"""
import torch
import torch.nn.functional as F

from layers import Rows
from modalities import CELL

TEMPERATURE = 0.1
PAIRS = 16  # pairs at most in a row of slots that are aligned
CTC_SHARE = 0.6  # of the loss of sounds that have a text


def smoothed_loss(logits, labels, smoothing):
    """Mean cross-entropy with uniform label smoothing over the slots whose label is >= 0; also the plain one's sum and count."""
    z = logits.float().flatten(0, -2)
    y = labels.flatten()
    keep = (y >= 0).float()
    count = keep.sum()
    norm = torch.logsumexp(z, -1)
    nll = norm - z.gather(-1, y.clamp(min=0)[:, None]).squeeze(-1)
    flat = norm - z.mean(-1)
    plain = (nll * keep).sum()
    smooth = ((1 - smoothing) * plain + smoothing * (flat * keep).sum()) / count.clamp(min=1)
    return smooth, (plain.detach(), count)


def predicted(model, name, logits, labels, smoothing):
    """Smoothed loss of a classifier's or decoder's logits; its measures, the accuracy only in evaluation."""
    loss, plain = smoothed_loss(logits, labels, smoothing)
    measures = {name: plain}
    if not model.training:
        measures[name + ".accuracy"] = (((logits.argmax(-1) == labels) & (labels >= 0)).sum(), plain[1])
    return loss, measures


def rows_of(b, side):
    return Rows(b[side + "_segment"], b[side + "_position"])


def text(model, b, smoothing):
    logits, balance = model(b["src"], rows_of(b, "src"), b["tgt"], rows_of(b, "tgt"))
    loss, measures = predicted(model, "text", logits, b["labels"], smoothing)
    return loss, balance, measures


def align(model, b, smoothing):
    """Which of the batch's sentences is the translation of this English one? Asked of the mean memories behind the command
    of the language that is neither, so that what is learned from English holds for the other: contrastive learning as in
    mRASP2 (Pan et al. 2021), cosines at temperature 0.1."""
    del smoothing
    sides, balance = [], 0.0
    for side in ("src", "tgt"):
        rows = rows_of(b, side)
        memory, more = model.encode(b[side], rows)
        sides.append(F.normalize(segment_means(memory, rows.segment, PAIRS).flatten(0, 1), dim=-1))
        balance = balance + more
    there = (b["src_segment"][..., None] == torch.arange(1, PAIRS + 1, device=memory.device)).any(1).flatten()
    alike = (sides[0] @ sides[1].T / TEMPERATURE).masked_fill(~there, -1e4)
    labels = torch.where(there, torch.arange(len(there), device=there.device), -1)
    loss, measures = predicted(model, "align", alike, labels, 0.0)
    return loss, balance, measures


def segment_means(memory, segment, count):
    """(B, count, D): the mean row of each segment 1 … count of memory (B, T, D), zero where there is none."""
    own = (segment[:, None] == torch.arange(1, count + 1, device=segment.device)[:, None]).float()  # (B, count, T)
    return own @ memory.float() / own.sum(-1, keepdim=True).clamp(min=1)


def sounds(model, b, smoothing):
    """Transcription where a segment has a target, with CTC beside it, and the classes of segments that have a label."""
    rows = rows_of(b, "src")
    heard = model.heard(b["frames"], b["command"], rows)
    memory, balance = model.encode_heard(heard, b["command"], rows)
    x, more = model.decode(b["tgt"], rows_of(b, "tgt"), memory, rows)
    loss, measures = predicted(model, "transcribe", model.logits(x), b["labels"], smoothing)
    if model.letters is not None:
        extra = ctc(model.letters(heard, memory), b)
        loss = (1 - CTC_SHARE) * loss + CTC_SHARE * extra
        measures["ctc"] = (extra.detach(), torch.ones_like(extra))
    for name, head in model.heads.items():
        if "class." + name in b:
            labels = b["class." + name]
            one, measured = predicted(model, name, head(memory, rows.segment, labels.shape[1]), labels, smoothing)
            loss, measures = loss + one, measures | measured
    return loss, balance + more, measures


def murmurs(model, b, smoothing):
    """Letters by CTC on the audio encoder's rows: a fifth of the work, to teach it before or beside the joint training."""
    del smoothing
    loss = ctc(model.letters(model.heard(b["frames"], b["command"], rows_of(b, "src"))), b)
    return loss, 0.0, {"murmurs": (loss.detach(), torch.ones_like(loss))}


def ctc(logits, b):
    """Connectionist temporal classification (Graves et al. 2006) of letters by logits (B, T, 1 + letters), per letter. The rows
    of each clip are gathered, ctc_index (N, T) being their slots; clips that do not exist have one row and no letters."""
    logs = logits.log_softmax(-1).flatten(0, 1)[b["ctc_index"]]
    total = F.ctc_loss(logs.transpose(0, 1), b["ctc_targets"], b["ctc_rows"], b["ctc_letters"], reduction="sum", zero_infinity=True)
    return total / b["ctc_letters"].sum().clamp(min=1)


def photos(model, b, smoothing, head="cifar10"):
    """Classes of pictures."""
    memory, rows, balance = model.encode_image(b["pixels"], b["command"])
    loss, measures = mixup(model, head, model.heads[head](memory, rows.segment, 1)[:, 0], b, smoothing)
    return loss, balance, measures


def glances(model, b, smoothing):
    """The same without the trunk: a third of the work, to teach the image encoder before or beside the joint training."""
    loss, measures = mixup(model, "glances", model.glanced(b["pixels"]), b, smoothing)
    return loss, 0.0, measures


def mixup(model, name, z, b, smoothing):
    """Loss and measures of logits z (B, L); each picture may be mixed from two, `share` being the first one's (Zhang et
    al. 2018)."""
    loss, measures = predicted(model, name, z, b["label"], smoothing)
    if model.training:
        one, two = (F.cross_entropy(z.float(), b[key], label_smoothing=smoothing, reduction="none") for key in ("label", "other"))
        loss = (b["share"] * one + (1 - b["share"]) * two).mean()
    return loss, measures


def attacked(model, b, eps, steps):
    """The batch of photos with the pixels, in [-1, 1], changed by at most eps so that the loss rises: sign steps from a start
    by chance, back into the room after each (Madry et al. 2018); one step is FGSM as Wong et al. 2020 train with it."""
    clean = b["pixels"]
    x = (clean + torch.empty_like(clean).uniform_(-eps, eps)).clamp(-1, 1)
    size = 1.25 * eps if steps == 1 else 2.5 * eps / steps
    for _ in range(steps):
        x.requires_grad_()
        (slope,) = torch.autograd.grad(photos(model, b | {"pixels": x}, 0.0)[0], x)
        x = (clean + (x.detach() + size * slope.sign() - clean).clamp(-eps, eps)).clamp(-1, 1)
    return b | {"pixels": x}


def captions(model, b, smoothing):
    """Descriptions of pictures, as many of each in a row as there are of them a picture."""
    memory, rows, balance = model.encode_image(b["pixels"], b["command"])
    each = len(b["tgt"]) // len(b["pixels"])
    memory, rows = (memory.repeat_interleave(each, 0), Rows(*(v.repeat_interleave(each, 0) for v in (rows.segment, rows.position))))
    x, more = model.decode(b["tgt"], rows_of(b, "tgt"), memory, rows)
    loss, measures = predicted(model, "captions", model.logits(x), b["labels"], smoothing)
    return loss, balance + more, measures


def cells(model, b, smoothing, head="bccd"):
    """Boxes: objectness of every cell against the overlap its box has; class and generalized IoU (Rezatofighi et al. 2019)
    of the cells that own a box (targets of batches.assign)."""
    del smoothing
    memory, _, balance = model.encode_image(b["pixels"], b["command"])
    out = model.heads[head](memory[:, 1:])
    labels = out.shape[-1] - 5
    own = b["owner"] >= 0
    n = own.sum().clamp(min=1)
    overlap, generalized = box_overlap(F.softplus(out[..., labels + 1:]) * CELL, b["sides"])
    object_loss = F.binary_cross_entropy_with_logits(out[..., labels], overlap.detach() * own, reduction="sum") / n
    wanted = F.one_hot(b["owner"].clamp(min=0), labels).float()
    class_loss = F.binary_cross_entropy_with_logits(out[..., :labels], wanted, reduction="none").sum(-1)
    loss = object_loss + ((class_loss + 3 * (1 - generalized)) * own).sum() / n
    measures = {head: (loss.detach(), torch.ones_like(loss)), head + ".overlap": ((overlap.detach() * own).sum(), n)}
    return loss, balance, measures


def box_overlap(a, b):
    """IoU and generalized IoU of boxes around the same centre, given as distances to left, top, right, bottom (…, 4)."""
    def area(x):
        return (x[..., 0] + x[..., 2]) * (x[..., 1] + x[..., 3])
    shared = area(torch.minimum(a, b))
    union = area(a) + area(b) - shared
    hull = area(torch.maximum(a, b))
    overlap = shared / union.clamp(min=1e-6)
    return overlap, overlap - (hull - union) / hull.clamp(min=1e-6)


@torch.no_grad()
def evaluate(model, dev, put):
    """{set: (kind, batches)} -> {set or set.measure: [loss, accuracy or overlap]} of a model in eval mode, teacher forced."""
    out = {}
    for name, (kind, batches) in dev.items():
        sums = {}
        for b in batches:
            for key, (total, count) in KINDS[kind](model, put(b), 0.0)[2].items():
                t, n = sums.get(key, (0.0, 0.0))
                sums[key] = t + float(total), n + float(count)
        for key in [k for k in sums if "." not in k and sums[k][1]]:
            values = [sums[k] for k in sums if k == key or k.startswith(key + ".")]
            out[name if key in ("text", name.split(".")[-1]) else f"{name}.{key}"] = [round(t / max(n, 1), 4) for t, n in values]
    return out


KINDS = {"text": text, "align": align, "sounds": sounds, "murmurs": murmurs, "photos": photos, "glances": glances, "captions": captions,
         "cells": cells}
WEIGHTS = {"text": 1.0, "align": 0.2, "sounds": 0.6, "murmurs": 0.6, "photos": 0.4, "glances": 0.4, "captions": 0.6, "cells": 0.2}
EXPERT_LOSS = 0.01  # weight of CV²(importance) + CV²(load): Shazeer et al. 2017
