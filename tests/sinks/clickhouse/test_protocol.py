"""The protocol under every misfortune at once: nothing is lost and nothing is doubled, whoever dies and wakes when."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from connectors.sinks.clickhouse.blocks import Part
from connectors.sinks.clickhouse.decide import Mode
from connectors.sinks.clickhouse.lane import REFENCE_MS
from connectors.sinks.clickhouse.plan import Plan, Record
from pipeline.events.facts import CaseMoved, PatrolLogged
from pipeline.wire import serde
from tests.sinks.clickhouse.world import LONGEST_MS, Log, Process, Step, Tables, World
from tests.sinks.facts import a_fact, samples

MOVES = ("move", "move", "move", "move", "move", "crash", "stop", "wake", "noise")


def a_log(records: int, gaps: list[int]) -> Log:
    """Facts of two kinds and samples, with marks of transactions between them and at the end."""
    found, offset = [], 0
    for number in range(records):
        offset += gaps[number % len(gaps)] if gaps else 0
        value = (
            samples(f"d{number}", [1_000, 2_000])
            if number % 5 == 4
            else a_fact((CaseMoved, PatrolLogged)[number % 2], f"f{number}")
        )
        found.append(Record(offset, 1_000, serde.encode_struct(value)))
        offset += 1
    return Log(found, offset + 1)


def settle(world: World, mode: Mode) -> None:
    """Let a last process do the rest in peace."""
    world.faults.clear()
    last = world.process(mode)
    for _ in range(5_000):
        if last.over:
            return
        last.move()
    pytest.fail("the sink does not come to an end")


def run(world: World, mode: Mode, script: list[tuple[str, int]], *, noise: int) -> None:
    """Play a script of crashes, stops, wakings and foreign inserts over one process after the other."""
    current, zombies = world.process(mode), list[Process]()
    for what, number in script:
        if what == "crash" or current.over:
            current = world.process(mode)
        elif what == "stop":  # its session ends while it stands still, and another takes over
            zombies.append(current)
            world.clock += number * 1_000
            current = world.process(mode)
        elif what == "wake" and zombies:
            zombie = zombies[number % len(zombies)]
            for _ in range(number):
                if not zombie.over:
                    zombie.move()
        elif what == "noise":
            world.tables.noise(noise)
            world.clock += LONGEST_MS if noise >= world.tables.window else 0
        else:
            for _ in range(number):
                if not current.over:
                    current.move()
    settle(world, mode)


def verify(world: World) -> None:
    """Every row once, in the order of no importance; all is committed."""
    rows = Counter((table, key) for table, key, _ in world.tables.rows)
    bad = {key for key in world.tables.refused}
    expected: Counter[tuple[str, object]] = Counter()
    for number, record in enumerate(world.log.records):
        if number % 5 == 4:
            expected.update({("readings", (f"d{number}", "noise", time)): 1 for time in (1_000, 2_000)})
        elif f"f{number}" not in bad:
            expected[("case_moves", "patrols")[number % 2], f"f{number}"] = 1
        else:
            assert world.log.quarantine.count(record.offset) == 1, "what is refused is in quarantine, once"
    assert expected - rows == Counter(), "lost"
    assert rows - expected == Counter(), "doubled"
    assert (world.log.offset, world.log.metadata) == (world.log.end, ""), "all is done and nothing is planned"


SCRIPT = st.lists(st.tuples(st.sampled_from(MOVES), st.integers(1, 9)), max_size=60)
FAULTS = st.lists(st.sampled_from(["ok", "ok", "refused", "lost"]), max_size=30)
SIZES = st.lists(st.integers(1, 7), max_size=30)
GAPS = st.lists(st.integers(0, 3), max_size=4)


@settings(max_examples=300)
@given(script=SCRIPT, faults=FAULTS, sizes=SIZES, gaps=GAPS, records=st.integers(0, 25))
def test_nothing_is_lost_or_doubled_with_tokens(
    script: list[tuple[str, int]], faults: list[str], sizes: list[int], gaps: list[int], records: int
) -> None:
    world = World(a_log(records, gaps), Tables(window=100), faults=faults, sizes=sizes)
    run(world, Mode.TOKEN, script, noise=3)
    verify(world)


@settings(max_examples=300)
@given(script=SCRIPT, faults=FAULTS, sizes=SIZES, gaps=GAPS, records=st.integers(0, 25))
@example([("move", 5), ("crash", 1), ("noise", 1)], [], [], [], 9)
def test_nothing_is_lost_or_doubled_when_the_window_is_exhausted(
    script: list[tuple[str, int]], faults: list[str], sizes: list[int], gaps: list[int], records: int
) -> None:
    """Foreign inserts push every token out between any two steps."""
    world = World(a_log(records, gaps), Tables(window=5), faults=faults, sizes=sizes)
    run(world, Mode.TOKEN, script, noise=8)
    verify(world)


ALONE = st.sampled_from(["move", "move", "move", "crash", "noise"])
NO_ZOMBIES = st.lists(st.tuples(ALONE, st.integers(1, 9)), max_size=60)


@settings(max_examples=200)
@given(script=NO_ZOMBIES, faults=FAULTS, sizes=SIZES, gaps=GAPS, records=st.integers(0, 25))
def test_nothing_is_lost_or_doubled_without_tokens(
    script: list[tuple[str, int]], faults: list[str], sizes: list[int], gaps: list[int], records: int
) -> None:
    """A server that knows no tokens, by looking first; against a zombie's late insert only its collapsing helps."""
    world = World(a_log(records, gaps), Tables(window=0, tokens_known=False), faults=faults, sizes=sizes)
    run(world, Mode.PROBE, script, noise=1)
    verify(world)


@settings(max_examples=200)
@given(
    script=SCRIPT, faults=FAULTS, sizes=SIZES, records=st.integers(1, 20),
    bad=st.sets(st.integers(0, 19).filter(lambda number: number % 5 != 4), max_size=5),
)  # fmt: skip
def test_refused_records_end_in_quarantine_and_the_others_in_their_tables(
    script: list[tuple[str, int]], faults: list[str], sizes: list[int], records: int, bad: set[int]
) -> None:
    refused = frozenset(f"f{number}" for number in bad)
    world = World(a_log(records, []), Tables(window=1_000, refused=refused), faults=faults, sizes=sizes)
    run(world, Mode.TOKEN, script, noise=2)
    verify(world)


def test_a_zombie_is_refused_before_it_writes() -> None:
    world = World(a_log(6, []), Tables(window=100))
    zombie = world.process(Mode.TOKEN)
    zombie.move()  # it has taken a block and is about to commit its plan
    settle(world, Mode.TOKEN)
    rows = list(world.tables.rows)
    zombie.finish()
    assert zombie.over == "fenced"
    assert world.tables.rows == rows


def test_a_process_that_slept_after_its_plan_asks_again_whether_it_is_the_owner() -> None:
    world = World(a_log(3, []), Tables(window=1))
    zombie = world.process(Mode.TOKEN)
    while not zombie.figures.retries:  # its first insert is refused; it waits before the next
        world.faults = ["refused"]
        zombie.move()
    world.faults = []
    settle(world, Mode.TOKEN)
    world.tables.noise(10)
    world.clock += 3_600_000
    rows = list(world.tables.rows)
    zombie.finish()
    assert (zombie.over, world.tables.rows) == ("fenced", rows)


def find_out_late(world: World, zombie: Process) -> None:
    """An heir writes the block; a minute later its former owner goes on, learns of it, and doubles nothing."""
    settle(world, Mode.PROBE)
    world.clock += 60_000
    zombie.finish()
    assert zombie.over == "fenced"
    verify(world)


@pytest.mark.parametrize("again", [False, True], ids=["the first attempt", "a repeat, which has looked already"])
def test_an_insert_that_waited_long_for_a_thread_is_not_sent_before_the_owner_is_asked_for(again: bool) -> None:
    """Without tokens nothing else would keep its rows from being doubled."""
    world = World(a_log(3, []), Tables(window=0, tokens_known=False))
    zombie = world.process(Mode.PROBE)
    world.faults = ["refused"] if again else []
    while zombie.inserts < 1 + again:
        zombie.move()
    find_out_late(world, zombie)


def test_an_insert_that_waited_long_for_a_thread_is_sent_once_the_block_is_known_to_be_ours() -> None:
    world = World(a_log(3, []), Tables(window=0, tokens_known=False))
    owner = world.process(Mode.PROBE)
    while not owner.inserts:
        owner.move()
    world.clock += 60_000
    owner.finish()
    assert (owner.figures.retries, owner.figures.probes) == (1, 0), "nothing was sent, so nothing is looked for"
    verify(world)


class LateAnswers(Process):
    """Kafka has taken a commit a while before the process learns of it."""

    async def commit(self, offset: int, plan: Plan | None) -> None:
        await super().commit(offset, plan)
        await Step(lambda: None)


def test_how_long_a_block_is_ours_counts_from_when_it_was_asked_not_from_when_the_answer_was_read() -> None:
    world = World(a_log(3, []), Tables(window=0, tokens_known=False))
    world.log.generation += 1
    zombie = LateAnswers(world, Mode.PROBE, world.log.generation)
    while not world.log.metadata:
        zombie.move()
    find_out_late(world, zombie)


class SlowLooks(Process):
    """To look for rows takes longer than a block is known to be ours."""

    async def present(self, part: Part) -> set[int]:
        self.world.clock += 2 * REFENCE_MS
        return await super().present(part)


def test_a_server_that_is_slow_to_be_asked_for_rows_gets_them_all_the_same() -> None:
    world = World(a_log(3, []), Tables(window=0, tokens_known=False), faults=["refused"])
    world.log.generation += 1
    owner = SlowLooks(world, Mode.PROBE, world.log.generation)
    for _ in range(200):
        if not owner.over:
            owner.move()
    verify(world)
