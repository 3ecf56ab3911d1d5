"""All topics as data: what flows on them, by which key, for how long, from whom and to whom.

``name`` may end in a parameter (``assignments.<department>``): one topic for each. ``stateful`` topics feed a state, so
their partition count may not change by itself, and all topics of one ``copartitioned`` group have the same count.
``restricted`` topics hold personal data: they are short-lived and never compacted. ``copartitioned``, ``producers`` and
``consumers`` may name the parameter (``<stage>``): each topic then has its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import ConfigFaults, Fault
from schemas.catalogue import FOLDER, catalogue

DAY_MS = 86_400_000
RESTRICTED_DAYS = 30
MAX_BYTES = 1_048_588
"""Largest batch of records a topic takes unless its file says more: the broker's own default."""
LONGEST_NAME = 249
"""Characters Kafka allows in the name of a topic."""
STAGES = ("intake", "urgent", "detect", "casework")
"""What keeps state: each is a copartition group with a changelog. ``urgent`` is intake in the lane of emergencies."""
UNLISTED = "unlisted"
"""The source whose status topic takes what is meant for sources without a topic of their own."""
_PART = re.compile(r"[A-Za-z0-9_-]{1,80}")
_NAME = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*(\.<[a-z_]+>)?")
_REQUIRED = {"name", "description", "schemas", "key", "partitions", "retention", "cleanup", "producers", "consumers"}
_KNOWN = _REQUIRED | {"stateful", "copartitioned", "restricted", "max_bytes"}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, or one for each value of its parameter."""

    name: str
    description: str
    schemas: tuple[str, ...]
    """Names of the schemas; empty for topics of another encoding."""
    key: str
    partitions: int
    retention_ms: int | None
    """``None`` keeps records for ever."""
    cleanup: str
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    stateful: bool = False
    copartitioned: str = ""
    restricted: bool = False
    max_bytes: int = MAX_BYTES

    @property
    def parameter(self) -> str:
        """Name of the parameter, or ""."""
        return self.name.partition("<")[2].rstrip(">")

    def named(self, value: str) -> str:
        """The name of the topic of one value of the parameter (see :func:`topic_part`)."""
        return self.name.replace(f"<{self.parameter}>", topic_part(value)) if self.parameter else self.name

    def of(self, value: str) -> Topic:
        """The topic of one value of the parameter, itself without one."""
        mark = f"<{self.parameter}>"

        def filled(texts: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(text.replace(mark, value) for text in texts)

        return replace(
            self, name=self.named(value), copartitioned=self.copartitioned.replace(mark, value),
            producers=filled(self.producers), consumers=filled(self.consumers),
        )  # fmt: skip


def topic_part(value: str) -> str:
    """A value as part of the name of a topic or group: as it is, or derived where Kafka would not take it.

    Letters, digits, ``-`` and ``_`` stay. A value with anything else (Chinese, a dot, a space) or longer than 80 gives
    what is left of it and eight digits of its hash: ``水务局`` -> ``x-c50c755d``. The same value always gives the same
    part, and a part never holds a dot: ``department.water.`` is no beginning of another department's names.
    """
    if _PART.fullmatch(value):
        return value
    left = re.sub(r"[^A-Za-z0-9]+", "-", value).strip("-")[:40] or "x"
    return f"{left}-{blake2b(value.encode(), digest_size=4).hexdigest()}"


def instances(values: Mapping[str, Iterable[str]], found: Iterable[Topic] | None = None) -> dict[str, Topic]:
    """Every single topic by name: templates become one for each value of their parameter.

    ``stage`` has its values by itself. Raises :class:`ConfigFaults` for two values of one name and for a long name.
    """
    told, made = list[Fault](), dict[str, Topic]()
    known = {"stage": STAGES} | {name: tuple(dict.fromkeys(given)) for name, given in values.items()}
    for template in topics().values() if found is None else found:
        for value in known.get(template.parameter, ()) if template.parameter else ("",):
            topic = template.of(value)
            if topic.name in made:
                told.append(Fault(template.name, template.parameter, value, f"{topic.name} is taken: use another id"))
            if len(topic.name) > LONGEST_NAME:
                told.append(Fault(template.name, template.parameter, value, f"use at most {LONGEST_NAME} characters"))
            made[topic.name] = topic
    if told:
        raise ConfigFaults(told)
    return made


@cache
def topics() -> dict[str, Topic]:
    """All topics by name. Raises :class:`ConfigFaults` with every fault of every file."""
    return load(FOLDER / "topics")


def load(folder: Path) -> dict[str, Topic]:
    """The topics of a folder. Raises :class:`ConfigFaults` with every fault of every file."""
    files = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in sorted(folder.glob("*.yaml"))}
    faults = [fault for where, text in files.items() for fault in _faults(where, text)]
    found = [_topic(text) for where, text in files.items() if not any(fault.where == where for fault in faults)]
    faults += _shared_faults(found)
    if faults:
        raise ConfigFaults(faults)
    return {topic.name: topic for topic in found}


def of_schema(schema: str) -> tuple[Topic, ...]:
    """The topics that carry a schema."""
    return tuple(topic for topic in topics().values() if schema in topic.schemas)


def of_name(name: str) -> Topic | None:
    """The file of a topic by its name without prefix: its own, or the one with a parameter that it was made from."""
    for topic in topics().values():
        head, _, parameter = topic.name.partition("<")
        if name.startswith(head) and len(name) > len(head) if parameter else name == head:
            return topic
    return None


def _topic(text: dict[str, Any]) -> Topic:
    lists: dict[str, Any] = {key: tuple(text[key]) for key in ("schemas", "producers", "consumers")}
    rest = {key: text[key] for key in text.keys() - lists.keys() - {"retention"}}
    return Topic(retention_ms=_millis(text["retention"]), **lists, **rest)


def _millis(retention: str) -> int | None:
    return None if retention == "forever" else int(retention[:-1]) * DAY_MS


def _faults(where: str, text: Any) -> Iterator[Fault]:
    """What is wrong with one file by itself."""
    if not isinstance(text, dict):
        yield Fault(where, "topic", str(text)[:40], "write one topic")
        return
    for key in sorted(_REQUIRED - text.keys()):
        yield Fault(where, key, "", "state it")
    for key in sorted(text.keys() - _KNOWN):
        yield Fault(where, str(key), str(text[key]), f"use only {', '.join(sorted(_KNOWN))}")
    for key, good, remedy in _CHECKS:
        if key in text and not good(text[key]):
            yield Fault(where, key, str(text[key]), remedy)
    for schema in text.get("schemas") or ():
        if schema not in catalogue():
            yield Fault(where, "schemas", str(schema), "name a schema of schemas/avro")
    yield from _restricted_faults(where, text)
    if text.get("stateful") and not text.get("copartitioned"):
        yield Fault(where, "copartitioned", "", "name the group whose state it feeds")


def _restricted_faults(where: str, text: dict[str, Any]) -> Iterator[Fault]:
    if not text.get("restricted"):
        return
    retention = str(text.get("retention"))
    if not _is_retention(retention) or retention == "forever" or int(retention[:-1]) > RESTRICTED_DAYS:
        yield Fault(where, "retention", retention, f"keep personal data at most {RESTRICTED_DAYS} days")
    if text.get("cleanup") != "delete":
        yield Fault(where, "cleanup", str(text.get("cleanup")), "delete personal data, do not compact it")


def _shared_faults(found: Iterable[Topic]) -> list[Fault]:
    """What is wrong between files."""
    faults, seen, counts = [], set(), dict[str, int]()
    for topic in (each for one in found for each in _for_every_stage(one)):
        if topic.name in seen:
            faults.append(Fault(topic.name, "name", topic.name, "give each topic a name of its own"))
        seen.add(topic.name)
        if topic.copartitioned and counts.setdefault(topic.copartitioned, topic.partitions) != topic.partitions:
            remedy = f"all topics of group {topic.copartitioned} need the same count"
            faults.append(Fault(topic.name, "partitions", str(topic.partitions), remedy))
    return faults


def _for_every_stage(topic: Topic) -> Iterator[Topic]:
    """A topic of each stage counts in each stage's group."""
    if topic.parameter == "stage":
        yield from (topic.of(stage) for stage in STAGES)
    else:
        yield topic


def _is_retention(value: object) -> bool:
    return value == "forever" or bool(re.fullmatch(r"[1-9][0-9]*d", str(value)))


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_text(one) for one in value)


_CHECKS = (
    ("name", lambda v: _is_text(v) and _NAME.fullmatch(v), "lower case letters, digits, - and parts parted by dots"),
    ("description", _is_text, "say what flows here"),
    ("schemas", lambda v: isinstance(v, list), "write a list of schemas"),
    ("key", _is_text, "say what records are keyed by"),
    ("partitions", lambda v: type(v) is int and 1 <= v <= 1000, "write a number from 1 to 1000"),
    ("retention", _is_retention, "write days (7d) or forever"),
    ("cleanup", lambda v: v in ("delete", "compact"), "write delete or compact"),
    ("producers", _are_texts, "name who writes"),
    ("consumers", _are_texts, "name who reads"),
    ("stateful", lambda v: isinstance(v, bool), "write true or false"),
    ("restricted", lambda v: isinstance(v, bool), "write true or false"),
    ("copartitioned", _is_text, "name the group"),
    ("max_bytes", lambda v: type(v) is int and MAX_BYTES <= v <= 2**26, f"write a number from {MAX_BYTES} to {2**26}"),
)
