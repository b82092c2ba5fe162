"""The demapping kernel: against sums in double precision, against torch, and the same everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from channelvq.bits import CERTAIN_LLR
from channelvq.channels.base import Received
from channelvq.demapping import demap_by_torch
from channelvq.modulation import MODULATIONS, Modulation
from channelvq.modulation_kernel import exp2, log_ratio

NAMES = ["bpsk", "qpsk", "qam16", "qam64", "qam256"]
METHODS = ["exact", "maxlog"]
ONE = np.float32(1)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def by_torch(modulation: Modulation, received: Received, method: str) -> torch.Tensor:
    return demap_by_torch(received, modulation.levels, modulation.axes, method)  # type: ignore[arg-type]


def double_llrs(
    modulation: Modulation, y: np.ndarray, h: complex, n0: float, method: str
) -> tuple[np.ndarray, np.ndarray]:
    """LLRs [uses, axis_bits, axes] of the float32 2z/N0 and |h|²/N0 that the kernel sees; largest |term|."""
    h32, scale = np.complex64(h), ONE / np.float32(max(n0, 1e-12))
    real = (h32.real * y.real + h32.imag * y.imag) * (np.float32(2) * scale)
    imag = (h32.real * y.imag - h32.imag * y.real) * (np.float32(2) * scale)
    strength = np.float64((h32.real * h32.real + h32.imag * h32.imag) * scale)
    z = np.stack([real, imag], axis=-1)[:, : modulation.axes].astype(np.float64)
    levels = modulation.levels.numpy()
    terms = levels * z[..., None] - levels**2 * strength  # [uses, axes, levels]
    llrs = []
    for place in reversed(range(modulation.axis_bits)):
        zero = (np.arange(levels.size) >> place) & 1 == 0
        sides = (terms[..., zero], terms[..., ~zero])
        if method == "maxlog":
            llrs.append(sides[0].max(axis=-1) - sides[1].max(axis=-1))
        else:
            llrs.append(special.logsumexp(sides[0], axis=-1) - special.logsumexp(sides[1], axis=-1))
    return np.stack(llrs, axis=1).clip(-CERTAIN_LLR, CERTAIN_LLR), np.abs(terms).max(axis=-1)[:, None]


# --- accuracy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n0", [1e-6, 1e-3, 0.02, 0.1, 0.5, 2.0, 100.0])
@pytest.mark.parametrize("h", [1, 0.3 - 1.1j, 0.01j])
def test_llrs_are_within_the_promised_error(name: str, method: str, n0: float, h: complex) -> None:
    modulation = MODULATIONS.build(name)
    grid = np.linspace(-2.5, 2.5, 4001)
    y = (h * (grid + 1j * np.roll(grid, 1234))).astype(np.complex64)
    gain = torch.full((1, y.size), h, dtype=torch.complex64)
    llrs = modulation.demap(Received(torch.from_numpy(y)[None], gain, torch.tensor(n0)), method)  # type: ignore[arg-type]
    expected, largest = double_llrs(modulation, y, h, n0, method)
    error = np.abs(llrs.numpy().reshape(expected.shape) - expected)
    assert (error <= 1e-6 + 3e-7 * largest).all()


def test_exp2_is_within_its_error() -> None:
    x = np.linspace(-110, 110, 40_001, dtype=np.float32)
    exact = np.exp2(x.astype(np.float64))
    given = np.array([exp2(v) for v in x], dtype=np.float64)
    assert (np.abs(given / exact - 1) < 2e-7).all()
    assert exp2(np.float32(0)) == 1
    assert exp2(np.float32(-1e30)) == exp2(np.float32(-110)) == 2.0**-110
    assert exp2(np.float32(1e30)) == exp2(np.float32(110)) == 2.0**110


def test_log_ratio_is_within_its_error() -> None:
    rng = np.random.default_rng(0)
    p, q = np.exp(rng.uniform(np.log(1e-30), np.log(16), (2, 20_000))).astype(np.float32)
    q[::3] = p[::3] * (1 + 1e-3 * rng.standard_normal(p[::3].size)).astype(np.float32)  # near 0 too
    exact = np.log(p.astype(np.float64) / q.astype(np.float64))
    given = np.array([log_ratio(a, b) for a, b in zip(p, q, strict=True)], dtype=np.float64)
    assert (np.abs(given - exact) <= 3e-7 + 2e-7 * np.abs(exact)).all()
    assert all(log_ratio(a, a) == 0 for a in p[:100])


# --- torch does the same -------------------------------------------------------------------------------


@given(
    st.sampled_from(NAMES),
    st.sampled_from(METHODS),
    st.lists(st.complex_numbers(max_magnitude=10, width=64), min_size=1, max_size=20),
    st.complex_numbers(max_magnitude=3, width=64),
    st.floats(-30, 30),
)
@settings(max_examples=300)
def test_kernel_and_torch_agree(name: str, method: str, y: list[complex], h: complex, snr_db: float) -> None:
    modulation = MODULATIONS.build(name)
    symbols = torch.tensor([y], dtype=torch.complex64)
    gain = torch.full_like(symbols, h)
    n0 = torch.tensor(10 ** (-snr_db / 10))
    received = Received(symbols, gain, n0)
    largest = float((2 * 1.6 * (h * symbols).abs() + 2.6 * abs(h) ** 2).max() / n0)
    torch.testing.assert_close(
        modulation.demap(received, method),  # type: ignore[arg-type]
        by_torch(modulation, received, method),
        rtol=0,
        atol=4e-6 + 2e-6 * largest,
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_gain_and_noise_may_be_of_any_shape_that_fits(name: str, method: str) -> None:
    modulation = MODULATIONS.build(name)
    y = noise(3, 700)
    gains = [noise(3, 700, seed=1), noise(3, 1, seed=1), noise(1, 700, seed=1), noise(1, 1, seed=1)]
    gains = [gain.expand(3, 700) for gain in gains] + [noise(700, 3, seed=1).T, gains[0].conj()]
    one = torch.linspace(0.3, 3, 2100).reshape(3, 700)
    variances = [one, one[:, :1], one[:1], one[0], one[0, 0], one.double(), one[:, :1].expand(3, 700)]
    cases = [(gain, one[0, 0]) for gain in gains] + [(gains[0], n0) for n0 in variances]
    for gain, n0 in cases:
        received = Received(y, gain, n0)
        torch.testing.assert_close(
            modulation.demap(received, method),  # type: ignore[arg-type]
            by_torch(modulation, received, method),
            rtol=1e-5,
            atol=5e-5,
        )


def test_symbols_may_lie_anyhow_in_memory() -> None:
    modulation, whole = MODULATIONS.build("qam16"), noise(6, 300)
    for y in (whole.T, whole.conj(), whole[::2, 1::3], whole[:1].expand(4, 300)):
        copy = y.resolve_conj().clone(memory_format=torch.contiguous_format)
        one, n0 = torch.ones_like(copy), torch.tensor(0.4)
        assert torch.equal(modulation.demap(Received(y, one, n0)), modulation.demap(Received(copy, one, n0)))


# --- the edges -----------------------------------------------------------------------------------------

NAN, INF = float("nan"), float("inf")
NO_NUMBERS = [complex(a, b) for a in (NAN, INF, -INF, 0.5) for b in (NAN, INF, -INF, 0.5)][:-1]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_number_says_nothing_and_harms_no_neighbour(name: str, method: str) -> None:
    modulation = MODULATIONS.build(name)
    clean = noise(1, 600)
    spoiled = clean.clone()
    places = torch.arange(len(NO_NUMBERS)) * 37 + 5
    spoiled[0, places] = torch.tensor(NO_NUMBERS, dtype=torch.complex64)
    one, n0 = torch.ones_like(clean), torch.tensor(0.3)
    llrs = modulation.demap(Received(spoiled, one, n0), method).reshape(600, -1)  # type: ignore[arg-type]
    assert not llrs[places].any()
    expected = modulation.demap(Received(clean, one, n0), method).reshape(600, -1)  # type: ignore[arg-type]
    others = torch.ones(600, dtype=torch.bool)
    others[places] = False
    assert torch.equal(llrs[others], expected[others])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_a_gain_of_zero_or_no_number_says_exactly_nothing(name: str, method: str) -> None:
    modulation, y = MODULATIONS.build(name), noise(1, 40)
    for h in (0, complex(NAN, 1), complex(1, NAN)):
        gain = torch.full_like(y, h)
        assert not modulation.demap(Received(y, gain, torch.tensor(0.1)), method).any()  # type: ignore[arg-type]
    unknown = Received(y, torch.ones_like(y), torch.tensor(NAN))
    assert not modulation.demap(unknown, method).any()  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n0", [0.0, 1e-45, 1e-30, 1e-12, 3e38])
def test_no_noise_and_endless_noise(name: str, method: str, n0: float) -> None:
    modulation = MODULATIONS.build(name)
    symbols = modulation.points[None]
    received = Received(symbols, torch.ones_like(symbols), torch.tensor(n0))
    llrs = modulation.demap(received, method)  # type: ignore[arg-type]
    torch.testing.assert_close(llrs, by_torch(modulation, received, method), rtol=0, atol=1e-6)
    assert (llrs.abs() == CERTAIN_LLR).all() if n0 < 1 else (llrs.abs() < 1e-6).all()


# --- the same everywhere -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", METHODS)
def test_an_llr_depends_on_its_own_symbol_alone(name: str, method: str) -> None:
    modulation = MODULATIONS.build(name)
    y, h, n0 = noise(4, 1000), noise(4, 1000, seed=1), torch.tensor(0.3)
    llrs = modulation.demap(Received(y, h, n0), method).reshape(4, 1000, -1)  # type: ignore[arg-type]
    for rows, uses in (
        (slice(1, 2), slice(0, 1000)),
        (slice(0, 4), slice(3, 600)),
        (slice(2, 4), slice(255, 258)),
    ):
        part = modulation.demap(Received(y[rows, uses], h[rows, uses], n0), method)  # type: ignore[arg-type]
        assert torch.equal(part.reshape(llrs[rows, uses].shape), llrs[rows, uses])


@pytest.mark.parametrize("shape", [(1, 300_000), (3, 70_001), (400, 500)])
def test_threads_do_not_matter(threads: Callable[[int], None], shape: tuple[int, int]) -> None:
    modulation = MODULATIONS.build("qam64")
    bits = torch.from_numpy(np.random.default_rng(0).integers(0, 2, (shape[0], 6 * shape[1]), dtype=np.uint8))
    n0, given = torch.tensor(0.3), []
    for number in (1, 2, 3):
        threads(number)
        symbols = modulation.map(bits)
        given.append(
            (symbols, modulation.demap(Received(symbols + noise(*shape), torch.ones_like(symbols), n0)))
        )
    for symbols, llrs in given[1:]:
        assert torch.equal(symbols, given[0][0])
        assert torch.equal(llrs, given[0][1])


PRINT_LLRS = """
import hashlib, numpy as np, torch
from channelvq.channels.base import Received
from channelvq.modulation import MODULATIONS
rng = np.random.default_rng(0)
parts = torch.from_numpy(rng.uniform(-2, 2, (2, 1, 60_002)).astype(np.float32))
y, h = parts.view(torch.complex64)
for name in ("qpsk", "qam16", "qam256"):
    llrs = MODULATIONS.build(name).demap(Received(y, h, torch.tensor(0.2)))
    print(hashlib.sha256(llrs.numpy().tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_the_instruction_set_does_not_matter(tmp_path: Path) -> None:
    # The same LLRs to the last bit without vector units, and where fused multiply-add is to be had.
    def run(**settings: str) -> str:
        environment = {
            **os.environ,
            "NUMBA_CACHE_DIR": str(tmp_path / settings.get("NUMBA_CPU_NAME", "host")),
        }
        command = [sys.executable, "-c", PRINT_LLRS]
        return subprocess.run(
            command, env={**environment, **settings}, check=True, capture_output=True, text=True
        ).stdout

    assert run() == run(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="")


# --- gradients go through torch ------------------------------------------------------------------------


def test_a_gradient_is_passed_on_where_one_is_due() -> None:
    modulation = MODULATIONS.build("qam16")
    y = noise(1, 5).requires_grad_()
    received = Received(y, torch.ones_like(y), torch.tensor(0.3))
    assert modulation.demap(received).requires_grad
    with torch.no_grad():
        torch.testing.assert_close(modulation.demap(received), by_torch(modulation, received, "exact"))
    gain = noise(1, 5).requires_grad_()
    assert modulation.demap(Received(y.detach(), gain, torch.tensor(0.3))).requires_grad
    n0 = torch.tensor(0.3, requires_grad=True)
    assert modulation.demap(Received(y.detach(), gain.detach(), n0)).requires_grad


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")  # of torch itself
def test_transforms_of_torch_see_through_it() -> None:
    modulation, y = MODULATIONS.build("qam16"), noise(4, 2, 3)
    llrs = lambda x: modulation.demap(Received(x, torch.ones_like(x), torch.tensor(0.5)))  # noqa: E731
    torch.testing.assert_close(torch.func.vmap(llrs)(y)[2], llrs(y[2]), rtol=1e-5, atol=1e-5)
    _, tangent = torch.func.jvp(llrs, (y[0],), (y[1],))
    step = 1e-2
    slope = (llrs(y[0] + step * y[1]) - llrs(y[0] - step * y[1])) / (2 * step)
    torch.testing.assert_close(tangent, slope, rtol=2e-2, atol=2e-2)
