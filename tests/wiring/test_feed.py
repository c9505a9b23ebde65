from __future__ import annotations

import threading

from aeras.wiring.feed import BACKLOG, Feed


def test_every_listener_gets_every_message():
    feed = Feed()
    one, two = feed.subscribe(), feed.subscribe()
    feed.publish({"type": "event", "n": 1})
    assert one.get(1) == two.get(1) == {"type": "event", "n": 1}


def test_a_listener_hears_nothing_after_it_closed():
    feed = Feed()
    listener = feed.subscribe()
    listener.close()
    listener.close()
    feed.publish({"type": "event"})
    assert listener.get(0.01) is None


def test_a_slow_listener_loses_the_oldest_and_blocks_nobody():
    feed = Feed()
    slow = feed.subscribe()
    done = threading.Event()

    def publish() -> None:
        for n in range(BACKLOG + 50):
            feed.publish({"type": "event", "n": n})
        done.set()

    threading.Thread(target=publish).start()
    assert done.wait(5)
    first = slow.get(1)
    assert first is not None
    assert first["n"] == 50
