"""Who may do what on Kafka, derived from the topic files and ``deploy/kafka/principals.yaml``. Pure.

A topic file says which roles write and read; the principals file says who has a role and which groups and transactional
ids are its own. The broker denies everything else (``StandardAuthorizer``, nothing allowed without an entry). A role of
many (sources, departments, districts) gets exactly its own topics: names are literal, and a group ends at a dot, so
``water`` reads nothing of ``water-supply``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from pipeline.domain.reference.model import Reference
from pipeline.errors import ConfigFaults, Fault
from schemas.topics import STAGES, Topic, topic_part, topics

MANY = {"sources": "source_system", "departments": "department", "districts": "district"}
"""Roles of many and what tells one from another."""
ANY_SOURCE = "*"
"""The entry of sources that have none of their own."""
RESOURCES = {"groups": "GROUP", "transactions": "TRANSACTIONAL_ID", "topics": "TOPIC"}
OPERATIONS = ("read", "write", "create", "alter", "describe", "describe_configs", "alter_configs")
CLUSTER = "kafka-cluster"
_KNOWN = {"names", "cluster", *RESOURCES}

Values = Mapping[str, Sequence[str]]


class Grant(NamedTuple):
    """One entry of the access lists, in Kafka's words: ``principal`` may do ``operation``."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str = "LITERAL"

    def __str__(self) -> str:
        """One line for a terminal."""
        name = self.name + ("*" if self.pattern == "PREFIXED" else "")
        return f"{self.principal} may {self.operation.lower()} {self.resource.lower()} {name}"


@dataclass(frozen=True, slots=True)
class Role:
    """Who has a role, and what it may do besides what the topic files say: resource -> pattern -> operations."""

    names: tuple[str, ...]
    also: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    cluster: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Principals:
    """The principals file: roles, and the inputs each source system writes."""

    roles: Mapping[str, Role]
    sources: Mapping[str, tuple[str, ...]]

    @property
    def source_systems(self) -> tuple[str, ...]:
        """The source systems that are named."""
        return tuple(name for name in self.sources if name != ANY_SOURCE)

    def inputs_of(self, source: str) -> tuple[str, ...]:
        """The topics a source writes."""
        return self.sources.get(source, self.sources.get(ANY_SOURCE, ()))


def load_principals(path: Path) -> Principals:
    """Read the file. Raises :class:`ConfigFaults` with every fault."""
    try:
        text = yaml.safe_load(path.read_text("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigFaults([Fault(path.name, "principals", str(error)[:120], "write YAML")]) from error
    faults = list(_faults(path.name, text))
    if faults:
        raise ConfigFaults(faults)
    roles = {name: _role(rules) for name, rules in text["roles"].items()}
    return Principals(roles, {name: tuple(inputs) for name, inputs in text["sources"].items()})


def _role(rules: Mapping[str, Any]) -> Role:
    also = {
        kind: {pattern: tuple(operations) for pattern, operations in rules[kind].items()}
        for kind in RESOURCES
        if kind in rules
    }
    return Role(tuple(rules["names"]), also, tuple(rules.get("cluster", ())))


def _faults(where: str, text: Any) -> Iterator[Fault]:
    if not isinstance(text, dict) or text.keys() != {"roles", "sources"}:
        yield Fault(where, "principals", str(text)[:40], "write roles and sources")
        return
    for name, rules in text["roles"].items():
        yield from _role_faults(where, name, rules)
    inputs = sorted(topic.name for topic in topics().values() if "sources" in topic.producers)
    for source, written in text["sources"].items():
        for topic in written:
            if topic not in inputs:
                yield Fault(
                    where, f"sources.{source}", str(topic), f"name inputs of sources: {', '.join(sorted(inputs))}"
                )
    asked = {role for topic in topics().values() for role in (*topic.producers, *topic.consumers)}
    for role in sorted(asked - text["roles"].keys() - {"<stage>"}):
        yield Fault(where, "roles", role, "give the role: topic files name it")


def _role_faults(where: str, name: str, rules: Any) -> Iterator[Fault]:
    if not isinstance(rules, dict) or not rules.get("names") or not rules.keys() <= _KNOWN:
        yield Fault(where, f"roles.{name}", str(rules)[:60], f"give names, and only {', '.join(sorted(_KNOWN))}")
        return
    mark = f"<{MANY[name]}>" if name in MANY else ""
    texts = [*rules["names"], *(pattern for kind in RESOURCES for pattern in rules.get(kind, ()))]
    for one in texts:
        if mark and mark not in str(one):
            yield Fault(where, f"roles.{name}", str(one), f"write {mark} in it, so that each has its own")
    operations = [*rules.get("cluster", ())]
    operations += [one for kind in RESOURCES for given in rules.get(kind, {}).values() for one in given]
    for operation in operations:
        if operation not in OPERATIONS:
            yield Fault(where, f"roles.{name}", str(operation), f"use one of {', '.join(OPERATIONS)}")


def districts_of(reference: Reference) -> dict[str, tuple[str, ...]]:
    """District (code of its area) to the departments that act in it and nowhere else.

    Where the reference set has one district only, departments below the level of the city are its departments.
    """
    areas = {area.code: area for area in reference.tables.areas}
    districts = [area.code for area in reference.tables.areas if area.tier == "district"]
    found: dict[str, list[str]] = {district: [] for district in districts}
    for department in reference.tables.departments:
        code = department.area
        if not code and department.level != "city" and len(districts) == 1:
            code = districts[0]
        while code and code not in found:
            code = areas[code].parent if code in areas else ""
        if code:
            found[code].append(department.id)
    return {district: tuple(sorted(set(members))) for district, members in found.items()}


def grants(principals: Principals, values: Values, districts: Mapping[str, Sequence[str]], prefix: str) -> set[Grant]:
    """Everything that is allowed. ``values`` are those of the topics' parameters, ``prefix`` begins every name."""
    parties = {**values, "district": tuple(districts)}
    found = set[Grant]()
    for template in topics().values():
        for value in _values_of(template, values):
            topic = template.of(value)
            for roles, operation in ((topic.producers, "WRITE"), (topic.consumers, "READ")):
                for role in roles:
                    for name in _holders(principals, parties, districts, role, template, value):
                        found.add(Grant(prefix + name, operation, "TOPIC", prefix + topic.name))
    for role in principals.roles:
        found |= set(_own(principals, role, parties, prefix))
    return found


def _values_of(template: Topic, values: Values) -> Sequence[str]:
    if not template.parameter:
        return ("",)
    return STAGES if template.parameter == "stage" else values[template.parameter]


def _holders(
    principals: Principals,
    parties: Values,
    districts: Mapping[str, Sequence[str]],
    role: str,
    template: Topic,
    value: str,
) -> Iterator[str]:
    """The principals that have a role on one topic."""
    names = principals.roles[role].names
    if role not in MANY:
        yield from names
        return
    for one in parties[MANY[role]]:
        if role == "districts":
            has = value in districts[one]
        elif template.parameter:
            has = one == value
        else:
            has = role != "sources" or template.name in principals.inputs_of(one)
        if has:
            yield from (_filled(name, role, one) for name in names)


def _own(principals: Principals, role: str, parties: Values, prefix: str) -> Iterator[Grant]:
    """Groups, transactional ids and what else the principals file gives."""
    rules = principals.roles[role]
    for one in parties[MANY[role]] if role in MANY else ("",):
        for name in (prefix + _filled(name, role, one) for name in rules.names):
            for operation in rules.cluster:
                yield Grant(name, operation.upper(), "CLUSTER", CLUSTER)
            for kind, patterns in rules.also.items():
                for pattern, operations in patterns.items():
                    resource, how = _pattern(prefix, _filled(pattern, role, one))
                    yield from (Grant(name, op.upper(), RESOURCES[kind], resource, how) for op in operations)


def _filled(text: str, role: str, one: str) -> str:
    return text.replace(f"<{MANY[role]}>", topic_part(one)) if role in MANY else text


def _pattern(prefix: str, text: str) -> tuple[str, str]:
    """Name and kind of pattern; a star at the end stands for any rest."""
    if not text.endswith("*"):
        return prefix + text, "LITERAL"
    head = prefix + text[:-1]
    return (head, "PREFIXED") if head else ("*", "LITERAL")


def stale(principals: Principals, seen: Iterable[Grant], due: Iterable[Grant], prefix: str) -> set[Grant]:
    """Entries of principals of this city that nothing gives any longer: of a department that was dissolved, say."""
    heads = tuple(prefix + name.partition("<")[0] for role in MANY for name in principals.roles[role].names)
    names = {prefix + name for role, rules in principals.roles.items() if role not in MANY for name in rules.names}
    ours = {grant for grant in seen if grant.principal in names or grant.principal.startswith(heads)}
    return ours - set(due)
