"""How often 95 % intervals cover: 10⁴ simulated sweeps a line with known truth, `--sweeps 1000` for fewer.

The numbers come from the functions that a real sweep's come from: `limits` (mean PSNR over the sweep's
images), `population_limits`, `proportion_limits` (rates), `StoppingRule`. Prints, for each kind of trial, the
share of sweeps whose interval holds the truth, the shares that miss it from above and from below, the trials
that an image got and the mean half-width. Between 94 and 97 % is as it should be; more is an interval that is
wider than need be, which for events too rare to be seen it must be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from channelvq.sweep.means import Interval, Strata, limits, population_limits
from channelvq.sweep.statistics import proportion_limits
from channelvq.sweep.stopping import StoppingRule

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]
Draw = Callable[[np.random.Generator, tuple[int, int, int]], tuple[Floats, Booleans]]

GREY, CLEAN = 12.8, 28.0  # of JPEG on Kodak, in dB
VALUES_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class World:
    """What trials are drawn from: `draw` gives values and failures [sweeps, images, trials].

    `truth` is the mean that an interval should hold, `outage` the share of failures; None if nothing fails.
    """

    name: str
    draw: Draw
    truth: float
    outage: float | None = None


@dataclass(frozen=True)
class Tally:
    """Shares of sweeps, in per cent: truth held, above the interval, below it; the same of the outage.

    And trials of an image, half-width in dB.
    """

    held: float
    above: float
    below: float
    outage_held: float | None
    trials: float
    half_width: float


def normal(images: int, spread: float, *, unlike: bool = False) -> World:
    """Bell curves; `unlike` gives the images spreads from 0.2 to 2 times as large."""
    of_image = spread * (np.linspace(0.2, 2.0, images) if unlike else np.ones(images))

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Booleans]:
        return 30 + of_image[:, None] * rng.standard_normal(shape), np.zeros(shape, dtype=bool)

    return World("normal, unlike images" if unlike else "normal", draw, 30.0)


def skewed(spread: float) -> World:
    """Have a tail of bad trials: exponential, skewness −2."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Booleans]:
        return 30 - spread * rng.exponential(size=shape), np.zeros(shape, dtype=bool)

    return World("skewed (exponential)", draw, 30.0 - spread)


def heavy(spread: float) -> World:
    """Have a much longer tail: lognormal, skewness −6.2."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Booleans]:
        return 30 - spread / 2 * rng.lognormal(size=shape), np.zeros(shape, dtype=bool)

    return World("very skewed (lognormal)", draw, 30.0 - spread / 2 * float(np.exp(0.5)))


def dips(share: float, depth: float) -> World:
    """Two humps that both show a picture: now and then a block is lost and concealed."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Booleans]:
        low = rng.random(shape) < share
        return 30 - depth * low + 0.02 * rng.standard_normal(shape), np.zeros(shape, dtype=bool)

    return World(f"two humps, {share:g} low", draw, 30.0 - depth * share)


def cliff(share: float, spread: float = 0.05) -> World:
    """All or nothing: a picture, or grey."""

    def draw(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Floats, Booleans]:
        failed = rng.random(shape) < share
        return np.where(failed, GREY, CLEAN + spread * rng.standard_normal(shape)), failed

    return World(f"cliff, outage {share:g}", draw, CLEAN - share * (CLEAN - GREY), share)


def sum_up(values: Floats, failed: Booleans, *, can_fail: bool) -> Strata:
    """Sum blocks [sweeps, images, trials] up by image."""
    images = values.shape[1]
    ok = ~failed
    shown, lost = ok.sum(axis=-1), failed.sum(axis=-1)
    mean = np.where(ok, values, 0.0).sum(axis=-1) / np.maximum(shown, 1)
    deviations = np.where(ok, values - mean[..., None], 0.0)
    cubes = (deviations**3).sum(axis=-1) * shown / np.maximum((shown - 1.0) * (shown - 2.0), 1.0)
    return Strata(
        shown=shown,
        failed=lost,
        mean=mean,
        variance=(deviations**2).sum(axis=-1) / np.maximum(shown - 1, 1),
        third=np.where(shown > 2, cubes, 0.0),
        failed_mean=np.where(failed, values, 0.0).sum(axis=-1) / np.maximum(lost, 1),
        floor=np.full(images, GREY) if can_fail else None,
        ceiling=np.full(images, CLEAN) if can_fail else None,
    )


def simulate(world: World, images: int, rule: StoppingRule, *, sweeps: int, seed: int = 0) -> Tally:
    """Run small sweeps under a rule and count how often their intervals hold the truth."""
    rng = np.random.default_rng(seed)
    looks = rule.looks()
    chunk = max(1, min(sweeps, VALUES_AT_ONCE // (images * looks[-1])))
    parts = []
    for first in range(0, sweeps, chunk):
        count = min(chunk, sweeps - first)
        values, failed = world.draw(rng, (count, images, looks[-1]))
        parts.append(_ends(world, values, failed, rule))
    held, above, below, outage, trials, half = np.concatenate(parts, axis=1).mean(axis=1)
    percent = None if world.outage is None else 100 * outage
    return Tally(100 * held, 100 * above, 100 * below, percent, trials, half)


def _ends(world: World, values: Floats, failed: Booleans, rule: StoppingRule) -> Floats:
    """Where each sweep ends [6, sweeps]: truth held, above, below, outage held, trials, half-width."""
    sweeps, images, _ = values.shape
    ends = np.full((6, sweeps), np.nan)
    going = np.arange(sweeps)
    for look in rule.looks():
        part, lost = values[going, :, :look], failed[going, :, :look]
        error = rule.error_at(look)
        interval = limits(sum_up(part, lost, can_fail=world.outage is not None), error)
        events = lost.sum(axis=(-1, -2))
        precise, counted = rule.met(rule.width_of(interval), images * look, images, events)
        stop = precise | counted | (look == rule.max_trials)
        ends[:, going[stop]] = _row(world, interval, events, images * look, error, look)[:, stop]
        going = going[~stop]
        if not going.size:
            break
    return ends


def _row(
    world: World, interval: Interval, events: npt.NDArray[np.int64], units: int, error: float, look: int
) -> Floats:
    """Score the sweeps that would end here."""
    slack = 1e-9  # of rounding
    above, below = world.truth > interval.high + slack, world.truth < interval.low - slack
    low, high = proportion_limits(events, units, error)
    outage = np.nan if world.outage is None else world.outage
    held = (low <= outage) & (outage <= high)
    trials = np.full(events.shape, float(look))
    return np.stack([~above & ~below, above, below, held, trials, interval.half_width])


def simulate_population(images: int, trials: int, *, between: float, sweeps: int, seed: int = 0) -> float:
    """Draw the images too, bell curves between and within, and count intervals that hold the grand mean."""
    rng = np.random.default_rng(seed)
    means = 30 + between * rng.standard_normal((sweeps, images, 1))
    values = means + rng.standard_normal((sweeps, images, trials))
    strata = sum_up(values, np.zeros(values.shape, dtype=bool), can_fail=False)
    interval = population_limits(strata)
    return 100 * float(((interval.low <= 30) & (interval.high >= 30)).mean())


def _show(title: str, cases: list[tuple[World, int, StoppingRule]], sweeps: int) -> None:
    print(f"\n{title}")
    print(f"{'trials are':28s} images  trials  held %  above  below  half-width  outage held %")
    for world, images, rule in cases:
        tally = simulate(world, images, rule, sweeps=sweeps)
        outage = "" if tally.outage_held is None else f"{tally.outage_held:12.1f}"
        numbers = f"{tally.trials:7.1f} {tally.held:7.1f} {tally.above:6.1f} {tally.below:6.1f}"
        print(f"{world.name:28s} {images:6d} {numbers} {tally.half_width:9.3f} {outage}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=10_000)
    sweeps = parser.parse_args().sweeps

    def fixed(trials: int) -> StoppingRule:
        return StoppingRule(None, None, trials, trials)

    def shapes(images: int, spread: float) -> list[World]:
        plain, unlike = normal(images, spread), normal(images, spread, unlike=True)
        bells = [plain, unlike] if images > 1 else [plain]
        return [*bells, skewed(spread), heavy(spread), dips(0.3, 2 * spread)]

    sizes = ((1, 8), (1, 30), (4, 3), (4, 8), (24, 2), (24, 3), (24, 8))
    cases = [(world, images, fixed(trials)) for images, trials in sizes for world in shapes(images, 1.0)]
    _show("Fixed number of trials", cases, sweeps)
    shares = (0.5, 0.2, 0.05, 0.01, 0.001)
    cases = [(cliff(p), i, fixed(n)) for i, n in ((4, 8), (24, 4), (24, 20)) for p in shares]
    _show("Fixed number of trials, receivers that fail", cases, sweeps)
    cases = [
        (world, images, StoppingRule(0.1, None, 3, 3000 // images))
        for images in (1, 4, 24)
        for spread in (0.3, 1.0)
        for world in shapes(images, spread)
    ]
    _show("Until ± 0.1 dB", cases, sweeps)
    cases = [(cliff(p), i, StoppingRule(0.1, None, 3, 4800 // i)) for i in (4, 24) for p in (*shares, 0.0)]
    _show("Until ± 0.1 dB, receivers that fail", cases, sweeps)
    cases = [(cliff(p), i, StoppingRule(0.1, None, 3, 4800 // i, False)) for i in (4, 24) for p in shares]
    _show("Until ± 0.1 dB but for failures never seen", cases, sweeps)
    cases = [(cliff(p), i, StoppingRule(None, 20, 3, 4800 // i)) for i in (4, 24) for p in shares]
    _show("Until 20 failures", cases, sweeps)
    print("\nMean over all images of the kind: held %")
    for images, trials in ((3, 3), (8, 3), (24, 3)):
        held = [simulate_population(images, trials, between=b, sweeps=sweeps) for b in (0.0, 1.0, 5.0)]
        print(
            f"{images:3d} images, {trials} trials, images apart by 0, 1, 5 sd: ", *(f"{h:.1f}" for h in held)
        )


if __name__ == "__main__":
    main()
