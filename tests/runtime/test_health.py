"""Progress and the health server: alive by what gets done, ready by what is there."""

import json
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigFaults
from pipeline.runtime.health import HealthServer, served_at
from pipeline.runtime.instruments import Instruments
from pipeline.runtime.progress import Progress

PLACE = ("reports.hotline", 3)
Step = Callable[[Progress], None]


class Clock:
    """Seconds in the hands of a test."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


def told(*steps: tuple[float, Step], at: float, needs: tuple[str, ...] = ()) -> Progress:
    """A process that was told things at some seconds, as it stands at another."""
    clock = Clock()
    progress = Progress(needs, clock)
    for second, step in steps:
        clock.time = 1000.0 + second
        step(progress)
    clock.time = 1000.0 + at
    return progress


def turning(until: float) -> list[tuple[float, Step]]:
    """A loop that turns every 5 seconds."""
    return [(float(second), Progress.touched) for second in range(0, int(until) + 1, 5)]


def behind(records: int) -> Step:
    return lambda progress: progress.lag(PLACE, records, 1.0)


def commit(position: int) -> Step:
    return lambda progress: progress.committed(PLACE, position)


TOOK: Step = lambda progress: progress.took(PLACE)  # noqa: E731


@pytest.mark.parametrize(
    ("steps", "faults"),
    [
        pytest.param([], 1, id="the loop never turned"),
        pytest.param(turning(100), 0, id="a loop that turns and has nothing to do"),
        pytest.param([*turning(100), (10, behind(5))], 1, id="records wait and nothing is committed"),
        pytest.param([*turning(100), (10, behind(5)), (60, commit(7))], 0, id="records wait and commits move"),
        pytest.param([*turning(100), (10, commit(7)), (20, behind(5)), (80, commit(7))], 1,
                     id="the same position again is no movement"),
        pytest.param([*turning(100), (10, commit(7)), (50, behind(5))], 0, id="records came a moment ago"),
        pytest.param([*turning(100), (10, behind(5)), (70, behind(0)), (75, behind(2))], 0,
                     id="the backlog was worked off in between"),
        pytest.param([*turning(100), (10, TOOK)], 1, id="a batch was taken and never committed"),
        pytest.param([*turning(100), (10, behind(5)), (20, lambda p: p.waiting("clickhouse"))], 0,
                     id="waits for a neighbour knowingly"),
        pytest.param([(10, behind(5)), (20, lambda p: p.waiting("clickhouse"))], 1,
                     id="even then the loop has to turn"),
        pytest.param([*turning(100), (5, behind(5)), (20, lambda p: p.waiting("clickhouse")),
                      (30, lambda p: p.waiting(""))], 1, id="the neighbour came back long ago"),
        pytest.param([*turning(100), (5, behind(5)), (20, lambda p: p.waiting("clickhouse")),
                      (80, lambda p: p.waiting(""))], 0, id="the neighbour came back a moment ago"),
        pytest.param([(5, behind(5)), (90, lambda p: p.recovering("casework"))], 0, id="reads its state back"),
        pytest.param([*turning(100), (10, TOOK), (90, TOOK)], 1, id="a further batch does not hide the first"),
        pytest.param([*turning(100), (5, behind(5)), (50, lambda p: p.assigned([]))], 0,
                     id="the partition went elsewhere"),
        pytest.param([*turning(100), (5, lambda p: p.assigned([])), (10, behind(5))], 0,
                     id="a word of a partition of another"),
    ],
)  # fmt: skip
def test_alive_is_who_gets_on(steps: list[tuple[float, Step]], faults: int) -> None:
    assert len(told(*sorted(steps, key=lambda step: step[0]), at=100).picture().faults) == faults


@pytest.mark.parametrize(
    ("steps", "missing"),
    [
        pytest.param([], ["kafka is away", "tables is away"], id="nothing there yet"),
        pytest.param([(1, lambda p: p.ready("kafka", True)), (1, lambda p: p.ready("tables", True))], [], id="all"),
        pytest.param([(1, lambda p: p.ready("kafka", True)), (1, lambda p: p.ready("tables", True)),
                      (2, lambda p: p.ready("kafka", False))], ["kafka is away"], id="one went away"),
        pytest.param([(1, lambda p: p.ready("kafka", True)), (1, lambda p: p.ready("tables", True)),
                      (2, lambda p: p.waiting("clickhouse"))], ["waits for clickhouse"], id="waits"),
        pytest.param([(1, lambda p: p.ready("kafka", True)), (1, lambda p: p.ready("tables", True)),
                      (2, lambda p: p.recovering("casework"))], ["reads casework back"], id="recovers"),
    ],
)  # fmt: skip
def test_ready_is_who_has_all_and_waits_for_nobody(steps: list[tuple[float, Step]], missing: list[str]) -> None:
    picture = told(*steps, at=3, needs=("kafka", "tables")).picture()
    assert (list(picture.missing), picture.is_ready) == (missing, not missing)


@given(st.lists(st.tuples(st.floats(0.01, 5), st.sampled_from(["lag", "none", "took", "commit"])), max_size=60))
def test_a_loop_that_commits_every_few_seconds_is_always_alive(events: list[tuple[float, str]]) -> None:
    clock = Clock()
    progress = Progress((), clock)
    for position, (pause, what) in enumerate(events):
        clock.time += pause
        progress.touched()
        {
            "lag": lambda: progress.lag(PLACE, 5, 1.0),
            "none": lambda: progress.lag(PLACE, 0, 0.0),
            "took": lambda: progress.took(PLACE),
            "commit": lambda: None,
        }[what]()
        progress.committed(PLACE, position)
        assert progress.picture().live
        ages = [view.commit_age_s for view in progress.picture().places.values()]
        assert all(age >= 0 for age in ages)


def asked(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    """Code and text of an answer."""
    try:
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", method=method), timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_the_server_answers_for_a_healthy_process() -> None:
    ins = Instruments("worker", needs=("kafka",))
    ins.ready("kafka", True)
    ins.lag(*PLACE, 5, 1.0)
    with HealthServer(ins, status=lambda: {"stages": ["intake"]}) as server:
        assert asked(server.port, "/live") == (200, "yes\n")
        assert asked(server.port, "/ready") == (200, "yes\n")
        status = json.loads(asked(server.port, "/status")[1])
        assert (status["process"], status["live"], status["ready"], status["stages"]) == (
            "worker", True, True, ["intake"],
        )  # fmt: skip
        assert status["partitions"][0]["lag_records"] == 5
        assert "wangge_consumer_lag_records" in asked(server.port, "/metrics?x=1")[1]
        assert asked(server.port, "/metrics", "HEAD") == (200, "")
        assert asked(server.port, "/secrets")[0] == 404


def test_the_server_says_why_it_says_no() -> None:
    clock = Clock()
    ins = Instruments("sink", needs=("kafka",), clock=clock)
    clock.time += 40
    with HealthServer(ins) as server:
        assert asked(server.port, "/live") == (503, "the loop has not turned for 40 s\n")
        assert asked(server.port, "/ready") == (503, "the loop has not turned for 40 s\nkafka is away\n")
        assert asked(server.port, "/status")[0] == 200


def test_a_port_that_is_taken_is_told_with_what_to_do() -> None:
    ins = Instruments("sink")
    with HealthServer(ins) as first, pytest.raises(ConfigFaults) as caught:
        served_at(("127.0.0.1", first.port), ins)
    (fault,) = caught.value.faults
    assert (fault.field, fault.value) == ("--health", f"127.0.0.1:{first.port}")
    assert "a place of its own" in fault.remedy
    assert "in use" in fault.remedy
    with served_at(("127.0.0.1", 0), ins) as one, served_at(("127.0.0.1", 0), ins) as other:
        assert one.port != other.port


def test_the_server_is_for_this_machine_unless_told_otherwise_and_gives_its_port_back() -> None:
    ins = Instruments("worker")
    with HealthServer(ins) as first:
        assert first.host == "127.0.0.1"
        with pytest.raises(OSError, match="in use"):
            HealthServer(ins, port=first.port)
    HealthServer(ins, port=first.port).stop()
