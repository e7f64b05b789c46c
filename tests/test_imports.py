"""Imports point down only, and each process loads only what it runs."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lumi_box

PACKAGE = Path(lumi_box.__file__).parent
LAYERS = (
    ("__main__",),
    ("cli",),
    ("commands",),
    ("runtime",),
    ("web", "worker", "supervisor", "reporting"),
    ("support",),
    ("health",),
    ("doctor",),
    ("gallery", "accounts", "backup"),
    ("slicing",),
    ("flow",),
    ("jobs", "webhooks"),
    ("box",),
    ("providers", "storage", "events", "shapes"),
    ("pictures", "listing", "metrics"),
    ("tables", "meshes"),
    ("config", "logs"),
    ("errors", "clock", "shipped", "redaction", "notify", "owners"),
)


def level(part):
    return next(number for number, names in enumerate(LAYERS) if part in names)


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lumi_box"):
            words = node.module.split(".")
            yield from ([words[1]] if len(words) > 1 else [alias.name for alias in node.names])


def test_imports_point_down_only():
    upward = []
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for wanted in imports_of(path):
            if wanted in ("__version__", part):
                continue
            if level(wanted) <= level(part):
                upward.append(f"{path.relative_to(PACKAGE)} imports {wanted}")
    assert upward == []


def on_loading(path: Path) -> Iterator[ast.stmt]:
    """The statements that run when the module is loaded; what is for type checkers alone does not."""
    waiting = list(ast.parse(path.read_text(encoding="utf-8")).body)
    while waiting:
        statement = waiting.pop()
        yield statement
        if isinstance(statement, ast.If) and ast.unparse(statement.test) != "TYPE_CHECKING":
            waiting += statement.body + statement.orelse
        elif isinstance(statement, ast.Try | ast.With):
            waiting += statement.body


def test_any_module_can_be_the_first_to_be_loaded():
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = path
    wanted = {name: set() for name in modules}
    for name, path in modules.items():
        for statement in on_loading(path):
            if isinstance(statement, ast.ImportFrom) and statement.module in modules:
                named = {f"{statement.module}.{each.name}" for each in statement.names}
                wanted[name] |= (named & modules.keys()) or {statement.module}
    graphlib.TopologicalSorter(wanted).prepare()  # raises CycleError, which names the circle


def loaded_by(statement):
    code = f"{statement}\nimport sys\nprint(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_the_web_process_loads_no_numpy():
    loaded = loaded_by("import lumi_box.runtime, lumi_box.web.app, lumi_box.web.server")
    assert "flask" in loaded
    assert not loaded & {"numpy", "scipy", "skimage", "trimesh", "PIL", "boto3", "apscheduler", "manifold3d"}


def test_the_worker_process_loads_no_flask_and_numpy_only_with_a_job():
    loaded = loaded_by("import lumi_box.runtime, lumi_box.worker.run")
    assert "huey" in loaded
    assert not loaded & {"flask", "numpy", "scipy", "skimage", "trimesh", "PIL", "boto3"}


def test_only_lifecycle_writes_a_jobs_status():
    for path in PACKAGE.rglob("*.py"):
        if path.name == "lifecycle.py" or "migrations" in path.parts:
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not ("Job.update(" in line and "status" in line.partition(".where(")[0]), f"{path}: {line}"


def test_flask_stays_in_web_and_the_queue_in_worker():
    homes = {"flask": "web", "huey": "worker", "apscheduler": "worker", "gunicorn": "web", "waitress": "web"}
    for path in PACKAGE.rglob("*.py"):
        part = path.relative_to(PACKAGE).parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                home = homes.get(name.partition(".")[0])
                assert home is None or part == home, f"{path} imports {name}"
