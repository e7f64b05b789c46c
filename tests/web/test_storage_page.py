"""The operator's page of the store."""

from conftest import bearer

from lumi_box.config.schema import SweepConfig
from lumi_box.storage.sweep import sweep


def test_it_shows_what_is_kept_and_what_the_sweeps_found(client, box, admin, finished, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 12_345)
    box.storage.put("orphan", path)
    sweep(box.storage, SweepConfig(grace_hours=0, max_delete_percent=1))
    page = client.get("/admin/storage", headers=bearer(admin)).get_data(as_text=True)
    assert "1 of 16 objects would be removed" in page
    assert ">15<" in page.replace(" ", "")
    sweep(box.storage, SweepConfig(grace_hours=0))
    page = client.get("/admin/storage", headers=bearer(admin)).get_data(as_text=True)
    assert "would be removed" not in page
    assert "12.1 KiB" in page
