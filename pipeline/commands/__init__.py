"""The commands of ``wangge``, a file for each; ``main`` turns what went wrong into a message and an exit code.

Exit codes: 0 done; 1 an audit found something, or every record of a run was refused; 2 faulty settings, reference data
or arguments; 3 the run was stopped.
"""

from __future__ import annotations

import sys

import click

from pipeline.commands.cases import cases_command
from pipeline.commands.check import check_command
from pipeline.commands.demo import demo_command
from pipeline.commands.grids import grids_command
from pipeline.commands.imports import import_command
from pipeline.commands.indicators import indicators_command
from pipeline.commands.quarantine import quarantine_command
from pipeline.commands.replay import forget_command, replay_command
from pipeline.commands.run import run_command
from pipeline.commands.simulate import simulate_command
from pipeline.commands.sql import sql_command
from pipeline.errors import ConfigFaults, StopRun

FAULTY, STOPPED = 2, 3


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="wangge")
def wangge() -> None:
    """Urban grid governance as a stream: reports in, cases to departments, verified and measured.

    \b
    Try it:
      wangge demo                        simulate a day in a district, run it, print what became of it
      wangge run reports.jsonl --store S your own reports
      wangge indicators --store S        figures by department
    """


COMMANDS = (
    demo_command, run_command, simulate_command, import_command, indicators_command, check_command, sql_command,
    cases_command, grids_command, quarantine_command,
    replay_command, forget_command,
)  # fmt: skip
for command in COMMANDS:
    wangge.add_command(command)


def main() -> None:
    """Run the command line."""
    try:
        wangge(standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("stopped by the keyboard: run the same command again to continue", err=True)
        sys.exit(STOPPED)
    except click.ClickException as fault:
        fault.show()
        sys.exit(FAULTY)
    except ConfigFaults as faults:
        click.echo(f"{len(faults.faults)} faults; nothing was started:\n{faults}", err=True)
        sys.exit(FAULTY)
    except StopRun as stop:
        click.echo(f"stopped: {stop}", err=True)
        sys.exit(STOPPED)
