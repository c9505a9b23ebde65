"""A real hub with a real NATS server: who may do what, and what it takes."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import nats
import pytest
from hubs import RealHub, until
from nats.errors import Error as NatsError
from records import event

from aeras.domain.kept import Event
from aeras.fleet.clock import HEADER, told
from aeras.fleet.credentials import context
from aeras.fleet.spool import read_clocks
from aeras.fleet.subjects import MESSAGE_ID, events_of, inbox_of
from aeras.fleet.wire import pack
from aeras.store.opening import open_events

HOUR_S = 3600


@pytest.fixture
def hub(tmp_path) -> Iterator[RealHub]:
    made = RealHub(tmp_path, str(tmp_path / "hub.duckdb"))
    yield made
    made.stop()


def fresh(count: int, shop: str, **changes: object) -> list[Event]:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    ids = (secrets.token_hex(16) for _ in range(count))
    return [event(**{"id": n, "at": now, "site": shop} | changes) for n in ids]


def stored(hub: RealHub) -> tuple[dict[str, object], dict[str, int], dict]:
    """What a stopped hub told last, its events by shop, and those that it set aside."""
    hub.drain()
    last = json.loads(hub.stop())
    store = open_events(hub.store)
    since = datetime.now(UTC) - timedelta(days=1)
    shops = {t.key: t.put_backs for t in store.tally("site", since, since + timedelta(days=2))}
    aside = store.aside()
    store.close()
    return last, shops, aside


def test_shops_send_and_each_event_is_there_once(hub):
    senders = [hub.shop(name) for name in ("corner", "mall.north")]
    hub.start()
    for number, (spool, sender) in enumerate(senders):
        name = ("corner", "mall.north")[number]
        made = fresh(1200, name)
        spool.put(made)
        spool.put(made[:300])  # after a failed write the shop's keeper says it again
        sender.start()
    until(lambda: all(spool.waiting == 0 for spool, _ in senders))
    for spool, sender in senders:
        sender.stop()
        spool.close()
    _, shops, aside = stored(hub)
    assert shops == {"corner": 1200, "mall.north": 1200}
    assert aside == {}


def test_events_of_a_wrong_clock_are_kept_apart(hub):
    now = read_clocks()
    clock = [now]
    spool, _ = hub.shop("corner", clocks=lambda: clock[0])
    ahead = timedelta(hours=1)
    spool.put(fresh(3, "corner"))
    clock[0] = replace(now, wall=now.wall + HOUR_S)  # set forth for a while, and back
    spool.put(fresh(5, "corner", at=fresh(1, "corner")[0].at + ahead))
    clock[0] = now
    spool.put([*fresh(7, "corner"), *fresh(11, "corner", at=datetime(2001, 9, 9, tzinfo=UTC))])
    sender = hub.sender("corner", spool)
    hub.start()
    sender.start()
    until(lambda: spool.waiting == 0)
    sender.stop()
    spool.close()
    last, shops, aside = stored(hub)
    assert shops == {"corner": 10}
    assert aside == {("corner", "clock ahead"): 5, ("corner", "time cannot be"): 11}
    assert (last["stored"], last["aside"]) == (10, 16)


def test_a_pass_lets_a_shop_do_its_own_and_nothing_else(hub):
    hub.shop("corner")[0].close()
    other = hub.passes.add("other")
    (hub.folder / "other.pass").write_bytes(other)
    hub.start()
    asyncio.run(trespass(hub))
    last, shops, aside = stored(hub)
    assert (shops, aside) == ({"corner": 1}, {})
    assert last["refused"] == 2


async def trespass(hub: RealHub) -> None:
    said: list[str] = []

    async def noted(error: Exception) -> None:
        said.append(str(error).lower())

    shop = await nats.connect(
        hub.url,
        tls=context(hub.folder / "corner.pass"),
        inbox_prefix=inbox_of("corner"),
        error_cb=noted,
        allow_reconnect=False,
    )
    clock = read_clocks()
    headers = {HEADER: told(clock, clock)}
    stream = shop.jetstream(timeout=10)
    mine = events_of("corner")
    await stream.publish(mine, pack(fresh(1, "corner"), "corner"), headers=headers)
    await stream.publish(mine, b"\xff\xd8\xff\xe0 a picture of somebody", headers=headers)
    forged = json.loads(pack(fresh(1, "corner"), "corner"))
    forged["events"]["vector"] = [[0.1, 0.2]]
    await stream.publish(mine, json.dumps(forged).encode(), headers=headers)
    for subject in (events_of("other"), "$JS.API.STREAM.PURGE.AERAS_EVENTS", "anything"):
        await shop.publish(subject, pack(fresh(1, "other"), "other"))
    for subject in (">", "aeras.events.*", f"{inbox_of('other')}.>"):
        await shop.subscribe(subject)
    await shop.flush()
    await asyncio.sleep(0.2)
    assert sum("permissions violation for publish" in one for one in said) == 3
    assert sum("permissions violation for subscription" in one for one in said) == 3
    await shop.close()


def test_without_a_pass_or_with_a_withdrawn_one_nobody_comes_in(hub, tmp_path):
    spool, _ = hub.shop("corner")
    spool.close()
    stranger = RealHub(tmp_path / "stranger", "none")
    spool, _ = stranger.shop("corner")
    spool.close()
    hub.start()

    async def tries(pass_file) -> None:
        tls = context(pass_file) if pass_file else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.load_verify_locations(hub.folder / "corner.pass")
        shop = await nats.connect(
            hub.url, tls=tls, allow_reconnect=False, connect_timeout=3, error_cb=quiet
        )
        await shop.flush()
        await shop.close()

    asyncio.run(tries(hub.folder / "corner.pass"))
    for wrong in (None, stranger.folder / "corner.pass"):
        with pytest.raises((NatsError, OSError, TimeoutError)):
            asyncio.run(tries(wrong))
    hub.passes.remove("corner")

    def refused() -> bool:
        try:
            asyncio.run(tries(hub.folder / "corner.pass"))
        except (NatsError, OSError, TimeoutError):
            return True
        return False

    until(refused, timeout_s=20)


async def quiet(_: Exception) -> None:
    pass


def test_an_idle_hub_is_in_no_trouble(hub):
    hub.start()
    time.sleep(4)
    hub.stop()
    assert "hub_waits" not in hub.log.read_text()


def test_the_same_message_twice_is_kept_once_by_the_server(hub):
    hub.shop("corner")[0].close()
    hub.start()

    async def twice() -> list[bool | None]:
        shop = await nats.connect(
            hub.url, tls=context(hub.folder / "corner.pass"), inbox_prefix=inbox_of("corner")
        )
        stream, body, clock = shop.jetstream(), pack(fresh(2, "corner"), "corner"), read_clocks()
        headers = {MESSAGE_ID: "x-1", HEADER: told(clock, clock)}
        acks = [await stream.publish(events_of("corner"), body, headers=headers) for _ in range(2)]
        await shop.close()
        return [ack.duplicate for ack in acks]

    assert asyncio.run(twice()) == [None, True]
    assert stored(hub)[1] == {"corner": 2}
