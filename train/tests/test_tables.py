import argparse
import hashlib
import json

import tables
import train


def options(tmp_path):
    return argparse.Namespace(data="D", senses="S", tokenizer="T", steps=3, rows=10, sound_rows=2, photos=4, cells=1, device="cpu",
                              no_compile=True, out=tmp_path)


def test_every_run_is_a_command_that_the_trainer_takes(tmp_path):
    for name in tables.RUNS:
        a = train.parser().parse_args(tables.command(options(tmp_path), name, 2, tmp_path / "r")[2:])
        kinds, left_out, changes = tables.RUNS[name]
        assert a.kinds == kinds.split(",") and json.loads(a.config) == changes and (a.seed, a.steps, a.compile) == (2, 3, False)
        assert {n for n, share in json.loads(a.shares).items() if share == 0} == set(left_out)
    alone = [tables.share_of_rows(tables.RUNS[n][1], 10) for n in ("joint", "translation alone", "parsing alone")]
    assert alone[0] == alone[1] + alone[2]


def test_results_become_columns(tmp_path):
    assert tables.result(tmp_path) is None
    dev = {"tatoeba.en-de>en": [1.0, 0.5], "bible.en-de>en": [3.0, 0.3], "craft": [0.4, 0.9], "kathleen.transcribe": [2.0, 0.6],
           "kathleen.ctc": [1.5], "cifar10": [0.8, 0.7]}
    (tmp_path / "log.jsonl").write_text('{"event": "start"}\n' + json.dumps({"event": "end", "seconds": 9, "dev": dev}) + "\n")
    (tmp_path / "last.pt").write_bytes(b"weights")
    made = tables.result(tmp_path)
    assert made["dev"] == {"translation": [2.0, 0.4], "parsing": [0.4, 0.9], "transcription": [2.0, 0.6], "CIFAR-10": [0.8, 0.7]}
    assert made["seconds"] == 9 and made["hash"] == hashlib.sha256(b"weights").hexdigest()[:12]
    other = {**made, "dev": {"translation": [1.0, 0.6]}}
    lines = tables.markdown({"joint": {"1": made, "2": other}}).splitlines()
    assert "| joint | 1.500 ± 0.500 | 0.400 | 2.000 |  |  | 0.800 |  |" in lines
    assert "| joint | 0.500 ± 0.100 | 0.900 | 0.600 |  |  | 0.700 |  |" in lines and "| joint | 2 | 9 | `%s` |" % made["hash"] in lines
    lines = tables.markdown({"translation alone": {"1": made}}).splitlines()  # a treebank that it never saw is no column of it
    assert "| translation alone | 2.000 |  | 2.000 |  |  | 0.800 |  |" in lines
