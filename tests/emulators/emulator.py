"""The four vendors, their result store and the admin API behind one port of this machine."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from emulators import faults
from emulators.admin import Admin
from emulators.chat_vendors import QwenChat, SiliconFlowChat
from emulators.dashscope import DashScope
from emulators.faults import FaultQueue
from emulators.journal import Journal, Record
from emulators.results import Detours, ResultsOf, ResultStore
from emulators.server import Server, Vendor
from emulators.siliconflow import SiliconFlow, SiliconFlowElsewhere
from emulators.tencent import Tencent

ALIYUN_KEY = "sk-emulator-aliyun-0123456789abcdef"
SILICONFLOW_KEY = "sk-emulator-siliconflow-0123456789abcdef"
TENCENT_ID = "AKIDemulator0123456789abcdef"
TENCENT_KEY = "emulator-tencent-secret-0123456789abcdef"
UNLIMITED: Mapping[str, Mapping[str, None]] = {
    "dashscope": {"submits_per_second": None, "polls_per_second": None, "slots": None},
    "siliconflow": {"images_per_minute": None},
    "tencent": {"rapid_jobs": None, "pro_jobs": None, "requests_per_second": None},
}


class Addresses:
    """What to write into a config, for an emulator in this process or in another."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.host = base.removeprefix("http://")
        self.aliyun_endpoint = f"{base}/api/v1"
        self.siliconflow_endpoint = f"{base}/v1"
        self.qwen_endpoint = f"{base}/compatible-mode/v1"
        self.tencent_endpoint = base

    def provider_config(self, *, image: str = "aliyun", prompt: str = "none", edition: str = "rapid") -> str:
        """The `[providers]` part of a config.toml (mode must be "development", for the endpoints are http)."""
        return f"""
[providers]
image = "{image}"
model3d = "tencent"
prompt = "{prompt}"
allowed_hosts = ["{self.host}"]

[providers.aliyun]
api_key = "{ALIYUN_KEY}"
endpoint = "{self.aliyun_endpoint}"

[providers.siliconflow]
api_key = "{SILICONFLOW_KEY}"
endpoint = "{self.siliconflow_endpoint}"
size = "1328x1328"
llm_model = "Qwen/Qwen3-8B"

[providers.qwen]
api_key = "{ALIYUN_KEY}"
endpoint = "{self.qwen_endpoint}"

[providers.tencent]
secret_id = "{TENCENT_ID}"
secret_key = "{TENCENT_KEY}"
endpoint = "{self.tencent_endpoint}"
edition = "{edition}"
"""


class Emulator(Addresses):
    """A context manager. `limited=False` lifts the vendors' rate and concurrency limits."""

    def __init__(self, port: int = 0, *, limited: bool = True, seed: int = 0) -> None:
        self.journal, self.faults = Journal(), FaultQueue(seed)
        self.results = ResultStore((ALIYUN_KEY, SILICONFLOW_KEY, TENCENT_ID, TENCENT_KEY))
        self.dashscope = DashScope(ALIYUN_KEY, self.results, self.journal)
        self.siliconflow = SiliconFlow(SILICONFLOW_KEY, self.results)
        self.siliconflow_chat = SiliconFlowChat(SILICONFLOW_KEY)
        self.qwen = QwenChat(ALIYUN_KEY)
        self.tencent = Tencent(TENCENT_ID, TENCENT_KEY, self.results)
        stores = [ResultsOf(name, self.results) for name in ("dashscope", "siliconflow", "tencent")]
        self._speaking: dict[str, Any] = {
            "dashscope": self.dashscope,
            "siliconflow": self.siliconflow,
            "siliconflow-chat": self.siliconflow_chat,
            "qwen": self.qwen,
            "tencent": self.tencent,
        }
        vendors: list[Vendor] = [Admin(self), *stores, Detours(), *self._speaking.values(), SiliconFlowElsewhere()]
        self._server = Server(port, vendors, self.faults, self.journal)
        super().__init__(self._server.base)
        self.results.base = self.base
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="emulator")
        if not limited:
            for name, values in UNLIMITED.items():
                self.settings(name, **values)

    def __enter__(self) -> Emulator:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, at: TracebackType | None) -> None:
        self._server.close()
        self._thread.join()

    def fault(
        self,
        vendor: str,
        operation: str,
        name: str,
        *,
        times: int | None = 1,
        probability: float = 1.0,
        path: str = "",
        **options: Any,
    ) -> None:
        """Arm a fault of the catalogue, or an error row of the vendor by its name. See `faults.FAULTS`."""
        fault = faults.named(vendor, operation, name, **options)
        self.faults.arm(vendor, operation, fault, times=times, probability=probability, path=path)

    def settings(self, vendor: str, **values: Any) -> dict[str, Any]:
        """Change settings of a vendor; all of them as they are now."""
        target = self._speaking[vendor].settings
        for name, value in values.items():
            if name not in target.__slots__:
                raise KeyError(f"{vendor} has no setting {name!r}; known are {', '.join(target.__slots__)}")
            setattr(target, name, value)
        return {name: getattr(target, name) for name in target.__slots__}

    def record(self) -> Record:
        """The journal as it is at this moment."""
        return self.journal.read()

    def clear(self) -> None:
        """Forget the armed faults and the journal."""
        self.faults.clear()
        self.journal.clear()
