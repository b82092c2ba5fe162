"""Draws of the channels: Philox against its test vectors, normals against their law, the same everywhere."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from channelvq.channels.draws import add_noise, complex_normals
from channelvq.channels.draws_kernel import add_normals, box_muller, fill_normals, philox

FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed
SINGLE = torch.zeros(1, dtype=torch.complex64)
DOUBLE = torch.zeros(1, dtype=torch.complex128)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def normals(rows: int, count: int, like: torch.Tensor = DOUBLE, seed: int = 0) -> np.ndarray:
    return complex_normals(np.random.default_rng(seed), rows, count, like).numpy()


@pytest.fixture(scope="module")
def sample() -> np.ndarray:
    return normals(1, 1_000_000)[0]


# --- words ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_words_are_the_known_answers_of_random123(counter: str, key: str, words: str) -> None:
    # Vectors "philox4x32 10" of the Random123 distribution.
    c, k = ([int(word, 16) for word in text.split()] for text in (counter, key))
    low, high, under = (np.uint64(w[0] | w[1] << 32) for w in (c[:2], c[2:], k))
    given = [int(pair) for pair in philox(np.array([low]), high, under)[0]]
    assert [f"{w:08x}" for pair in given for w in (pair & 0xFFFFFFFF, pair >> 32)] == words.split()


def test_normals_are_those_of_box_and_muller_in_numpy() -> None:
    rng = np.random.default_rng(7)
    keys = rng.integers(0, 2**64, size=(3, 2), dtype=np.uint64)
    draws = normals(3, 5000, seed=7)
    for row, (key, nonce) in enumerate(keys):
        words = philox(np.arange(5000, dtype=np.uint64), nonce, key)
        u = ((2**52 - (words[:, 0] >> np.uint64(12)).astype(np.float64)) / 2**52).astype(np.longdouble)
        turn = (words[:, 1] >> np.uint64(12)).astype(np.float64) / 2**52 - 0.5
        expected = np.sqrt(-np.log(u)) * np.exp(0.5j * math.pi * turn)
        minus, swap = ((words[:, 1] >> np.uint64(place)) & np.uint64(1) for place in (0, 1))
        expected = np.where(minus, -expected, expected)
        expected = np.where(swap, expected.imag + 1j * expected.real, expected)
        np.testing.assert_allclose(draws[row], expected.astype(complex), rtol=3e-15, atol=1e-17)


# --- law -----------------------------------------------------------------------------------------------


def test_power_and_mean(sample: np.ndarray) -> None:
    n = sample.size
    for part in (sample.real, sample.imag):
        total = 2 * float((part**2).sum())  # chi-square, exactly
        assert min(stats.chi2.cdf(total, n), stats.chi2.sf(total, n)) > FALSE_ALARM / 2
        assert 2 * stats.norm.sf(abs(part.sum()) * math.sqrt(2 / n)) > FALSE_ALARM  # normal, exactly


@pytest.mark.parametrize(("a", "b"), [(4, 0), (0, 4), (3, 0), (0, 3), (1, 1), (2, 2), (1, 3), (6, 0), (0, 6)])
def test_higher_moments(sample: np.ndarray, a: int, b: int) -> None:
    # Each is a mean of a million: normal enough for a bound of 7 deviations (false alarm below 1e-9).
    def moment(order: int) -> float:
        return 0.0 if order % 2 else math.prod(range(1, order, 2)) / 2 ** (order // 2)

    mean = moment(a) * moment(b)
    variance = moment(2 * a) * moment(2 * b) - mean**2
    estimate = float((sample.real**a * sample.imag**b).mean())
    assert abs(estimate - mean) < 7 * math.sqrt(variance / sample.size)


def test_parts_are_normal_power_exponential_phase_uniform(sample: np.ndarray) -> None:
    spread = math.sqrt(0.5)
    assert stats.kstest(sample.real, "norm", (0, spread)).pvalue > FALSE_ALARM
    assert stats.kstest(sample.imag, "norm", (0, spread)).pvalue > FALSE_ALARM
    assert stats.kstest(np.abs(sample) ** 2, "expon").pvalue > FALSE_ALARM
    assert stats.kstest(np.angle(sample), "uniform", (-math.pi, 2 * math.pi)).pvalue > FALSE_ALARM


def test_draws_do_not_depend_on_one_another(sample: np.ndarray) -> None:
    rows = normals(2, 200_000)
    pairs = [(sample.real, sample.imag), (np.abs(sample), np.angle(sample)), (rows[0].real, rows[1].real)]
    pairs += [(sample.real[lag:], sample.real[:-lag]) for lag in (1, 2, 4, 8, 256)]
    pairs += [(np.abs(sample[lag:]), np.abs(sample[:-lag])) for lag in (1, 8)]
    for one, other in pairs:
        assert stats.pearsonr(one, other).pvalue > FALSE_ALARM


@pytest.mark.parametrize("deviations", [3.0, 4.0, 4.5, 5.0])
def test_tails_are_as_heavy_as_they_should_be(deviations: float) -> None:
    # Exact binomial: the parts beyond so many deviations on either side, and the draws of such a power.
    draws = complex_normals(np.random.default_rng(3), 1, 8_000_000, SINGLE).numpy()[0].view(np.float32)
    beyond = int((np.abs(draws) > deviations * math.sqrt(0.5)).sum())
    assert stats.binomtest(beyond, draws.size, 2 * stats.norm.sf(deviations)).pvalue > FALSE_ALARM
    power = draws.reshape(-1, 2).astype(np.float64) ** 2
    strong = int((power.sum(axis=1) > deviations**2 / 2).sum())
    assert stats.binomtest(strong, len(power), math.exp(-(deviations**2) / 2)).pvalue > FALSE_ALARM


def test_the_radius_is_right_far_into_both_ends() -> None:
    # By words of our choice: u = 1 - k / 2^52, from k = 0 to 2^52 - 1; a phase word of 2^63 has angle 0.
    steps = [0, 1, 2, 3, 2**20, 2**40, 2**50, 2**51 - 1, 2**51, 2**51 + 1]
    steps += [2**52 - 1 - 2**e for e in range(51, -1, -1)] + [2**52 - 1]
    for k in steps:
        radius, across = box_muller(np.uint64(k << 12), np.uint64(1 << 63))
        small = k / 2**52
        exact = -math.log1p(-small) if small < 0.5 else -math.log((2**52 - k) / 2**52)
        assert radius == pytest.approx(math.sqrt(exact), rel=1e-15)
        assert across == 0
    furthest, _ = box_muller(np.uint64(2**64 - 1), np.uint64(1 << 63))
    assert furthest * math.sqrt(2) > 8.4  # standard deviations


def test_the_phase_goes_all_the_way_round() -> None:
    word = np.uint64(2**64 - 1)
    radius = math.sqrt(52 * math.log(2))
    angles = []
    for place in (0, 1, 2**51, 2**52 - 1):
        for bits in range(4):
            real, imag = box_muller(word, np.uint64(place << 12 | bits))
            assert math.hypot(real, imag) == pytest.approx(radius, rel=1e-15)
            angles.append(math.atan2(imag, real) / (math.pi / 4))
    expected = [-1, 3, 3, -1, -1, 3, 3, -1, 0, 4, 2, -2, 1, -3, 1, -3]  # eighths of a turn
    for angle, eighths in zip(angles, expected, strict=True):
        assert abs((angle - eighths + 4) % 8 - 4) < 1e-12


# --- the same everywhere -------------------------------------------------------------------------------


@pytest.mark.parametrize(("rows", "count"), [(1, 400_000), (7, 60_001), (300, 1000)])
@pytest.mark.parametrize("like", [SINGLE, DOUBLE])
def test_threads_do_not_matter(
    threads: Callable[[int], None], rows: int, count: int, like: torch.Tensor
) -> None:
    draws = []
    for number in (1, 2, 3):
        threads(number)
        draws.append(normals(rows, count, like).tobytes())
    assert draws[0] == draws[1] == draws[2]


def test_pieces_do_not_matter() -> None:
    keys = np.random.default_rng(5).integers(0, 2**64, size=(4, 2), dtype=np.uint64)
    whole, parts = np.zeros((2, 4, 1003), np.complex128)
    fill_normals(keys, 0, whole.size, whole)
    cuts = [0, 1, 2, 17, 1003, 1010, 2500, 4011, 4012]
    for start, stop in itertools.pairwise(cuts):
        fill_normals(keys, start, stop, parts)
    np.testing.assert_array_equal(parts, whole)


def test_a_row_does_not_depend_on_length_or_neighbours() -> None:
    long = normals(5, 300)
    np.testing.assert_array_equal(normals(2, 300), long[:2])
    for count in range(1, 40):
        np.testing.assert_array_equal(normals(5, count), long[:, :count])
    assert len({row.tobytes() for row in long}) == 5
    assert not np.array_equal(normals(1, 300, seed=1), long[:1])


def test_single_precision_is_double_precision_rounded() -> None:
    np.testing.assert_array_equal(normals(2, 3000, SINGLE), normals(2, 3000).astype(np.complex64))


PRINT_DRAWS = """
import hashlib, numpy as np, torch
from channelvq.channels.draws import add_noise, complex_normals
rng = lambda: np.random.default_rng(0)
draws = complex_normals(rng(), 3, 10_001, torch.zeros(1, dtype=torch.complex128))
single = draws.to(torch.complex64)
noisy = add_noise(single, torch.tensor(0.3), rng(), single.roll(1, 1))
print(*(hashlib.sha256(x.numpy().tobytes()).hexdigest() for x in (draws, noisy)))
"""


@pytest.mark.slow
def test_the_instruction_set_does_not_matter(tmp_path: Path) -> None:
    # The same draws to the last bit without vector units, and where fused multiply-add is to be had.
    def run(**settings: str) -> str:
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path / settings.get("NUMBA_CPU_NAME", "host")),
        }
        command = [sys.executable, "-c", PRINT_DRAWS]
        return subprocess.run(
            command, env={**environment, **settings}, check=True, capture_output=True, text=True
        ).stdout

    assert run() == run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")


# --- noise on symbols ----------------------------------------------------------------------------------


def symbols(rows: int, uses: int) -> torch.Tensor:
    return torch.randn(rows, uses, dtype=torch.complex64, generator=torch.Generator().manual_seed(1))


def both(x: torch.Tensor, gain: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """With the kernel, and with torch."""
    n0 = torch.tensor(0.3)
    quick = add_noise(x, n0, np.random.default_rng(2), gain)
    slow = add_noise(x.detach().clone().requires_grad_(), n0, np.random.default_rng(2), gain)
    assert slow.requires_grad and not quick.requires_grad
    return quick, slow.detach()


def test_the_kernel_adds_what_torch_adds() -> None:
    quick, slow = both(symbols(3, 700))
    assert torch.equal(quick, slow)


@pytest.mark.parametrize("shape", [(3, 700), (3, 1), (1, 700), (1, 1)])
def test_the_kernel_multiplies_as_torch_does(shape: tuple[int, int]) -> None:
    gain = symbols(*shape).roll(3, 1).expand(3, 700)
    quick, slow = both(symbols(3, 700), gain)
    torch.testing.assert_close(quick, slow, rtol=1e-6, atol=1e-6)


def test_symbols_may_lie_anyhow_in_memory() -> None:
    x = symbols(700, 3)
    for view in (x.T, x.conj(), x[::2, 1:], x[:1].expand(5, 3)):
        quick, slow = both(view)
        assert torch.equal(quick, slow)
        before = view.clone()
        both(view, view)
        assert torch.equal(view, before)  # nothing is written into what is sent


def test_threads_do_not_matter_to_noise(threads: Callable[[int], None]) -> None:
    x = symbols(3, 70_000)
    received = []
    for number in (1, 2):
        threads(number)
        received.append(add_noise(x, torch.tensor(0.1), np.random.default_rng(0), x))
    assert torch.equal(*received)


def test_noise_in_pieces_is_noise_at_once() -> None:
    keys = np.random.default_rng(5).integers(0, 2**64, size=(2, 2), dtype=np.uint64)
    x, none = symbols(2, 501).numpy(), np.empty((0, 0), np.complex64)
    for gain in (none, x):
        whole, parts = np.zeros((2, *x.shape), np.complex64)
        add_normals(x, gain, keys, np.float32(0.5), 0, x.size, whole)
        for start, stop in ((0, 3), (3, 499), (499, 900), (900, 1002)):
            add_normals(x, gain, keys, np.float32(0.5), start, stop, parts)
        np.testing.assert_array_equal(parts, whole)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch itself
def test_transforms_of_torch_see_through_it() -> None:
    x, n0 = symbols(4, 3), torch.tensor(0.2)
    receive = lambda row: add_noise(row[None], n0, np.random.default_rng(0))[0]  # noqa: E731
    torch.testing.assert_close(torch.func.vmap(receive)(x), x - x[:1] + receive(x[0]))
    _, tangent = torch.func.jvp(receive, (x[0],), (x[1],))
    torch.testing.assert_close(tangent, x[1])
