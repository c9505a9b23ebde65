from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from aeras.domain.errors import ConfigError, InputError
from aeras.domain.signing import signed_headers, verify_webhook, webhook_key

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
KEY = webhook_key(SECRET)
AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = '{"item":"Öl"}'.encode()


def test_the_reference_library_reads_our_signature_and_we_read_its():
    now = datetime.now(UTC)
    ours = signed_headers(KEY, "msg_1", BODY, now)
    assert Webhook(SECRET).verify(BODY, ours) == {"item": "Öl"}
    theirs = ours | {"webhook-signature": Webhook(SECRET).sign("msg_1", now, BODY.decode())}
    assert verify_webhook(KEY, theirs, BODY, now) == "msg_1"


def test_names_of_headers_may_be_in_any_case_and_an_old_key_may_sign_beside_the_new():
    headers = {k.title(): v for k, v in signed_headers(KEY, "m", BODY, AT).items()}
    headers["Webhook-Signature"] = f"v1,AAAA v2,xyz {headers['Webhook-Signature']}"
    assert verify_webhook(KEY, headers, BODY, AT) == "m"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"webhook-signature": "v1,AAAA"}, "signature does not fit"),
        ({"webhook-signature": "nonsense"}, "signature does not fit"),
        ({"webhook-id": "msg_2"}, "signature does not fit"),
        ({"webhook-id": ""}, "lacks one of the headers"),
        ({"webhook-timestamp": "noon"}, "signature does not fit"),
    ],
)
def test_a_changed_webhook_is_refused(change, complaint):
    with pytest.raises(InputError, match=complaint):
        verify_webhook(KEY, signed_headers(KEY, "msg_1", BODY, AT) | change, BODY, AT)


@pytest.mark.parametrize(("skew_s", "word"), [(301, "old"), (-301, "new")])
def test_one_from_another_time_is_refused_and_told_by_how_much(skew_s, word):
    headers = signed_headers(KEY, "msg_1", BODY, AT)
    with pytest.raises(InputError, match=f"301 s too {word}"):
        verify_webhook(KEY, headers, BODY, AT + timedelta(seconds=skew_s))
    assert verify_webhook(KEY, headers, BODY, AT + timedelta(seconds=skew_s * 0.9))


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "hunter2", "whsec_!!!!"])
def test_a_weak_secret_is_refused(secret):
    with pytest.raises(ConfigError, match="is no webhook secret"):
        webhook_key(secret)
