"""Log lines: one JSON document each, and no flood of the same one."""

from __future__ import annotations

import json
import logging

from connectors.sinks.clickhouse.process import JsonLines, Seldom


def a_line(what: str, at: float, *args: object, log: str = "aiokafka") -> logging.LogRecord:
    line = logging.LogRecord(log, logging.ERROR, "", 0, what, args, None)
    line.created, line.msecs = at, at % 1 * 1000
    return line


def test_the_same_wording_is_told_once_in_a_while_with_how_many_were_left_out() -> None:
    seldom = Seldom(seconds=10)
    lines = [a_line("away: %s", at, at) for at in (0.0, 1.0, 2.0, 9.9, 10.0, 11.0)]
    assert [seldom.filter(line) for line in lines] == [True, False, False, False, True, False]
    assert json.loads(JsonLines().format(lines[4]))["left_out"] == 3


def test_other_wordings_other_loggers_and_our_own_lines_are_not_held_back() -> None:
    seldom = Seldom(seconds=10)
    lines = [a_line("one", 0.0), a_line("two", 0.1), a_line("one", 0.2, log="clickhouse_driver")]
    lines += [a_line("partition lost", 0.3, log="wangge.sink") for _ in range(2)]
    assert all(seldom.filter(line) for line in lines)


def test_a_line_says_when_how_bad_who_and_what() -> None:
    line = json.loads(JsonLines().format(a_line("away: %s", 1.5, "no route")))
    assert line == {"at": "1970-01-01T00:00:01.500Z", "level": "error", "log": "aiokafka", "what": "away: no route"}
