"""What the broker holds and how it is changed: topics, their settings, access lists. Names come and go without prefix.

An administrator sees what its principal may see: without ``Describe`` a topic does not exist for it. Nothing here
deletes a topic. Raises :class:`NeighbourAway` when the broker does not answer, :class:`ConfigFaults` when it does not
know or allow the user, :class:`StopRun` when it refuses one thing that was asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

from kafka import errors
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ConfigResource,
    ConfigResourceType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from connectors.kafka.acls import Grant
from connectors.kafka.config import for_kafka_python
from connectors.kafka.faults import told
from connectors.kafka.plan import CHANGES, CONFIGURE, CREATE, GROW, Shape, Step
from connectors.librdkafka.doorstep import refusal
from pipeline.errors import ConfigFaults, Fault, NeighbourAway, StopRun
from pipeline.settings import KafkaSettings

PATIENCE_MS, DIAGNOSIS_S = 15_000, 5.0
"""How long a broker may take to let us in, and how long to find out why it does not."""
AT_ONCE = 100
"""Topics or grants in one request."""
CONFIG = (
    "cleanup.policy", "retention.ms", "min.insync.replicas", "max.message.bytes", "message.timestamp.type",
    "segment.ms", "segment.bytes",
)  # fmt: skip
"""The settings that are looked at; all others are the broker's affair."""
NO_AUTHORIZER = Fault(
    "kafka", "authorizer", "none", "set authorizer.class.name on the broker (deploy/kafka), or leave --acls out"
)
TOLD = "the administration of topics"
T = TypeVar("T")


class Cluster:
    """One connection for administration. Use it as a context."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        try:
            with told(settings, TOLD):
                self._client = KafkaAdminClient(
                    **for_kafka_python(settings), client_id="wangge-topics", bootstrap_timeout_ms=PATIENCE_MS
                )
        except NeighbourAway as away:
            if fault := refusal(settings, DIAGNOSIS_S):
                raise ConfigFaults([fault]) from away
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    # -- looking ----------------------------------------------------------------------------------------------------

    def brokers(self) -> int:
        """How many brokers are up."""
        return len(self._ask(self._client.describe_cluster)["brokers"])

    def counts(self) -> dict[str, int]:
        """Topic to its number of partitions, of all topics under the prefix."""
        return {name: len(found["partitions"]) for name, found in self._described().items()}

    def topics(self) -> dict[str, Shape]:
        """All topics under the prefix with the settings of :data:`CONFIG`."""
        found = self._described()
        config = self._config_of(found)
        return {
            name: Shape(name, len(one["partitions"]), _copies(one), config.get(name, {})) for name, one in found.items()
        }

    def _described(self) -> dict[str, dict[str, Any]]:
        prefix = self.settings.prefix
        found = self._ask(self._client.describe_topics)
        return {
            one["name"][len(prefix) :]: one
            for one in found
            if one["name"].startswith(prefix) and not one["is_internal"] and not one["error_code"]
        }

    def _config_of(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        prefix, config = self.settings.prefix, dict[str, dict[str, str]]()
        keys = dict.fromkeys(CONFIG, "")
        for some in _pieces(names):
            asked = [ConfigResource(ConfigResourceType.TOPIC, prefix + name, keys) for name in some]
            answer = self._ask(self._client.describe_configs, asked, config_filter="all")
            for name, found in answer.get("topic", {}).items():
                config[name[len(prefix) :]] = {key: one["value"] for key, one in found.items()}
        return config

    # -- changing ---------------------------------------------------------------------------------------------------

    def apply(self, steps: Collection[Step], done: Callable[[Step], None] = lambda step: None) -> None:
        """Take the steps that change something. When this returns, the broker shows them; new topics can be written to.

        Raises :class:`NeighbourAway` when it does not show them in time.
        """
        created = [step for step in steps if step.action == CREATE]
        for some in _pieces(created):
            self._create(some)
        for step in steps:
            if step.action == GROW:
                counts = {self._full(step): step.shape.partitions}
                self._ask(self._client.create_partitions, counts)
            elif step.action == CONFIGURE:
                asked = [ConfigResource(ConfigResourceType.TOPIC, self._full(step), dict(step.changes))]
                self._ask(self._client.alter_configs, asked)
            if step.action in CHANGES:
                done(step)
        mended = [step for step in steps if step.action in (GROW, CONFIGURE)]
        self._until(lambda: not mended or self._shown(mended))

    def _shown(self, steps: Iterable[Step]) -> bool:
        seen = self.topics()
        return all(_shows(seen.get(step.shape.name), step) for step in steps)

    def _create(self, steps: Sequence[Step]) -> None:
        """A topic that somebody else made in the meantime is no fault: the next plan looks at it."""
        new = {
            self._full(step): {
                "num_partitions": step.shape.partitions,
                "replication_factor": step.shape.copies,
                "configs": dict(step.shape.config),
            }
            for step in steps
        }
        answer = self._ask(self._client.create_topics, new, raise_errors=False)
        for topic in answer["topics"]:
            error = errors.for_code(topic["error_code"])
            if error not in (errors.NoError, errors.TopicAlreadyExistsError):
                message = f"topic {topic['name']} was not created: {error.__name__}: {topic.get('error_message') or ''}"
                raise StopRun(message)
        self._ask(self._client.wait_for_topics, list(new), timeout_ms=60_000)

    def _full(self, step: Step) -> str:
        return self.settings.prefix + step.shape.name

    # -- access -----------------------------------------------------------------------------------------------------

    def grants(self) -> set[Grant]:
        """Everything that is allowed to any principal on any host, of the whole cluster.

        Raises :class:`ConfigFaults` when the broker has no authorizer: it allows everything to everybody.
        """
        anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
        asked = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ALLOW, anything)
        found, _ = self._ask_authorizer(self._client.describe_acls, asked)
        return {_grant(acl) for acl in found if acl.host == "*"}

    def allow(self, grants: Iterable[Grant]) -> None:
        """Add grants; those that stand already stay as they are. They count when this returns."""
        asked = sorted(grants)
        for some in _pieces(asked):
            answer = self._ask_authorizer(self._client.create_acls, [_acl(grant) for grant in some])
            self._all_done(answer["failed"])
        self._until(lambda: not asked or self.grants().issuperset(asked))

    def revoke(self, grants: Iterable[Grant]) -> None:
        """Take grants back. They no longer count when this returns."""
        asked = sorted(grants)
        for some in _pieces(asked):
            answer = self._ask_authorizer(self._client.delete_acls, [_filter(grant) for grant in some])
            self._all_done([error for _, _, error in answer if error is not errors.NoError])
        self._until(lambda: not asked or self.grants().isdisjoint(asked))

    def _all_done(self, refused: Sequence[type[Exception]]) -> None:
        if errors.SecurityDisabledError in refused:
            raise ConfigFaults([NO_AUTHORIZER])
        if refused:
            who = self.settings.username or "this client"
            message = f"{len(refused)} entries of the access lists were not changed for {who}: {refused[0].__name__}"
            raise StopRun(message)

    def _until(self, shown: Callable[[], bool]) -> None:
        """A broker takes a change and knows of it a little later."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while not shown():
            if time.monotonic() > deadline:
                message = f"Kafka at {self.settings.bootstrap} took a change and does not show it"
                raise NeighbourAway(message)
            time.sleep(0.05)

    def _ask_authorizer(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return self._ask(call, *arguments)
        except NeighbourAway as away:
            if isinstance(away.__cause__, errors.SecurityDisabledError):
                raise ConfigFaults([NO_AUTHORIZER]) from away
            raise

    def _ask(self, call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with told(self.settings, TOLD):
            return call(*arguments, **options)


def _shows(seen: Shape | None, step: Step) -> bool:
    if seen is None:
        return False
    grown = step.action != GROW or seen.partitions >= step.shape.partitions
    return grown and seen.config.items() >= step.changes.items()


def _copies(topic: Mapping[str, Any]) -> int:
    return min((len(one["replica_nodes"]) for one in topic["partitions"]), default=0)


def _pieces(things: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(things)
    while some := list(islice(rest, AT_ONCE)):
        yield some


def _acl(grant: Grant) -> Any:
    pattern = ResourcePattern(ResourceType[grant.resource], grant.name, ACLResourcePatternType[grant.pattern])
    return ACL(f"User:{grant.principal}", "*", ACLOperation[grant.operation], ACLPermissionType.ALLOW, pattern)


def _filter(grant: Grant) -> Any:
    pattern = ResourcePatternFilter(ResourceType[grant.resource], grant.name, ACLResourcePatternType[grant.pattern])
    return ACLFilter(f"User:{grant.principal}", "*", ACLOperation[grant.operation], ACLPermissionType.ALLOW, pattern)


def _grant(acl: Any) -> Grant:
    pattern = acl.resource_pattern
    return Grant(
        acl.principal.removeprefix("User:"), acl.operation.name, pattern.resource_type.name, pattern.resource_name,
        pattern.pattern_type.name,
    )  # fmt: skip
