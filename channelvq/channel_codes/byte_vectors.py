"""SIMD vectors of 32 elements of GF(2^8) inside numba kernels, and bytes of 8 bits or LLRs at once.

Each function becomes a few vector instructions of LLVM, which fits them to the machine: one register with
AVX2 or AVX-512, two with SSE or NEON. They work only in code that numba compiles, on contiguous arrays of one
dimension, and check no bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

from channelvq.channel_codes.gf256 import POLYNOMIAL

__all__ = [
    "WIDTH",
    "add",
    "lowest",
    "nothing",
    "pack",
    "read",
    "same",
    "signs",
    "spread_bits",
    "spread_llrs",
    "times",
    "times_x",
    "weakest",
    "write",
]

WIDTH = 32
"""Elements of a vector."""

_BIT, _BYTE, _INT, _LONG, _FLOAT = (
    ir.IntType(1),
    ir.IntType(8),
    ir.IntType(32),
    ir.IntType(64),
    ir.FloatType(),
)
_VECTOR = ir.VectorType(_BYTE, WIDTH)
_BITS, _BYTES, _LLRS = (ir.VectorType(kind, 8) for kind in (_BIT, _BYTE, _FLOAT))


class _Elements(types.Type):
    """The type of a vector inside a kernel."""

    def __init__(self) -> None:
        super().__init__(name=f"Elements{WIDTH}")


_elements: Any = _Elements()


@register_model(_Elements)
class _ElementsModel(models.PrimitiveModel):
    """Its form in memory and registers."""

    def __init__(self, manager: Any, kind: Any) -> None:
        set_up: Any = super().__init__
        set_up(manager, kind, _VECTOR)


def _operation(function: Callable[..., Any]) -> Any:
    """Make an operation of kernels of a function that gives its type and writes its instructions."""
    return intrinsic(function)


def _constant(kind: ir.VectorType, value: float) -> ir.Constant:
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


def _fill(builder: Any, value: Any) -> Any:
    """Vector with the byte in all places."""
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(one, undefined, _constant(ir.VectorType(_INT, WIDTH), 0))


def _reversed(builder: Any, vector: Any) -> Any:
    """Turn 8 elements round: the first bit is the most significant of a byte, but stands lowest in memory."""
    order = ir.Constant(ir.VectorType(_INT, 8), [ir.Constant(_INT, 7 - i) for i in range(8)])
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), order)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, place: Any, kind: Any) -> Any:
    """Address of element `place` of an array, as one of a vector."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [place]), kind.as_pointer())


def _load(context: Any, builder: Any, signature: Any, args: Any, kind: Any, align: int) -> Any:
    vector = builder.load(_pointer(context, builder, signature.args[0], args[0], args[1], kind))
    vector.align = align
    return vector


@_operation
def nothing(typing: Any) -> Any:
    """Vector of zeros."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _constant(_VECTOR, 0)

    return _elements(), generate


@_operation
def read(typing: Any, array: Any, i: Any) -> Any:
    """Vector of the bytes i to i + 31 of a uint8 array."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _load(context, builder, signature, args, _VECTOR, 1)

    return _elements(array, types.intp), generate


@_operation
def write(typing: Any, array: Any, i: Any, vector: Any) -> Any:
    """Put a vector in place of the bytes i to i + 31."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1], _VECTOR)
        builder.store(args[2], pointer).align = 1
        return context.get_dummy_value()

    return types.void(array, types.intp, _elements), generate


@_operation
def add(typing: Any, a: Any, b: Any) -> Any:
    """Sum of two vectors of field elements: XOR."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.xor(*args)

    return _elements(_elements, _elements), generate


@_operation
def times(typing: Any, vector: Any, factor: Any) -> Any:
    """Product of each element and one factor: the sum of vector · 2^b over the bits b of the factor."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        power, factor = args
        total = _constant(_VECTOR, 0)
        for bit in range(8):
            chosen = builder.trunc(builder.lshr(factor, ir.Constant(_BYTE, bit)), _BIT)
            mask = _fill(builder, builder.sext(chosen, _BYTE))
            total = builder.xor(total, builder.and_(power, mask))
            carry = builder.ashr(power, _constant(_VECTOR, 7))
            carry = builder.and_(carry, _constant(_VECTOR, POLYNOMIAL & 0xFF))
            power = builder.xor(builder.shl(power, _constant(_VECTOR, 1)), carry)
        return total

    return _elements(_elements, types.uint8), generate


@_operation
def times_x(typing: Any, low: Any, high: Any) -> Any:
    """Coefficients moved up by one place: those of `high`, after the last one of `low`."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        places = [ir.Constant(_INT, WIDTH - 1 + i) for i in range(WIDTH)]
        return builder.shuffle_vector(*args, ir.Constant(ir.VectorType(_INT, WIDTH), places))

    return _elements(_elements, _elements), generate


@_operation
def same(typing: Any, a: Any, b: Any) -> Any:
    """Say where two vectors are equal: bit i of a uint32 for element i."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.icmp_unsigned("==", *args), _INT)

    return types.uint32(_elements, _elements), generate


@_operation
def lowest(typing: Any, mask: Any) -> Any:
    """Place of the lowest 1 of a uint32 that is not 0."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.zext(builder.cttz(args[0], ir.Constant(_BIT, 1)), _LONG)

    return types.int64(types.uint32), generate


@_operation
def pack(typing: Any, bits: Any, i: Any) -> Any:
    """Byte of the 8 bits from bits[i] on, uint8 of 0 and 1; the first bit is the most significant."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        eight = _load(context, builder, signature, args, _BYTES, 1)
        return builder.bitcast(_reversed(builder, builder.trunc(eight, _BITS)), _BYTE)

    return types.uint8(bits, types.intp), generate


@_operation
def signs(typing: Any, llrs: Any, i: Any) -> Any:
    """Byte that the 8 LLRs from llrs[i] on decide for: 1 where the LLR is negative."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        eight = _reversed(builder, _load(context, builder, signature, args, _LLRS, 4))
        return builder.bitcast(builder.fcmp_ordered("<", eight, _constant(_LLRS, 0.0)), _BYTE)

    return types.uint8(llrs, types.intp), generate


@_operation
def weakest(typing: Any, llrs: Any, i: Any) -> Any:
    """Smallest magnitude of the 8 LLRs from llrs[i] on, as the bit pattern of a float32."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.VectorType(_INT, 8)
        sizes = _load(context, builder, signature, args, kind, 4)
        sizes = builder.and_(sizes, _constant(kind, 0x7FFFFFFF))
        declare: Any = cgutils.get_or_insert_function
        name = "llvm.vector.reduce.umin.v8i32"
        return builder.call(declare(builder.module, ir.FunctionType(_INT, [kind]), name), [sizes])

    return types.int32(llrs, types.intp), generate


@_operation
def spread_bits(typing: Any, array: Any, i: Any, byte: Any) -> Any:
    """Write the 8 bits of a byte to array[i] and on, uint8."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = _reversed(builder, builder.zext(builder.bitcast(args[2], _BITS), _BYTES))
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1], _BYTES)
        builder.store(bits, pointer).align = 1
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint8), generate


@_operation
def spread_llrs(typing: Any, array: Any, i: Any, byte: Any, magnitude: Any) -> Any:
    """Write the LLRs of the 8 bits of a byte to array[i] and on: +magnitude for 0, -magnitude for 1."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        choices = []
        for value in (builder.fneg(args[3]), args[3]):
            one = builder.insert_element(ir.Constant(_LLRS, ir.Undefined), value, ir.Constant(_INT, 0))
            zeros = _constant(ir.VectorType(_INT, 8), 0)
            choices.append(builder.shuffle_vector(one, ir.Constant(_LLRS, ir.Undefined), zeros))
        eight = _reversed(builder, builder.select(builder.bitcast(args[2], _BITS), *choices))
        pointer = _pointer(context, builder, signature.args[0], args[0], args[1], _LLRS)
        builder.store(eight, pointer).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, types.uint8, types.float32), generate
