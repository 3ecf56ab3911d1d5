"""The commands of ``wangge``, a file for each; ``main`` turns what went wrong into a message and an exit code.

Exit codes: 0 done; 1 an audit found something, or every record of a run was refused; 2 faulty settings, reference data
or arguments, or a neighbour that refuses this user; 3 the run was stopped; 70 a worker met a bug of ours; 75 it is
to be started again, for nobody knows whether its last transaction took effect.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from pipeline.errors import FAULTY, STOPPED, ConfigFaults, NeighbourAway, Refused, StopRun

COMMANDS = {
    "demo": "demo",
    "run": "run",
    "simulate": "simulate",
    "import": "imports",
    "indicators": "indicators",
    "check": "check",
    "sql": "sql",
    "cases": "cases",
    "grids": "grids",
    "quarantine": "quarantine",
    "replay": "replay",
    "forget": "replay",
    "worker": "worker",
    "spotter": "spotter",
    "retry": "retry",
    "clock": "clock",
    "sink": "sink",
    "migrate": "migrate",
    "verify": "verify",
    "backfill": "backfill",
    "publish": "publish",
    "consume": "consume",
    "bridge": "bridge",
    "topics": "topics",
    "canary": "canary",
    "train": "train",
    "evaluate": "evaluate",
    "models": "models",
    "hot-issues": "hot_issues",
}
"""Each command with its module here, which has ``<command>_command``; a module is loaded when its command is asked for,
so that one process never loads what another one needs."""


class _Commands(click.Group):
    """Loads a command when it is named."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return command_named(cmd_name) if cmd_name in COMMANDS else None


def command_named(name: str) -> click.Command:
    """The command of this name. Raises ``KeyError``."""
    module = import_module(f"pipeline.commands.{COMMANDS[name]}")
    found: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
    return found


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="wangge")
def wangge() -> None:
    """Urban grid governance as a stream: reports in, cases to departments, verified and measured.

    \b
    Try it:
      wangge demo                        simulate a day in a district, run it, print what became of it
      wangge run reports.jsonl --store S your own reports
      wangge indicators --store S        figures by department
    """


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
    except Refused as refused:
        click.echo(f"refused: {refused}", err=True)
        sys.exit(FAULTY)
    except ConfigFaults as faults:
        click.echo(f"{len(faults.faults)} faults; nothing was started:\n{faults}", err=True)
        sys.exit(FAULTY)
    except (NeighbourAway, StopRun) as stop:
        click.echo(f"stopped: {stop}", err=True)
        sys.exit(stop.code if isinstance(stop, StopRun) else STOPPED)
