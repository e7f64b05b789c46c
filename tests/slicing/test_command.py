"""The slicer as a program: how it is run, and how it ends when it does not behave. And the real one."""

import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from process.server import eventually
from slicing.conftest import box_stl, make_due, with_slicer

from lumi_box.errors import LumiError
from lumi_box.slicing import command, names, states
from lumi_box.slicing.begin import begin
from lumi_box.slicing.step import Step
from lumi_box.tables.slicing import Slicing

SLICER = shutil.which("prusa-slicer")

pytestmark = pytest.mark.service  # programs are begun, and waited for


@pytest.fixture
def program(box, tmp_path):
    """A slicer that is written in the test: Python that finds `out`, `model` and `arguments` ready."""

    def write(body, **columns):
        path = tmp_path / "slicer"
        begin_of_it = """\
            import os, signal, subprocess, sys, time
            arguments = sys.argv[1:]
            out, model = arguments[arguments.index("--output") + 1], arguments[-1]
        """
        text = f"#!{sys.executable} -S\n{textwrap.dedent(begin_of_it)}{textwrap.dedent(body)}"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        with_slicer(box, kind="command", command=str(path), **columns)

    return write


@pytest.fixture
def run(box, model):
    """One step; answers the row as it is then."""

    def go(height_mm=60.0, give_up=None):
        begin(box, model, height_mm)
        make_due()
        Step(box, states.claim(states.due()[0]), None, give_up or threading.Event()).run()
        return Slicing.select().order_by(Slicing.id.desc()).get()

    return go


def is_alive(pid):
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False


def test_it_gets_the_arguments_of_prusaslicer_and_nothing_of_ours(program, run, box, monkeypatch, tmp_path):
    monkeypatch.setenv("LUMI_BOX_SECRET", "hush")
    seen = tmp_path / "seen"
    program(
        f"""
        with open({str(seen)!r}, "w") as file:
            print(arguments, os.getcwd(), sorted(os.environ), os.nice(0), os.getpgid(0) == os.getpid(), file=file)
        open(out, "w").write("G28\\n; layer_height = 0.3\\n")
        """,
        profile="/etc/pla.ini",
    )
    done = run()
    assert (done.status, done.progress, done.gcode_facts["layer_height"]) == ("SLICE_COMPLETE", 100, 0.3)
    told = seen.read_text(encoding="utf-8")
    folder = told.partition("'--output', '")[2].partition("/model.gcode'")[0]
    expected = ["--export-gcode", "--load", "/etc/pla.ini", "--output", f"{folder}/model.gcode", f"{folder}/model.stl"]
    assert told.startswith(f"{expected} {folder} ")
    assert "LUMI_BOX_SECRET" not in told and "'PATH'" in told
    assert told.endswith(f" {min(os.nice(0) + command.NICENESS, 19)} True\n")
    assert not Path(folder).exists()


def test_it_gets_the_model_as_tall_as_was_asked(program, run, box, tmp_path):
    program(f'import shutil; shutil.copy(model, {str(tmp_path / "got.stl")!r}); open(out, "w").write("G28")')
    assert run(120.0).status == "SLICE_COMPLETE"
    got = (tmp_path / "got.stl").read_bytes()
    assert got == box_stl(40.0, 120.0)


@pytest.mark.parametrize(
    ("body", "words", "code"),
    [
        ('print("no way"); sys.exit(1)', names.NOT_SLICED, "exit_1"),
        ('print("Objects could not fit on the bed"); sys.exit(1)', names.TOO_LARGE, "exit_1"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", names.NOT_SLICED, "exit_-11"),
        ("sys.exit(127)", names.NOT_STARTABLE, "not_started"),
        ("pass", names.NO_GCODE, "no_output"),
        ('open(out, "w")', names.NO_GCODE, "no_gcode"),
        ('open(out, "w").write("<html>")', names.NO_GCODE, "no_gcode"),
        ("os.mkdir(out)", None, None),
    ],
)
def test_what_does_not_work_ends_with_a_clear_message(program, run, body, words, code):
    program(body)
    done = run()
    if words is None:  # nobody knows what that means: it is tried again, and not for ever
        assert (done.status, done.error_message) == ("SLICING", names.OURS)
        return
    assert (done.status, done.error_message, done.error_code) == ("FAILED", words, code)
    assert done.error_text


def test_a_program_that_is_not_there(box, run):
    with_slicer(box, kind="command", command="no-such-slicer")
    done = run()
    assert (done.status, done.error_message, done.error_code) == ("FAILED", names.NOT_STARTABLE, "not_found")
    assert "no-such-slicer" in done.error_text


def test_whatever_it_prints_only_the_end_of_it_is_kept(program, run):
    program('print("x" * 50_000_000); print("bad things happened", file=sys.stderr); sys.exit(3)')
    done = run()
    assert done.error_text.endswith("bad things happened") and len(done.error_text) < 2000


def test_a_file_without_end_is_stopped(program, run, box):
    box.config = dataclasses.replace(box.config, limits=dataclasses.replace(box.config.limits, max_model_mb=1))
    program('file = open(out, "wb")\nfor _ in range(64): file.write(bytes(1 << 20))')
    assert run().status == "FAILED"


def test_its_time_is_up_and_what_it_has_begun_goes_with_it(program, run, monkeypatch, tmp_path):
    monkeypatch.setattr(command, "TIMEOUT_SECONDS", 1.5)
    pids = tmp_path / "pids"
    program(
        f"""
        other = subprocess.Popen(["sleep", "600"])
        open({str(pids)!r}, "w").write(f"{{os.getpid()}} {{other.pid}}")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
        """
    )
    done = run()
    assert (done.status, done.error_message, done.error_code) == ("FAILED", names.TOO_LONG, "timeout")
    for pid in pids.read_text(encoding="utf-8").split():
        eventually(lambda pid=pid: not is_alive(pid), 5, "its end")


def test_what_it_leaves_running_does_not_outlive_it(program, run, tmp_path):
    pids = tmp_path / "pids"
    program(
        f"""
        other = subprocess.Popen(["sleep", "600"])
        open({str(pids)!r}, "w").write(str(other.pid))
        open(out, "w").write("G28")
        """
    )
    assert run().status == "SLICE_COMPLETE"
    eventually(lambda: not is_alive(pids.read_text(encoding="utf-8")), 5, "its end")


def test_given_up_it_is_killed_and_waits_for_another_worker(program, run, tmp_path):
    pids, give_up = tmp_path / "pids", threading.Event()
    program(f'open({str(pids)!r}, "w").write(str(os.getpid())); print("20 => x", flush=True); time.sleep(600)')

    def soon():
        eventually(lambda: pids.exists() and pids.read_text(encoding="utf-8"), 10, "its start")
        give_up.set()

    waiting = threading.Thread(target=soon)
    waiting.start()
    row = run(give_up=give_up)
    waiting.join()
    assert (row.status, row.lease, row.tries) == ("SLICING", None, 0)
    eventually(lambda: not is_alive(pids.read_text(encoding="utf-8")), 5, "its end")


@pytest.mark.skipif(not shutil.which("setpriv"), reason="needs setpriv of util-linux")
def test_a_killed_worker_leaves_no_program_behind(tmp_path):
    script, pids = tmp_path / "slow", tmp_path / "pids"
    script.write_text(f"#!/bin/sh\necho $$ > {pids}.new; mv {pids}.new {pids}; exec sleep 600\n", encoding="utf-8")
    script.chmod(0o755)
    worker = f"""
import pathlib, threading
from types import SimpleNamespace as N
from lumi_box.slicing import command
config = N(slicer=N(command={str(script)!r}, profile=None), limits=N(max_model_mb=1))
folder = pathlib.Path({str(tmp_path)!r})
command.run(config, folder / "a.stl", folder / "a.gcode", threading.Event(), print)
"""
    with subprocess.Popen([sys.executable, "-c", worker]) as process:
        eventually(pids.exists, 20, "its start")
        os.kill(process.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(int(pids.read_text(encoding="utf-8"))), 5, "its end")


def test_it_says_how_far_it_is(program, box, tmp_path):
    program(
        """
        print("10 => a\\n70 => b\\n30 => c", flush=True)
        time.sleep(0.2)
        print("90 => d")
        open(out, "w").write("G28")
        """
    )
    told = []
    (tmp_path / "m.stl").write_bytes(box_stl(1, 1))
    command.run(box.config, tmp_path / "m.stl", tmp_path / "m.gcode", threading.Event(), told.append)
    assert told == [30, 90]


@pytest.mark.skipif(SLICER is None, reason="needs PrusaSlicer")
def test_the_real_program_slices(box, run, tmp_path):
    profile = tmp_path / "pla.ini"
    profile.write_text("layer_height = 0.2\nfilament_density = 1.24\n", encoding="utf-8")
    with_slicer(box, kind="command", command="prusa-slicer", profile=str(profile))
    started = time.monotonic()
    done = run(20.0)
    assert (done.status, done.error_text) == ("SLICE_COMPLETE", None)
    facts = done.gcode_facts
    assert facts["layer_height"] == 0.2
    assert 60 < facts["print_time_seconds"] < 7200 and 0.2 < facts["filament_grams"] < 20
    with box.storage.open(done.gcode_key) as stored:
        text = stored.read().decode()
    heights = {float(line.partition("Z")[2].split()[0]) for line in text.splitlines() if line.startswith("G1 Z")}
    assert max(heights) >= 19.9
    taller = run(1000.0)
    assert (taller.status, taller.error_message) == ("FAILED", names.TOO_LARGE)
    assert time.monotonic() - started < 120


@pytest.mark.skipif(SLICER is None, reason="needs PrusaSlicer")
def test_the_real_program_refuses_what_is_no_model(box, tmp_path):
    with_slicer(box, kind="command", command="prusa-slicer")
    (tmp_path / "m.stl").write_text("words", encoding="utf-8")
    with pytest.raises(LumiError, match="could not slice"):
        command.run(box.config, tmp_path / "m.stl", tmp_path / "m.gcode", threading.Event(), print)
