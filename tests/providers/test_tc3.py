"""Our signature is the one that Tencent's own SDK makes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tencentcloud.common.abstract_client import AbstractClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.http.request import RequestInternal

from lumi_box.providers.models3d import tc3


def signed_by_the_sdk(secret_id, secret_key, *, service, host, body, timestamp):
    client = AbstractClient(Credential(secret_id, secret_key), "ap-guangzhou")
    sent = RequestInternal(host=host, method="POST", uri="/", data=body.decode())
    sent.header = {"Content-Type": "application/json", "Host": host, "X-TC-Timestamp": str(timestamp)}
    date = datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d")
    signature = client._get_tc3_signature({}, sent, date, service, secret_key)
    scope = f"{secret_id}/{date}/{service}/tc3_request"
    return f"TC3-HMAC-SHA256 Credential={scope}, SignedHeaders=content-type;host, Signature={signature}"


keys = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=40)


@given(
    secret_id=keys,
    secret_key=keys,
    host=st.sampled_from(["ai3d.tencentcloudapi.com", "ai3d.ap-guangzhou.tencentcloudapi.com", "127.0.0.1:8080"]),
    text=st.text(max_size=200),
    timestamp=st.integers(1_500_000_000, 2_500_000_000),
)
def test_the_sdk_makes_the_same_header(secret_id, secret_key, host, text, timestamp):
    told = {"service": "ai3d", "host": host, "body": text.encode("utf-8", "replace"), "timestamp": timestamp}
    assert tc3.authorization(secret_id, secret_key, **told) == signed_by_the_sdk(secret_id, secret_key, **told)


@pytest.mark.parametrize(("timestamp", "date"), [(1763683199, "2025-11-20"), (1763683200, "2025-11-21")])
def test_the_date_is_the_day_in_utc(timestamp, date):
    header = tc3.authorization("id", "key", service="ai3d", host="ai3d.example", body=b"{}", timestamp=timestamp)
    assert f"Credential=id/{date}/ai3d/tc3_request" in header


def test_another_body_has_another_signature():
    told = {"service": "ai3d", "host": "ai3d.example", "timestamp": 1763600000}
    assert tc3.authorization("id", "key", body=b"{}", **told) != tc3.authorization("id", "key", body=b"{ }", **told)


def test_a_host_is_signed_in_small_letters():
    told = {"service": "ai3d", "body": b"{}", "timestamp": 1763600000}
    assert tc3.authorization("id", "key", host=" AI3D.example", **told) == tc3.authorization(
        "id", "key", host="ai3d.example", **told
    )
