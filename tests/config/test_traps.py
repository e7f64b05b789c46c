"""What once was wrong about configuration."""

from __future__ import annotations

import logging
import tomllib
from dataclasses import replace

import pytest
from config.samples import DEVELOPMENT, SECRET, changed, errors_of
from conftest import write_config

from lumi_box import config as configuration
from lumi_box import runtime
from lumi_box.config import initial_text, load, to_toml
from lumi_box.flow.accept_prompt import accept_prompt
from lumi_box.jobs import lifecycle
from lumi_box.tables.job import Job
from lumi_box.web.app import create_app
from lumi_box.worker.run import run

NEEDED = {  # a choice, and the keys without which it cannot be used
    "image = aliyun": ("providers.aliyun.api_key",),
    "image = siliconflow": ("providers.siliconflow.api_key",),
    "model3d = tencent": ("providers.tencent.secret_id", "providers.tencent.secret_key"),
    "prompt = qwen": ("providers.qwen.api_key",),
    "prompt = siliconflow": ("providers.siliconflow.api_key", "providers.siliconflow.llm_model"),
}


@pytest.mark.parametrize("given", ["", 'cookie_secret = ""', 'cookie_secret = "secret"'])
@pytest.mark.parametrize("mode", ["development", "production"])
def test_trap_3_a_cookie_secret_has_no_fallback(write, monkeypatch, given, mode):
    """Whoever knew the fallback could sign in as anybody, wherever nobody had chosen a secret."""
    for name in ("COOKIE_SECRET", "SECRET_KEY", "LUMI_BOX_COOKIE_SECRET", "FLASK_SECRET_KEY"):
        monkeypatch.setenv(name, SECRET)
    text = changed(DEVELOPMENT, f'cookie_secret = "{SECRET}"', given)
    path = write(changed(text, 'mode = "development"', f'mode = "{mode}"'))
    assert any(line.startswith("security.cookie_secret: ") for line in errors_of(path))


def test_trap_3_cookies_are_signed_with_the_configured_secret_and_each_installation_has_its_own(box, tmp_path):
    app = create_app(box)
    try:
        assert app.config["SECRET_KEY"] == box.config.security.cookie_secret
        assert app.config.get("SECRET_KEY_FALLBACKS") is None
    finally:
        app.extensions["lumi_follower"].close(wait=True)
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(load(write_config(tmp_path / name)).security.cookie_secret)
    assert made[0] != made[1] and min(map(len, made)) >= 32


@pytest.mark.parametrize("choice", NEEDED)
def test_trap_4_a_start_without_a_key_that_will_be_needed_is_refused(write, monkeypatch, choice):
    """They used to be missed by the first job, when a user had paid."""
    monkeypatch.setattr(runtime, "supervise", lambda *_: pytest.fail("it went on to serve"))
    kind, _, vendor = choice.partition(" = ")
    table = tomllib.loads(DEVELOPMENT)
    table["providers"][kind] = vendor
    for key in NEEDED[choice]:
        table["providers"].setdefault(vendor, {})[key.rpartition(".")[2]] = "given"
    assert load(write(to_toml(table)))
    for key in NEEDED[choice]:
        less = tomllib.loads(to_toml(table))
        del less["providers"][vendor][key.rpartition(".")[2]]
        (line,) = errors_of(write(to_toml(less)))
        assert line.startswith(f'{key}: is required with providers.{kind} = "{vendor}"')


def test_trap_4_the_example_cannot_be_used_before_its_keys_are_filled_in(write):
    assert [line.partition(":")[0] for line in errors_of(write(initial_text(False, SECRET)))] == [
        "providers.aliyun.api_key",
        "providers.tencent.secret_id",
        "providers.tencent.secret_key",
    ]


@pytest.mark.parametrize(("images", "models"), [(1, 1), (3, 2)])
def test_trap_10_as_many_jobs_are_in_flight_as_the_config_says(box, queue, alice, caplog, images, models):
    """One number stood in the config, another in the code."""
    caplog.set_level(logging.INFO)
    settings = replace(box.config.queue, image_concurrency=images, model_concurrency=models)
    box.config = replace(box.config, queue=settings)
    accept_prompt(box, alice.id, "a crane")
    for number in range(4):
        lifecycle.create(box, "model3d", f"model-{number}", "request", alice.id)
    for job in list(Job.select()):
        lifecycle.claim(box, job.id)
    assert {kind: lifecycle.in_flight(kind) for kind in ("image", "model3d")} == {"image": images, "model3d": models}
    run(box, queue, lambda _: True, lambda: None)  # the worker, told to stop as soon as it has started
    assert f"image worker started concurrency={images}" in caplog.messages
    assert f"model worker started concurrency={models}" in caplog.messages
    app = create_app(box)
    try:
        told = app.test_client().get("/api/v1/workers/status").json["data"]
    finally:
        app.extensions["lumi_follower"].close(wait=True)
    assert (told["image"]["config"]["concurrency"], told["model3d"]["config"]["concurrency"]) == (images, models)


def test_the_samples_are_sound(write):
    assert configuration.load(write(DEVELOPMENT)).development
