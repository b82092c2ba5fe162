"""GF(2^8) against reedsolo's arithmetic and the laws of a field."""

from __future__ import annotations

import numpy as np
import reedsolo

from channelvq.channel_codes.gf256 import inverse, logarithms, map_rows, multiply, power

ALL = np.arange(256).astype(np.uint8)


def test_products_equal_reedsolo() -> None:
    expected = [[reedsolo.gf_mult_noLUT(int(a), int(b), 0x11D) for b in ALL] for a in ALL]
    np.testing.assert_array_equal(multiply(ALL[:, None], ALL[None]), expected)


def test_products_distribute_over_sums_and_associate() -> None:
    a, b, c = np.random.default_rng(0).integers(0, 256, (3, 10_000)).astype(np.uint8)
    np.testing.assert_array_equal(multiply(a, b ^ c), multiply(a, b) ^ multiply(a, c))
    np.testing.assert_array_equal(multiply(a, multiply(b, c)), multiply(multiply(a, b), c))


def test_every_element_but_zero_has_an_inverse() -> None:
    np.testing.assert_array_equal(multiply(ALL, inverse(ALL)), ALL != 0)


def test_powers_of_two_run_through_all_but_zero() -> None:
    np.testing.assert_array_equal(np.sort(power(np.arange(255))), ALL[1:])
    np.testing.assert_array_equal(power(np.arange(1, 300)), multiply(power(np.arange(299)), np.uint8([2])))
    np.testing.assert_array_equal(power(-np.arange(255)), inverse(power(np.arange(255))))


def test_logarithms_undo_powers() -> None:
    np.testing.assert_array_equal(power(logarithms()[1:]), ALL[1:])


def test_rows_of_tables_add_up_to_the_products_with_a_matrix() -> None:
    matrix = np.random.default_rng(1).integers(0, 256, (7, 11)).astype(np.uint8)
    tables = map_rows(matrix)
    assert tables.shape == (7, 32, 11)
    for row, table in zip(matrix, tables, strict=True):
        np.testing.assert_array_equal(table[ALL % 16] ^ table[16 + ALL // 16], multiply(ALL[:, None], row))
