import json

import curves


def test_curves_are_drawn_from_a_log_cut_short(tmp_path):
    lines = [dict(event="start", step=0)]
    lines += [dict(step=i, seconds=60 * i, tokens=i, text=7 - i / 10, **{"balance.text": 0.1}, norm=0.5, lr=1.0) for i in range(1, 30)]
    lines += [dict(step=30, seconds=1800, dev={"craft": [0.7, 0.8], "kathleen.ctc": [0.3]})]
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 31, "lo')
    train, dev = curves.read_log(log)
    assert len(train) == 29 and len(dev) == 1
    curves.draw_loss(train, tmp_path / "loss.png")
    curves.draw_dev(dev, tmp_path / "dev.png")
    curves.draw_balance(train, tmp_path / "balance.png")
    assert all((tmp_path / f"{n}.png").read_bytes().startswith(b"\x89PNG") for n in ("loss", "dev", "balance"))
