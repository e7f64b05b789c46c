"""Which vendors are asked, where, with which keys and for what."""

from __future__ import annotations

from config.effects import effect
from config.effects.world import outcome
from doubles import png

from lumi_box.providers import registry
from lumi_box.providers.base import ImageOrder, ModelOrder, Picture
from lumi_box.providers.images import cloud
from lumi_box.providers.models3d import delivery, tc3

ALIYUN = {"providers.image": "aliyun", "providers.aliyun.api_key": "sk-one", "providers.aliyun.endpoint": "{url}"}
SILICONFLOW = {
    "providers.image": "siliconflow",
    "providers.siliconflow.api_key": "sk-one",
    "providers.siliconflow.endpoint": "{url}",
}
CHAT = {
    "providers.prompt": "siliconflow",
    "providers.siliconflow.api_key": "sk-one",
    "providers.siliconflow.endpoint": "{url}",
    "providers.siliconflow.llm_model": "Qwen/Qwen3-8B",
}
QWEN = {"providers.prompt": "qwen", "providers.qwen.api_key": "sk-one", "providers.qwen.endpoint": "{url}"}
TENCENT = {
    "providers.model3d": "tencent",
    "providers.tencent.secret_id": "AKIDone",
    "providers.tencent.secret_key": "key-one",
    "providers.tencent.endpoint": "{url}",
}
KEYS = {"providers.aliyun.api_key": "k", "providers.siliconflow.api_key": "k", "providers.qwen.api_key": "k"}
KEYS |= {
    "providers.siliconflow.llm_model": "m",
    "providers.tencent.secret_id": "i",
    "providers.tencent.secret_key": "k",
}


@effect("providers.image", ("aliyun", "aliyun"), ("siliconflow", "siliconflow"), ("builtin", "builtin"), given=KEYS)
def who_paints(world, config):
    return world.box(config).image_provider.name


@effect("providers.model3d", ("tencent", "tencent"), ("builtin", "builtin"), given=KEYS)
def who_models(world, config):
    return world.box(config).model_provider.name


@effect("providers.prompt", ("qwen", "qwen"), ("siliconflow", "siliconflow"), ("none", None), given=KEYS)
def who_writes(world, config):
    writer = world.box(config).prompt_writer
    return writer and writer.name


def _painted(world, config):
    """The order of one picture, as the vendor gets it."""
    outcome(lambda: registry.image_provider(config).submit(ImageOrder("a fox", 0, 1)))
    return world.last()


def _written(world, config):
    outcome(lambda: registry.prompt_writer(config).write("a fox"))
    return world.last()


def _modelled(world, config):
    outcome(lambda: registry.model_provider(config).submit(ModelOrder(Picture(png(), "image/png"), "a fox")))
    return world.last()


@effect("providers.aliyun.api_key", ("sk-one", "Bearer sk-one"), ("sk-two", "Bearer sk-two"), given=ALIYUN)
@effect("providers.siliconflow.api_key", ("sk-one", "Bearer sk-one"), ("sk-two", "Bearer sk-two"), given=SILICONFLOW)
def the_painters_key(world, config):
    return _painted(world, config).headers["Authorization"]


@effect("providers.aliyun.endpoint", ("{url}", "/services/"), ("{url}/api/v9", "/api/v9/services/"), given=ALIYUN)
@effect("providers.siliconflow.endpoint", ("{url}", "/images/"), ("{url}/v9", "/v9/images/"), given=SILICONFLOW)
def the_painters_place(world, config):
    path = _painted(world, config).path
    return path.partition("aigc")[0].partition("generations")[0]


@effect("providers.aliyun.model", ("qwen-image-plus", "qwen-image-plus"), ("wan2.2-t2i", "wan2.2-t2i"), given=ALIYUN)
@effect(
    "providers.siliconflow.image_model",
    ("Qwen/Qwen-Image", "Qwen/Qwen-Image"),
    ("Kwai/Other", "Kwai/Other"),
    given=SILICONFLOW,
)
def the_painters_model(world, config):
    return _painted(world, config).json["model"]


@effect("providers.aliyun.size", ("1328*1328", "1328*1328"), ("1664*928", "1664*928"), given=ALIYUN)
def the_pictures_size(world, config):
    return _painted(world, config).json["parameters"]["size"]


@effect("providers.siliconflow.size", ("1328x1328", "1328x1328"), ("1664x928", "1664x928"), given=SILICONFLOW)
def the_pictures_size_elsewhere(world, config):
    return _painted(world, config).json["image_size"]


def _kind(found):
    """Whether the vendor's word came through: 404 for an answer in time."""
    return found if found == "AnswerLost answer_lost" else "answered"


@effect("providers.aliyun.timeout_seconds", (0.1, "AnswerLost answer_lost"), (20, "answered"), given=ALIYUN)
@effect("providers.siliconflow.timeout_seconds", (0.1, "AnswerLost answer_lost"), (20, "answered"), given=SILICONFLOW)
def how_long_the_painter_may_take(world, config):
    world.recorder.delay = 0.4
    return _kind(outcome(lambda: registry.image_provider(config).submit(ImageOrder("a fox", 0, 1))))


@effect("providers.qwen.timeout_seconds", (0.1, "AnswerLost answer_lost"), (20, "answered"), given=QWEN)
def how_long_the_writer_may_take(world, config):
    world.recorder.delay = 0.4
    return _kind(outcome(lambda: registry.prompt_writer(config).write("a fox")))


@effect("providers.tencent.timeout_seconds", (0.1, "AnswerLost answer_lost"), (20, "answered"), given=TENCENT)
def how_long_the_modeller_may_take(world, config):
    world.recorder.delay = 0.4
    order = ModelOrder(Picture(png(), "image/png"), "a fox")
    return _kind(outcome(lambda: registry.model_provider(config).submit(order)))


@effect("providers.siliconflow.llm_model", ("Qwen/Qwen3-8B", "Qwen/Qwen3-8B"), ("other/chat", "other/chat"), given=CHAT)
@effect("providers.qwen.model", ("qwen-plus", "qwen-plus"), ("qwen-max", "qwen-max"), given=QWEN)
def the_writers_model(world, config):
    return _written(world, config).json["model"]


@effect("providers.qwen.api_key", ("sk-one", "Bearer sk-one"), ("sk-two", "Bearer sk-two"), given=QWEN)
def the_writers_key(world, config):
    return _written(world, config).headers["Authorization"]


@effect("providers.qwen.endpoint", ("{url}", "/chat/completions"), ("{url}/v9", "/v9/chat/completions"), given=QWEN)
def the_writers_place(world, config):
    return _written(world, config).path


@effect("providers.tencent.secret_id", ("AKIDone", "AKIDone"), ("AKIDtwo", "AKIDtwo"), given=TENCENT)
def whose_order_it_is(world, config):
    return _modelled(world, config).headers["Authorization"].partition("Credential=")[2].partition("/")[0]


@effect("providers.tencent.secret_key", ("key-one", True), ("key-two", False), given=TENCENT)
def what_the_order_is_signed_with(world, config):
    asked = _modelled(world, config)
    timestamp = int(asked.headers["X-TC-Timestamp"])
    expected = tc3.authorization(
        "AKIDone", "key-one", service="ai3d", host=world.recorder.host, body=asked.body, timestamp=timestamp
    )
    return asked.headers["Authorization"] == expected


@effect("providers.tencent.region", ("ap-guangzhou", "ap-guangzhou"), ("ap-other", "ap-other"), given=TENCENT)
def the_modellers_region(world, config):
    return _modelled(world, config).headers["X-TC-Region"]


@effect("providers.tencent.endpoint", ("{url}", "127.0.0.1"), ("http://localhost:{port}", "localhost"), given=TENCENT)
def the_modellers_place(world, config):
    return _modelled(world, config).headers["Host"].partition(":")[0]


@effect(
    "providers.tencent.edition",
    ("rapid", "SubmitHunyuanTo3DRapidJob"),
    ("pro", "SubmitHunyuanTo3DProJob"),
    given=TENCENT,
)
def what_is_ordered(world, config):
    return _modelled(world, config).headers["X-TC-Action"]


@effect("providers.tencent.result_format", ("OBJ", "OBJ"), ("GLB", "GLB"), given=TENCENT)
def the_models_format(world, config):
    return _modelled(world, config).json["ResultFormat"]


@effect("providers.allowed_hosts", ([], "Refused forbidden_address"), (["{host}"], "fetched"))
def whether_a_private_address_is_fetched(world, config):
    world.recorder.says(png())
    found = outcome(lambda: cloud.bring_home(f"{world.recorder.url}/picture.png", config))
    return "fetched" if isinstance(found, Picture) else found


@effect("limits.max_image_mb", (1, "Refused too_large"), (2, "fetched"), given={"providers.allowed_hosts": ["{host}"]})
def how_large_a_picture_may_be(world, config):
    world.recorder.says(png() + b"\0" * (3 << 19))
    found = outcome(lambda: cloud.bring_home(f"{world.recorder.url}/picture.png", config))
    return "fetched" if isinstance(found, Picture) else found


@effect("limits.max_model_mb", (1, "Refused too_large"), (2, "read"), given={"providers.allowed_hosts": ["{host}"]})
def how_large_a_model_may_be(world, config):
    world.recorder.says(b"no model" * (3 << 16))
    folder = config.folder / "work"
    folder.mkdir()
    found = outcome(lambda: delivery.bring_home(f"{world.recorder.url}/model.zip", folder, config))
    return found if found == "Refused too_large" else "read"
