"""Tencent Cloud ai3d: one path, the action in a header, HTTP 200 for everything, few jobs at a time."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulators import files, tc3
from emulators import tencent_rules as rules
from emulators.error_rows_tencent import TENCENT as ERROR_ROWS
from emulators.faults import Fault
from emulators.jobs import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Course, Job, JobBook, Window
from emulators.journal import digest
from emulators.results import ResultStore
from emulators.wire import JSON, Answer, Reply, Request, json_answer, new_id

__all__ = ["ERROR_ROWS", "Tencent", "TencentSettings"]

VERSION = "2025-05-13"
REGION = re.compile(r"[a-z]{2}-[a-z]+(-[a-z0-9]+)*")
WORDS = {QUEUED: "WAIT", RUNNING: "RUN", DONE: "DONE", FAILED: "FAIL", CANCELLED: "FAIL"}
ACTIONS = {
    "SubmitHunyuanTo3DRapidJob": ("submit", "rapid"),
    "SubmitHunyuanTo3DProJob": ("submit", "pro"),
    "QueryHunyuanTo3DRapidJob": ("poll", "rapid"),
    "QueryHunyuanTo3DProJob": ("poll", "pro"),
}
MAX_BODY = 10 << 20


@dataclass(slots=True)
class TencentSettings:
    """Seconds a job waits and works, limits (None: no limit), and how unsettled questions are answered.

    `hold`: how long a finished job still occupies its slot. `clock_offset`: by how much the vendor's clock is
    ahead. `lifetime` is that of a JobId, `url_lifetime` that of an address, counted from each query.
    """

    queued: float = 0.05
    duration: float = 0.3
    rapid_jobs: int | None = 1
    pro_jobs: int | None = 3
    requests_per_second: int | None = 20
    hold: float = 0.0
    lifetime: float = 86400.0
    url_lifetime: float = 86400.0
    clock_offset: float = 0.0
    unknown_job_code: str = "ResourceNotFound"
    data_prefix: bool = False
    previews: bool = True


class Tencent:
    name = "tencent"

    def __init__(self, secret_id: str, secret_key: str, store: ResultStore) -> None:
        self.settings = TencentSettings()
        self._secret_id, self._secret_key, self._store = secret_id, secret_key, store
        self._jobs = JobBook()
        self._windows = {action: Window() for action in ACTIONS}

    def operation(self, request: Request) -> str | None:
        if request.path != "/" or request.method not in ("POST", "GET"):
            return None
        action = request.headers.get("X-TC-Action", "")
        return ACTIONS[action][0] if action in ACTIONS else "unknown-action"

    def identify(self, request: Request) -> dict[str, str]:
        try:
            body = request.object()
        except ValueError:
            return {}
        if "JobId" in body:
            return {"ticket": str(body["JobId"])}
        prompt = str(body.get("Prompt") or "")
        picture = str(body.get("ImageBase64") or body.get("ImageUrl") or "")
        return {"order": digest(f"{prompt}|{picture}"), "prompt": digest(prompt or picture)}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        notes: dict[str, Any] = dict(self.identify(request))
        course = (fault.course if fault else None) or Course()
        try:
            self._check_envelope(request)
            operation, tier = ACTIONS[request.headers["X-TC-Action"]]
            handle: Callable[..., dict[str, Any]] = self._submit if operation == "submit" else self._query
            content = handle(rules.read(request), tier, course, notes)
        except tc3.Failure as failure:
            content = {"Error": {"Code": failure.code, "Message": failure.message}}
            notes["code"] = failure.code
        return Reply(_envelope(content), notes)

    def _check_envelope(self, request: Request) -> None:
        """In the order in which the real gateway finds fault."""
        if len(request.body) > MAX_BODY:
            raise tc3.Failure("RequestSizeLimitExceeded", "The request is larger than 10 MB.")
        action = request.headers.get("X-TC-Action")
        if not action:
            raise tc3.Failure("MissingParameter", "The request is missing the required parameter Action.")
        tc3.check(request, self._secret_id, self._secret_key, self.settings.clock_offset)
        if request.headers.get("X-TC-Version") != VERSION:
            raise tc3.Failure("NoSuchVersion", "The requested version does not exist.")
        if action not in ACTIONS:
            raise tc3.Failure("InvalidAction", f"The action {action} does not exist.")
        if not REGION.fullmatch(request.headers.get("X-TC-Region", "")):
            raise tc3.Failure("UnsupportedRegion", "The region is missing or not supported.")
        if request.method != "POST" or request.media_type != JSON:
            raise tc3.Failure("InvalidParameter", "The request must be a POST of application/json.")
        if not self._windows[action].admit(self.settings.requests_per_second):
            raise tc3.Failure("RequestLimitExceeded", f"Your current request times equals to 21 in a second: {action}.")

    def _submit(self, body: dict[str, Any], tier: str, course: Course, notes: dict[str, Any]) -> dict[str, Any]:
        wanted = rules.wanted(body, tier, self._store.content, self.settings.data_prefix)
        limit = self.settings.rapid_jobs if tier == "rapid" else self.settings.pro_jobs
        with self._jobs.guard:  # no second submit between the count and the new job
            if limit is not None and self._jobs.occupied(tier, hold=self.settings.hold) >= limit:
                message = f"当前已达到{limit}个任务上限，请稍后重试"
                raise tc3.Failure("RequestLimitExceeded.JobNumExceed", message)
            job = self._start(wanted, tier, course)
        paid = 0 if course.fail or course.stuck else 1
        ready = job.ends if job.ends < float("inf") else None
        notes |= {"ticket": job.id, "accepted": True, "paid": paid, "ready_at": ready}
        return {"JobId": job.id}

    def _start(self, wanted: rules.Wanted, tier: str, course: Course) -> Job:
        number = str(random.randrange(10**18, 2 * 10**18))
        unmade = [kind for kind in wanted.formats if kind not in rules.KINDS]
        if unmade and not course.fail:
            course = Course(fail=("FailedOperation.InnerError", f"The emulator makes no {', '.join(unmade)}."))
        duration = self.settings.duration if course.duration is None else course.duration
        details = {"wanted": wanted, "files": {} if unmade else self._files(number, wanted, course)}
        job = Job(number, tier, time.time(), duration, course, details)
        return self._jobs.add(job, queued=self.settings.queued, slots=None)

    def _files(self, number: str, wanted: rules.Wanted, course: Course) -> dict[str, tuple[str, str]]:
        """Format to the paths of the file and of its preview."""
        paths = {}
        for kind in wanted.formats:
            wish = course.file if course.file and kind != "GLB" else rules.KINDS[kind]
            made = files.make(wish, number, source=wanted.picture)
            path = self._store.put(self.name, "fetch", made, ticket=number)
            preview, folder = files.make("picture", number), path.rpartition("/")[0]
            paths[kind] = (path, self._store.put(self.name, "preview", preview, ticket=number, folder=folder))
        return paths

    def _query(self, body: dict[str, Any], tier: str, course: Course, notes: dict[str, Any]) -> dict[str, Any]:
        ticket = rules.job_id(body)
        job = self._jobs.find(ticket, lifetime=self.settings.lifetime)
        if job is None or job.kind != tier or course.lost:
            notes["state"] = "unknown"
            raise tc3.Failure(self.settings.unknown_job_code, f"The job {ticket} does not exist.")
        notes["state"] = state = job.state(time.time())
        code, message = job.course.fail if state == FAILED and job.course.fail else ("", "")
        content: dict[str, Any] = {
            "Status": job.course.stuck or WORDS[state],
            "ErrorCode": code,
            "ErrorMessage": message,
            "ResultFile3Ds": self._results(job) if state == DONE else [],
        }
        if tier == "pro":
            credits = job.details["wanted"].credits
            content["ResultCreditDetails"] = "，".join(f"{name}：{count}" for name, count in credits.items())
            content["ResultCreditConsumed"] = float(sum(credits.values())) if state == DONE else 0.0
        return content

    def _results(self, job: Job) -> list[dict[str, str]]:
        expires = time.time() + self.settings.url_lifetime
        found = []
        for kind, (path, preview) in job.details["files"].items():
            entry = {"Type": kind, "Url": self._store.sign(path, expires)}
            if self.settings.previews:
                entry["PreviewImageUrl"] = self._store.sign(preview, expires)
            found.append(entry)
        random.Random(job.id).shuffle(found)  # the vendor promises no order
        return found


def _envelope(content: dict[str, Any]) -> Answer:
    return json_answer({"Response": content | {"RequestId": new_id()}})
