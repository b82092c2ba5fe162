"""What is chosen is the best of all that there is, as trying everything shows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from samples import photo_like

from channelvq.errors import UsageError
from channelvq.images import load_image, save_image
from channelvq.link import Link
from channelvq.tuning import race as racing
from channelvq.tuning import reliability
from channelvq.tuning.choose import tune
from channelvq.tuning.pool import Pool
from channelvq.tuning.spec import TuneSpec, load_tune_spec

CODES = ["ldpc:1/3", "ldpc:1/2", "ldpc:3/4"]
MODULATIONS = ["qpsk", "qam16"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "images"
    images.mkdir()
    for seed in range(3):
        save_image(photo_like(64, 96, seed), images / f"{seed}.png")
    return images


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reliability, "LEAST_FRAMES", 20)


def spec_of(folder: Path, tune: dict[str, Any], **values: object) -> TuneSpec:
    content = {"name": "n", "images": str(folder), "channel": "awgn", "snr_db": [2, 8], "cbr": "1/3"}
    content |= {"trials": 2, "seed": 3}
    table = {"codec": "jpeg", "codes": CODES, "modulations": MODULATIONS, **tune}
    return TuneSpec.model_validate({**content, **values, "tune": table})


def try_all(spec: TuneSpec, **options: str) -> dict[tuple[float, str, str], float]:
    """Mean PSNR of everything everywhere."""
    pictures = [load_image(path) for path in sorted(Path(spec.images).iterdir())[: spec.tune.most_images]]
    found = {}
    for code in spec.tune.codes:
        for modulation in spec.tune.modulations:
            link = Link(
                codec=spec.tune.codecs[0],
                code=code,
                modulation=modulation,
                channel=spec.channel or "",
                cbr=spec.cbr,
                **options,
            )
            ready = [link.prepare(picture) for picture in pictures]
            for snr in spec.snr_db:
                scores = [
                    link.send(one, snr_db=snr, seed=spec.seed, trial=trial).psnr_db
                    for one in ready
                    for trial in range(spec.trials)
                ]
                found[snr, code, modulation] = float(np.mean(scores))
    return found


def test_the_choice_is_the_best_of_all(folder: Path) -> None:
    spec = spec_of(folder, {"block_error_rate": 0.05})
    every = try_all(spec)
    tuned = tune(spec)
    assert [choice.snr_db for choice in tuned.choices] == [2, 8]
    assert (tuned.criterion, tuned.block_error_rate, tuned.images) == (
        "block_error_rate",
        0.05,
        ("0", "1", "2"),
    )
    for choice in tuned.choices:
        there = {key: value for key, value in every.items() if key[0] == choice.snr_db}
        assert max(there, key=lambda key: there[key]) == (choice.snr_db, choice.code, choice.modulation)
        assert choice.psnr_db == pytest.approx(max(there.values()), abs=1e-4)
        assert choice.works
        assert choice.blocks is not None and choice.blocks >= 60
    assert tuned.choices[0].payload_bits < tuned.choices[1].payload_bits


def test_soft_codecs_race(folder: Path, small_weights: str) -> None:
    codes = ["uncoded", "ldpc:1/2", "ldpc:1/3@0.3;ldpc:3/4"]
    table = {"codec": "vqvae", "codes": codes, "concealment": "soft", "model": small_weights}
    spec = spec_of(folder, {**table, "most_images": 2}, trials=1)
    every = try_all(spec, model=small_weights, concealment="soft")
    tuned = tune(spec)
    assert tuned.criterion == "psnr"
    assert len(tuned.weights) == 1
    for choice in tuned.choices:
        there = {key: value for key, value in every.items() if key[0] == choice.snr_db}
        assert choice.psnr_db == pytest.approx(there[choice.snr_db, choice.code, choice.modulation], abs=1e-3)
        assert choice.psnr_db > max(there.values()) - 0.05
        assert choice.concealment == "soft"


def test_fading_is_paid_for_by_the_mean(folder: Path) -> None:
    spec = spec_of(folder, {}, channel="rayleigh:block", snr_db=[10.0], trials=6)
    every = try_all(spec)
    (choice,) = tune(spec).choices
    assert choice.blocks is None  # no bound to keep: some fades are always too deep
    assert choice.outage > 0
    assert choice.works
    assert choice.psnr_db > max(every.values()) - 0.05


def test_where_nothing_works_the_most_robust_are_tried(folder: Path) -> None:
    spec = spec_of(folder, {"block_error_rate": 0.05}, snr_db=[-12.0])
    (choice,) = tune(spec).choices
    assert not choice.works
    assert (choice.code, choice.modulation, choice.outage) == ("ldpc:1/3", "qpsk", 1.0)


def test_codecs_and_bit_channels(folder: Path) -> None:
    table = {"codec": ["jpeg", "jpeg:444"], "codes": ["ldpc:1/2", "ldpc:3/4"], "modulations": ["qpsk"]}
    content = {"channel": None, "snr_db": [], "channels": ["bsc:0.001", "bsc:0.08"]}
    tuned = tune(spec_of(folder, {**table, "block_error_rate": 0.05}, **content))
    assert tuned.channel is None
    assert [(choice.channel, choice.code) for choice in tuned.choices] == [
        ("bsc:0.001", "ldpc:3/4"),
        ("bsc:0.08", "ldpc:1/2"),
    ]
    assert {choice.codec for choice in tuned.choices} <= {"jpeg", "jpeg:444"}


def test_workers_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of(folder, {"most_images": 2, "block_error_rate": 0.05})
    alone = tune(spec)
    assert alone.images == ("0", "1")

    class Three:  # one after the other, but handed out as to three
        def __init__(self, workers: int) -> None:
            self.inner = Pool(0)
            monkeypatch.setattr(self.inner._place, "workers", lambda: ("a", "b", "c"))

        def __enter__(self) -> Pool:
            return self.inner

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr("channelvq.tuning.choose.Pool", Three)
    assert tune(spec, workers=3) == alone


def test_a_pool_keeps_order_and_passes_errors_on() -> None:
    told: list[tuple[int, int]] = []
    with Pool(2) as pool:
        squares = pool.map(pow, [(n, 2) for n in range(7)], lambda done, total: told.append((done, total)))
        assert squares == [n * n for n in range(7)]
        assert told == [(n, 7) for n in range(1, 8)]
        assert pool.map(pow, []) == []
        with pytest.raises(ZeroDivisionError):
            pool.map(pow, [(1, 1), (0, -1)])


def test_the_better_half_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []

    def run(runners: Any, images: list[int], *_: object) -> None:
        (there,) = runners.values()
        rounds.append(len(there))
        for runner in there:
            runner.psnr_db += [[runner.candidate.options] for _ in images]

    class Fake:
        def __init__(self, db: float) -> None:
            self.options, self.payload_bits = db, int(100 * db)

    monkeypatch.setattr(racing, "_run", run)
    scores = [30.0, 20.0, 29.96, 29.98, 25.0, 29.97]
    fields: Any = {"point": [Fake(db) for db in scores]}
    images: Any = list(range(9))
    ranked: Any = racing.race(fields, images, trials=1, seed=0, pool=Pool(0))
    assert rounds == [6, 4, 4, 4]  # three, and one that is within 0.05 dB
    assert [runner.candidate.options for runner in ranked["point"]] == [30.0, 29.98, 29.97, 29.96]
    assert all(len(runner.psnr_db) == 9 for runner in ranked["point"])


GOOD = """\
name = "quick"
channel = "awgn"
snr_db = [2, 8]

[tune]
codec = "jpeg"
codes = ["ldpc:1/2"]
modulations = ["qpsk"]
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("codes =", "trails = 3\ncodes =", "line 7: unknown key 'trails' in tune; allowed: codec, codes,"),
        ('codes = ["ldpc:1/2"]\n', "", "line 5: key 'codes' is missing in tune"),
        ('codes = ["ldpc:1/2"]', "codes = []", "line 7: tune, codes: "),
        ("ldpc:1/2", "turbo", "line 7: tune, codes 1 is 'turbo': unknown channel code 'turbo'"),
        ('"qpsk"', '"qpsk", "qpsk"', "modulations: 'qpsk' is given twice"),
        ('"jpeg"', '"deepjscc"', "codec 'deepjscc' sends symbols"),
        ("[2, 8]", "[2, 2]", "an snr_db or a channel is given twice"),
        ('channel = "awgn"\n', "", "give either channel"),
        (
            "[tune]",
            '[tune]\ncriterion = "psnr"\nblock_error_rate = 0.1',
            'criterion is "psnr", which has no block_error_rate',
        ),
        ("[tune]", "[tune]\nblock_error_rate = 0", "line 6: tune, block_error_rate is 0: "),
    ],
)
def test_a_wrong_spec_is_explained_in_one_line(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    (tmp_path / "spec.toml").write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=re.escape(complaint) if "[" in complaint else complaint) as caught:
        load_tune_spec(tmp_path / "spec.toml")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_built_is_named(folder: Path) -> None:
    with pytest.raises(UsageError, match="concealment 'soft' given, but codec 'jpeg' takes none"):
        tune(spec_of(folder, {"concealment": "soft"}))
    with pytest.raises(UsageError, match="no code fits into a picture of 64 x 96 px at a CBR of 1/9000"):
        tune(spec_of(folder, {}, cbr="1/9000"))
    with pytest.raises(UsageError, match="unknown image set"):
        tune(spec_of(folder, {}), images=str(folder / "none"))


SIMS = sorted((Path(__file__).parents[2] / "sims" / "tune").glob("*.toml"))


@pytest.mark.parametrize("path", SIMS, ids=lambda path: path.name)
def test_specs_that_ship_are_valid(path: Path) -> None:
    spec = load_tune_spec(path)
    assert spec.images != "kodak"
    assert spec.points
