"""Scores of speech, classes and boxes, from lists of outputs and truths."""
import numpy as np


def edits(truth, output):
    """(substitutions, insertions, deletions) of a cheapest way from one list of words to another; of equally cheap ones
    the one with most substitutions."""
    row = [(j, 0, j, 0) for j in range(len(output) + 1)]  # cost, substitutions, insertions, deletions
    for i, word in enumerate(truth, 1):
        last, row = row, [(i, 0, 0, i)]
        for j, got in enumerate(output, 1):
            cost, s, a, d = last[j - 1]
            same = word == got
            ways = [(cost + (not same), s + (not same), a, d)]
            cost, s, a, d = row[j - 1]
            ways.append((cost + 1, s, a + 1, d))
            cost, s, a, d = last[j]
            ways.append((cost + 1, s, a, d + 1))
            row.append(min(ways, key=lambda w: (w[0], -w[1])))
    return row[-1][1:]


def word_errors(truths, outputs):
    """Word error rate of a set: errors of all its texts by words of all its truths, in per cent, and what they are."""
    if len(truths) != len(outputs):
        raise ValueError(f"metrics: {len(outputs)} outputs, want {len(truths)}")
    counts = np.sum([edits(t.split(), o.split()) for t, o in zip(truths, outputs)], 0) if truths else np.zeros(3, int)
    words = sum(len(t.split()) for t in truths)
    right = sum(t.split() == o.split() for t, o in zip(truths, outputs))
    return {"wer": 100 * float(counts.sum()) / max(words, 1), "words": words, "substitutions": int(counts[0]),
            "insertions": int(counts[1]), "deletions": int(counts[2]), "texts": len(truths), "texts_right": right}


def accuracy(truths, outputs):
    """Per cent of outputs that are the truth."""
    if len(truths) != len(outputs):
        raise ValueError(f"metrics: {len(outputs)} outputs, want {len(truths)}")
    return 100 * sum(t == o for t, o in zip(truths, outputs)) / max(len(truths), 1)


def overlap(a, b):
    """(n, m) intersections over unions of boxes (n, 4) and (m, 4) of x0, y0, x1, y1."""
    a, b = np.asarray(a, float).reshape(-1, 1, 4), np.asarray(b, float).reshape(1, -1, 4)
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(sides, 0), -1)
    areas = [np.prod(np.maximum(x[..., 2:] - x[..., :2], 0), -1) for x in (a, b)]
    return shared / np.maximum(areas[0] + areas[1] - shared, 1e-12)


def hits(found, truth, least):
    """Which of the boxes found in a picture, best first, are right: each takes the box of the truth that it overlaps
    most, if by at least so much and if no better one has taken it (PASCAL VOC)."""
    if not len(found) or not len(truth):
        return np.zeros(len(found), bool)
    shared, taken = overlap(found, truth), set()
    out = np.zeros(len(found), bool)
    for i, best in enumerate(shared.argmax(1)):
        if shared[i, best] >= least and best not in taken:
            taken.add(best)
            out[i] = True
    return out


def average_precision(right, scores, total):
    """Area under precision (made to fall) over recall, every point of it (VOC 2010 and later)."""
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    right = np.asarray(right, float)[order]
    made = np.cumsum(right)
    precision = np.maximum.accumulate((made / np.arange(1, len(right) + 1))[::-1])[::-1]
    return float((precision * right).sum() / total)


def mean_average_precision(truths, outputs, labels, least=0.5):
    """mAP of a set in per cent. truths: for each picture [(label, (x0, y0, x1, y1))]; outputs: [(label, score, box)].
    Labels that are in no truth do not count."""
    if len(truths) != len(outputs):
        raise ValueError(f"metrics: boxes of {len(outputs)} pictures, want {len(truths)}")
    by_label = {}
    for label in labels:
        right, scores, total = [], [], 0
        for truth, output in zip(truths, outputs):
            wanted = [box for name, box in truth if name == label]
            mine = sorted(((score, box) for name, score, box in output if name == label), key=lambda m: -m[0])
            right.extend(hits([box for _, box in mine], wanted, least))
            scores.extend(score for score, _ in mine)
            total += len(wanted)
        if total:
            by_label[label] = 100 * average_precision(right, scores, total)
    return {"map": float(np.mean(list(by_label.values()))) if by_label else 0.0, "by_label": by_label,
            "pictures": len(truths), "boxes": sum(map(len, truths))}
