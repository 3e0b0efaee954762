"""PyTorch, eager: train/reference.py, float32 with a KV cache."""
import numpy as np
import soundfile
import torch
from PIL import Image

from reference import Reference, bracketing


class Eager:
    def __init__(self, model, threads):
        torch.set_num_threads(threads)
        self.reference = Reference(model)
        self.name = f"PyTorch {torch.__version__}, eager float32 with a KV cache"

    def translate(self, request):
        outputs = self.reference.translate_outputs(request["texts"], request["to"], request["batch"],
                                                   request.get("max_tokens") or None)
        return [self.reference.tok.decode(o.tokens) for o in outputs], [len(o.tokens) for o in outputs]

    def parse(self, request):
        """One sentence after another: the reference has no batch of trees."""
        trees, tokens = [], []
        for words in request["words"]:
            _, inputs = self.reference.parse_tokens(words)
            trees.append(bracketing(self.reference.vocabulary["tree"], inputs[1:], words))
            tokens.append(len(inputs) - 1)
        return trees, tokens

    def transcribe(self, request):
        """One file of 16 kHz after another."""
        outputs = [self.reference.transcribe(soundfile.read(f, dtype="float32")[0]) for f in request["files"]]
        return [self.reference.tok.decode(o.tokens) for o in outputs], [len(o.tokens) for o in outputs]

    def classify(self, request):
        labels, files = [], request["files"]
        for at in range(0, len(files), request["batch"]):
            images = [np.asarray(Image.open(f)) for f in files[at:at + request["batch"]]]
            labels += self.reference.classify(images)
        return labels, [0] * len(labels)
