"""A fact of any kind with a value in every field."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from typing import Any

import msgspec

from pipeline.events.facts import Fact, Samples

AT = 1_773_600_000_123


def a_fact(kind: type[Fact], fact_id: str, **fields: Any) -> Fact:
    """Texts name their field, so that two columns that were swapped do not look alike."""
    hints = typing.get_type_hints(kind)
    values = {field.name: _value(field.name, hints[field.name]) for field in msgspec.structs.fields(kind)}
    return kind(**{**values, "fact_id": fact_id, **fields})


def _value(name: str, hint: Any) -> Any:
    if isinstance(hint, types.UnionType):
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    if typing.get_origin(hint) is tuple:
        return (1.5, 2.25) if typing.get_args(hint)[0] is float else (name, "街道\t'一'")
    if hint is int:
        return AT if name.endswith("at") or name.startswith("period") else 7
    return {str: f"{name} 网格\n\\", float: 0.1, bool: True, bytes: b"\x00\xff"}[hint]


def samples(device: str, times: Sequence[int], **fields: Any) -> Samples:
    """Readings of one device."""
    values = {
        "device_id": device, "metric": "noise", "unit": "dB(A)", "recorded": 3, "received_at": AT,
        "times": tuple(times), "values": tuple(50.5 + number for number, _ in enumerate(times)), "flags": "",
    }  # fmt: skip
    return Samples(**{**values, **fields})
