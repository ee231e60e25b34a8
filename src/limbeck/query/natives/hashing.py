"""Checksums and hashes, with Spark's results."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from limbeck.engine import Native

Words = npt.NDArray[np.uint32]

_C1, _C2, _FIVE, _N = np.uint32(0xCC9E2D51), np.uint32(0x1B873593), np.uint32(5), np.uint32(0xE6546B64)
_F1, _F2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_SHA2 = {0: "sha256", 224: "sha224", 256: "sha256", 384: "sha384", 512: "sha512"}


def _rotated(x: Words, bits: int) -> Words:
    return (x << np.uint32(bits)) | (x >> np.uint32(32 - bits))


def _mixed(h: Words, k: Words) -> Words:
    """One round of MurmurHash3 (x86, 32 bits)."""
    return _rotated(h ^ (_rotated(k * _C1, 15) * _C2), 13) * _FIVE + _N


def _finished(h: Words, length: int) -> Words:
    h = h ^ np.uint32(length)
    h = (h ^ (h >> np.uint32(16))) * _F1
    h = (h ^ (h >> np.uint32(13))) * _F2
    return h ^ (h >> np.uint32(16))


def _seeded(seeds: pa.ChunkedArray) -> Words:
    found: Words = seeds.to_numpy().astype(np.int32).view(np.uint32)
    return found


def _kept(hashed: Words, seeds: Words, values: pa.ChunkedArray) -> pa.Array:
    """NULL leaves the hash as it was before."""
    empty = values.is_null().to_numpy()
    return pa.array(np.where(empty, seeds, hashed).view(np.int32), pa.int32())


def _hash_int(values: pa.ChunkedArray, seeds: pa.ChunkedArray) -> pa.Array:
    before = _seeded(seeds)
    words = values.fill_null(0).to_numpy().astype(np.int32).view(np.uint32)
    return _kept(_finished(_mixed(before, words), 4), before, values)


def _hash_long(values: pa.ChunkedArray, seeds: pa.ChunkedArray) -> pa.Array:
    before = _seeded(seeds)
    longs = values.fill_null(0).to_numpy().astype(np.int64).view(np.uint64)
    low, high = longs.astype(np.uint32), (longs >> np.uint64(32)).astype(np.uint32)
    return _kept(_finished(_mixed(_mixed(before, low), high), 8), before, values)


def _hash_double(values: pa.ChunkedArray, seeds: pa.ChunkedArray) -> pa.Array:
    """By its bits, where -0.0 is 0.0."""
    numbers = values.fill_null(0.0).to_numpy() + 0.0
    longs = pa.chunked_array([pa.array(numbers.view(np.int64))])
    empty = pa.chunked_array([pa.array(longs.to_numpy(), mask=values.is_null().to_numpy())])
    return _hash_long(empty, seeds)


def _hash_bytes(value: bytes, seed: int) -> int:
    """Four bytes at a time; each byte that is left over makes a round of its own, with its sign."""
    whole = len(value) // 4 * 4
    words = [
        *np.frombuffer(value[:whole], "<u4"),
        *np.frombuffer(value[whole:], np.int8).astype(np.int32).view(np.uint32),
    ]
    h = np.array([seed], np.int32).view(np.uint32)
    for word in words:
        h = _mixed(h, np.array([word], np.uint32))
    return int(_finished(h, len(value)).view(np.int32)[0])


def _hash_blob(values: pa.ChunkedArray, seeds: pa.ChunkedArray) -> pa.Array:
    pairs = zip(values.to_pylist(), seeds.to_pylist(), strict=True)
    return pa.array([seed if value is None else _hash_bytes(value, seed) for value, seed in pairs], pa.int32())


def _sha2(value: bytes, bits: int) -> str | None:
    name = _SHA2.get(bits)
    return None if name is None else hashlib.new(name, value).hexdigest()


def _hash(kind: str, compute: Callable[[pa.ChunkedArray, pa.ChunkedArray], pa.Array]) -> Native:
    return Native(f"spark_hash_{kind.lower()}", (kind, "INTEGER"), "INTEGER", compute)


NATIVES = (
    Native.by_row("spark_crc32", "BLOB", ("BIGINT", pa.int64()), zlib.crc32),
    Native.by_row("spark_sha2", "BLOB INTEGER", ("VARCHAR", pa.string()), _sha2),
    _hash("INTEGER", _hash_int),
    _hash("BIGINT", _hash_long),
    _hash("DOUBLE", _hash_double),
    _hash("BLOB", _hash_blob),
)
