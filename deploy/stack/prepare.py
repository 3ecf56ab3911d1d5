"""What the broker needs before its first start: ``python -m deploy.stack.prepare``. Quick when it is there already.

The jars, checked by their SHA-256, and an archive of the classes a broker loads, which lets it start in two thirds of
the time.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from deploy.stack.jars import BROKER
from deploy.stack.kafka import KafkaServer
from deploy.stack.places import ServerMissing
from deploy.stack.process import ServerFailed


def archive_classes(archive: Path) -> None:
    """Run a broker once and let Java write down which classes it loaded."""
    fresh = archive.with_suffix(".new")
    with tempfile.TemporaryDirectory() as folder:
        broker = KafkaServer(Path(folder), quick=True)
        broker.flags = (f"-XX:ArchiveClassesAtExit={fresh}",)
        broker.start()
        broker.stop(seconds=120)
    fresh.replace(archive)


def main() -> int:
    """Exit code 0, or 2 with what is wrong."""
    try:
        if not BROKER.complete():
            print(f"setup: fetching the jars of Kafka into {BROKER.folder}", file=sys.stderr)
            BROKER.fetch()
        if not BROKER.archive.exists():
            print("setup: starting the broker once, so that it starts sooner afterwards", file=sys.stderr)
            archive_classes(BROKER.archive)
    except (ServerMissing, ServerFailed, OSError) as error:
        print(f"setup: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
