"""Who wins where, on trials that are put into a store by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from report.small_sweep import make_images, small_plan

from channelvq.report.page.axis import Axis
from channelvq.report.page.ranking import Standing, pairs_needed, rank
from channelvq.sweep.comparison import compare_schemes
from channelvq.sweep.plan import Plan
from channelvq.sweep.store import Store, Trial
from channelvq.sweep.summary import load_results

TRIALS = 12
Psnr = Callable[[str, float, int], float | None]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_images(tmp_path_factory.mktemp("ranking") / "images")


def plan_of(images: Path, schemes: int, snrs: Sequence[float], trials: int = TRIALS) -> Plan:
    names = [{"name": "abc"[i], "codec": "jpeg", "code": f"rs:255,{127 + 32 * i}"} for i in range(schemes)]
    return small_plan(images, scheme=names, snr_db=list(snrs), trials=trials, pictures=None)


def filled(plan: Plan, folder: Path, psnr: Psnr) -> Path:
    """Put trials into a store: `psnr` of (scheme, SNR, number), None for a trial that is not there."""
    folder.mkdir()
    with Store(folder, writable=True) as store:
        cases = {case.hash: case.content for case in plan.cases}
        run = store.begin_run("2026-01-01T00:00:00Z", plan=plan.to_dict(), provenance={}, cases=cases)
        for case in plan.cases:
            for image in plan.images:
                for number in range(plan.spec.trials):
                    value = psnr(case.scheme.name, case.point.snr_db or 0.0, number)
                    if value is not None:
                        rest = (value, 0.9, "ok", 0.1, 0.0, None, 0.25, 4608, 5000, 9216, 0.01)
                        store.add(run, [Trial(case.hash, image.hash, number, *rest)])
    return folder


def ranked(folder: Path) -> tuple[Standing, ...]:
    with Store(folder) as store:
        results = load_results(store)
        return rank(store, results, Axis.of(results.spec))


def noisy(seed: int, **means: float) -> Psnr:
    """Means by scheme, and noise that schemes share but for a little."""
    drawn: dict[tuple[str, float, int], float] = {}
    rng = np.random.default_rng(seed)

    def psnr(scheme: str, snr: float, number: int) -> float:
        common = np.sin(7.0 * number + snr)
        own = drawn.setdefault((scheme, snr, number), float(rng.normal(0, 0.05)))
        return 30.0 + means[scheme] + common + own

    return psnr


def test_two_schemes_are_ranked_as_compare_does(images: Path, tmp_path: Path) -> None:
    plan = plan_of(images, 2, [0, 4, 8])
    folder = filled(plan, tmp_path / "s", noisy(1, a=0.05, b=0.0))
    standings = ranked(folder)
    with Store(folder) as store:
        rows = compare_schemes(store, "a", "b").rows
    for standing, row in zip(standings, rows, strict=True):
        second = standing.places[1]
        assert second.behind is not None
        assert second.behind.p == row.difference.p
        assert second.behind.cautious_p == row.difference.cautious_p
        assert abs(second.behind.value or 0.0) == pytest.approx(abs(row.difference.value or 0.0))
        winner = {"first": (0,), "second": (1,), "undecided": (0, 1)}[row.winner]
        assert tuple(sorted(standing.best)) == winner


def test_a_clear_winner_and_a_tie(images: Path, tmp_path: Path) -> None:
    plan = plan_of(images, 3, [0])
    (standing,) = ranked(filled(plan, tmp_path / "s", noisy(2, a=0.0, b=2.0, c=0.0)))
    assert standing.best == (1,)
    assert standing.next is not None
    assert standing.next.behind is not None
    assert standing.next.behind.value == pytest.approx(2.0, abs=0.1)
    (even,) = ranked(filled(plan, tmp_path / "t", noisy(3, a=0.0, b=0.0, c=-3.0)))
    assert set(even.best) == {0, 1}
    assert not even.is_open
    assert even.places[2].scheme == 2


def test_every_pair_at_every_point_counts_as_a_question(images: Path, tmp_path: Path) -> None:
    psnr = noisy(4, a=0.0, b=0.04, c=-9.0)

    def p_values(folder: Path) -> list[float]:
        """Of b against a, at each point."""
        found = []
        for standing in ranked(folder):
            behind = next(place.behind for place in standing.places if place.scheme == 0)
            assert behind is not None
            assert behind.p is not None
            found.append(behind.p)
        return found

    raw = [p_values(filled(plan_of(images, 2, [snr]), tmp_path / f"{snr}", psnr))[0] for snr in (0, 4)]
    low, high = sorted(raw)
    assert 1e-6 < low < high < 0.2
    # Six questions: the two best against c come first, with the least p there is; two are not worked out.
    corrected = p_values(filled(plan_of(images, 3, [0, 4]), tmp_path / "all", psnr))
    assert sorted(corrected) == pytest.approx([4 * low, max(4 * low, 3 * high)], rel=1e-3)


def test_equal_trials_are_a_tie(images: Path, tmp_path: Path) -> None:
    (standing,) = ranked(filled(plan_of(images, 2, [0]), tmp_path / "s", lambda *_: 25.0))
    assert standing.best == (0, 1)
    assert not standing.is_open


@pytest.mark.parametrize("questions", [1, 2, 3, 30, 585, 10_000])
def test_as_many_pairs_are_needed_as_signs_need(questions: int) -> None:
    needed = pairs_needed(questions)
    assert questions * 2.0 ** (1 - needed) < 0.05 <= questions * 2.0 ** (2 - needed)


def test_too_few_pairs_leave_it_open(images: Path, tmp_path: Path) -> None:
    plan = plan_of(images, 3, [0, 4], trials=2)  # 4 pairs
    standings = ranked(filled(plan, tmp_path / "s", noisy(5, a=5.0, b=0.0, c=-5.0)))
    assert all(standing.is_open for standing in standings)
    assert [place.scheme for place in standings[0].places] == [0, 1, 2]


def test_what_was_not_simulated_is_not_ranked(images: Path, tmp_path: Path) -> None:
    plan = plan_of(images, 3, [0, 4, 8])

    def psnr(scheme: str, snr: float, number: int) -> float | None:
        there = {0.0: "", 4.0: "b", 8.0: "ac"}[snr]
        return noisy(6, a=1.0, b=0.0, c=0.0)(scheme, snr, number) if scheme in there else None

    nothing, alone, two = ranked(filled(plan, tmp_path / "s", psnr))
    assert nothing.places == ()
    assert nothing.best == ()
    assert [place.scheme for place in alone.places] == [1]
    assert [place.scheme for place in two.places] == [0, 2]
    assert two.best == (0,)
