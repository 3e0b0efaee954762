import numpy as np
import pytest

import audio
import distort
import sounds


@pytest.mark.parametrize("text, words", [
    ("Not at this case, Tom, apologized Whittemore.", "not at this case tom apologized whittemore"),
    ("Déjà vu – a well-known naïveté…", "deja vu a well known naivete"),
    ("I’m  \"here\"; don't 'go' (yet)!", "i'm here don't go yet"),
    ("The boys' mothers' cat", "the boys mothers cat"),
    ("www.asterisk.org", "www asterisk org"),
    ("dash [-]", "dash"),
    ("Press 1", None), ("50 %", None), ("R&D", None), ("at [@]", None), ("½ a loaf", None), ("naïve Ægir", None),
    ("...", None), ("", None)])
def test_spoken(text, words):
    assert sounds.spoken(text) == words


def test_spoken_of_its_own_output_changes_nothing():
    for text in ("it's o'clock", "a b c"):
        assert sounds.spoken(text) == text


def frames_of(count, seed=0):
    """Log-mel of noise, with one band at the floor."""
    x = audio.log_mel(np.random.default_rng(seed).normal(0, 0.1, count * audio.HOP))
    x[:, 79] = np.log(audio.FLOOR)
    return x


def test_quantization_error():
    x = np.linspace(np.log(audio.FLOOR), 11.6, 5000)
    assert np.abs(sounds.LEVELS[sounds.quantize(x)] - x).max() < 0.0501
    # The loudest sound there can be (a full square wave's frames) is within the levels, and silence is exact.
    loud = audio.log_mel(np.sign(np.sin(np.arange(16000) * 0.2)))
    assert loud.max() < sounds.LEVELS[255]
    assert (sounds.LEVELS[sounds.quantize(audio.log_mel(np.zeros(500)))] == np.float32(np.log(1e-6))).all()


def test_clean_is_the_encoders_preparation():
    x = frames_of(7)
    got = sounds.clean(x)
    assert got.shape == (8, 80) and got.dtype == np.float32
    mean = x.astype(np.float64).sum(0) / 7
    np.testing.assert_allclose(got[:7], (x - mean) / 4, atol=1e-6)
    assert not got[7].any() and not got[:, 79].any()
    assert sounds.clean(x[:0]).shape == (0, 80)
    assert not sounds.clean(x[:1]).any()


def clips():
    return [sounds.Clip(frames_of(5), "yes", 0, "ann", 0.05), sounds.Clip(frames_of(0), None, 11, "none", 0.0),
            sounds.Clip(frames_of(9, 1), "it's me", None, "bob", 0.0813, "test")]


def test_the_cache_gives_back_what_was_written(tmp_path):
    sounds.write(tmp_path / "one.train.safetensors", clips())
    sounds.write(tmp_path / "synthetic.train.0001.safetensors", clips()[:1])
    sounds.write(tmp_path / "synthetic.train.0000.safetensors", clips()[1:])
    sounds.write(tmp_path / "one.dev.safetensors", [])
    made = sounds.Sounds(tmp_path, "train")
    assert made.names == ["one", "synthetic"] and made.count("one") == made.count("synthetic") == 3
    for i, clip in enumerate(clips()):
        frames, text, label = made.get("one", i)
        assert frames.dtype == np.float32 and (text, label) == (clip.text, clip.label)
        np.testing.assert_allclose(frames, clip.frames, atol=0.0501)
        assert made.about("one", i) == (clip.speaker, clip.seconds, clip.group)
    assert [made.get("synthetic", i)[1] for i in range(3)] == [None, "it's me", "yes"]
    assert made.hours("one") == pytest.approx(0.1313 / 3600)
    assert len(made.babble(np.random.default_rng(0))) in (0, 5, 9)
    assert sounds.Sounds(tmp_path, "dev").count("one") == 0
    with pytest.raises(FileNotFoundError, match="test"):
        sounds.Sounds(tmp_path, "test")


@pytest.mark.parametrize("count", [1, 2, 17, 500])
def test_augment_keeps_sounds_in_bounds_and_its_input_as_it_was(count):
    x, rng = frames_of(count), np.random.default_rng(count)
    before = x.copy()
    for i in range(100):
        got = sounds.augment(x, rng, frames_of(3, 5) if i % 2 else None)
        assert got.dtype == np.float32 and got.shape[1] == 80
        assert 0.86 * count - 1 < len(got) < 1.18 * count + 41
        assert np.isfinite(got).all() and got.min() >= distort.FLOOR and got.max() < 15
    assert (x == before).all()
    assert sounds.augment(x[:0], rng).shape == (0, 80)


def test_augment_is_a_function_of_the_seed():
    x = frames_of(60)
    a, b, c = (sounds.augment(x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_stretch():
    x = np.arange(100, dtype=np.float32)[:, None] * np.ones((1, 80), np.float32)
    assert distort.stretch(x, 1.0) is not x and np.array_equal(distort.stretch(x, 1.0), x)
    slow = distort.stretch(x, 0.5)
    assert len(slow) == 200 and np.abs(np.diff(slow[2:-2, 0]) - 0.5).max() < 1e-4


def test_warp_moves_tones_by_its_factor():
    assert np.allclose(distort.warp_matrix(0), np.eye(80), atol=1e-6)
    tone = np.full((1, 80), -10, np.float32)
    tone[0, 40] = 0
    for percent in (-10, 10):
        moved = (tone @ distort.warp_matrix(percent))[0]
        at = distort.CENTRES[moved.argmax()]
        assert at * (1 + percent / 100) == pytest.approx(distort.CENTRES[40], rel=0.03)
        assert np.allclose(distort.warp_matrix(percent).sum(0), 1, atol=1e-6)


def test_noise_is_added_at_its_ratio():
    x, noise = frames_of(300), distort.shaped_noise(300, np.random.default_rng(3))
    power = np.exp(x)
    for decibels in (0, 20):
        added = np.exp(distort.add(x, noise, decibels)) - power
        assert 10 * np.log10(power.mean() / added.mean()) == pytest.approx(decibels, abs=0.1)


def test_band_limit_is_a_telephones():
    x = distort.band_limit(np.zeros((4, 80), np.float32), 300, 3400, 5, 12)
    inside = (distort.CENTRES >= 300) & (distort.CENTRES <= 3400)
    assert not x[:, inside].any() and (x[:, ~inside] < 0).all() and x.min() == -12


def test_masks_are_silent_once_clean():
    x, holes = frames_of(200), 0
    for seed in range(20):
        got = sounds.clean(distort.mask(x.copy(), np.random.default_rng(seed)))
        changed = (got != sounds.clean(x)).any(1)
        holes += changed.any()
        assert (np.abs(got) < 0.02).all(1).sum() <= 60  # at most two gaps of an eighth
    assert holes > 10


def write_sound(path, samples, rate=8000):
    import soundfile
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def test_build_of_a_set(tmp_path):
    t = np.arange(4000) / 8000
    for i in range(3):
        write_sound(tmp_path / f"fsdd/flac/{i}.flac", 0.5 * np.sin(2 * np.pi * 1000 * t))
    (tmp_path / "fsdd/index.tsv").write_text(
        "file\tofficial_split\tspeaker_split\tspeaker\tdigit\tseconds\n"
        "flac/0.flac\ttest\ttrain\tann\t0\t0.5\nflac/1.flac\ttrain\tdev\tbob\t7\t0.5\n"
        "flac/2.flac\ttrain\ttest\teve\t9\t0.5\n")
    sounds.build(tmp_path, tmp_path, "fsdd")
    for split, want in (("train", ("zero", 0, "ann", "test")), ("dev", ("seven", 7, "bob", "train")),
                        ("test", ("nine", 9, "eve", "train"))):
        made = sounds.Sounds(tmp_path, split)
        frames, text, label = made.get("fsdd", 0)
        speaker, seconds, group = made.about("fsdd", 0)
        assert (text, label, speaker, group) == want and seconds == 0.5 and frames.shape == (50, 80)
        assert abs(distort.CENTRES[frames[25].argmax()] - 1000) < 60  # the tone is where it was
        assert frames[25, distort.CENTRES > 4400].max() < -11  # and nothing where 8 kHz have nothing


def test_indexes(tmp_path):
    for name, text in {
            "asterisk": "lang\tkey\tfile\tsplit\tseconds\ttext\n"
                        "en\ta\ta.opus\ttest\t1\tPress 1\nfr\ta\tb.opus\ttest\t1\tOui\n",
            "speech_commands_test": "file\tsplit\tspeaker\tclass\tword\tseconds\n"
                                    "a\ttrain\tx\t_unknown_\tbed\t1\n"
                                    "b\tdev\tnone\t_silence_\t\t1\nc\ttest\ty\tgo\tgo\t1\n",
            "kathleen": "id\tfile\tsplit\tspeaker\tseconds\ttext\n1\ta\tdev\tkathleen\t1\tHe said \"No\"\n"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.tsv").write_text(text)
    [(_, split, about)] = sounds.index(tmp_path, "asterisk")
    assert split == "test" and about == {"speaker": "asterisk", "text": None}
    commands = sounds.index(tmp_path, "speech_commands")
    got = [(split, about["text"], sounds.COMMANDS[about["label"]]) for _, split, about in commands]
    assert got == [("train", "bed", "unknown"), ("dev", None, "silence"), ("test", "go", "go")]
    assert sounds.index(tmp_path, "kathleen")[0][2]["text"] == "he said no"
