"""Prometheus with a configuration of ours."""

from __future__ import annotations

from pathlib import Path
from urllib.request import urlopen

from deploy.stack.places import program
from deploy.stack.process import Server


class PrometheusServer(Server):
    """Scrapes what ``config`` says; relative paths in it count from the file's own folder."""

    name = "prometheus"
    port_names = ("http",)

    def __init__(self, folder: Path, config: Path, *, leash: int | None = None) -> None:
        super().__init__(folder, leash=leash)
        self.config = config.absolute()

    @property
    def url(self) -> str:
        """Where its API and its pages are."""
        return f"http://{self.address}"

    def command(self) -> list[str]:
        return [
            program("prometheus"), f"--config.file={self.config}", f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address={self.address}", "--web.enable-lifecycle",
        ]  # fmt: skip

    def prepare(self) -> None:
        """Nothing: the configuration is another's."""

    def answers(self) -> bool:
        """Whether it says that it is ready."""
        with urlopen(f"{self.url}/-/ready", timeout=2) as answer:
            return bool(answer.status == 200)
