"""One suite over every channel: what each file in `aeras.respond.channels` promises."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from receivers import broker, mail_server, receiver
from records import NOON
from waiting import wait_for

import aeras.respond.channels as package
from aeras.domain.errors import ConfigError
from aeras.domain.messages import Message, UndeliveredError
from aeras.domain.ports import Channel, utc_now
from aeras.respond.channels import Options
from aeras.respond.channels.apprise import AppriseOptions
from aeras.respond.channels.kiosk import KioskOptions
from aeras.respond.channels.member import MemberOptions
from aeras.respond.channels.mqtt import MqttOptions
from aeras.respond.channels.qr import QrOptions
from aeras.respond.channels.receipt import ReceiptOptions
from aeras.respond.channels.webhook import HookOptions, WebhookOptions
from aeras.respond.options import SECTIONS

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # apprise's
SECRET = "whsec_" + "A" * 43 + "="
MESSAGE = Message(
    "msg_1",
    7,
    "out",
    "survey.invitation",
    "oat-milk",
    {"item": "oat-milk", "item_name": "Öko-Müsli", "link": "https://shop.example/s/abc"},
    NOON,
)


@dataclass
class Made:
    """A channel, what has arrived at its far end, and how to break that."""

    channel: Channel
    arrived: Callable[[], list[Any]]
    away: Callable[[], Channel] | None = None


def webhook(stack: ExitStack, folder: Path, kind: type[HookOptions]) -> Made:
    there = stack.enter_context(receiver())
    given = {"id": "out", "secret": "${AERAS_HOOK}", "private": True}
    made = kind(url=there.url, **given).build(folder, utc_now)
    nowhere = kind(url="http://127.0.0.1:9/", **given)
    return Made(made, lambda: there.taken, lambda: nowhere.build(folder, utc_now))


def mqtt(stack: ExitStack, folder: Path) -> Made:
    port, got = stack.enter_context(broker())
    made = MqttOptions(id="out", host="127.0.0.1", port=port).build(folder, utc_now)
    return Made(
        made,
        lambda: got,
        lambda: MqttOptions(id="out", host="127.0.0.1", port=9).build(folder, utc_now),
    )


def by_mail(stack: ExitStack, folder: Path) -> Made:
    port, mails = stack.enter_context(mail_server())
    (folder / "mail").write_text(
        f"mailto://127.0.0.1:{port}?from=shop@example.com&to=ann@example.com\n"
    )
    (folder / "away").write_text("mailto://127.0.0.1:9?from=shop@example.com&to=ann@example.com\n")
    made = AppriseOptions(id="out", urls=("file:mail",)).build(folder, utc_now)
    return Made(
        made,
        lambda: mails,
        lambda: AppriseOptions(id="out", urls=("file:away",)).build(folder, utc_now),
    )


def kiosk(_stack: ExitStack, folder: Path) -> Made:
    made: Any = KioskOptions(id="out").build(folder, lambda: NOON)
    return Made(made, made.prompted)


def shown(options: Options, folder: Path) -> Made:
    made, out = options.build(folder, utc_now), []

    class Shows:
        name = made.name

        def deliver(self, message: Message) -> str:
            out.append(made.deliver(message))
            return str(out[-1])

        def close(self) -> None:
            made.close()

    return Made(Shows(), lambda: out)


KINDS: dict[str, Callable[[ExitStack, Path], Made]] = {
    "webhook": lambda stack, folder: webhook(stack, folder, WebhookOptions),
    "member": lambda stack, folder: webhook(stack, folder, MemberOptions),
    "mqtt": mqtt,
    "apprise": by_mail,
    "kiosk": kiosk,
    "receipt": lambda _, folder: shown(ReceiptOptions(id="out"), folder),
    "qr": lambda _, folder: shown(QrOptions(id="out"), folder),
}


@pytest.fixture(params=KINDS)
def made(request, tmp_path, monkeypatch) -> Iterator[Made]:
    monkeypatch.setenv("AERAS_HOOK", SECRET)
    with ExitStack() as stack:
        made = KINDS[request.param](stack, tmp_path)
        yield made
        made.channel.close()


def test_every_channel_is_in_this_suite():
    assert {module.name for module in pkgutil.iter_modules(package.__path__)} == set(KINDS)


def test_a_message_arrives_and_the_channel_can_be_closed_twice(made: Made):
    note = made.channel.deliver(MESSAGE)
    assert note
    assert made.channel.name == "out"
    assert wait_for(lambda: len(made.arrived()) == 1, 5)
    made.channel.close()
    made.channel.close()


def test_a_receiver_that_is_away_is_told_as_such_and_not_final(made: Made):
    if made.away is None:
        pytest.skip("shows things on this machine: it cannot be away")
    away = made.away()
    with pytest.raises(UndeliveredError) as told:
        away.deliver(MESSAGE)
    assert not told.value.final
    away.close()


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [("AERAS_NONE", None, "is empty"), ("AERAS_HOOK", "hunter2", "no webhook secret")],
)
def test_a_secret_that_is_missing_or_weak_is_told_at_the_start(
    tmp_path, monkeypatch, name, content, complaint
):
    if content is not None:
        monkeypatch.setenv(name, content)
    options = WebhookOptions(id="out", url="https://shop.example/", secret=f"${{{name}}}")
    with pytest.raises(ConfigError, match=complaint):
        options.build(tmp_path, utc_now)


def test_a_secret_in_the_site_file_is_refused():
    with pytest.raises(ValueError, match="a secret stands in the file"):
        WebhookOptions(id="out", url="https://shop.example/", secret=SECRET)


@pytest.mark.parametrize("section", sorted(SECTIONS, key=str))
def test_every_option_is_documented(section):
    name = "site-file" if section in {"reports", "daily"} else "channels"
    page = (Path(__file__).parents[2] / "docs" / f"{name}.md").read_text(encoding="utf-8")
    for name in SECTIONS[section].model_fields:
        assert f"`{name}`" in page, name
