"""Every key of the config file, in the order of its table: name, type, default and rule, each said once."""

# ruff: noqa: RUF009  # setting() and section() return dataclass fields, which is what that rule allows by name only

from __future__ import annotations

from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any

from lumi_box.config import fields as kinds
from lumi_box.config.cookie import COOKIE_HINT, cookie_fault
from lumi_box.config.urls import MYSQL_PORT

_MANY = 1_000_000_000
_NO_LIMIT = " (0 = no limit)"


def setting(rule: kinds.Rule, default: Any = MISSING, *, secret: bool = False) -> Any:
    """A key of the file. Without a default it is required; a secret is masked, and may be given as a file."""
    rule.required = default is MISSING
    return field(default=default, metadata={"rule": rule, "secret": secret}, repr=not secret)


def section(table: type) -> Any:
    """A table of the file; one that is left out has every default."""
    return field(metadata={"table": table})


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    host: str = setting(kinds.host(), "127.0.0.1")
    port: int = setting(kinds.whole(1, 65535), 5000)
    engine: str = setting(kinds.choice("auto", "gunicorn", "waitress"), "auto")
    processes: int = setting(kinds.whole(1, 64), 1)
    threads: int = setting(kinds.whole(1, 1024), 64)
    trusted_proxies: int = setting(kinds.whole(0, 16), 0)
    cors_origins: tuple[str, ...] = setting(
        kinds.Listing(kinds.origin(), 'a list of origins such as ["https://app.example.com"]'), ()
    )


@dataclass(frozen=True, kw_only=True)
class SecurityConfig:
    cookie_secret: str = setting(
        kinds.Setting(str, expected="a random string of at least 32 characters", fault=cookie_fault, hint=COOKIE_HINT),
        secret=True,
    )


@dataclass(frozen=True, kw_only=True)
class DatabaseConfig:
    """`sqlite_path` is set for SQLite; for MySQL it is None and the five fields below it are."""

    url: str = setting(kinds.database_url(), secret=True)
    pool_size: int = setting(kinds.whole(1, 1000), 20)
    connect_attempts: int = setting(kinds.whole(1, 10_000), 50)
    sqlite_path: Path | None = None
    host: str = ""
    port: int = MYSQL_PORT
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class DiskConfig:
    path: Path | None = setting(kinds.path("the folder that holds the files, such as data/objects"), None)


@dataclass(frozen=True, kw_only=True)
class S3Config:
    endpoint: str | None = setting(kinds.url("the http or https URL of the S3 service"), None)
    region: str | None = setting(kinds.text("the name of a region, such as us-east-1", r"[A-Za-z0-9._-]+"), None)
    bucket: str | None = setting(kinds.text("the name of a bucket", r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}"), None)
    access_key_id: str | None = setting(kinds.key("the id of an access key"), None, secret=True)
    secret_access_key: str | None = setting(kinds.key("the secret of that access key"), None, secret=True)
    force_path_style: bool = setting(kinds.flag(), True)
    prefix: str = setting(kinds.prefix(), "")
    timeout_seconds: float = setting(kinds.seconds(), 30)
    max_connections: int = setting(kinds.whole(1, 1000), 50)


@dataclass(frozen=True, kw_only=True)
class StorageConfig:
    kind: str = setting(kinds.choice("disk", "s3"))
    disk: DiskConfig = section(DiskConfig)
    s3: S3Config = section(S3Config)


@dataclass(frozen=True, kw_only=True)
class AliyunConfig:
    api_key: str | None = setting(kinds.key("the API key of Alibaba Cloud Model Studio"), None, secret=True)
    endpoint: str = setting(kinds.url(), "https://dashscope.aliyuncs.com/api/v1")
    model: str = setting(kinds.text("the name of an image model"), "qwen-image-plus")
    size: str = setting(kinds.text("a size such as 1328*1328", r"[1-9][0-9]{1,4}\*[1-9][0-9]{1,4}"), "1328*1328")
    timeout_seconds: float = setting(kinds.seconds(), 30)


@dataclass(frozen=True, kw_only=True)
class SiliconflowConfig:
    api_key: str | None = setting(kinds.key("the API key of SiliconFlow"), None, secret=True)
    endpoint: str = setting(kinds.url(), "https://api.siliconflow.cn/v1")
    image_model: str = setting(kinds.text("the name of an image model"), "Qwen/Qwen-Image")
    llm_model: str | None = setting(kinds.text("the name of a chat model"), None)
    size: str = setting(kinds.text("a size such as 1024x1024", r"[1-9][0-9]{1,4}x[1-9][0-9]{1,4}"), "1024x1024")
    timeout_seconds: float = setting(kinds.seconds(), 120)


@dataclass(frozen=True, kw_only=True)
class QwenConfig:
    api_key: str | None = setting(kinds.key("the API key of Alibaba Cloud Model Studio"), None, secret=True)
    endpoint: str = setting(kinds.url(), "https://dashscope.aliyuncs.com/compatible-mode/v1")
    model: str = setting(kinds.text("the name of a chat model"), "qwen-plus")
    timeout_seconds: float = setting(kinds.seconds(), 30)


@dataclass(frozen=True, kw_only=True)
class TencentConfig:
    secret_id: str | None = setting(kinds.key("the SecretId of a Tencent Cloud API key"), None, secret=True)
    secret_key: str | None = setting(kinds.key("the SecretKey of that API key"), None, secret=True)
    region: str = setting(kinds.text("the name of a region, such as ap-guangzhou", r"[a-z0-9-]+"), "ap-guangzhou")
    endpoint: str = setting(kinds.url(), "https://ai3d.tencentcloudapi.com")
    edition: str = setting(kinds.choice("rapid", "pro"), "rapid")
    result_format: str = setting(kinds.choice("OBJ", "GLB"), "OBJ")
    timeout_seconds: float = setting(kinds.seconds(), 30)


@dataclass(frozen=True, kw_only=True)
class ProvidersConfig:
    image: str = setting(kinds.choice("aliyun", "siliconflow", "builtin"))
    model3d: str = setting(kinds.choice("tencent", "builtin"))
    prompt: str = setting(kinds.choice("qwen", "siliconflow", "none"), "none")
    aliyun: AliyunConfig = section(AliyunConfig)
    siliconflow: SiliconflowConfig = section(SiliconflowConfig)
    qwen: QwenConfig = section(QwenConfig)
    allowed_hosts: tuple[str, ...] = setting(
        kinds.Listing(kinds.host_port(), 'a list of hosts such as ["results.lan", "10.0.0.8:9000"]'), ()
    )
    tencent: TencentConfig = section(TencentConfig)


@dataclass(frozen=True, kw_only=True)
class QueueConfig:
    image_concurrency: int = setting(kinds.whole(1, 1000), 2)
    model_concurrency: int = setting(kinds.whole(1, 1000), 1)
    jobs_per_minute: int = setting(kinds.whole(0, _MANY, none=_NO_LIMIT), 10)
    max_attempts: int = setting(kinds.whole(1, 100), 3)
    backoff_seconds: float = setting(kinds.number(0, 3600), 2)
    job_timeout_seconds: float = setting(kinds.seconds(86_400), 600)
    keep_completed_hours: float = setting(kinds.number(0, 87_600), 24)
    keep_completed_max: int = setting(kinds.whole(0, _MANY), 1000)
    shutdown_seconds: int = setting(kinds.whole(1, 3600), 30)


@dataclass(frozen=True, kw_only=True)
class AccountsConfig:
    mode: str = setting(kinds.choice("local", "user_service"), "local")
    user_service_url: str | None = setting(kinds.url("the http or https URL of the user service"), None)
    user_service_cache_seconds: float = setting(kinds.number(0, 86_400), 60)
    registration: str = setting(kinds.choice("closed", "open"), "closed")
    smtp_url: str | None = setting(kinds.smtp_url(), None, secret=True)
    mail_from: str | None = setting(
        kinds.text(
            "the sender's address, such as lumi@example.com", r"[^@<>]*<[^@\s<>]+@[^@\s<>]+>|[^@\s<>]+@[^@\s<>]+"
        ),
        None,
    )


@dataclass(frozen=True, kw_only=True)
class LimitsConfig:
    requests_per_minute: int = setting(kinds.whole(1, _MANY), 600)
    generations_per_day: int = setting(kinds.whole(0, _MANY, none=_NO_LIMIT), 50)
    active_generations: int = setting(kinds.whole(0, _MANY, none=_NO_LIMIT), 5)
    max_image_mb: int = setting(kinds.whole(1, 1024), 32)
    max_model_mb: int = setting(kinds.whole(1, 16_384), 512)


@dataclass(frozen=True, kw_only=True)
class GalleryConfig:
    cache_seconds: int = setting(kinds.whole(0, 86_400), 300)
    default_visibility: str = setting(kinds.choice("PRIVATE", "PUBLIC"), "PRIVATE")


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    sweep: str = setting(kinds.cron(), "0 3 * * *")
    health: str = setting(kinds.cron(), "*/5 * * * *")
    backup: str = setting(kinds.cron(), "30 2 * * *")


@dataclass(frozen=True, kw_only=True)
class BackupConfig:
    directory: Path | None = setting(kinds.path("the folder for backups, such as /mnt/backups/lumi"), None)
    keep: int = setting(kinds.whole(1, 10_000), 7)


@dataclass(frozen=True, kw_only=True)
class AlertsConfig:
    urls: tuple[str, ...] = setting(
        kinds.Listing(kinds.alert_url(), 'a list of addresses such as ["mailto://user:password@example.com"]'),
        (),
        secret=True,
    )


@dataclass(frozen=True, kw_only=True)
class SweepConfig:
    grace_hours: float = setting(kinds.number(0, 8760), 24)
    max_delete_percent: float = setting(kinds.number(0, 100), 20)


@dataclass(frozen=True, kw_only=True)
class LoggingConfig:
    level: str = setting(kinds.choice("debug", "info", "warning", "error"), "info")
    format: str = setting(kinds.choice("text", "json"), "text")


@dataclass(frozen=True, kw_only=True)
class MetricsConfig:
    enabled: bool = setting(kinds.flag(), True)
    token: str | None = setting(kinds.key("a bearer token"), None, secret=True)


@dataclass(frozen=True, kw_only=True)
class SentryConfig:
    dsn: str | None = setting(kinds.dsn(), None, secret=True)


@dataclass(frozen=True, kw_only=True)
class PrinterConfig:
    bed_mm: tuple[float, float, float] = setting(
        kinds.Listing(kinds.number(1, 10_000), "width, depth and height in millimetres: [220, 220, 250]", length=3),
        (220, 220, 250),
    )


@dataclass(frozen=True, kw_only=True)
class SlicerConfig:
    kind: str = setting(kinds.choice("none", "command", "service"), "none")
    command: str | None = setting(kinds.text("a PrusaSlicer-compatible program, such as prusa-slicer"), None)
    profile: str | None = setting(kinds.text("a file of the slicer's settings, such as pla.ini"), None)
    url: str | None = setting(kinds.url("the http or https URL of the slicer service"), None)


@dataclass(frozen=True, kw_only=True)
class SpendConfig:
    currency: str = setting(kinds.text("a currency code such as CNY", r"[A-Z]{3}"), "CNY")
    image_price: float = setting(kinds.number(0, 1_000_000), 0)
    model_price: float = setting(kinds.number(0, 1_000_000), 0)
    monthly_cap: float = setting(kinds.number(0, _MANY, none=" (0 = no cap)"), 0)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The whole file, checked; `public_url` is always set and has no slash at its end."""

    mode: str = setting(kinds.choice("production", "development"), "production")
    public_url: str = setting(kinds.url(), "")
    server: ServerConfig = section(ServerConfig)
    security: SecurityConfig = section(SecurityConfig)
    database: DatabaseConfig = section(DatabaseConfig)
    storage: StorageConfig = section(StorageConfig)
    providers: ProvidersConfig = section(ProvidersConfig)
    queue: QueueConfig = section(QueueConfig)
    accounts: AccountsConfig = section(AccountsConfig)
    limits: LimitsConfig = section(LimitsConfig)
    gallery: GalleryConfig = section(GalleryConfig)
    schedule: ScheduleConfig = section(ScheduleConfig)
    alerts: AlertsConfig = section(AlertsConfig)
    backup: BackupConfig = section(BackupConfig)
    sweep: SweepConfig = section(SweepConfig)
    logging: LoggingConfig = section(LoggingConfig)
    metrics: MetricsConfig = section(MetricsConfig)
    sentry: SentryConfig = section(SentryConfig)
    printer: PrinterConfig = section(PrinterConfig)
    slicer: SlicerConfig = section(SlicerConfig)
    spend: SpendConfig = section(SpendConfig)
    path: Path

    @property
    def development(self) -> bool:
        return self.mode == "development"

    @property
    def folder(self) -> Path:
        """Where relative paths of the file begin."""
        return self.path.parent
