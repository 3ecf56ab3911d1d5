"""One Apache ZooKeeper: what replicas agree by and what hands statements ``ON CLUSTER`` round.

ClickHouse of today has its own (Keeper), Debian's 18.16 has none. Only tests need it, so it is no part of the stack.
"""

from __future__ import annotations

import socket
from pathlib import Path

from deploy.stack.jars import Jars
from deploy.stack.places import HOST, program
from deploy.stack.process import Server

ZOOKEEPER = "3.9.5"
"""Which one is started; a test holds the list of its jars and what Maven reads to this."""
JARS = Jars("zookeeper", Path(__file__).parent)
FLAGS = ("-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
# Only this machine asks. Nothing is synced to disk, for nobody needs it after a power cut.
SETTINGS = """clientPort={port}
clientPortAddress={host}
dataDir={data}
admin.enableServer=false
maxClientCnxns=0
tickTime=1000
forceSync=no
4lw.commands.whitelist=srvr
"""


class ZooKeeperServer(Server):
    """A single server. Its jars are fetched before its first start on a machine."""

    name = "zookeeper"
    port_names = ("client",)

    def command(self) -> list[str]:
        main = "org.apache.zookeeper.server.ZooKeeperServerMain"
        return [program("java"), *FLAGS, "-cp", JARS.class_path(), main, str(self.folder / "zoo.cfg")]

    def prepare(self) -> None:
        """Have the jars, write the settings."""
        if not JARS.complete():
            JARS.fetch()
        text = SETTINGS.format(host=HOST, port=self.port, data=self.folder / "data")
        (self.folder / "zoo.cfg").write_text(text, encoding="utf-8")

    def answers(self) -> bool:
        """Whether it takes sessions: it listens, and says that it is well, a moment before it does."""
        with socket.create_connection((HOST, self.port), timeout=2) as line:
            line.sendall(b"srvr")
            return b"Mode: standalone" in line.makefile("rb").read()
