"""Vectors of 16 whole numbers for numba kernels: one number a block, so that 16 blocks decode as one.

Left to itself the compiler does not find the vectors in loops over the middle of large arrays (it cannot
rule out that they overlap), which costs a factor of ten. Here each operation is written out as the vector
instruction of LLVM, which fits it to the machine: one register with AVX-512, two with AVX2, four with SSE or
NEON.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

__all__ = ["LANES", "add", "aligned", "larger", "load", "store", "subtract"]

LANES = 16

_VECTOR = ir.VectorType(ir.IntType(32), LANES)


class _Lanes(types.Type):
    """The type of a vector inside a kernel."""

    def __init__(self) -> None:
        super().__init__(name="Lanes16xInt32")


_lanes: Any = _Lanes()


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    """Its form in memory and registers."""

    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _VECTOR)  # type: ignore[no-untyped-call]


def _operation(function: Callable[..., Any]) -> Any:
    """Make an operation of kernels of a function that gives its type and writes its instructions."""
    return intrinsic(function)


def _pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Address of vector number args[1] of the array args[0]."""
    array = context.make_array(signature.args[0])(context, builder, args[0])
    place = builder.mul(args[1], ir.Constant(args[1].type, LANES))
    return builder.bitcast(builder.gep(array.data, [place]), _VECTOR.as_pointer())


@_operation
def load(typing: Any, array: Any, i: Any) -> Any:
    """Read vector i, the numbers 16 i to 16 i + 15 of a contiguous int32 [n]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        vector = builder.load(_pointer(context, builder, signature, args))
        vector.align = 4
        return vector

    return _lanes(array, types.intp), generate


@_operation
def store(typing: Any, array: Any, i: Any, vector: Any) -> Any:
    """Write a vector to the numbers 16 i to 16 i + 15 of a contiguous int32 [n]."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _pointer(context, builder, signature, args)).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, _lanes), generate


@_operation
def add(typing: Any, a: Any, b: Any) -> Any:
    """Sum of two vectors; the caller sees to it that it stays below 2^31."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.add(*args)

    return _lanes(_lanes, _lanes), generate


@_operation
def subtract(typing: Any, a: Any, b: Any) -> Any:
    """Difference of two vectors."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.sub(*args)

    return _lanes(_lanes, _lanes), generate


@_operation
def larger(typing: Any, a: Any, b: Any) -> Any:
    """Larger of two vectors, number by number."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(builder.icmp_signed(">", *args), *args)

    return _lanes(_lanes, _lanes), generate


@numba.njit(cache=True, nogil=True)
def aligned(vectors: int) -> npt.NDArray[np.int32]:
    """Memory for so many vectors, none of which lies across two lines of the cache."""
    memory = np.empty((vectors + 1) * LANES, np.int32)
    skip = (-memory.ctypes.data // 4) % LANES
    return memory[skip : skip + vectors * LANES]
