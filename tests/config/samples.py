"""Sound config files to begin from, and what is asked of one that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from lumi_box.config import ConfigError, initial_text, load

SECRET = "v9Qm2xLr7TzKc4Wb8NdYp1HsJf6GaE3u"
DEVELOPMENT = initial_text(True, SECRET)
PRODUCTION = f"""
public_url = "https://lumi.example.com/"
[security]
cookie_secret = "{SECRET}"
[database]
url = "mysql://lumi:p%40ss%2Fword@db.example.com:3307/lumi_box"
[storage]
kind = "s3"
[storage.s3]
endpoint = "https://s3.example.com/"
region = "eu-1"
bucket = "lumi"
access_key_id = "AKIDEXAMPLE"
secret_access_key = "s3-very-secret"
[providers]
image = "siliconflow"
model3d = "tencent"
prompt = "qwen"
[providers.siliconflow]
api_key = "sf-very-secret"
[providers.qwen]
api_key = "qwen-very-secret"
[providers.tencent]
secret_id = "tencent-id-secret"
secret_key = "tencent-key-secret"
[accounts]
smtp_url = "smtp://lumi:mail-secret@mail.example.com:587"
mail_from = "Lumi <lumi@example.com>"
[metrics]
token = "metrics-secret"
[sentry]
dsn = "https://sentrysecret@sentry.example.com/7"
"""
SECRETS = [SECRET, "p%40ss%2Fword", "p@ss/word", "AKIDEXAMPLE", "s3-very-secret", "sf-very-secret", "qwen-very-secret"]
SECRETS += ["tencent-id-secret", "tencent-key-secret", "mail-secret", "metrics-secret", "sentrysecret"]


def errors_of(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert all(len(line.splitlines()) == 1 for line in caught.value.errors)
    return caught.value.errors


def changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)
