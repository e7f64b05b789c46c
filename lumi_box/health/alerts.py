"""Messages to the operator through the addresses of `alerts.urls`: webhooks, mail, chats, and whatever apprise knows.

The addresses are secrets: neither they nor what the library says about them is logged.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Sequence

from lumi_box.clock import now_ms
from lumi_box.config import Config
from lumi_box.tables.health import HealthAlert

SEND_SECONDS = 20.0  # for one message, whatever its service does
GIVE_UP_MS = 24 * 3_600_000
LIBRARY, BELOW_IT = "apprise", ("urllib3.connectionpool", "urllib3.util.retry")
THREAD = "alert"

logger = logging.getLogger(__name__)


def targets(config: Config) -> list[str]:
    return [target_of(url) for url in config.alerts.urls]


def target_of(url: str) -> str:
    """What names an address without telling it."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def deliver_waiting(config: Config) -> None:
    """Each message once to each address; what is not taken waits for the next round, for a day at most."""
    addresses = {target_of(url): url for url in config.alerts.urls}
    for row in list(HealthAlert.select().order_by(HealthAlert.id)):
        url = addresses.get(row.target)
        too_old = row.created_at < now_ms() - GIVE_UP_MS
        if too_old and url is not None:
            logger.error("alert given up to=%s tries=%d title=%s", _shown(config, url), row.tries, row.title)
        if url is None or too_old or send(config, url, row.title, row.body):
            HealthAlert.delete().where(HealthAlert.id == row.id).execute()
        else:
            HealthAlert.update(tries=HealthAlert.tries + 1).where(HealthAlert.id == row.id).execute()


def send_all(config: Config, urls: Sequence[str], title: str, body: str) -> list[str]:
    """For when there is no database to keep it in. Answers the addresses that did not take it."""
    return [url for url in urls if not send(config, url, title, body)]


def send(config: Config, url: str, title: str, body: str) -> bool:
    """Whether the service took it in time."""
    taken: list[bool] = []
    thread = threading.Thread(target=lambda: taken.append(_notify(config, url, title, body)), name=THREAD, daemon=True)
    thread.start()
    thread.join(SEND_SECONDS)
    if taken == [True]:
        logger.info("alert sent to=%s title=%s", _shown(config, url), title)
        return True
    reason = "did not answer in time" if thread.is_alive() else "did not take it"
    logger.error("alert not sent to=%s reason=%s: trying again at the next round", _shown(config, url), reason)
    return False


def _notify(config: Config, url: str, title: str, body: str) -> bool:
    _hush()
    try:
        import apprise  # 25 MB that only an alert needs

        asset = apprise.AppriseAsset(
            app_id="lumi-box",
            app_desc="lumi-box",
            app_url=config.public_url,
            async_mode=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        service = apprise.Apprise.instantiate(
            url, asset=asset
        )  # and not by its dispatcher, which has threads of its own
        kind = apprise.NotifyType.FAILURE if "unhealthy" in title else apprise.NotifyType.SUCCESS
        return bool(service and service.notify(title=title, body=f"{body}\n{config.public_url}", notify_type=kind))
    except Exception as error:  # of whichever of its many services; its text may quote the address
        logger.warning("alert failed in the library error=%s", type(error).__name__)
        return False


def _hush() -> None:
    """The library logs addresses and what it sends; those below it log paths, which for some services are the key."""
    logging.getLogger(LIBRARY).disabled = True
    for name in BELOW_IT:
        logging.getLogger(name).addFilter(_from_elsewhere)  # the same one twice is one


def _from_elsewhere(record: logging.LogRecord) -> bool:
    return record.threadName != THREAD


def _shown(config: Config, url: str) -> str:
    """Its place in the config and its kind."""
    number = config.alerts.urls.index(url) + 1 if url in config.alerts.urls else 0
    return f"alerts.urls[{number}] ({url.partition('://')[0]})"
