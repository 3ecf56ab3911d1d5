"""Everything that flows: records that come in, what the stages make of them, and the facts they leave behind.

Times are integer milliseconds since the epoch in UTC (``Millis``); identifiers are derived from the input, so the
same input gives the same identifiers for ever. A city event (事件) is an ``Incident``; *event* is the stream's word.
"""
