import numpy as np
import pytest

import audio
import sounds
import voices

PAIRS = {
    "train.en-de": ["Tom's here.\tx", "Go home, now!\tx", "Go home now.\ty", "Yes.\tx", "He is in the U.S. today.\tx",
                    "It costs 5 euros.\tx", "The dog slept.\tx"],
    "train.en-fr": ["Tom’s here.\tz", "Mr. Smith left.\tz", "NHK is on.\tz", "A man with a dog.\tz",
                    " ".join(["go"] * 15) + "\tz"],
    "dev.en-de": ["The dog slept!\tx"], "test.en-de": [], "dev.en-fr": [], "test.en-fr": ["No way.\tx"]}


@pytest.fixture
def texts(tmp_path):
    (tmp_path / "tatoeba").mkdir()
    for name, lines in PAIRS.items():
        (tmp_path / f"tatoeba/{name}.tsv").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return tmp_path


def test_sentences_are_plain_and_none_is_of_dev_or_test(texts):
    assert voices.sentences(texts) == ["A man with a dog.", "Go home now.", "Tom's here."]


@pytest.mark.parametrize("text, plain", [
    ("I can't go.", True), ("O Lord, a fly!", True), ("Yes.", False), ("We met Dr. Who.", False),
    ("Turn the TV on.", False),
    ("Plan b is best.", False), ("It's 5 o'clock", False), ("He said (no).", True), ("Vitamin CD works", False),
    ("At 7 a.m.", False), ("Naïve it is.", False), ("Pst, come here.", False)])
def test_plain(text, plain):
    assert voices.plain(text, sounds.spoken(text)) is plain


def test_lines_are_a_function_of_the_seed_and_use_every_program():
    def drawn(seed):
        rng = np.random.default_rng(seed)
        return [(x.program, x.voice, x.rate, x.pitch, x.throat) for x in (voices.Line("a b", rng) for _ in range(300))]
    assert drawn(1) == drawn(1) != drawn(2)
    made = drawn(1)
    assert {m[0] for m in made} == set(voices.PROGRAMS) and len({m[1] for m in made}) > 50
    assert sum(voices.VOICES.values()) == pytest.approx(1)


def test_words_and_their_labels():
    rng = np.random.default_rng(0)
    digits = {voices.one_word(rng, "synthetic_digits") for _ in range(300)}
    assert digits == {(w, i) for i, w in enumerate(sounds.DIGITS)}
    commands = {voices.one_word(rng, "synthetic_commands") for _ in range(2000)}
    assert {(w, i) for i, w in enumerate(sounds.COMMANDS[:10])} <= commands
    others = {w for w, label in commands if sounds.COMMANDS[label] == "unknown"}
    assert len(others) > 20 and not others & set(sounds.COMMANDS) and len(commands) == 10 + len(others)


def test_strings_of_scheme():
    assert voices.quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'


def test_trim():
    quiet, loud = np.full((30, 80), -13.0, np.float32), np.full((10, 80), 0.0, np.float32)
    x = np.concatenate((quiet, loud, quiet))
    assert np.array_equal(voices.trim(x, (5, 7)), x[25:47])
    assert np.array_equal(voices.trim(x, (50, 50)), x)


def tones(lines, folder):
    """Stands for say: a tone for every line, as long as its text."""
    import soundfile
    for i, line in enumerate(lines):
        t = np.arange(1600 * len(line.text)) / 16000
        soundfile.write(folder / f"{i}.wav", 0.3 * np.sin(2 * np.pi * 500 * t), 16000)


def test_build_goes_on_where_it_stopped(texts, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(voices, "say", tones)
    monkeypatch.setattr(voices, "missing", lambda: [])
    monkeypatch.setattr(voices, "SHARD", 1)
    monkeypatch.setattr(voices, "WORDS", 4)
    voices.build(texts, tmp_path, 1e-4, 7)
    made = sounds.Sounds(tmp_path, "train")
    assert made.names == ["synthetic", "synthetic_commands", "synthetic_digits"]
    assert [made.count(n) for n in made.names] == [1, 4, 4]
    frames, text, label = made.get("synthetic", 0)
    assert label is None and text in ("a man with a dog", "go home now", "tom's here")
    frames, text, label = made.get("synthetic_digits", 0)
    assert sounds.DIGITS[label] == text and abs(len(frames) - 10 * len(text)) <= 2 * len(text)
    first = (tmp_path / "synthetic.train.0000.safetensors").read_bytes()
    voices.build(texts, tmp_path, 5e-4, 7)  # less than the three sentences have
    assert (tmp_path / "synthetic.train.0000.safetensors").read_bytes() == first
    assert sounds.Sounds(tmp_path, "train").count("synthetic") in (2, 3)
    (tmp_path / "synthetic.train.0000.safetensors").unlink()
    voices.build(texts, tmp_path, 1e-4, 7)
    assert (tmp_path / "synthetic.train.0000.safetensors").read_bytes() == first  # the same shard again
    with pytest.raises(SystemExit, match="3 sentences are 0.0 h, want 9 h"):
        voices.build(texts, tmp_path, 9, 7)


def test_missing_programs_are_named(texts, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="missing flite, espeak-ng, festival"):
        voices.build(texts, tmp_path, 1, 1)


def test_every_voice_speaks(tmp_path):
    if gone := voices.missing():
        pytest.skip(f"missing {', '.join(gone)}")
    rng, lines = np.random.default_rng(0), []
    for program, voice, pitch in voices.VOICES:
        line = voices.Line("It's \"so\" good, isn't it?", rng)
        line.program, line.voice, line.pitch = program, voice or "en-us+f1", pitch
        lines.append(line)
    voices.shard(lines, tmp_path / "synthetic.train.0000.safetensors")
    made = sounds.Clips(tmp_path / "synthetic.train.0000.safetensors")
    assert len(made) == len(voices.VOICES) and set(made.texts) == {"it's so good isn't it"}
    for i in range(len(made)):
        assert 0.8 < made.seconds[i] < 4 and made.frames(i).max() > np.log(audio.FLOOR) + 9, made.speakers[i]
