"""What may change between two versions of a schema, so that writers and readers of any versions understand each other.

Allowed are new fields with a default, removed fields that had one, and enum symbols added or removed while the side
that does not know them has a default. Everything else is told as one line each: how to mend it is a new schema name.
"""

from __future__ import annotations

from typing import Any

from schemas.fingerprint import canonical_form, full_name

CAPS = ("maxLength", "maxItems", "maxBytes")


def breaking_changes(old: Any, new: Any) -> list[str]:
    """Every change that some writer or reader of the other version could not follow; empty when there is none."""
    return _compare(old, new, "schema")


def _compare(old: Any, new: Any, where: str) -> list[str]:
    kinds = _kind(old), _kind(new)
    if kinds[0] == kinds[1] == "record":
        return _compare_records(old, new, where)
    if kinds[0] == kinds[1] == "enum":
        return _compare_enums(old, new, where)
    if kinds[0] == kinds[1] and kinds[0] in ("array", "map"):
        part = "items" if kinds[0] == "array" else "values"
        return _compare(old[part], new[part], f"{where}.{part}")
    if kinds[0] == kinds[1] == "union" and len(old) == len(new):
        return [line for one, other in zip(old, new, strict=True) for line in _compare(one, other, where)]
    if canonical_form(old) != canonical_form(new):
        return [f"{where}: type changed from {canonical_form(old)} to {canonical_form(new)}"]
    return []


def _kind(schema: Any) -> str:
    if isinstance(schema, list):
        return "union"
    kind = schema["type"] if isinstance(schema, dict) else schema
    return kind if isinstance(kind, str) else _kind(kind)


def _compare_records(old: dict[str, Any], new: dict[str, Any], where: str) -> list[str]:
    was, now = {f["name"]: f for f in old["fields"]}, {f["name"]: f for f in new["fields"]}
    found = _renamed(old, new, where) + _lowered(old, new, where)
    found += [
        f"{where}.{n}: removed, and old readers have no default"
        for n in was.keys() - now.keys()
        if "default" not in was[n]
    ]
    found += [f"{where}.{n}: added without default" for n in now.keys() - was.keys() if "default" not in now[n]]
    found += _renamed_fields(old["fields"], new["fields"], was, now, where)
    for name in was.keys() & now.keys():
        found += _compare(was[name]["type"], now[name]["type"], f"{where}.{name}")
        found += _lowered(was[name], now[name], f"{where}.{name}")
        if "default" in was[name] and "default" not in now[name]:
            found.append(f"{where}.{name}: lost its default")
    return sorted(found)


def _renamed_fields(
    old: list[dict[str, Any]], new: list[dict[str, Any]], was: dict[str, Any], now: dict[str, Any], where: str
) -> list[str]:
    """Fields of another name in the same place: each side would quietly take the default for what the other sends."""
    pairs = [(a, b) for a, b in zip(old, new, strict=False) if a["name"] not in now and b["name"] not in was]
    return [f"{where}.{a['name']}: renamed to {b['name']}" for a, b in pairs if _kind(a["type"]) == _kind(b["type"])]


def _compare_enums(old: dict[str, Any], new: dict[str, Any], where: str) -> list[str]:
    added, removed = set(new["symbols"]) - set(old["symbols"]), set(old["symbols"]) - set(new["symbols"])
    found = _renamed(old, new, where)
    if added and "default" not in old:
        found.append(f"{where}: symbols {sorted(added)} added, and old readers have no default")
    if removed and "default" not in new:
        found.append(f"{where}: symbols {sorted(removed)} removed without default")
    return found


def _renamed(old: dict[str, Any], new: dict[str, Any], where: str) -> list[str]:
    names = [full_name(one["name"], one.get("namespace", "")) for one in (old, new)]
    return [f"{where}: renamed from {names[0]} to {names[1]}"] if names[0] != names[1] else []


def _lowered(old: dict[str, Any], new: dict[str, Any], where: str) -> list[str]:
    """A lower cap refuses what old writers may still send."""
    pairs = [(cap, old.get(cap), new.get(cap)) for cap in CAPS]
    return [f"{where}: {cap} lowered to {b}" for cap, a, b in pairs if b is not None and (a is None or b < a)]
