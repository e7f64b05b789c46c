"""What to do about a failure: the command, or the line of the config, that mends it."""

from __future__ import annotations

from lumi_box.box import Box
from lumi_box.errors import UpstreamError
from lumi_box.tables import base

MIGRATE = "Run: lumi-box migrate"
NO_TABLE = "Run: lumi-box migrate; if that changes nothing, restore a backup: lumi-box backup restore FILE"
SERVE = "Run: lumi-box serve, or see in its log why it stopped: journalctl -u lumi-box -n 50"
KEEP_TIME = "Let this machine keep time: timedatectl set-ntp true"
CONSOLE = "Mend it in the provider's console; then give the failed jobs new attempts: lumi-box jobs retry --all-dead"

_OF_CHECK = {
    "config": "Run: lumi-box config check",
    "migrations": MIGRATE,
    "user-service": "Check accounts.user_service_url, the network, and that service's own health.",
    "storage": "Check storage.disk.path or storage.s3.endpoint, and the network or the mount before it.",
    "disk": "Check that storage.disk.path and the folder of database.url are mounted and may be read.",
    "clock": KEEP_TIME,
}
_FIRST_THE_DATABASE = "First mend what the database check names."
_OF_SERVER = {  # by MySQL's and MariaDB's own codes
    1044: "Allow the user of database.url to use that database: GRANT ALL PRIVILEGES ON `name`.* TO 'user'@'host';",
    1045: "Check the user and the password in database.url: the server does not accept them.",
    1049: "Make the database that database.url names: CREATE DATABASE `name`;",
    1698: "Check the user and the password in database.url: the server does not accept them.",
    2002: "Start the server, for example: systemctl start mariadb; or check the host and port in database.url.",
    2003: "Start the server, for example: systemctl start mariadb; or check the host and port in database.url.",
}
_OF_SERVER_ELSE = "Check that the server runs, that database.url names it, and that its user may use the database."
_OF_FILE = {  # by what SQLite says
    "locked": "Another program holds the file: find it with fuser {path}, and end it.",
    "readonly": "Let this user write it: chown -R $(id -un) {folder} && chmod -R u+rwX {folder}",
    "disk is full": "Make room on the disk: df -h {folder}",
    "disk I/O error": "Make room on the disk, or replace it: df -h {folder}; dmesg | tail",
    "not a database": "The file is damaged or another program's: put it aside, then lumi-box backup restore FILE",
    "malformed": "The file is damaged: put it aside, then lumi-box backup restore FILE",
    "no such table": NO_TABLE,
}
_OF_FILE_ELSE = (
    "Check that database.url names a file in a folder that this user may write, and that the disk is not full."
)
_OF_PROVIDER = {
    "connect": "Check {endpoint} in the config, and this machine's network, name servers and firewall.",
    "answer_lost": "The host is slow or does not answer in full: check {endpoint} and the network, or wait for it.",
    "redirect": "Check {endpoint}: it leads elsewhere, and keys are sent nowhere else.",
    "AuthFailure.SignatureExpire": KEEP_TIME,
    "bad_header": "Write the key anew: it holds a character that no key has.",
}
_OF_PROVIDER_ELSE = "Check {keys} and {endpoint} in the config, and what the provider's console says of the account."
_SECTIONS = {
    "aliyun": ("api_key",),
    "siliconflow": ("api_key",),
    "qwen": ("api_key",),
    "tencent": ("secret_id", "secret_key"),
}


def hint_for(check: str, box: Box, error: BaseException | None = None) -> str:
    """What to do about what the check met; without an error, about its silence."""
    if check == "database":
        return _server_hint(error) if base.on_server() else _file_hint(box, error)
    if check.endswith("-provider"):
        return provider_hint(check, box, error)
    if check in ("queue", "consumer", "scheduler", "migrations"):  # on which each of them stands
        return NO_TABLE if _is_about_a_table(error) else _FIRST_THE_DATABASE
    return _OF_CHECK.get(check, "See the log for what happened before.")


def provider_hint(check: str, box: Box, error: BaseException | None) -> str:
    named = box.config.providers
    name = {"image-provider": named.image, "model3d-provider": named.model3d}.get(check, named.prompt)
    if name not in _SECTIONS:
        return "Install lumi-box anew: a part of it is missing."
    section = f"providers.{name}"
    code = error.code if isinstance(error, UpstreamError) else ("" if error is not None else "answer_lost")
    text = _OF_PROVIDER.get(code, _OF_PROVIDER_ELSE)
    keys = " and ".join(f"{section}.{key}" for key in _SECTIONS[name])
    return text.format(endpoint=f"{section}.endpoint", keys=keys)


def _is_about_a_table(error: BaseException | None) -> bool:
    return error is not None and ("no such table" in str(error) or "doesn't exist" in str(error))


def _server_hint(error: BaseException | None) -> str:
    code = error.args[0] if error is not None and error.args else None
    if _is_about_a_table(error):
        return NO_TABLE
    return _OF_SERVER.get(code, _OF_SERVER_ELSE) if isinstance(code, int) else _OF_SERVER_ELSE


def _file_hint(box: Box, error: BaseException | None) -> str:
    path = box.config.database.sqlite_path
    said = str(error) if error is not None else "locked"
    text = next((hint for words, hint in _OF_FILE.items() if words in said), _OF_FILE_ELSE)
    return text.format(path=path, folder=path.parent if path is not None else "")
