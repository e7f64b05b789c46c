"""DashScope text to image: the asynchronous task API and the synchronous one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from emulators import dashscope_rules as rules
from emulators.error_rows import DASHSCOPE as ERROR_ROWS
from emulators.faults import Fault
from emulators.files import Made
from emulators.jobs import CANCELLED, DONE, FAILED, QUEUED, RUNNING, Course, Job, JobBook, Window
from emulators.journal import Journal, digest
from emulators.pictures import one_of, picture
from emulators.results import ResultStore
from emulators.wire import Reply, Request, json_answer, new_id

__all__ = ["ERROR_ROWS", "DashScope", "DashScopeSettings"]

SUBMIT = "/api/v1/services/aigc/text2image/image-synthesis"
GENERATE = "/api/v1/services/aigc/multimodal-generation/generation"
TASKS = "/api/v1/tasks/"
WORDS = {QUEUED: "PENDING", RUNNING: "RUNNING", DONE: "SUCCEEDED", FAILED: "FAILED", CANCELLED: "CANCELED"}


@dataclass(slots=True)
class DashScopeSettings:
    """Seconds a job waits and works; the account's limits (None: no limit); how unsettled questions are answered.

    `late_checks`: a wrong size or n is accepted and the task fails with it. `lifetime` is that of the task record,
    from its submit; `url_lifetime` that of the address of its result, from its end.
    `distinct_pictures`: paint so many and no more, for tests of load (None: one for every prompt and seed).
    """

    queued: float = 0.05
    duration: float = 0.3
    submits_per_second: int | None = 2
    polls_per_second: int | None = 20
    slots: int | None = 2
    lifetime: float = 86400.0
    url_lifetime: float = 86400.0
    late_checks: bool = False
    distinct_pictures: int | None = None


class DashScope:
    name = "dashscope"

    def __init__(self, key: str, store: ResultStore, journal: Journal) -> None:
        self.settings = DashScopeSettings()
        self._key, self._store, self._journal = key, store, journal
        self._jobs = JobBook()
        self._polls = Window()
        self._submits: dict[str, Window] = {}

    def operation(self, request: Request) -> str | None:
        if request.path == SUBMIT and request.method == "POST":
            return "submit"
        if request.path == GENERATE and request.method == "POST":
            return "generate"
        if request.path.startswith(TASKS):
            cancel = request.path.endswith("/cancel") and request.method == "POST"
            return "cancel" if cancel else "poll"
        return "unknown-path" if request.path.startswith("/api/v1/") else None

    def identify(self, request: Request) -> dict[str, str]:
        if request.path.startswith(TASKS):
            return {"ticket": _ticket(request)}
        try:
            return _order(request.object())
        except (ValueError, TypeError, AttributeError, KeyError, IndexError):
            return {}

    def answer(self, operation: str, request: Request, fault: Fault | None) -> Reply:
        notes = self.identify(request)
        try:
            rules.check_key(request.bearer, self._key)
            course = (fault.course if fault else None) or Course()
            handler = {"submit": self._submit, "generate": self._generate, "poll": self._poll, "cancel": self._cancel}
            if operation not in handler:
                raise rules.Problem(404, "InvalidURL", "The request URL is invalid.")
            return handler[operation](request, course, notes)
        except rules.Problem as problem:
            body = {"code": problem.code, "message": problem.message, "request_id": new_id()}
            return Reply(json_answer(body, problem.status), notes | {"code": problem.code})

    def _submit(self, request: Request, course: Course, notes: dict[str, Any]) -> Reply:
        if request.headers.get("X-DashScope-Async", "").lower() != "enable":
            raise rules.Problem(403, "AccessDenied", "current user api does not support synchronous calls.")
        wanted = rules.read_async(request)
        if self.settings.late_checks and wanted.problem is not None and course.fail is None:
            course = Course(fail=(wanted.problem.code, wanted.problem.message))
        elif wanted.problem is not None:
            raise wanted.problem
        self._admit(wanted.model)
        job = self._start(wanted, course)
        charged = 0 if course.fail or course.stuck else wanted.count - len(course.partial)
        notes |= {"ticket": job.id, "accepted": True, "paid": charged, "ready_at": _finite(job.ends)}
        body = {"output": {"task_status": "PENDING", "task_id": job.id}, "request_id": new_id()}
        return Reply(json_answer(body), notes)

    def _start(self, wanted: rules.Wanted, course: Course) -> Job:
        duration = self.settings.duration if course.duration is None else course.duration
        ticket = new_id()
        details = {"wanted": wanted, "paths": self._paths(wanted, ticket)}
        job = Job(ticket, wanted.model, time.time(), duration, course, details)
        return self._jobs.add(job, queued=self.settings.queued, slots=self.settings.slots)

    def _paths(self, wanted: rules.Wanted, ticket: str) -> list[str]:
        distinct = self.settings.distinct_pictures
        made = [_picture(wanted, index, distinct) for index in range(wanted.count)]
        return [self._store.put(self.name, "fetch", one, ticket=ticket) for one in made]

    def _generate(self, request: Request, course: Course, notes: dict[str, Any]) -> Reply:
        if "X-DashScope-Async" in request.headers:
            raise rules.Problem(403, "AccessDenied", "current user api does not support asynchronous calls.")
        wanted = rules.read_sync(request)
        if wanted.problem is not None:
            raise wanted.problem
        self._admit(wanted.model)
        if course.fail:
            raise rules.Problem(400 if "Inspection" in course.fail[0] else 500, *course.fail)
        job = self._start(wanted, course)
        url = self._store.sign(job.details["paths"][0], job.ends + self.settings.url_lifetime)
        message = {"role": "assistant", "content": [{"image": url}]}
        body = {
            "request_id": new_id(),
            "output": {
                "choices": [{"finish_reason": "stop", "message": message}],
                "task_metric": {"TOTAL": 1, "SUCCEEDED": 1, "FAILED": 0},
            },
            "usage": {"width": wanted.width, "height": wanted.height, "image_count": 1},
        }
        reply = Reply(json_answer(body), notes | {"ticket": job.id, "accepted": True, "paid": 1, "ready_at": job.ends})
        reply.answer.delay = max(0.0, job.ends - time.time())
        return reply

    def _admit(self, model: str) -> None:
        window = self._submits.setdefault(model, Window())
        if not window.admit(self.settings.submits_per_second):
            raise rules.Problem(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")

    def _poll(self, request: Request, course: Course, notes: dict[str, Any]) -> Reply:
        if not self._polls.admit(self.settings.polls_per_second):
            raise rules.Problem(429, "Throttling.RateQuota", "Requests rate limit exceeded, please try again later.")
        job = self._jobs.find(_ticket(request), lifetime=self.settings.lifetime)
        if job is None or course.lost:
            unknown = {"task_id": _ticket(request), "task_status": "UNKNOWN"}
            return Reply(json_answer({"request_id": new_id(), "output": unknown}), notes | {"state": "unknown"})
        state = job.state(time.time())
        output = self._output(job, state)
        body: dict[str, Any] = {"request_id": new_id(), "output": output}
        if state == DONE:
            body["usage"] = {"image_count": output["task_metrics"]["SUCCEEDED"]}
        return Reply(json_answer(body), notes | {"state": state})

    def _output(self, job: Job, state: str) -> dict[str, Any]:
        word = job.course.stuck or WORDS[state]
        output = {"task_id": job.id, "task_status": word, "submit_time": _stamp(job.submitted)}
        if state not in (QUEUED, CANCELLED):
            output["scheduled_time"] = _stamp(job.starts)
        if state in (DONE, FAILED):
            output["end_time"] = _stamp(job.ends)
        if state == FAILED and job.course.fail:
            output["code"], output["message"] = job.course.fail
        return output | (self._results(job) if state == DONE else {})

    def _results(self, job: Job) -> dict[str, Any]:
        wanted, expires = job.details["wanted"], job.ends + self.settings.url_lifetime
        whole = len(job.details["paths"]) - len(job.course.partial)
        results = [
            {"orig_prompt": wanted.prompt, "actual_prompt": wanted.prompt, "url": self._store.sign(path, expires)}
            for path in job.details["paths"][:whole]
        ]
        results += [{"code": code, "message": message} for code, message in job.course.partial]
        metrics = {"TOTAL": len(results), "SUCCEEDED": whole, "FAILED": len(job.course.partial)}
        return {"results": results, "task_metrics": metrics}

    def _cancel(self, request: Request, course: Course, notes: dict[str, Any]) -> Reply:
        job = self._jobs.find(_ticket(request), lifetime=self.settings.lifetime)
        if job is None or not self._jobs.cancel(job, queued=self.settings.queued, slots=self.settings.slots):
            raise rules.Problem(400, "UnsupportedOperation", "Failed to cancel the task, please confirm its status.")
        self._journal.waive(job.id)
        return Reply(json_answer({"request_id": new_id()}), notes)


def _order(body: dict[str, Any]) -> dict[str, str]:
    fields, settings = body["input"], body.get("parameters") or {}
    prompt = fields["prompt"] if "prompt" in fields else fields["messages"][0]["content"][0]["text"]
    order = f"{body.get('model')}|{prompt}|{settings.get('seed')}|{settings.get('size')}"
    return {"order": digest(order), "prompt": digest(str(prompt))}


def _ticket(request: Request) -> str:
    return request.path.removeprefix(TASKS).removesuffix("/cancel")


def _picture(wanted: rules.Wanted, index: int, distinct: int | None) -> Made:
    words = one_of(f"{wanted.prompt}|{wanted.seed}|{index}", distinct)
    return Made(f"{digest(words)}-1.png", "image/png", lambda: picture(words, wanted.width, wanted.height))


def _stamp(moment: float) -> str:
    """The vendor's clock stands in Beijing, and its milliseconds follow a point."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment + 8 * 3600)) + f".{int(moment * 1000) % 1000:03d}"


def _finite(moment: float) -> float | None:
    return moment if moment < float("inf") else None
