"""The doctor on a bucket: what it finds where all is well, and what it names where it is not."""

from dataclasses import replace

import pytest

from lumi_box import doctor
from lumi_box.storage.s3 import S3Storage


@pytest.fixture
def finding(box, s3_config):
    """What the check of the store finds with other settings of the bucket."""

    def look(**changes):
        settings = replace(s3_config, **changes)
        storage = replace(box.config.storage, kind="s3", s3=settings)
        box.config = replace(box.config, storage=storage)
        box.storage = S3Storage(settings)
        return doctor.examine(box, ["storage"])[0]

    return look


def test_a_bucket_that_works_is_told_with_its_place(finding, s3_config):
    found = finding()
    assert found.healthy
    assert found.text.startswith(f"Bucket {s3_config.bucket}/lumi/main at {s3_config.endpoint}: an object put, read")


@pytest.mark.parametrize(
    ("changes", "cure"),
    [
        ({"access_key_id": "nobody-has-this-key"}, "storage.s3.access_key_id"),
        ({"secret_access_key": "not-the-secret-of-this-key"}, "storage.s3.secret_access_key"),
        ({"bucket": "there-is-no-such-bucket"}, "storage.s3.bucket"),
        ({"endpoint": "http://127.0.0.1:9"}, "storage.s3.endpoint"),
    ],
)
def test_a_bucket_that_does_not_work_is_named_with_its_cure(finding, changes, cure):
    assert finding().healthy
    found = finding(**changes)
    assert not found.healthy
    assert cure in found.hint
    assert "not-the-secret-of-this-key" not in found.text


def test_the_clock_is_compared_with_the_services(box, finding):
    assert finding().healthy
    (clock,) = doctor.examine(box, ["clock"])
    assert clock.healthy
    assert f"from that of {box.config.storage.s3.endpoint}" in clock.text
