"""Mosquitto, the MQTT broker that stands for a sensor platform."""

from __future__ import annotations

import socket
from getpass import getuser

from deploy.stack.places import HOST, program
from deploy.stack.process import Server

# CONNECT of MQTT 3.1.1 with a clean session and an empty name; CONNACK with code 0.
_CONNECT = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00"
_ACCEPTED = b"\x20\x02\x00\x00"

CONFIGURATION = """\
listener {port} {host}
allow_anonymous true
user {user}
persistence true
persistence_location {data}/
autosave_interval 1
max_queued_messages 0
"""


class MosquittoServer(Server):
    """A broker that lets anybody of this machine in, keeps sessions over restarts and queues without limit."""

    name = "mosquitto"
    port_names = ("mqtt",)

    def command(self) -> list[str]:
        return [program("mosquitto"), "-c", str(self.folder / "mosquitto.conf")]

    def prepare(self) -> None:
        """Write its configuration."""
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        # Started by root it would become a user who may not write here.
        text = CONFIGURATION.format(port=self.port, host=HOST, data=data, user=getuser())
        (self.folder / "mosquitto.conf").write_text(text, encoding="utf-8")

    def answers(self) -> bool:
        """Whether it accepts a client."""
        with socket.create_connection((HOST, self.port), timeout=2) as line:
            line.sendall(_CONNECT)
            return line.recv(4, socket.MSG_WAITALL) == _ACCEPTED
