"""What a checkpoint can do, as config.json lists it: a command token, a modality in, a decoder out; labels in the order of
the head's rows. The order of the lists is that of the data (sounds.py, photos.py)."""

LANGUAGES = ["en", "de", "fr"]
DIGITS = "zero one two three four five six seven eight nine".split()
COMMANDS = "yes no up down left right on off stop go unknown silence".split()
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()
CELLS = ["RBC", "WBC", "Platelets"]
LETTERS = " 'abcdefghijklmnopqrstuvwxyz"  # that words are heard by; the head has the blank in front
LETTERS_SHARE = 0.9  # of what is heard in the decisions of a transcript
WORDS_WEIGHT = 0.8  # of which word follows which, as ngram.py counts it
HEARING_BEAM = 8  # what is heard leaves more open than what is read


def translation(to):
    return {"name": "translate", "from": LANGUAGES, "to": to, "command": f"<to-{to}>", "input": "text", "output": "sequence"}


def headed(name, modality, output, head, labels, **picture):
    return {"name": name, "command": f"<{name}>", "input": modality, "output": output, "head": head, "labels": labels, **picture}


TASKS = [
    *(translation(to) for to in LANGUAGES),
    {"name": "parse", "command": "<parse>", "input": "text", "output": "tree"},
    {"name": "transcribe", "from": ["en"], "command": "<transcribe>", "input": "audio", "output": "sequence"},
    headed("digits", "audio", "classes", "digits", DIGITS),
    headed("commands", "audio", "classes", "commands", COMMANDS),
    headed("classify", "image", "classes", "cifar10", CIFAR10, canvas=[32, 32], fit="crop"),
    headed("detect", "image", "boxes", "bccd", CELLS, canvas=[192, 144], fit="letterbox"),
]


def of(config, without=(), words=False):
    """The tasks that a model with this Config can do, but for those named; words says whether ngram.py's tables are there."""
    heads = {name for name, _, _ in config.heads_of}
    modalities = {"text"} | ({"audio"} if config.audio_bands else set()) | ({"image"} if config.image_channels else set())
    chosen = [t for t in TASKS if t["input"] in modalities and t.get("head") in heads | {None} and t["name"] not in without]
    letters = dict(head="letters", letters=LETTERS, share=LETTERS_SHARE, beam=HEARING_BEAM) if config.letters else {}
    letters |= dict(words=WORDS_WEIGHT) if letters and words else {}
    return [t | letters if t["name"] == "transcribe" else t for t in chosen] + [
        translation(to) | {"name": "caption", "from": ["en"], "input": "image", "canvas": [config.captions] * 2, "fit": "crop"}
        for to in ("en", "de") if config.captions]


def heads(modalities):
    """heads_of of Config for every head that reads one of the modalities."""
    return tuple((t["head"], t["output"], len(t["labels"])) for t in TASKS if "head" in t and t["input"] in modalities)
