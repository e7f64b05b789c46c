"""The official Python SDK of Tencent Cloud against its emulator."""

from __future__ import annotations

import base64
import io
import json
import time
import zipfile
from typing import Any

import pytest
import requests
import trimesh
from PIL import Image
from tencentcloud.ai3d.v20250513 import models
from tencentcloud.ai3d.v20250513.ai3d_client import Ai3dClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from emulators.emulator import TENCENT_ID, TENCENT_KEY, Emulator
from emulators.pictures import picture

pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")
FOX = base64.b64encode(picture("a fox", 512, 512)).decode()


def client(emulator: Emulator, secret_id: str = TENCENT_ID, key: str = TENCENT_KEY, host: str = "") -> Ai3dClient:
    http = HttpProfile(endpoint=host or emulator.host, protocol="http", reqTimeout=10)
    return Ai3dClient(Credential(secret_id, key), "ap-guangzhou", ClientProfile(httpProfile=http))


def call(emulator: Emulator, action: str, **fields: Any) -> Any:
    request = getattr(models, f"{action}Request")()
    request.from_json_string(json.dumps(fields))
    return getattr(client(emulator), action)(request)


def submit(emulator: Emulator, tier: str = "Rapid", **fields: Any) -> str:
    job: str = call(emulator, f"SubmitHunyuanTo3D{tier}Job", **(fields or {"ImageBase64": FOX})).JobId
    return job


def wait(emulator: Emulator, job: str, tier: str = "Rapid") -> Any:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        state = call(emulator, f"QueryHunyuanTo3D{tier}Job", JobId=job)
        if state.Status in ("DONE", "FAIL"):
            return state
        time.sleep(0.1)
    raise AssertionError("the job did not end")


def code_of(emulator: Emulator, action: str, **fields: Any) -> str:
    with pytest.raises(TencentCloudSDKException) as caught:
        call(emulator, action, **fields)
    return str(caught.value.code)


def test_a_model_is_ordered_awaited_and_fetched(emulator: Emulator) -> None:
    job = submit(emulator)
    done = wait(emulator, job)
    assert [one.Type for one in done.ResultFile3Ds] == ["OBJ"]
    archive = requests.get(done.ResultFile3Ds[0].Url, timeout=5).content
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        endings = sorted(name.rpartition(".")[2] for name in opened.namelist())
        obj = next(opened.read(name) for name in opened.namelist() if name.endswith(".obj"))
    assert endings == ["mtl", "obj", "png"]
    assert obj.count(b"\nf ") > 2000
    preview = requests.get(done.ResultFile3Ds[0].PreviewImageUrl, timeout=5).content
    assert Image.open(io.BytesIO(preview)).format == "PNG"
    assert emulator.record().paid("tencent") == 1


def test_glb_is_one_sound_file_with_its_texture(emulator: Emulator) -> None:
    done = wait(emulator, submit(emulator, ImageBase64=FOX, ResultFormat="GLB"))
    data = requests.get(done.ResultFile3Ds[0].Url, timeout=5).content
    mesh: Any = trimesh.load_mesh(io.BytesIO(data), file_type="glb")
    assert mesh.visual.material.baseColorTexture.size == (512, 512)
    mesh.merge_vertices(merge_tex=True)
    assert mesh.is_watertight


def test_pro_delivers_both_formats_and_its_bill(emulator: Emulator) -> None:
    done = wait(emulator, submit(emulator, "Pro", ImageBase64=FOX, EnablePBR=True), "Pro")
    assert {one.Type for one in done.ResultFile3Ds} == {"OBJ", "GLB"}
    assert done.ResultCreditConsumed == 30


def test_one_rapid_job_at_a_time_and_its_slot_is_held_for_a_while(emulator: Emulator) -> None:
    emulator.settings("tencent", hold=0.3, duration=0.1, queued=0)
    job = submit(emulator)
    assert code_of(emulator, "SubmitHunyuanTo3DRapidJob", Prompt="狐狸") == "RequestLimitExceeded.JobNumExceed"
    assert wait(emulator, job).Status == "DONE"
    assert code_of(emulator, "SubmitHunyuanTo3DRapidJob", Prompt="狐狸") == "RequestLimitExceeded.JobNumExceed"
    time.sleep(0.45)
    submit(emulator)
    assert len(emulator.record().accepted()) == 2


def test_three_pro_jobs_at_a_time(emulator: Emulator) -> None:
    for _ in range(3):
        submit(emulator, "Pro", Prompt="狐狸")
    assert code_of(emulator, "SubmitHunyuanTo3DProJob", Prompt="狐狸") == "RequestLimitExceeded.JobNumExceed"


@pytest.mark.parametrize(
    ("secret_id", "key", "code"),
    [
        (TENCENT_ID, "another-key", "AuthFailure.SignatureFailure"),
        ("AKIDanother", TENCENT_KEY, "AuthFailure.SecretIdNotFound"),
    ],
)
def test_wrong_credentials_are_detected(emulator: Emulator, secret_id: str, key: str, code: str) -> None:
    request = models.QueryHunyuanTo3DRapidJobRequest()
    request.JobId = "1"
    with pytest.raises(TencentCloudSDKException) as caught:
        client(emulator, secret_id, key).QueryHunyuanTo3DRapidJob(request)
    assert caught.value.code == code
    assert caught.value.requestId


def test_a_clock_five_minutes_off_is_detected(emulator: Emulator) -> None:
    emulator.settings("tencent", clock_offset=310)
    assert code_of(emulator, "QueryHunyuanTo3DRapidJob", JobId="1") == "AuthFailure.SignatureExpire"
    emulator.settings("tencent", clock_offset=-290)
    assert code_of(emulator, "QueryHunyuanTo3DRapidJob", JobId="1") == "ResourceNotFound"


def signed(emulator: Emulator, body: bytes, host: str = "") -> dict[str, str]:
    """The headers that the SDK makes for a query, caught on their way."""
    caught: dict[str, str] = {}
    sdk = client(emulator, host=host)

    def send(request: Any) -> Any:
        caught.update(request.header)
        raise TencentCloudSDKException("caught", "")

    sdk.request.send_request = send
    with pytest.raises(TencentCloudSDKException):
        sdk.call("QueryHunyuanTo3DRapidJob", json.loads(body))
    return {name: str(value) for name, value in caught.items()}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, "ResourceNotFound"),
        ({"Content-Type": "application/json; charset=utf-8"}, "AuthFailure.SignatureFailure"),
        ({"Host": "ai3d.tencentcloudapi.com"}, "AuthFailure.SignatureFailure"),
        ({"X-TC-Version": "2023-09-01"}, "NoSuchVersion"),
        ({"X-TC-Action": "SubmitHunyuanTo3DJob"}, "InvalidAction"),
        ({"X-TC-Region": ""}, "UnsupportedRegion"),
        ({"Authorization": "Bearer sk-other"}, "AuthFailure.InvalidAuthorization"),
    ],
)
def test_what_is_signed_must_be_what_is_sent(emulator: Emulator, change: dict[str, str], code: str) -> None:
    body = b'{"JobId": "1"}'
    headers = signed(emulator, body) | change
    answer = requests.post(emulator.tencent_endpoint, data=body, headers=headers, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["Response"]["Error"]["Code"] == code


def test_a_host_signed_without_its_port_is_accepted(emulator: Emulator) -> None:
    body = b'{"JobId": "1"}'
    headers = signed(emulator, body, host="127.0.0.1") | {"Host": emulator.host}
    answer = requests.post(emulator.tencent_endpoint, data=body, headers=headers, timeout=5)
    assert answer.json()["Response"]["Error"]["Code"] == "ResourceNotFound"


def test_another_body_than_the_signed_one_is_detected(emulator: Emulator) -> None:
    headers = signed(emulator, b'{"JobId": "1"}')
    answer = requests.post(emulator.tencent_endpoint, data=b'{"JobId": "2"}', headers=headers, timeout=5)
    assert answer.json()["Response"]["Error"]["Code"] == "AuthFailure.SignatureFailure"


def encoded(kind: str, width: int, height: int) -> str:
    target = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(target, kind)
    return base64.b64encode(target.getvalue()).decode()


@pytest.mark.parametrize(
    ("tier", "fields", "code"),
    [
        ("Rapid", {"ImageBase64": encoded("BMP", 256, 256)}, "InvalidParameterValue.InvalidImageFormat"),
        ("Rapid", {"ImageBase64": encoded("PNG", 100, 256)}, "InvalidParameterValue.InvalidImageResolution"),
        ("Rapid", {"ImageBase64": encoded("PNG", 5001, 256)}, "InvalidParameterValue.InvalidImageResolution"),
        ("Rapid", {"ImageBase64": base64.b64encode(b"no picture").decode()}, "FailedOperation.ImageDecodeFailed"),
        ("Rapid", {"ImageBase64": f"data:image/png;base64,{FOX}"}, "FailedOperation.ImageDecodeFailed"),
        ("Rapid", {"ImageBase64": base64.b64encode(bytes(7_000_000)).decode()},
         "InvalidParameterValue.InvalidImageSize"),
        ("Rapid", {"ImageUrl": "ftp://example.org/fox.png"}, "InvalidParameterValue.UrlIllegal"),
        ("Rapid", {"ImageUrl": "http://10.0.0.1/fox.png"}, "FailedOperation.ImageDownloadError"),
        ("Rapid", {"Prompt": "狐" * 201}, "InvalidParameterValue.ParameterValueError"),
        ("Rapid", {"Prompt": "狐狸", "ImageBase64": FOX}, "InvalidParameterValue.ParameterValueError"),
        ("Rapid", {"EnablePBR": True}, "MissingParameter"),
        ("Rapid", {"Prompt": "狐狸", "EnableGeometry": True, "ResultFormat": "OBJ"},
         "InvalidParameterValue.ParameterValueError"),
        ("Pro", {"Prompt": "狐狸", "ResultFormat": "OBJ"}, "InvalidParameterValue.ParameterValueError"),
        ("Pro", {"Prompt": "狐狸", "ResultFormat": "GLB"}, "InvalidParameterValue.ParameterValueError"),
        ("Pro", {"Prompt": "狐狸", "FaceCount": 2999}, "InvalidParameterValue.ParameterValueError"),
        ("Pro", {"Prompt": "狐狸", "Model": "3.1", "GenerateType": "LowPoly"},
         "InvalidParameterValue.ParameterValueError"),
    ],
)  # fmt: skip
def test_what_the_vendor_refuses(emulator: Emulator, tier: str, fields: dict[str, Any], code: str) -> None:
    assert code_of(emulator, f"SubmitHunyuanTo3D{tier}Job", **fields) == code
    assert emulator.record().accepted() == []


def test_a_parameter_of_the_other_tier_is_unknown(emulator: Emulator) -> None:
    with pytest.raises(TencentCloudSDKException) as caught:
        client(emulator).call_json("SubmitHunyuanTo3DRapidJob", {"Prompt": "狐狸", "FaceCount": 5000})
    assert caught.value.code == "UnknownParameter"


def test_a_job_is_known_to_its_own_tier_only(emulator: Emulator) -> None:
    job = submit(emulator)
    assert code_of(emulator, "QueryHunyuanTo3DProJob", JobId=job) == "ResourceNotFound"


def test_a_failed_job_says_why_and_is_free(emulator: Emulator) -> None:
    emulator.fault("tencent", "submit", "task:FailedOperation.ServerError")
    done = wait(emulator, submit(emulator))
    assert (done.Status, done.ErrorCode, done.ErrorMessage) == ("FAIL", "FailedOperation.ServerError", "算法服务异常")
    assert not done.ResultFile3Ds
    assert emulator.record().paid() == 0


def test_a_gateway_error_is_a_network_error_to_the_sdk(emulator: Emulator) -> None:
    emulator.fault("tencent", "submit", "gateway-502")
    assert code_of(emulator, "SubmitHunyuanTo3DRapidJob", Prompt="狐狸") == "ServerNetworkError"


def test_a_bare_obj_lies_beside_its_siblings(emulator: Emulator) -> None:
    emulator.fault("tencent", "submit", "delivers", file="bare-obj")
    url = wait(emulator, submit(emulator)).ResultFile3Ds[0].Url
    assert requests.get(url, timeout=5).text.splitlines()[1] == "mtllib material.mtl"
    assert "map_Kd material.png" in requests.get(url.replace("model.obj", "material.mtl"), timeout=5).text
    skin = requests.get(url.replace("model.obj", "material.png"), timeout=5).content
    assert Image.open(io.BytesIO(skin)).size == (512, 512)


def test_a_fresh_query_renews_an_expired_address(emulator: Emulator) -> None:
    emulator.settings("tencent", url_lifetime=0.15)
    job = submit(emulator)
    old = wait(emulator, job).ResultFile3Ds[0].Url
    time.sleep(1.1)  # the address names whole seconds
    assert "Request has expired" in requests.get(old, timeout=5).text
    assert requests.get(wait(emulator, job).ResultFile3Ds[0].Url, timeout=5).status_code == 200


def test_a_picture_may_come_from_a_public_address(emulator: Emulator) -> None:
    url = wait(emulator, submit(emulator)).ResultFile3Ds[0].PreviewImageUrl
    assert wait(emulator, submit(emulator, ImageUrl=url)).Status == "DONE"
