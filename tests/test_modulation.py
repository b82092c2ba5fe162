"""Constellations against 3GPP TS 38.211 and Sionna, demapping against brute force and theory."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from channelvq.bits import CERTAIN_LLR, flip_probability
from channelvq.channels import CHANNELS
from channelvq.channels.base import Received
from channelvq.errors import UsageError
from channelvq.modulation import MODULATIONS, Modulation
from channelvq.randomness import generator
from channelvq.snr import Snr

NAMES = ["bpsk", "qpsk", "qam16", "qam64", "qam256"]
FALSE_ALARM = 1e-9  # of each statistical test; seeds are fixed


def random_bits(count: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 2, (1, count), dtype=np.uint8))


def labels_of(modulation: Modulation) -> np.ndarray:
    """Bits of every label, b0 first: [points, bits_per_symbol]."""
    count = modulation.bits_per_symbol
    return (np.arange(2**count)[:, None] >> np.arange(count - 1, -1, -1)) & 1


def brute_force_llrs(modulation: Modulation, received: Received, maxlog: bool = False) -> np.ndarray:
    """Sum over all points of the plane, in double precision, from the definition."""
    y = received.symbols[0].numpy().astype(np.complex128)
    h = received.gain[0].numpy().astype(np.complex128)
    n0 = received.noise_variance.numpy().astype(np.float64)
    points = modulation.points.numpy().astype(np.complex128)
    metrics = -(np.abs(y[:, None] - h[:, None] * points) ** 2) / np.reshape(n0, (-1, 1))
    labels = labels_of(modulation)
    llrs = np.empty((y.size, labels.shape[1]))
    for place in range(labels.shape[1]):
        zero, one = metrics[:, labels[:, place] == 0], metrics[:, labels[:, place] == 1]
        if maxlog:
            llrs[:, place] = zero.max(axis=1) - one.max(axis=1)
        else:
            llrs[:, place] = special.logsumexp(zero, axis=1) - special.logsumexp(one, axis=1)
    return llrs.clip(-CERTAIN_LLR, CERTAIN_LLR).reshape(1, -1)


def send(modulation: Modulation, channel: str, esn0_db: float, uses: int, seed: int = 0):  # type: ignore[no-untyped-def]
    bits = random_bits(uses * modulation.bits_per_symbol, seed)
    received = CHANNELS.build(channel).transmit(
        modulation.map(bits), Snr(esn0_db), lambda stream: generator(seed, stream)
    )
    return bits, received


@pytest.mark.parametrize("name", NAMES)
def test_mean_power_over_the_labels_is_one(name: str) -> None:
    points = MODULATIONS.build(name).points
    assert points.dtype == torch.complex64
    assert len(set(points.tolist())) == 2 ** MODULATIONS.build(name).bits_per_symbol
    assert points.abs().square().double().mean().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_neighbours_differ_in_one_bit(name: str) -> None:
    modulation = MODULATIONS.build(name)
    points, labels = modulation.points.numpy(), labels_of(modulation)
    distances = np.abs(points[:, None] - points)
    near = np.isclose(distances, distances[distances > 0].min(), rtol=1e-4)
    assert near.any()
    differing = (labels[:, None] != labels).sum(axis=2)
    assert (differing[near] == 1).all()


def nr_point(bits: np.ndarray) -> complex:
    """d(i) as TS 38.211 V17, clauses 5.1.3 to 5.1.6, writes it out."""
    s = 1 - 2 * bits.astype(int)
    if bits.size == 2:
        return complex(s[0], s[1]) / math.sqrt(2)
    if bits.size == 4:
        return complex(s[0] * (2 - s[2]), s[1] * (2 - s[3])) / math.sqrt(10)
    if bits.size == 6:
        return complex(s[0] * (4 - s[2] * (2 - s[4])), s[1] * (4 - s[3] * (2 - s[5]))) / math.sqrt(42)
    real = s[0] * (8 - s[2] * (4 - s[4] * (2 - s[6])))
    return complex(real, s[1] * (8 - s[3] * (4 - s[5] * (2 - s[7])))) / math.sqrt(170)


@pytest.mark.parametrize("name", NAMES[1:])
def test_points_and_labels_are_those_of_5g_nr(name: str) -> None:
    modulation = MODULATIONS.build(name)
    expected = [nr_point(bits) for bits in labels_of(modulation)]
    np.testing.assert_allclose(modulation.points.numpy(), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NAMES[1:])
def test_points_and_llrs_are_those_of_sionna(name: str) -> None:
    mapping = pytest.importorskip("sionna.phy.mapping")
    modulation = MODULATIONS.build(name)
    m = modulation.bits_per_symbol
    theirs = mapping.Constellation("qam", m, device="cpu")
    np.testing.assert_allclose(modulation.points.numpy(), theirs.points.numpy(), rtol=0, atol=1e-6)
    _, received = send(modulation, "awgn", 8.0, 500)
    for method, name_there in (("exact", "app"), ("maxlog", "maxlog")):
        demapper = mapping.Demapper(name_there, constellation=theirs, device="cpu")
        # Sionna's sign is the other one: log p(1) - log p(0).
        expected = -demapper(received.symbols, received.noise_variance).clamp(-CERTAIN_LLR, CERTAIN_LLR)
        torch.testing.assert_close(modulation.demap(received, method), expected, rtol=1e-4, atol=2e-3)


def test_bpsk_is_real() -> None:
    symbols = MODULATIONS.build("bpsk").map(torch.tensor([[0, 1]], dtype=torch.uint8))
    assert symbols.tolist() == [[1, -1]]


@pytest.mark.parametrize("name", NAMES)
def test_mapping_takes_the_point_of_the_label_row_by_row(name: str) -> None:
    modulation = MODULATIONS.build(name)
    m = modulation.bits_per_symbol
    bits = random_bits(3 * 50 * m).reshape(3, 50 * m)
    symbols = modulation.map(bits)
    labels = bits.reshape(3, 50, m).numpy() @ (1 << np.arange(m - 1, -1, -1))
    torch.testing.assert_close(symbols, modulation.points[torch.from_numpy(labels)])


@pytest.mark.parametrize("name", NAMES)
def test_bits_of_every_type_and_layout_are_mapped_alike(name: str) -> None:
    modulation = MODULATIONS.build(name)
    bits = random_bits(12 * 40 * modulation.bits_per_symbol).reshape(12, -1)
    symbols = modulation.map(bits)  # uint8: by the kernel; other types: by torch
    for dtype in (torch.bool, torch.int8, torch.int16, torch.int64):
        assert torch.equal(modulation.map(bits.to(dtype)), symbols)
    assert torch.equal(modulation.map(bits[::3]), symbols[::3])
    assert torch.equal(modulation.map(bits.T.contiguous().T), symbols)
    assert torch.equal(modulation.map(bits[:1].expand(4, -1)), symbols[:1].expand(4, -1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["exact", "maxlog"])
def test_bits_come_back_without_noise(name: str, method: str) -> None:
    modulation = MODULATIONS.build(name)
    bits = random_bits(2 * 120 * modulation.bits_per_symbol).reshape(2, -1)
    symbols = modulation.map(bits)
    gain = torch.polar(torch.tensor([0.3, 2.0]), torch.tensor([2.0, -1.0]))[:, None].expand(symbols.shape)
    for n0 in (0.0, 1e-8):
        llrs = modulation.demap(Received(gain * symbols, gain, torch.tensor(n0)), method)
        assert llrs.dtype == torch.float32
        assert torch.equal((llrs < 0).to(torch.uint8), bits)
        assert (llrs.abs() == CERTAIN_LLR).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("channel", ["awgn", "rayleigh:fast"])
@pytest.mark.parametrize("esn0_db", [-10.0, 5.0, 25.0])
@pytest.mark.parametrize("maxlog", [False, True])
def test_demapping_equals_the_sum_over_all_points(
    name: str, channel: str, esn0_db: float, maxlog: bool
) -> None:
    modulation = MODULATIONS.build(name)
    _, received = send(modulation, channel, esn0_db, 400)
    llrs = modulation.demap(received, "maxlog" if maxlog else "exact").numpy()
    expected = brute_force_llrs(modulation, received, maxlog)
    # float32: the terms reach some hundreds, so that their difference is good to some 1e-5 of that.
    np.testing.assert_allclose(llrs, expected, rtol=1e-4, atol=3e-3)


def test_demapping_in_pieces_is_demapping_at_once() -> None:
    modulation = MODULATIONS.build("qam64")
    _, received = send(modulation, "rayleigh:fast", 10.0, 40_000)  # more than one piece
    llrs = modulation.demap(received)
    tail = Received(received.symbols[:, 39_000:], received.gain[:, 39_000:], received.noise_variance)
    assert torch.equal(modulation.demap(tail), llrs[:, 39_000 * 6 :])


def test_each_symbol_may_have_its_own_noise() -> None:
    modulation = MODULATIONS.build("qam16")
    _, received = send(modulation, "rayleigh:fast", 5.0, 300)
    n0 = torch.linspace(0.05, 2.0, 300)[None]
    unequal = Received(received.symbols, received.gain, n0)
    expected = brute_force_llrs(modulation, Received(unequal.symbols, unequal.gain, n0[0]))
    np.testing.assert_allclose(modulation.demap(unequal).numpy(), expected, rtol=1e-4, atol=2e-3)


@pytest.mark.parametrize("name", NAMES)
def test_equalising_divides_the_noise_variance_by_the_gain(name: str) -> None:
    # The field's mistake: LLRs after equalisation with the noise variance of before.
    modulation = MODULATIONS.build(name)
    _, received = send(modulation, "rayleigh:fast", 12.0, 1000)
    h = received.gain
    equalised = Received(received.symbols / h, torch.ones_like(h), received.noise_variance / h.abs().square())
    torch.testing.assert_close(modulation.demap(equalised), modulation.demap(received), rtol=1e-3, atol=5e-3)


def test_linear_llrs_of_bpsk_and_qpsk() -> None:
    y, h, n0 = torch.tensor([[0.4 - 0.7j]]), torch.tensor([[0.6 + 0.8j]]), torch.tensor(0.5)
    matched = complex(h.conj().item()) * complex(y.item())
    bpsk = MODULATIONS.build("bpsk").demap(Received(y, h, n0))
    assert bpsk.tolist() == [pytest.approx([4 * matched.real / 0.5], rel=1e-5)]
    qpsk = MODULATIONS.build("qpsk").demap(Received(y, h, n0))
    scale = 2 * math.sqrt(2) / 0.5
    assert qpsk.tolist() == [pytest.approx([scale * matched.real, scale * matched.imag], rel=1e-5)]


@pytest.mark.parametrize(
    ("name", "channel", "esn0_db"),
    [
        ("bpsk", "awgn", 2.0),
        ("qpsk", "rayleigh:fast", 8.0),
        ("qam16", "awgn", 6.0),
        ("qam64", "rician:3,fast", 14.0),
        ("qam256", "awgn", 15.0),
    ],
)
def test_llrs_are_calibrated(name: str, channel: str, esn0_db: float) -> None:
    # Among bits with |LLR| in [a, b] the wrong ones have a probability between 1/(1+e^b) and 1/(1+e^a); each
    # place of the label is tested on its own, for within it bits are independent: exact binomial bounds.
    modulation = MODULATIONS.build(name)
    bits, received = send(modulation, channel, esn0_db, 150_000)
    m = modulation.bits_per_symbol
    llrs = modulation.demap(received).reshape(-1, m).double().numpy()
    wrong = (llrs < 0) != bits.reshape(-1, m).numpy().astype(bool)
    edges = np.arange(0.0, 6.25, 0.25)
    tested = 0
    for place in range(m):
        for low, high in itertools.pairwise(edges):
            inside = (np.abs(llrs[:, place]) >= low) & (np.abs(llrs[:, place]) < high)
            count, errors = int(inside.sum()), int(wrong[inside, place].sum())
            least, most = (float(flip_probability(np.array([a]))[0]) for a in (high, low))
            assert stats.binom.sf(errors - 1, count, most) > FALSE_ALARM / 2, (place, low)
            assert stats.binom.cdf(errors, count, least) > FALSE_ALARM / 2, (place, low)
            tested += count > 200
    assert tested > 10


def test_maxlog_decides_for_the_nearest_point() -> None:
    modulation = MODULATIONS.build("qam64")
    _, received = send(modulation, "rayleigh:fast", 5.0, 2000)
    ratio = (received.symbols / received.gain)[0, :, None]
    nearest = (ratio - modulation.points).abs().argmin(dim=1).numpy()
    decided = (modulation.demap(received, "maxlog") < 0).reshape(-1, 6).numpy()
    assert (
        decided == labels_of(modulation)[nearest].astype(bool)
    ).mean() > 0.9999  # but for rounding at ties


def test_exact_llrs_have_the_least_bit_error_rate() -> None:
    # Exact binomial test against the integral over y of the smaller of p(y, 0) and p(y, 1), bit by bit.
    modulation, esn0_db, uses = MODULATIONS.build("qam16"), -3.0, 200_000
    bits, received = send(modulation, "awgn", esn0_db, uses)
    wrong = ((modulation.demap(received) < 0) != bits.bool()).reshape(uses, 4).sum(dim=0)
    deviation = math.sqrt(Snr(esn0_db).n0 / 2)
    levels = modulation.levels.numpy()
    y, step = np.linspace(-12, 12, 200_001, retstep=True)
    density = stats.norm.pdf(y, levels[:, None], deviation) / 4  # [levels by label, y]
    for place in range(2):
        zero = (np.arange(4) >> (1 - place)) & 1 == 0
        rate = np.minimum(density[zero].sum(axis=0), density[~zero].sum(axis=0)).sum() * step
        for axis in range(2):
            errors = int(wrong[2 * place + axis])
            assert stats.binomtest(errors, uses, rate).pvalue > FALSE_ALARM


@given(
    st.sampled_from(NAMES),
    st.sampled_from(["exact", "maxlog"]),
    st.complex_numbers(width=64),
    st.complex_numbers(width=64, allow_nan=False, allow_infinity=False),
    st.floats(0, width=32, allow_nan=False, allow_infinity=False),
)
@settings(max_examples=300, deadline=None)
def test_llrs_are_always_finite(name: str, method: str, y: complex, h: complex, n0: float) -> None:
    modulation = MODULATIONS.build(name)
    symbols, gain = torch.tensor([[y]], dtype=torch.complex64), torch.tensor([[h]], dtype=torch.complex64)
    llrs = modulation.demap(Received(symbols, gain, torch.tensor(n0)), method)
    assert llrs.shape == (1, modulation.bits_per_symbol)
    assert bool(llrs.isfinite().all())
    assert bool((llrs.abs() <= CERTAIN_LLR).all())
    if not symbols.isfinite().all():
        assert not llrs.any()


@pytest.mark.parametrize("name", NAMES)
def test_a_gain_of_zero_says_nothing(name: str) -> None:
    modulation = MODULATIONS.build(name)
    y = torch.tensor([[0.3 - 2.0j]])
    llrs = modulation.demap(Received(y, torch.zeros_like(y), torch.tensor(0.1)))
    assert llrs.abs().max().item() < 1e-6  # 1e-7 of rounding in the sums


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("method", ["exact", "maxlog"])
def test_gradients_are_those_of_finite_differences(name: str, method: str) -> None:
    modulation = MODULATIONS.build(name)
    rng = np.random.default_rng(3)
    y = torch.from_numpy(rng.standard_normal((1, 6)) + 1j * rng.standard_normal((1, 6))).requires_grad_()
    h, n0 = torch.full((1, 6), 0.8 - 0.5j, dtype=torch.complex128), torch.tensor(0.7, dtype=torch.float64)
    llrs = modulation.demap(Received(y, h, n0), method)
    weights = torch.from_numpy(rng.standard_normal(tuple(llrs.shape))).float()
    (gradient,) = torch.autograd.grad((llrs * weights).sum(), y)
    step = 1e-3  # LLRs leave as float32: a small step would drown in rounding
    for use in range(6):
        for direction in (1.0, 1.0j):
            sides = []
            for sign in (1, -1):
                moved = y.detach().clone()
                moved[0, use] += sign * step * direction
                sides.append((modulation.demap(Received(moved, h, n0), method) * weights).double().sum())
            slope = (sides[0] - sides[1]).item() / (2 * step)
            along = (gradient[0, use].conj() * direction).real.item()
            assert along == pytest.approx(slope, rel=2e-2, abs=2e-2)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_certain_bits_are_zero_not_nan(name: str) -> None:
    modulation = MODULATIONS.build(name)
    symbols = modulation.map(random_bits(40 * modulation.bits_per_symbol)).requires_grad_()
    received = Received(symbols, torch.ones_like(symbols), torch.tensor(1e-7))
    (gradient,) = torch.autograd.grad(modulation.demap(received).sum(), symbols)
    assert not gradient.abs().any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0, 0), (2, 0), (0, 48)])
def test_an_empty_batch_stays_empty(name: str, shape: tuple[int, int]) -> None:
    modulation = MODULATIONS.build(name)
    symbols = modulation.map(torch.zeros(shape, dtype=torch.uint8))
    assert symbols.shape == (shape[0], shape[1] // modulation.bits_per_symbol)
    llrs = modulation.demap(Received(symbols, torch.ones_like(symbols), torch.tensor(1.0)))
    assert llrs.shape == shape


def test_specs_are_names() -> None:
    assert [MODULATIONS.build(name).spec for name in NAMES] == NAMES == list(MODULATIONS.members)
    assert [MODULATIONS.build(name).bits_per_symbol for name in NAMES] == [1, 2, 4, 6, 8]


def test_wrong_names_and_arguments_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^unknown modulation 'qam32'; allowed: bpsk, qpsk, qam16, qam64, qam256$"
    ):
        MODULATIONS.build("qam32")
    with pytest.raises(UsageError, match=r"bad modulation 'qpsk:2': wrong arguments \(usage: qpsk\)"):
        MODULATIONS.build("qpsk:2")


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        (torch.zeros(1, 5, dtype=torch.uint8), r"shape \(1, 5\).*multiple of 4, the bits of a qam16 symbol"),
        (torch.zeros(8, dtype=torch.uint8), r"shape \(8,\)"),
        (torch.full((1, 4), 2, dtype=torch.uint8), "other than 0 and 1"),
        (torch.full((1, 4), -1), "other than 0 and 1"),
        (torch.zeros(1, 4), "float32, must be whole numbers"),
    ],
)
def test_wrong_bits_are_refused(bits: torch.Tensor, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        MODULATIONS.build("qam16").map(bits)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [2, 3, 128, 255])
def test_a_single_wrong_bit_is_found_wherever_it_is(name: str, wrong: int) -> None:
    modulation = MODULATIONS.build(name)
    for place in (0, 1, 24 * 2_000 - 1, 24 * 6_000, 24 * 10_000 - 1):
        bits = torch.zeros(1, 24 * 10_000, dtype=torch.uint8)
        bits[0, place] = wrong
        with pytest.raises(UsageError, match="other than 0 and 1"):
            modulation.map(bits)


def test_wrong_observations_are_refused() -> None:
    y = torch.ones(1, 2, dtype=torch.complex64)
    with pytest.raises(UsageError, match="unknown demapping 'app'; allowed: exact, maxlog"):
        MODULATIONS.build("qpsk").demap(Received(y, y, torch.tensor(1.0)), "app")
    with pytest.raises(UsageError, match="complex"):
        MODULATIONS.build("qpsk").demap(Received(y.real, y.real, torch.tensor(1.0)))


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_gives_the_same_llrs(name: str) -> None:
    modulation = MODULATIONS.build(name)
    bits, received = send(modulation, "rayleigh:fast", 10.0, 5000)
    assert torch.equal(modulation.map(bits.cuda()).cpu(), modulation.map(bits))
    there = Received(received.symbols.cuda(), received.gain.cuda(), received.noise_variance.cuda())
    torch.testing.assert_close(
        modulation.demap(there).cpu(), modulation.demap(received), rtol=1e-4, atol=1e-3
    )
