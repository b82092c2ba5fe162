"""SIMD vectors inside numba kernels: 64 bytes of float32 or int8 lanes that one instruction works on.

A vector is loaded from an array, worked on lane by lane, and stored. LLVM maps it to whatever registers the
machine has: one of AVX-512, two of AVX2, four of SSE or NEON. The functions work only in code that numba
compiles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

__all__ = [
    "BYTES",
    "add",
    "any_negative",
    "any_zero",
    "either",
    "larger",
    "load",
    "magnitude",
    "peek",
    "pick",
    "scaled",
    "smaller",
    "splat",
    "store",
    "subtract",
    "toggle",
    "with_sign",
]

BYTES = 64
"""Size of a vector: 16 lanes of float32, 64 lanes of int8."""

_BITS: dict[Any, int] = {types.float32: 32, types.int8: 8}


def primitive(function: Callable[..., Any]) -> Any:
    """Make numba know a function by the LLVM code that it writes."""
    return intrinsic(function)


class VectorType(types.Type):
    """The numba type of a vector of float32 or int8."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Vector({dtype})")


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """A vector in LLVM: <16 x float> or <64 x i8>."""

    def __init__(self, manager: Any, numba_type: VectorType) -> None:
        set_up: Any = super().__init__
        set_up(manager, numba_type, _machine_type(numba_type))


def _is_float(vector: VectorType) -> bool:
    return bool(vector.dtype == types.float32)


def _whole(vector: VectorType) -> ir.VectorType:
    """Give the LLVM vector of whole numbers of the lanes' width."""
    bits = _BITS[vector.dtype]
    return ir.VectorType(ir.IntType(bits), 8 * BYTES // bits)


def _machine_type(vector: VectorType) -> ir.VectorType:
    whole = _whole(vector)
    return ir.VectorType(ir.FloatType(), whole.count) if _is_float(vector) else whole


def _constant(kind: ir.VectorType, value: Any) -> ir.Constant:
    return ir.Constant(kind, [ir.Constant(kind.element, value)] * kind.count)


def _call(builder: Any, name: str, kind: ir.VectorType, args: list[Any]) -> Any:
    """Call LLVM's intrinsic `name` for this kind of vector of whole numbers."""
    signature = ir.FunctionType(kind, [arg.type for arg in args])
    full_name = f"{name}.v{kind.count}i{kind.element.width}"
    declare: Any = cgutils.get_or_insert_function
    return builder.call(declare(builder.module, signature, full_name), args)


def _fill(builder: Any, kind: ir.VectorType, value: Any) -> Any:
    """Put the value into all lanes."""
    undefined = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(undefined, value, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, undefined, _constant(ir.VectorType(ir.IntType(32), kind.count), 0))


def _address(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    """Address of element args[1] of array args[0], as one of a vector; and the bytes it is aligned to."""
    array_type = signature.args[0]
    place = builder.gep(context.make_array(array_type)(context, builder, args[0]).data, [args[1]])
    vector = VectorType(array_type.dtype)
    return builder.bitcast(place, _machine_type(vector).as_pointer()), _BITS[array_type.dtype] // 8


@primitive
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """Load the vector that starts at array[index] (one dimension, contiguous, no check of bounds)."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, align = _address(context, builder, signature, args)
        value = builder.load(address)
        value.align = align
        return value

    return VectorType(array.dtype)(array, types.intp), codegen


@primitive
def store(typingctx: Any, array: Any, index: Any, vector: Any) -> Any:
    """Store the vector at array[index] and on."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        address, align = _address(context, builder, signature, args)
        builder.store(args[2], address, align=align)
        return context.get_dummy_value()

    return types.void(array, types.intp, vector), codegen


@primitive
def peek(typingctx: Any, table: Any, index: Any) -> Any:
    """Give table[index] for an index that is in bounds and not negative: plain indexing tests the sign."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, args[0]).data
        return builder.load(builder.gep(data, [args[1]]))

    return table.dtype(table, types.intp), codegen


@primitive
def splat(typingctx: Any, value: Any) -> Any:
    """Give the vector with this float32 or int8 in every lane."""
    vector = VectorType(value)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _fill(builder, _machine_type(vector), args[0])

    return vector(value), codegen


def _binary(vector: VectorType, operation: Callable[..., Any]) -> Any:
    """Give the signature of (vector, vector) -> vector and its code."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return operation(builder, *args)

    return vector(vector, vector), codegen


@primitive
def add(typingctx: Any, a: Any, b: Any) -> Any:
    """Add; int8 saturates."""
    if _is_float(a):
        return _binary(a, lambda builder, x, y: builder.fadd(x, y))
    return _binary(a, lambda builder, x, y: _call(builder, "llvm.sadd.sat", _whole(a), [x, y]))


@primitive
def subtract(typingctx: Any, a: Any, b: Any) -> Any:
    """Subtract; int8 saturates."""
    if _is_float(a):
        return _binary(a, lambda builder, x, y: builder.fsub(x, y))
    return _binary(a, lambda builder, x, y: _call(builder, "llvm.ssub.sat", _whole(a), [x, y]))


@primitive
def smaller(typingctx: Any, a: Any, b: Any) -> Any:
    """Minimum of two magnitudes: floats that are no NaN, bytes without a sign."""
    if _is_float(a):
        return _binary(a, lambda builder, x, y: builder.select(builder.fcmp_ordered("<", x, y), x, y))
    return _binary(a, lambda builder, x, y: _call(builder, "llvm.umin", _whole(a), [x, y]))


@primitive
def larger(typingctx: Any, a: Any, b: Any) -> Any:
    """Maximum of two magnitudes: floats that are no NaN, bytes without a sign."""
    if _is_float(a):
        return _binary(a, lambda builder, x, y: builder.select(builder.fcmp_ordered(">", x, y), x, y))
    return _binary(a, lambda builder, x, y: _call(builder, "llvm.umax", _whole(a), [x, y]))


def _bitwise(vector: VectorType, name: str) -> Any:
    """Give signature and code of a bitwise operation of two vectors."""
    kind, whole = _machine_type(vector), _whole(vector)

    def operation(builder: Any, x: Any, y: Any) -> Any:
        result = getattr(builder, name)(builder.bitcast(x, whole), builder.bitcast(y, whole))
        return builder.bitcast(result, kind)

    return _binary(vector, operation)


@primitive
def toggle(typingctx: Any, a: Any, b: Any) -> Any:
    """XOR of the bits: the result is negative where exactly one of the two is."""
    return _bitwise(a, "xor")


@primitive
def either(typingctx: Any, a: Any, b: Any) -> Any:
    """OR of the bits: the result is negative where one of the two is."""
    return _bitwise(a, "or_")


@primitive
def magnitude(typingctx: Any, a: Any) -> Any:
    """Absolute value; that of -128 is 128, a byte without a sign."""
    whole = _whole(a)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _is_float(a):
            bits = builder.and_(builder.bitcast(args[0], whole), _constant(whole, 0x7FFFFFFF))
            return builder.bitcast(bits, _machine_type(a))
        return _call(builder, "llvm.abs", whole, [args[0], ir.Constant(ir.IntType(1), 0)])

    return a(a), codegen


@primitive
def with_sign(typingctx: Any, a: Any, sign: Any) -> Any:
    """Negate a magnitude (below 128) where the sign bit of `sign` is set."""
    kind, whole = _machine_type(a), _whole(a)

    def operation(builder: Any, x: Any, y: Any) -> Any:
        if _is_float(a):
            bits = builder.and_(builder.bitcast(y, whole), _constant(whole, -0x80000000))
            return builder.bitcast(builder.xor(builder.bitcast(x, whole), bits), kind)
        negative = builder.icmp_signed("<", y, _constant(whole, 0))
        return builder.select(negative, builder.sub(_constant(whole, 0), x), x)

    return _binary(a, operation)


@primitive
def pick(typingctx: Any, a: Any, b: Any, equal: Any, other: Any) -> Any:
    """Lane by lane, `equal` where a equals b, `other` elsewhere."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        x, y, if_equal, if_other = args
        same = builder.fcmp_ordered("==", x, y) if _is_float(a) else builder.icmp_signed("==", x, y)
        return builder.select(same, if_equal, if_other)

    return a(a, a, a, a), codegen


@primitive
def scaled(typingctx: Any, a: Any, factor: Any) -> Any:
    """Multiply magnitudes by a float32, or bytes without a sign by an int16 in 1/128, rounded half up."""
    whole = _whole(a)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if _is_float(a):
            return builder.fmul(args[0], _fill(builder, _machine_type(a), args[1]))
        wide = ir.VectorType(ir.IntType(16), whole.count)
        product = builder.mul(builder.zext(args[0], wide), _fill(builder, wide, args[1]))
        rounded = builder.lshr(builder.add(product, _constant(wide, 64)), _constant(wide, 7))
        return builder.trunc(rounded, whole)

    return a(a, types.float32 if _is_float(a) else types.int16), codegen


def _any(vector: VectorType, compare: Callable[..., Any]) -> Any:
    """Give signature and code of "some lane is ...", from a comparison of all lanes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        mask = builder.bitcast(compare(builder, args[0]), ir.IntType(_whole(vector).count))
        return builder.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0))

    return types.boolean(vector), codegen


@primitive
def any_negative(typingctx: Any, a: Any) -> Any:
    """Whether the sign bit of some lane is set."""
    whole = _whole(a)
    return _any(
        a, lambda builder, x: builder.icmp_signed("<", builder.bitcast(x, whole), _constant(whole, 0))
    )


@primitive
def any_zero(typingctx: Any, a: Any) -> Any:
    """Whether some lane is zero."""
    if _is_float(a):
        return _any(a, lambda builder, x: builder.fcmp_ordered("==", x, _constant(x.type, 0.0)))
    return _any(a, lambda builder, x: builder.icmp_signed("==", x, _constant(x.type, 0)))
