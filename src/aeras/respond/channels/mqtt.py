"""MQTT, for shelf displays: each message to a topic of its own, at least once (QoS 1)."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from aeras.domain.messages import Message, UndeliveredError
from aeras.domain.ports import Channel, Clock
from aeras.domain.secret import read_secret
from aeras.respond.channels import Duration, Options, Secret, Topic
from aeras.respond.channels.webhook import as_json

if TYPE_CHECKING:
    from paho.mqtt.client import Client


class MqttOptions(Options):
    """A broker and where on it.

    Attributes:
        host, port: The broker.
        topic: With ``{topic}`` and ``{key}`` for the message's.
        username, password: If the broker asks for them.
        tls: Encrypted, and the broker's certificate is checked.
        retain: The broker keeps the last message of a topic for displays that come later.
        timeout: For connecting and for one message.
    """

    kind: Literal["mqtt"] = "mqtt"
    host: str = Field(min_length=1)
    port: int = Field(default=1883, ge=1, le=65535)
    topic: str = Field(default="aeras/{topic}/{key}", pattern=r"^[^+#]+$")
    topics: tuple[Topic, ...] = ("survey.prompt",)
    username: str | None = None
    password: Secret | None = None
    tls: bool = False
    retain: bool = False
    timeout: Duration = timedelta(seconds=10)

    def build(self, folder: Path, clock: Clock) -> Channel:
        """The channel; it connects with the first message."""
        password = None if self.password is None else read_secret(self.password, folder)
        return Mqtt(self, password)


class Mqtt:
    """Publishes messages; implements `aeras.domain.ports.Channel`.

    Args:
        options: The broker.
        password: Read from its secret.
    """

    def __init__(self, options: MqttOptions, password: str | None) -> None:
        self.name = options.id
        self._options = options
        self._password = password
        self._client: Client | None = None

    def deliver(self, message: Message) -> str:
        """Publishes it and waits for the broker's receipt."""
        topic = self._options.topic.format(topic=message.topic, key=_level(message.key))
        try:
            client = self._client or self._connected()
            info = client.publish(topic, as_json(message), qos=1, retain=self._options.retain)
            info.wait_for_publish(self._options.timeout.total_seconds())
            taken = info.is_published()
        except (OSError, ValueError, RuntimeError) as error:
            self.close()
            raise self._away(str(error)) from None
        if not taken:
            self.close()
            raise self._away("no receipt in time")
        return f"published to {topic}"

    def close(self) -> None:
        """Disconnects. The next message connects anew, so that nothing is sent behind our back."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def _connected(self) -> Client:
        from paho.mqtt.client import Client  # noqa: PLC0415 - only where it is used
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

        options = self._options
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"aeras-{options.id}"[:23])
        client.connect_timeout = options.timeout.total_seconds()
        if options.username is not None:
            client.username_pw_set(options.username, self._password)
        if options.tls:
            client.tls_set()
        client.connect(options.host, options.port)
        client.loop_start()
        self._client = client
        return client

    def _away(self, why: str) -> UndeliveredError:
        where = f"{self._options.host}:{self._options.port}"
        return UndeliveredError(f"the broker at {where} did not take it ({why})")


def _level(key: str) -> str:
    """The key as one level of a topic."""
    return re.sub(r"[+#/\s\x00]", "_", key)
