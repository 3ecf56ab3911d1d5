"""One turn of an MQTT client's network loop, for a process with as many open files as it likes.

The loop of paho calls ``select``, which knows no descriptor above 1023: the connection of a process that has more files
open would end with each turn.
"""

from __future__ import annotations

import select

from paho.mqtt.client import Client


def turn(client: Client, seconds: float) -> None:
    """Wait so long for what the socket brings; read, write, keep the line alive. Without a socket it does nothing."""
    socket = client.socket()
    if socket is None:
        return
    # what TLS has decrypted already is no longer told by the socket
    waiting = bool(getattr(socket, "pending", int)())
    poll = select.poll()
    poll.register(socket, select.POLLIN | (select.POLLOUT if client.want_write() else 0))
    told = dict(poll.poll(0 if waiting else seconds * 1000)).get(socket.fileno(), 0)
    if waiting or told & ~select.POLLOUT:
        client.loop_read()
    if told & select.POLLOUT:
        client.loop_write()
    client.loop_misc()
