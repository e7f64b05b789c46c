"""Plain calls to the emulators, as small as they can be, for tests of faults."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from typing import Any

import requests

from emulators.emulator import ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_ID, TENCENT_KEY, Addresses

TIMEOUT = 5.0


def dashscope_submit(to: Addresses, *, timeout: float = TIMEOUT, **fields: Any) -> requests.Response:
    body = {"model": "qwen-image-plus", "input": {"prompt": "a fox"}, "parameters": {"size": "1328*1328"}} | fields
    headers = {"Authorization": f"Bearer {ALIYUN_KEY}", "X-DashScope-Async": "enable"}
    path = "/services/aigc/text2image/image-synthesis"
    return requests.post(to.aliyun_endpoint + path, json=body, headers=headers, timeout=timeout)


def dashscope_poll(to: Addresses, ticket: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {ALIYUN_KEY}"}
    return requests.get(f"{to.aliyun_endpoint}/tasks/{ticket}", headers=headers, timeout=TIMEOUT)


def siliconflow_submit(to: Addresses) -> requests.Response:
    body: dict[str, Any] = {"model": "Qwen/Qwen-Image", "prompt": "a fox", "image_size": "1328x1328", "seed": 1}
    headers = {"Authorization": f"Bearer {SILICONFLOW_KEY}"}
    return requests.post(f"{to.siliconflow_endpoint}/images/generations", json=body, headers=headers, timeout=TIMEOUT)


def chat(to: Addresses, vendor: str) -> requests.Response:
    qwen = vendor == "qwen"
    base, key = (to.qwen_endpoint, ALIYUN_KEY) if qwen else (to.siliconflow_endpoint, SILICONFLOW_KEY)
    messages = [{"role": "user", "content": "a fox, as json"}]
    body: dict[str, Any] = {"model": "qwen-plus" if qwen else "Qwen/Qwen3-8B", "messages": messages}
    headers = {"Authorization": f"Bearer {key}"}
    return requests.post(f"{base}/chat/completions", json=body, headers=headers, timeout=TIMEOUT)


def tencent(to: Addresses, action: str, **fields: Any) -> requests.Response:
    body, now = json.dumps(fields).encode(), int(time.time())
    date = time.strftime("%Y-%m-%d", time.gmtime(now))
    digest = hashlib.sha256(body).hexdigest()
    canonical = f"POST\n/\n\ncontent-type:application/json\nhost:{to.host}\n\ncontent-type;host\n{digest}"
    scope = f"{date}/ai3d/tc3_request"
    to_sign = f"TC3-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{TENCENT_KEY}".encode()
    for word in (date, "ai3d", "tc3_request", to_sign):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    credential = f"Credential={TENCENT_ID}/{scope}, SignedHeaders=content-type;host, Signature={key.hex()}"
    headers = {
        "Content-Type": "application/json",
        "X-TC-Action": action,
        "X-TC-Version": "2025-05-13",
        "X-TC-Region": "ap-guangzhou",
        "X-TC-Timestamp": str(now),
        "Authorization": f"TC3-HMAC-SHA256 {credential}",
    }
    return requests.post(to.tencent_endpoint, data=body, headers=headers, timeout=TIMEOUT)


def order(to: Addresses, vendor: str, operation: str) -> requests.Response:
    """One sound request of this kind."""
    if operation == "chat":
        return chat(to, vendor)
    if vendor == "siliconflow":
        return siliconflow_submit(to)
    if vendor == "dashscope":
        return dashscope_submit(to) if operation == "submit" else dashscope_poll(to, "0")
    if operation == "submit":
        return tencent(to, "SubmitHunyuanTo3DRapidJob", Prompt="狐狸")
    return tencent(to, "QueryHunyuanTo3DRapidJob", JobId="1")
