"""FarmHash's Fingerprint64, a fixed function of bytes: FARM_FINGERPRINT in GoogleSQL.

https://github.com/google/farmhash (its `farmhashna` variant). The tests compare it with the reference
implementation at every length.
"""

from __future__ import annotations

from struct import unpack_from

MASK = 2**64 - 1
K0, K1, K2 = 0xC3A5C85C97CB3127, 0xB492B66FBE98F273, 0x9AE16A3B2F90404F


def fingerprint64(data: bytes) -> int:
    """The fingerprint, from 0 to 2**64 - 1."""
    size = len(data)
    if size <= 16:
        return _up_to_16(data, size)
    if size <= 32:
        return _up_to_32(data, size)
    return _up_to_64(data, size) if size <= 64 else _long(data, size)


def _word(data: bytes, at: int) -> int:
    return int(unpack_from("<Q", data, at)[0])


def _half(data: bytes, at: int) -> int:
    return int(unpack_from("<I", data, at)[0])


def _rotated(value: int, shift: int) -> int:
    value &= MASK
    return (value >> shift | value << (64 - shift)) & MASK


def _mixed(value: int) -> int:
    value &= MASK
    return value ^ value >> 47


def _joined(u: int, v: int, factor: int) -> int:
    u, v = u & MASK, v & MASK
    a = _mixed((u ^ v) * factor)
    b = _mixed((v ^ a) * factor)
    return b * factor & MASK


def _up_to_16(data: bytes, size: int) -> int:
    factor = K2 + size * 2
    if size >= 8:
        a, b = _word(data, 0) + K2, _word(data, size - 8)
        c = _rotated(b, 37) * factor + a
        d = (_rotated(a, 25) + b) * factor
        return _joined(c, d, factor)
    if size >= 4:
        return _joined(size + (_half(data, 0) << 3), _half(data, size - 4), factor)
    if not size:
        return K2
    y = data[0] + (data[size >> 1] << 8)
    z = size + (data[-1] << 2)
    return _mixed(y * K2 ^ z * K0) * K2 & MASK


def _up_to_32(data: bytes, size: int) -> int:
    factor = K2 + size * 2
    a, b = _word(data, 0) * K1, _word(data, 8)
    c, d = _word(data, size - 8) * factor, _word(data, size - 16) * K2
    return _joined(_rotated(a + b, 43) + _rotated(c, 30) + d, a + _rotated(b + K2, 18) + c, factor)


def _up_to_64(data: bytes, size: int) -> int:
    factor = K2 + size * 2
    a, b = _word(data, 0) * K2, _word(data, 8)
    c, d = _word(data, size - 8) * factor, _word(data, size - 16) * K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    z = _joined(y, a + _rotated(b + K2, 18) + c, factor)
    e, f = _word(data, 16) * factor, _word(data, 24)
    g, h = (y + _word(data, size - 32)) * factor, (z + _word(data, size - 24)) * factor
    return _joined(_rotated(e + f, 43) + _rotated(g, 30) + h, e + _rotated(f + a, 18) + g, factor)


def _seeded(data: bytes, at: int, a: int, b: int) -> tuple[int, int]:
    """Two words of 32 bytes and two seeds."""
    w, x, y, z = unpack_from("<4Q", data, at)
    a += w
    b = _rotated(b + a + z, 21)
    c = a
    a += x + y
    b += _rotated(a, 44)
    return (a + z) & MASK, (b + c) & MASK


def _long(data: bytes, size: int) -> int:
    seed = 81
    x, y = seed, (seed * K1 + 113) & MASK
    z = _mixed(y * K2 + 113) * K2 & MASK
    v, w = (0, 0), (0, 0)
    x = (x * K2 + _word(data, 0)) & MASK
    last = ((size - 1) // 64) * 64
    for at in range(0, last, 64):
        x = _rotated(x + y + v[0] + _word(data, at + 8), 37) * K1 & MASK
        y = _rotated(y + v[1] + _word(data, at + 48), 42) * K1 & MASK
        x ^= w[1]
        y = (y + v[0] + _word(data, at + 40)) & MASK
        z = _rotated(z + w[0], 33) * K1 & MASK
        v = _seeded(data, at, v[1] * K1, x + w[0])
        w = _seeded(data, at + 32, z + w[1], y + _word(data, at + 16))
        z, x = x, z
    return _finished(data, size - 64, (x, y, z), v, w, (size - 1) & 63)


def _finished(
    data: bytes, at: int, xyz: tuple[int, int, int], v: tuple[int, int], w: tuple[int, int], rest: int
) -> int:
    """The last 64 bytes, some of which may have been read before."""
    x, y, z = xyz
    factor = K1 + ((z & 0xFF) << 1)
    w = (w[0] + rest) & MASK, w[1]
    v = (v[0] + w[0]) & MASK, v[1]
    w = (w[0] + v[0]) & MASK, w[1]
    x = _rotated(x + y + v[0] + _word(data, at + 8), 37) * factor & MASK
    y = _rotated(y + v[1] + _word(data, at + 48), 42) * factor & MASK
    x ^= w[1] * 9 & MASK
    y = (y + v[0] * 9 + _word(data, at + 40)) & MASK
    z = _rotated(z + w[0], 33) * factor & MASK
    v = _seeded(data, at, v[1] * factor, x + w[0])
    w = _seeded(data, at + 32, z + w[1], y + _word(data, at + 16))
    z, x = x, z
    one = _joined(v[0], w[0], factor) + _mixed(y) * K0 + z
    return _joined(one, _joined(v[1], w[1], factor) + x, factor)
