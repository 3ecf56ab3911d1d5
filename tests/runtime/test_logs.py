"""Logs that say everything once and nothing a thousand times."""

from __future__ import annotations

import logging
import sys

import msgspec

from pipeline.runtime.logs import Capped, JsonLines


def a_record(message: str = "broker %s is away", level: int = logging.ERROR, args: tuple[object, ...] = (1,)):
    return logging.LogRecord("aiokafka", level, __file__, 1, message, args, None)


def test_the_same_complaint_goes_out_once_and_the_next_tells_how_many_were_left_out():
    now = [0.0]
    cap = Capped(5.0, lambda: now[0])
    assert [cap.filter(a_record()) for _ in range(4)] == [True, False, False, False]
    now[0] = 5.0
    late = a_record()
    assert cap.filter(late)
    assert late.getMessage() == "broker 1 is away (3 like it left out)"


def test_other_messages_and_lower_levels_are_not_capped():
    cap = Capped(5.0, lambda: 0.0)
    assert cap.filter(a_record())
    assert cap.filter(a_record("something else", args=()))
    assert all(cap.filter(a_record(level=logging.INFO)) for _ in range(3))


def test_a_json_line_holds_message_and_traceback():
    try:
        int("no")
    except ValueError:
        record = logging.LogRecord("w", logging.ERROR, __file__, 1, "stopped %s", ("here",), sys.exc_info())
    told = msgspec.json.decode(JsonLines().format(record))
    assert (told["level"], told["logger"], told["message"]) == ("ERROR", "w", "stopped here")
    assert "ValueError: invalid literal" in told["traceback"]
