"""A ClickHouse server of an ordinary user, as Debian has it (18.16), apart from the system's own configuration."""

from __future__ import annotations

from pathlib import Path
from string import Template
from urllib.request import urlopen

from deploy.stack.places import HOST, program
from deploy.stack.process import Server

HERE = Path(__file__).parent


class ClickHouseServer(Server):
    """A server with one user ``default`` without a password, who may come from this machine only."""

    name = "clickhouse"
    port_names = ("tcp", "http", "interserver")

    def command(self) -> list[str]:
        return [program("clickhouse-server"), f"--config-file={self.folder / 'config.xml'}"]

    def prepare(self) -> None:
        """Write its two configuration files."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        values = {"host": HOST, "data": str(data), **{name: str(port) for name, port in self.ports.items()}}
        text = Template((HERE / "clickhouse-config.xml").read_text(encoding="utf-8")).substitute(values)
        (self.folder / "config.xml").write_text(text, encoding="utf-8")
        users = (HERE / "clickhouse-users.xml").read_text(encoding="utf-8")
        (self.folder / "users.xml").write_text(users, encoding="utf-8")

    def answers(self) -> bool:
        """Whether it answers a ping over HTTP."""
        with urlopen(f"http://{HOST}:{self.ports['http']}/ping", timeout=2) as answer:
            return bool(answer.read().startswith(b"Ok."))
