"""``wangge worker``: the stages on Kafka."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from pipeline.commands.options import warn_of_key
from pipeline.commands.standing import DIE_AT, LOG_LEVEL, health_option, place_of, point_of
from pipeline.errors import ConfigFaults, Fault
from pipeline.settings import kafka_settings_from, refuse_faulty, settings_from

FOLDER = click.Path(path_type=Path, exists=True, file_okay=False)
LANES = ("intake", "urgent", "detect", "casework")
EMERGENCY = ("urgent", "casework")
"""Those that emergencies go through."""


@click.command("worker")
@click.option("--stages", default=",".join(LANES), show_default=True, help="Lanes of this worker, parted by commas.")
@click.option("--city", type=FOLDER, help="Reference overlay of the city.")
@health_option("worker")
@click.option(
    "--poll-records", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Most records of one poll."
)
@click.option(
    "--part-records",
    type=click.IntRange(1, 10_000),
    default=250,
    show_default=True,
    help="Records of one transaction at least, where as many wait.",
)
@click.option(
    "--max-refused", type=click.FloatRange(0, 1), default=0.2, show_default=True, help="Share of refusals that stops."
)
@click.option("--give-way", is_flag=True, help="Let a backlog wait while emergencies come.")
@click.option("--json", "as_json", is_flag=True, help="Write the log as one JSON document a line.")
@LOG_LEVEL
@DIE_AT
def worker_command(
    stages: str, city: Path | None, health: str, poll_records: int, part_records: int, max_refused: float,
    give_way: bool, as_json: bool, log_level: str, die_at: str | None,
) -> None:  # fmt: skip
    """Run stages as a member of the group of workers; stop it with SIGTERM or Ctrl-C.

    Workers with the same --stages share the partitions; start as many as there are cores. Where backlogs are to be
    expected, the urgent lane and casework want workers of their own, so that no emergency waits behind reports that are
    still to be screened; workers with other --stages must not share a lane. Kafka is named by WANGGE_KAFKA;
    WANGGE_KAFKA_INSTANCE gives a worker a name under which it takes its partitions over at once after a restart.
    With --give-way a worker with intake rests in between while emergencies come, and one with casework leaves ordinary
    reports where they are, so that emergencies find broker and processor free; for a fifth of the time at most. Large
    polls and parts make more records a second, small ones let an emergency wait less behind a backlog.

    \b
    Examples:
      wangge worker                                   everything in one process
      wangge worker --stages intake,detect            screening, and devices
      wangge worker --stages urgent                   a lane of its own for emergencies
      nice -n 10 wangge worker --stages intake,detect --give-way   a backlog beside emergencies
      wangge worker --poll-records 2000 --part-records 1000   catching up with a backlog
      WANGGE_KAFKA_INSTANCE=casework-1 wangge worker --stages casework --health 127.0.0.1:9611
    """
    from pipeline.runtime.kafka.policy import WorkerPolicy
    from pipeline.runtime.kafka.serving import Start, serve

    names = tuple(name.strip() for name in stages.split(",") if name.strip())

    def known() -> None:
        if not names or not set(names) <= set(LANES):
            raise ConfigFaults([Fault("arguments", "--stages", stages, f"use some of {', '.join(LANES)}")])
        if give_way and names != ("casework",) and ("intake" not in names or set(names) & set(EMERGENCY)):
            remedy = f"for casework alone, or intake without {' or '.join(EMERGENCY)}: emergencies go through these"
            raise ConfigFaults([Fault("arguments", "--give-way", stages, remedy)])

    refuse_faulty(
        known, lambda: place_of("--health", health), lambda: point_of(die_at), settings_from, kafka_settings_from
    )
    settings = settings_from()
    warn_of_key(settings)
    policy = WorkerPolicy(
        poll_records=poll_records, part_records=part_records, max_refused=max_refused, gives_way=give_way
    )
    with tempfile.TemporaryDirectory(prefix="wangge-worker-") as folder:
        start = Start(names, city, place_of("--health", health), policy, folder, log_level, as_json, point_of(die_at))
        serve(start, settings, kafka_settings_from())
