"""Faust as its handbook shows it: an agent takes one event at a time and sends its outputs with ``topic.send``.

Faust commits what an agent has seen, whether or not the sends behind it have reached the broker; state in memory.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faust

from bench.kafka.allstages import AllStages
from bench.kafka.route import Route
from bench.kafka.spec import COMMIT_S, Spec, given, mark


def app_of(spec: Spec) -> Any:
    """The application with its one agent."""
    app = faust.App(
        spec.group,
        broker=f"kafka://{spec.bootstrap}",
        datadir=spec.scratch,
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=COMMIT_S,
        producer_linger=0.005,
        producer_max_batch_size=131_072,
        stream_wait_empty=False,
        worker_redirect_stdouts=False,
    )
    source = app.topic(*map(spec.full, spec.inputs), value_serializer="raw", key_serializer="raw")
    target = _router(app, spec) if spec.task == "route" else _stager(app, spec)

    async def agent(stream: Any) -> None:
        begun = False
        async for event in stream.events():
            if not begun:
                mark(spec)
                begun = True
            await target(event)

    app.agent(source, name="all")(agent)
    return app


def _topic(app: Any, name: str) -> Any:
    return app.topic(name, value_serializer="raw", key_serializer="raw")


def _router(app: Any, spec: Spec) -> Any:
    topics = {spec.full(name): _topic(app, spec.full(name)) for name in spec.outputs}
    topic_of = Route(list(topics))

    async def route(event: Any) -> None:
        await topics[topic_of(event.value)].send(key=event.key, value=event.value)

    return route


def _stager(app: Any, spec: Spec) -> Any:
    stages, topics = (
        AllStages(Path(spec.city), spec.outputs),
        {name: _topic(app, spec.full(name)) for name in spec.outputs},
    )

    async def stage(event: Any) -> None:
        message = event.message
        row = (spec.bare(message.topic), message.partition, message.offset, int(message.timestamp * 1000), event.value)
        for one in stages.feed([row]):
            partition = one.partition if one.partition >= 0 else None
            await topics[one.topic].send(key=one.key, value=one.value, partition=partition)

    return stage


if __name__ == "__main__":
    spec = given()
    faust.Worker(app_of(spec), loglevel="warning", redirect_stdouts=False).execute_from_commandline()
