"""The search for codes on a CPU against brute force, torch's, and itself in other pieces."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import pytest
import torch

from channelvq.errors import UsageError
from channelvq.models import search as search_module
from channelvq.models import search_torch
from channelvq.models.quantizer import ResidualQuantizer
from channelvq.models.search import CodeSearch

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def random_books(stages: int, codes: int, dim: int, seed: int = 0) -> Floats:
    rng = np.random.default_rng(seed)
    scale = 0.6 ** np.arange(stages)[:, None, None]
    return (rng.standard_normal((stages, codes, dim)) * scale).astype(np.float32)


def random_rows(n: int, dim: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


def random_depth(n: int, stages: int, seed: int = 2) -> Ints:
    return np.random.default_rng(seed).integers(0, stages + 1, n)


def left(rows: Floats, books: Floats, indices: Ints, depth: Ints) -> npt.NDArray[np.float64]:
    """Squared norm of what the codes leave, in double precision."""
    rest = rows.astype(np.float64)
    for stage, book in enumerate(books):
        rest -= np.where((depth > stage)[:, None], book[indices[:, stage]], 0)
    return np.square(rest).sum(1)


def plain_beam_search(row: Floats, books: Floats, depth: int, beams: int) -> list[int]:
    """The same search, a candidate at a time and in double precision."""
    ranked: list[tuple[float, list[int]]] = [(float(np.square(row, dtype=np.float64).sum()), [])]
    for stage in range(depth):
        found = []
        for parent, (_, path) in enumerate(ranked):
            rest = row.astype(np.float64) - sum(
                (books[s, c].astype(np.float64) for s, c in enumerate(path)), np.zeros(row.shape)
            )
            for code, vector in enumerate(books[stage]):
                found.append((float(np.square(rest - vector).sum()), code, parent, [*path, code]))
        found.sort(key=lambda one: one[:3])
        ranked = [(error, path) for error, _, _, path in found[:beams]]
    return ranked[0][1]


@pytest.mark.parametrize(("stages", "codes", "dim"), [(3, 100, 5), (4, 64, 64), (2, 70, 256), (1, 1, 1)])
def test_greedy_is_the_nearest_code_of_every_stage(stages: int, codes: int, dim: int) -> None:
    books, rows = random_books(stages, codes, dim), random_rows(150, dim)
    indices, energy = CodeSearch(books).greedy(rows)
    rest = rows.astype(np.float64)
    for stage, book in enumerate(books.astype(np.float64)):
        assert np.allclose(energy[:, stage], np.square(rest).sum(1), rtol=1e-5, atol=0)
        distance = np.square(rest[:, None] - book).sum(2)
        assert (indices[:, stage] == distance.argmin(1)).all()
        rest -= book[indices[:, stage]]
    assert np.allclose(energy[:, stages], np.square(rest).sum(1), rtol=1e-5, atol=0)
    assert (energy >= 0).all()


def test_greedy_stops_at_the_depth_that_is_wanted() -> None:
    books, rows, depth = random_books(4, 32, 8), random_rows(100, 8), random_depth(100, 4)
    search = CodeSearch(books)
    whole, every = search.greedy(rows)
    indices, energy = search.greedy(rows, depth)
    wanted = np.arange(4) < depth[:, None]
    assert (indices == np.where(wanted, whole, 0)).all()
    assert (energy[:, 0] == every[:, 0]).all()
    assert (energy[:, 1:] == np.where(wanted, every[:, 1:], np.inf)).all()


def test_energy_of_a_row_that_is_a_code_is_zero() -> None:
    book = random_books(1, 16, 16)
    indices, energy = CodeSearch(book).greedy(book[0])
    assert (indices[:, 0] == np.arange(16)).all()
    assert (energy[:, 1] == 0).all()


@pytest.mark.parametrize("beams", [8, 64])
def test_beams_that_cover_everything_find_the_best_of_all_products(beams: int) -> None:
    books, rows = random_books(2, 8, 4), random_rows(60, 4)
    depth = np.arange(60) % 3
    found = CodeSearch(books).beam(rows, depth, beams)
    for row, n, indices in zip(rows, depth, found, strict=True):
        sums = {
            path: sum(books[s, c] for s, c in enumerate(path))
            for path in itertools.product(range(8), repeat=n)
        }
        best = min(sums, key=lambda path: float(np.square(row - sums[path], dtype=np.float64).sum()))
        assert tuple(indices[:n]) == best
        assert (indices[n:] == 0).all()


@pytest.mark.parametrize(("codes", "beams"), [(70, 1), (5, 2), (5, 8), (5, 40), (70, 2), (70, 3), (70, 12)])
def test_ties_go_to_the_lowest_code_and_then_to_the_better_beginning(codes: int, beams: int) -> None:
    rng = np.random.default_rng(beams)
    books = rng.integers(-2, 3, (4, codes, 3)).astype(np.float32)  # few values: ties everywhere, exact sums
    rows = rng.integers(-4, 5, (25, 3)).astype(np.float32)
    depth = rng.integers(0, 5, 25)
    found = CodeSearch(books).beam(rows, depth, beams)
    for row, n, indices in zip(rows, depth, found, strict=True):
        assert list(indices[:n]) == plain_beam_search(row, books, n, beams)


@pytest.mark.parametrize("dim", [64, 256])
@pytest.mark.parametrize("beams", [1, 2, 8, 20, 64])
def test_beam_search_finds_what_torch_finds(dim: int, beams: int) -> None:
    books, rows, depth = random_books(6, 128, dim), random_rows(120, dim), random_depth(120, 6)
    found = CodeSearch(books).beam(rows, depth, beams)
    expected = search_torch.beam_search(
        torch.from_numpy(rows), torch.from_numpy(books), torch.from_numpy(depth), beams, 50
    ).numpy()
    # Where two ends score the same to the last bit of float32, either may win.
    other = (found != expected).any(1)
    assert other.mean() <= 0.02
    assert np.allclose(left(rows, books, found, depth), left(rows, books, expected, depth), rtol=1e-5)


def test_more_beams_leave_less() -> None:
    books, rows, depth = random_books(4, 64, 16), random_rows(300, 16), np.full(300, 4)
    search = CodeSearch(books)
    assert (search.beam(rows, depth, 1) == search.greedy(rows)[0]).all()
    error = [left(rows, books, search.beam(rows, depth, beams), depth).sum() for beams in (1, 2, 4, 16, 64)]
    assert error == sorted(error, reverse=True)
    assert error[-1] < 0.9 * error[0]


@pytest.mark.parametrize("beams", [1, 7])
def test_a_row_gets_the_same_whatever_the_others_and_the_threads(
    threads: Callable[[int], None], beams: int
) -> None:
    books, rows, depth = random_books(4, 96, 16), random_rows(1500, 16), random_depth(1500, 4)
    search = CodeSearch(books)
    threads(1)
    found = search.beam(rows, depth, beams)
    indices, energy = search.greedy(rows)
    for number in (2, 3):
        threads(number)
        assert (search.beam(rows, depth, beams) == found).all()
        again = search.greedy(rows)
        assert (again[0] == indices).all() and (again[1] == energy).all()
    order = np.random.default_rng(3).permutation(1500)
    for part in np.array_split(order, [1, 70, 700]):
        assert (search.beam(rows[part], depth[part], beams) == found[part]).all()
        again = search.greedy(rows[part])
        assert (again[0] == indices[part]).all() and (again[1] == energy[part]).all()


@pytest.mark.parametrize("beams", [1, 6])
def test_one_search_gives_the_codes_of_every_depth(beams: int) -> None:
    books, rows, depth = random_books(5, 64, 16), random_rows(200, 16), random_depth(200, 5)
    search = CodeSearch(books)
    indices, energy = search.beam_every(rows, depth, beams)
    assert np.allclose(energy[:, 0], np.square(rows, dtype=np.float64).sum(1), rtol=1e-5)
    for n in range(1, 6):
        reached, shallow = depth >= n, np.full(200, n)
        assert (indices[reached, n - 1] == search.beam(rows, shallow, beams)[reached]).all()
        assert (indices[~reached, n - 1] == 0).all()
        expected = np.where(reached, left(rows, books, indices[:, n - 1], shallow), np.inf)
        assert np.allclose(energy[:, n], expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("beams", [2, 9, 64])
def test_codebooks_too_large_for_tables_are_searched_without(
    monkeypatch: pytest.MonkeyPatch, beams: int
) -> None:
    books, rows, depth = random_books(5, 64, 16), random_rows(150, 16), random_depth(150, 5)
    found = CodeSearch(books).beam(rows, depth, beams)
    monkeypatch.setattr(search_module, "_MOST_TABLES", 0)
    plain = CodeSearch(books)
    assert not plain._books.tabled
    assert (plain.beam(rows, depth, beams) == found).all(1).mean() >= 0.98  # but for rounding


def test_tables_of_the_stages_are_made_as_they_are_needed() -> None:
    books, rows = random_books(5, 64, 16), random_rows(200, 16)
    late = CodeSearch(books)
    for n in (1, 2, 5):
        depth = np.full(200, n)
        assert (late.beam(rows, depth, 4) == CodeSearch(books).beam(rows, depth, 4)).all()


def test_nothing_to_search() -> None:
    search = CodeSearch(random_books(3, 8, 4))
    none, no_depth = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    indices, energy = search.greedy(none)
    assert indices.shape == (0, 3) and energy.shape == (0, 4)
    for beams in (1, 4):
        assert search.beam(none, no_depth, beams).shape == (0, 3)
        assert (search.beam(random_rows(5, 4), np.zeros(5, np.int64), beams) == 0).all()


def test_rows_that_are_no_numbers_get_codes_all_the_same() -> None:
    rows, depth = random_rows(6, 4), np.full(6, 3)
    rows[1, 2], rows[2, 0], rows[3] = np.nan, np.inf, np.float32(3e38)
    search = CodeSearch(random_books(3, 8, 4))
    for found in (search.beam(rows, depth, 4), search.greedy(rows)[0]):
        assert ((found >= 0) & (found < 8)).all()
    sound = [0, 4, 5]
    assert (search.beam(rows, depth, 4)[sound] == search.beam(rows[sound], depth[sound], 4)).all()


def test_a_copy_finds_the_same() -> None:
    search, rows, depth = CodeSearch(random_books(3, 16, 4)), random_rows(50, 4), np.full(50, 3)
    found = search.beam(rows, depth, 4)
    for other in (copy.deepcopy(search), pickle.loads(pickle.dumps(search))):
        assert (other.beam(rows, depth, 4) == found).all()


def test_the_quantizer_searches_the_codebooks_that_it_has_now() -> None:
    made, rows = ResidualQuantizer(2, 16, 4), torch.from_numpy(random_rows(50, 4))
    for seed in (0, 1):
        books = random_books(2, 16, 4, seed)
        made.codebooks.copy_(torch.from_numpy(books))
        indices, _ = made.search(rows)
        assert (indices.numpy() == CodeSearch(books).greedy(rows.numpy())[0]).all()
    made.codebooks[1, 3] = 0.25
    refined = made.refine(rows, torch.full((50,), 2), 4)
    assert (refined.numpy() == CodeSearch(made.codebooks.numpy()).beam(rows.numpy(), np.full(50, 2), 4)).all()


@pytest.mark.parametrize("beams", [0, 65])
def test_so_many_beams_cannot_be_kept(beams: int) -> None:
    with pytest.raises(UsageError, match="from 1 to 64"):
        CodeSearch(random_books(1, 4, 4)).beam(random_rows(1, 4), np.ones(1, np.int64), beams)
