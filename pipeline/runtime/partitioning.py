"""Which partition a key belongs to, as every producer here decides it: Kafka's own murmur2."""

from __future__ import annotations

_SEED = 0x9747B28C
_MIX = 0x5BD1E995
_ALL = 0xFFFFFFFF


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key among so many."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit hash of Kafka's default partitioner."""
    length = len(data)
    found = _SEED ^ length
    for at in range(0, length - length % 4, 4):
        word = int.from_bytes(data[at : at + 4], "little") * _MIX & _ALL
        word = (word ^ word >> 24) * _MIX & _ALL
        found = found * _MIX & _ALL ^ word
    rest = data[length - length % 4 :]
    if rest:
        found = (found ^ int.from_bytes(rest, "little")) * _MIX & _ALL
    found = (found ^ found >> 13) * _MIX & _ALL
    return found ^ found >> 15
