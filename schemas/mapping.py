"""Mapping files: how records of another shape become records of a schema. A new channel is a file and no code.

A mapping names a schema and, for each of its fields, where the value comes from::

    name: street-app
    description: What sends it.
    schema: Report
    blank: ["无"]                  # further words for "not known", besides '', '-' and null
    fields:
      title: subject               # a path: names and list places parted by dots
      channel: {value: street-app} # a constant
      source_ref: {from: [order.no, id]}               # the first that is not blank
      text: {from: [subject, detail], join: "；"}      # all that are not blank
      received_at: {from: created, zone: Asia/Shanghai, format: "%Y/%m/%d %H:%M"}
      appeal_type: {from: kind, lookup: {投诉: complaint}, default: unknown}
      related_refs: {from: refs, split: ","}
      evidence: {measurements: [{measure: depth, from: water_cm, unit: cm}]}
    keep: [status]                 # paths that go to ``extra`` by their last name; or ``rest`` for every unused one

``format`` is ``iso`` (the default), ``epoch_s``, ``epoch_ms`` or a pattern of ``strptime``, or a list of those. A time
without a zone, in the record or the mapping, is refused. A word that a lookup does not know takes the default, else is
kept by its name (an enum field then takes its own default). Pure after loading.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as Fields
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from pipeline.errors import ConfigFaults, Fault, InvalidRecord, Reason
from pipeline.events.records import Body
from schemas.catalogue import FOLDER
from schemas.converters import BLANK, ZONED, as_text
from schemas.mapping_faults import faults_of, normal, paths_of
from schemas.text import body_from_text, is_time

__all__ = ["Mapping", "body_from_text", "load_all", "shipped"]

Pick = Callable[[Any], Any]
"""Takes a source record, gives the value of one field; ``None`` when it is not known."""


@dataclass(frozen=True)
class Mapping:
    """One loaded mapping file."""

    name: str
    description: str
    schema: str
    picks: dict[str, Pick]
    sources: dict[str, str]
    """Field to the paths it is read from, for messages."""
    keep: tuple[tuple[str, Pick], ...]
    keep_rest: bool
    used: frozenset[str]
    """Names at the top of a record that some field reads."""
    specs: dict[str, dict[str, Any]]
    """Field to what the file says of it, for whoever writes a record as its source would."""

    @classmethod
    def load(cls, path: str | Path) -> Mapping:
        """The mapping of a file, or a shipped one by its name. Raises :class:`ConfigFaults` with every fault in it."""
        file = Path(path) if Path(path).suffix in (".yaml", ".yml") else FOLDER / "mappings" / f"{path}.yaml"
        if not file.is_file():
            remedy = f"name a mapping file, or one of {', '.join(shipped())}"
            raise ConfigFaults([Fault("mapping", "path", str(path), remedy)])
        try:
            text = yaml.safe_load(file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            told = " ".join(str(error).split())[:200]
            raise ConfigFaults([Fault(file.name, "file", told, "write a readable file of YAML in UTF-8")]) from error
        return cls.parse(file.name, text)

    @classmethod
    def parse(cls, where: str, text: Any) -> Mapping:
        """The mapping of a parsed file. Raises :class:`ConfigFaults` with every fault in it."""
        faults = list(faults_of(where, text))
        if faults:
            raise ConfigFaults(faults)
        blank = BLANK | set(text.get("blank", ()))
        specs = {field: normal(spec) for field, spec in text["fields"].items()}
        keep = text.get("keep", [])
        kept = [] if keep == "rest" else keep
        return cls(
            name=text["name"],
            description=text.get("description", ""),
            schema=text["schema"],
            picks={field: _pick(text["schema"], field, spec, blank) for field, spec in specs.items()},
            sources={field: ", ".join(paths_of(spec)) for field, spec in specs.items() if paths_of(spec)},
            keep=tuple((path.rpartition(".")[2], _path(path, blank)) for path in kept),
            keep_rest=keep == "rest",
            used=frozenset(path.partition(".")[0] for spec in specs.values() for path in paths_of(spec)),
            specs=specs,
        )

    def apply(self, record: Fields[str, Any]) -> tuple[str, Body]:
        """Schema name and body of one source record.

        Raises :class:`InvalidRecord`; its field names the source's own path and ours.
        """
        try:
            found = {field: value for field, pick in self.picks.items() if (value := pick(record)) is not None}
            if self.keep or self.keep_rest:
                found["extra"] = found.get("extra", {}) | self._kept(record)
            return self.schema, body_from_text(self.schema, found)
        except InvalidRecord as fault:
            if source := self.sources.get(fault.field.partition(".")[0]):
                raise _in_words_of_the_source(fault, source) from None
            raise

    def _kept(self, record: Fields[str, Any]) -> dict[str, str]:
        if self.keep_rest:
            return {str(k): as_text(v) for k, v in record.items() if k not in self.used and v not in (None, "")}
        return {name: as_text(value) for name, pick in self.keep if (value := pick(record)) is not None}


def shipped() -> tuple[str, ...]:
    """Names of the shipped mapping files; nothing is read."""
    return tuple(sorted(path.stem for path in (FOLDER / "mappings").glob("*.yaml")))


@cache
def load_all() -> dict[str, Mapping]:
    """All shipped mappings by name. Raises :class:`ConfigFaults` with the faults of all files."""
    found, faults = {}, []
    for name in shipped():
        try:
            found[name] = Mapping.load(name)
        except ConfigFaults as bad:
            faults.extend(bad.faults)
    if faults:
        raise ConfigFaults(faults)
    return found


def _in_words_of_the_source(fault: InvalidRecord, source: str) -> InvalidRecord:
    told = InvalidRecord(fault.reason, f"{source} ({fault.field})", None, fault.remedy)
    told.value = fault.value
    told.args = (f"{told.reason.value}: {told.field} = {told.value}: {told.remedy}",)
    return told


# -- picks --------------------------------------------------------------------------------------------------------


def _pick(schema: str, field: str, spec: dict[str, Any], blank: frozenset[str]) -> Pick:
    if "value" in spec:
        constant = spec["value"]
        return lambda record: constant
    if "measurements" in spec:
        return _measurements(spec["measurements"], blank)
    picks = [_path(path, blank) for path in paths_of(spec)]
    pick = picks[0] if len(picks) == 1 else _joined(picks, spec["join"]) if "join" in spec else _first(picks)
    if "lookup" in spec:
        pick = _looked_up(pick, {str(k): v for k, v in spec["lookup"].items()}, spec.get("default"))
    if is_time(schema, field):
        pick = _timed(pick, field, spec.get("zone"), spec.get("format", "iso"))
    if "split" in spec:
        pick = _split(pick, spec["split"])
    return pick if "default" not in spec else _or_default(pick, spec["default"])


def _path(path: str, blank: frozenset[str]) -> Pick:
    """The value at a path, or ``None`` when any step of it is missing or the value is blank."""
    if "." not in path:

        def direct(record: Any) -> Any:
            value = record.get(path)
            return None if type(value) is str and value.strip() in blank else value

        return direct
    steps = path.split(".")

    def walk(record: Any) -> Any:
        value = record
        for step in steps:
            value = _step(value, step)
        return None if type(value) is str and value.strip() in blank else value

    return walk


def _step(value: Any, step: str) -> Any:
    if isinstance(value, dict):
        return value.get(step)
    if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
        return value[int(step)]
    return None


def _first(picks: list[Pick]) -> Pick:
    return lambda record: next((value for pick in picks if (value := pick(record)) is not None), None)


def _joined(picks: list[Pick], separator: str) -> Pick:
    def join(record: Any) -> str | None:
        parts = [as_text(value) for pick in picks if (value := pick(record)) is not None]
        return separator.join(dict.fromkeys(parts)) if parts else None

    return join


def _looked_up(pick: Pick, table: dict[str, Any], default: Any) -> Pick:
    def look_up(record: Any) -> Any:
        value = pick(record)
        if value is None:
            return None
        word = value.strip() if isinstance(value, str) else as_text(value)
        return table.get(word, value if default is None else default)

    return look_up


def _split(pick: Pick, separator: str) -> Pick:
    def split(record: Any) -> Any:
        value = pick(record)
        return [part.strip() for part in value.split(separator) if part.strip()] if isinstance(value, str) else value

    return split


def _or_default(pick: Pick, default: Any) -> Pick:
    def choose(record: Any) -> Any:
        value = pick(record)
        return default if value is None else value

    return choose


def _measurements(specs: list[dict[str, str]], blank: frozenset[str]) -> Pick:
    picks = [(one["measure"], one.get("unit", ""), _path(one["from"], blank)) for one in specs]

    def measure(record: Any) -> list[dict[str, Any]] | None:
        found = [{"measure": m, "value": v, "unit": u} for m, u, pick in picks if (v := pick(record)) is not None]
        return found or None

    return measure


def _timed(pick: Pick, field: str, zone: str | None, formats: str | list[str]) -> Pick:
    readers = [_READ_TIME.get(one, _by_pattern(one)) for one in ([formats] if isinstance(formats, str) else formats)]
    local = ZoneInfo(zone) if zone else None

    def to_millis(record: Any) -> int | None:
        value = pick(record)
        if value is None:
            return None
        for read in readers:
            try:
                found = read(value)
            except (ValueError, TypeError, OverflowError):
                continue
            return found if isinstance(found, int) else _absolute(found, local, field, value)
        raise InvalidRecord(Reason.WRONG_TYPE, field, value, f"write the time as {formats}")

    return to_millis


def _absolute(moment: datetime, local: ZoneInfo | None, field: str, value: object) -> int:
    if moment.tzinfo is None:
        if local is None:
            raise InvalidRecord(Reason.NAIVE_TIME, field, value, f"{ZONED}, or state its zone in the mapping")
        moment = moment.replace(tzinfo=local)
    return int(moment.timestamp() // 1 * 1000) + moment.microsecond // 1000


def _by_pattern(pattern: str) -> Callable[[Any], datetime | int]:
    return lambda value: datetime.strptime(value.strip(), pattern)  # noqa: DTZ007 - the zone is added or refused after


_READ_TIME: dict[str, Callable[[Any], datetime | int]] = {
    "iso": lambda value: datetime.fromisoformat(value.strip() if isinstance(value, str) else value),
    "epoch_s": lambda value: int(float(value) * 1000),
    "epoch_ms": lambda value: int(float(value)),
}
