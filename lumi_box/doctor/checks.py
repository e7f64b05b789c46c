"""Every check by its id, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Callable

from lumi_box.box import Box
from lumi_box.doctor import clocks, host, rows, services, store, work

Check = Callable[[Box], str]  # answers the evidence; raises Sick, or whatever it meets, when the service does not work

CHECKS: dict[str, Check] = {
    "config": host.check_config,
    "database": rows.check_database,
    "migrations": rows.check_migrations,
    "queue": work.check_queue,
    "consumer": work.check_consumer,
    "scheduler": work.check_scheduler,
    "storage": store.check_storage,
    "disk": host.check_disk,
    "image-provider": services.check_image_provider,
    "model3d-provider": services.check_model3d_provider,
    "prompt-provider": services.check_prompt_provider,
    "user-service": services.check_user_service,
    "clock": clocks.check_clock,
}
CRITICAL = ("config", "database", "migrations", "storage", "user-service")
ASK_VENDORS = frozenset({"image-provider", "model3d-provider", "prompt-provider", "clock"})  # asked with restraint
