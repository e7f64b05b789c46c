"""Emulators of the four vendors' APIs: real HTTP on a loopback port, the vendors' rules, faults on demand.

One port serves DashScope pictures (`/api/v1`), Qwen chat (`/compatible-mode/v1`), SiliconFlow pictures and chat
(`/v1`), Tencent ai3d (`/`), and the presigned result files (`/results/`). In a test:

    with Emulator() as emulator:                        # emulators.emulator
        config_text += emulator.provider_config()       # or .aliyun_endpoint, .tencent_endpoint, .host, ALIYUN_KEY, …
        emulator.settings("tencent", duration=2.0, hold=1.0)
        emulator.fault("dashscope", "submit", "Throttling", times=2, retry_after=3)
        emulator.fault("tencent", "fetch", "file", kind="zip-bomb")
        ...
        assert emulator.record().bought_twice() == []

In a process: `python tests/emulators/run.py [--port N] [--unlimited] [--image-seconds S] [--model-seconds S]` prints
its base address; `RemoteEmulator(base)` (emulators.remote) then has the same `fault`, `settings`, `record`, `clear`.
Without Python: POST /__emulator__/faults and /__emulator__/settings/VENDOR, GET /__emulator__/journal, DELETE both.

Vendors and operations: dashscope (submit, generate, poll, cancel, fetch), siliconflow (submit, fetch, chat),
qwen (chat), tencent (submit, poll, fetch, preview). Settings: dashscope, siliconflow, siliconflow-chat, qwen,
tencent; see the `*Settings` classes. A fault is a name of `faults.FAULTS` or of a row of `error_rows.ERROR_ROWS`
(a row named `task:CODE` lets the submit pass and the job fail); `times=None` is for ever, `probability` below 1
leaves it to chance, `path` narrows it to paths that hold that text, further arguments go to the fault. The
catalogue, by what it spoils:

* nothing happens: `answer` (status, body, headers, retry_after), `text`, `gateway-502`, `reset-before`, `hang-before`
* it happens and the answer is lost or spoilt: `reset-after`, `hang-after`, `gateway-504`, `late` (seconds),
  `empty-body`, `not-json`, `truncated-json`, `cut-short`, `wrong-content-type`, `drip` (interval), `huge-length`,
  `endless`
* of result files: `redirect` (to), `redirect-private`, `-metadata`, `-file`, `-loop`, `-chain` (hops), and `file`
  (kind: a name of `files.SOUND` or `files.HOSTILE`)
* of the job that the submit makes: `task-failed` (code, message), `partial` (codes), `stuck`, `lost`, `slow-job`,
  `delivers` (file)
* of what a chat model says: `faults.CHAT_SCRIPTS`

`ERROR_ROWS` holds the vendors' documented errors with a verdict for each (busy, retry, refused, unknown), to run
tests of adapters over. The journal (`record()`) names orders by hashes; it never holds a key or a prompt.

What the documentation leaves open is a setting where a client could care: whether DashScope refuses a wrong size at
the submit or in the task (`late_checks`), Tencent's code for an unknown job (`unknown_job_code`), whether it takes a
`data:` prefix (`data_prefix`), how long a finished job holds its slot (`hold`), SiliconFlow's pictures a minute. Taken
as settled: failed jobs are free; SiliconFlow ignores `batch_size` for Qwen-Image; balance and moderation errors of
SiliconFlow come in all the statuses that were observed; the siblings of a bare OBJ open with the query of the OBJ; an
ImageUrl reaches Tencent only if it is one of the result addresses here, which stand for the public internet.
"""
