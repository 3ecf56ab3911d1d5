"""Keys land where Kafka's own producers put them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as other

from pipeline.runtime.partitioning import murmur2, partition_of


@given(st.binary(max_size=64))
def test_the_hash_is_that_of_other_clients(key: bytes) -> None:
    assert murmur2(key) == other(key) & 0xFFFFFFFF


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829), (b"abc", 479470107),
    ],
)  # fmt: skip
def test_the_hash_is_that_of_kafkas_own_tests(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "partition"), [(b"t3nd3w2", 7), (b"t3nd3w3", 1)])
def test_a_key_has_one_partition(key: bytes, partition: int) -> None:
    assert partition_of(key, 8) == partition
