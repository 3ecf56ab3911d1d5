"""Records for the tests of publishing."""

from __future__ import annotations

from typing import Any

AT = "2026-03-16T08:15:00+08:00"
AT_MS = 1_773_620_100_000
NOW = AT_MS + 60_000
CASE = "wtw3sj-20260316-5d0c2f7a9b31"


def order(number: int | str = 1, **fields: Any) -> dict[str, Any]:
    """A work order of a hotline."""
    usual = {"source_system": "hotline-12345", "source_ref": f"RX-{number}", "received_at": AT, "text": "井盖破损"}
    return usual | fields


def readings(device: str = "n-1", **fields: Any) -> dict[str, Any]:
    """One sample of a device."""
    usual = {
        "source_system": "iot-gateway", "device_id": device, "metric": "noise_laeq", "unit": "dB(A)",
        "received_at": AT, "started_at": AT, "offsets_ms": [0], "values": [61.5],
    }  # fmt: skip
    return usual | fields


def action(verb: str = "sign", **fields: Any) -> dict[str, Any]:
    """An action of a department."""
    usual = {
        "source_system": "department-water", "source_ref": f"{CASE}:{verb}", "received_at": AT, "at": AT,
        "case_id": CASE, "action": verb, "actor_role": "department-clerk", "actor_unit": "water",
    }  # fmt: skip
    return usual | fields
