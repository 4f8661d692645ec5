# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the many lines that a start leaves is the reason why it failed."""

from __future__ import annotations

import signal

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import start
from hypothesis import given, strategies

BROKEN_PACKAGE = """\
Starting synapse.
Traceback (most recent call last):
  File "<frozen runpy>", line 198, in _run_module_as_main
  File "/usr/local/lib/python3.11/site-packages/synapse/app/homeserver.py", line 1, in <module>
    raise RuntimeError("the package is broken")
RuntimeError: the package is broken
/usr/local/etc/rc.d/synapse: WARNING: failed to start synapse
"""
OLD_ENDS = """\
2026-11-28 23:19:41,634 - synapse.app._base - 99 - INFO - sentinel - Shutting down...
2026-11-28 23:19:41,634 - twisted - 281 - CRITICAL - sentinel - Unhandled error
Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/twisted/internet/base.py", line 1, in run
    sys.exit(0)
SystemExit: 0
"""
AT_START = """\
2026-11-28 23:21:41,634 - root - 377 - WARNING - main - ***** STARTING SERVER *****
2026-11-28 23:21:42,634 - synapse.app._base - 99 - CRITICAL - sentinel - Error during startup
Traceback (most recent call last):
  File "/usr/local/lib/python3.11/site-packages/synapse/app/_base.py", line 1, in wrapper
    await cb(*args, **kwargs)
twisted.internet.error.CannotListenError: Couldn't listen on 10.0.0.1:9109: [Errno 48] Address already in use.
2026-11-28 23:21:42,635 - twisted - 281 - INFO - sentinel - Main loop terminated.
"""
CONFIGURATION = """\
Starting synapse.
Error in configuration at 'listeners.0':
  Unknown listener type
"""


@pytest.mark.parametrize(
    "said, logged, reason",
    [
        (BROKEN_PACKAGE, "", "RuntimeError: the package is broken"),
        (BROKEN_PACKAGE, OLD_ENDS, "RuntimeError: the package is broken"),
        (
            "Starting synapse.",
            AT_START,
            "twisted.internet.error.CannotListenError: Couldn't listen on 10.0.0.1:9109: [Errno 48] Address already "
            "in use.",
        ),
        (
            "Starting synapse.",
            AT_START + OLD_ENDS,
            "twisted.internet.error.CannotListenError: Couldn't listen on 10.0.0.1:9109: [Errno 48] Address already "
            "in use.",
        ),
        (CONFIGURATION, "", "Error in configuration at 'listeners.0': Unknown listener type"),
        (
            '    Traceback (most recent call last):\n      File "x"\n    ValueError: indented\n',
            "",
            "ValueError: indented",
        ),
        ("python3.11: No module named synapse.app", "", "python3.11: No module named synapse.app"),
        (
            "",
            "2026-11-28 23:21:41,634 - a - 1 - ERROR - x - bad\n2026-11-28 23:21:42,634 - a - 1 - INFO - x - fine\n",
            "2026-11-28 23:21:41,634 - a - 1 - ERROR - x - bad",
        ),
        ("Starting synapse.\n/usr/local/etc/rc.d/synapse: WARNING: failed to start synapse\n", "", ""),
    ],
)
def test_the_reason(said, logged, reason):
    assert start.most_telling(said, logged) == reason


@given(
    strategies.text(alphabet="Traceback (most recent call last):\n SystemExit0Er-", max_size=300),
    strategies.text(max_size=100),
)
def test_whatever_is_said_there_is_one_line(said, logged):
    assert "\n" not in start.most_telling(said, logged)


def test_a_log_tells_what_was_written_since(tmp_path):
    path = tmp_path / "homeserver.log"
    path.write_text("of the old process\n")
    log = start.Log(str(path))
    with path.open("a") as stream:
        stream.write("of the new one\n")
    assert log.since() == "of the new one\n"
    path.rename(tmp_path / "homeserver.log.1")
    path.write_text("after the rotation\n")
    assert log.since() == "of the new one\nafter the rotation\n"


def test_a_log_that_is_not_there_yet(tmp_path):
    log = start.Log(str(tmp_path / "homeserver.log"))
    assert log.since() == ""
    (tmp_path / "homeserver.log").write_text("new\n")
    assert log.since() == "new\n"


def test_a_log_that_is_a_link_is_not_read(tmp_path):
    (tmp_path / "shadow").write_text("root:secret\n")
    log = start.Log(str(tmp_path / "homeserver.log"))
    (tmp_path / "homeserver.log").symlink_to(tmp_path / "shadow")
    assert log.since() == ""


class Processes:
    """Those of Synapse: one that the file with the process id tells of, or none, and those that pgrep(1) finds.

    answers: after how many questions it does; ends_by: the signal that ends a process.
    """

    def __init__(self, monkeypatch, pids, told_of=None, answers=0, ends_by=signal.SIGTERM):
        self.pids, self.told_of, self.ends_by, self.sent, self.now = set(pids), told_of, ends_by, [], 0.0
        self.homeserver = start.Homeserver("/socket", "/no/log", 60)
        asked = iter(range(1000))
        monkeypatch.setattr(self.homeserver, "answers", lambda: next(asked) >= answers)
        monkeypatch.setattr(start.rc, "run", self.run)
        monkeypatch.setattr(start.os, "kill", self.kill)
        monkeypatch.setattr(start.time, "sleep", self.sleep)
        monkeypatch.setattr(start.time, "monotonic", lambda: self.now)

    def run(self, argv):
        if argv[0] == "/bin/pgrep":
            return (0 if self.pids else 1), "".join(f"{pid}\n" for pid in sorted(self.pids)), ""
        assert argv[1:] == ["synapse", "onestatus"]
        if self.told_of:
            return 0, f"synapse is running as pid {self.told_of}.\n", ""
        return 1, "synapse is not running.\n", ""

    def kill(self, pid, number):
        self.sent.append((pid, number))
        if number in (self.ends_by, signal.SIGKILL):
            self.pids.discard(pid)

    def sleep(self, seconds):
        self.now += seconds


def test_one_that_only_starts_is_waited_for(monkeypatch):
    processes = Processes(monkeypatch, [7], answers=20)
    processes.homeserver.await_answer(start.Log("/no/log"))
    assert processes.now == 20 * start.POLL_INTERVAL


def test_one_that_has_ended_is_not_waited_for(monkeypatch):
    processes = Processes(monkeypatch, [], answers=20)
    with pytest.raises(start.Sentence, match="ended at its start"):
        processes.homeserver.await_answer(start.Log("/no/log"))
    assert processes.now < start.MISSED * start.POLL_INTERVAL


@pytest.mark.parametrize("ends_by, last", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGKILL, signal.SIGKILL)])
def test_one_that_no_file_tells_of_is_ended(monkeypatch, ends_by, last):
    processes = Processes(monkeypatch, [7], ends_by=ends_by)
    processes.homeserver.stop()
    assert processes.pids == set() and processes.sent[0] == (7, signal.SIGTERM) and processes.sent[-1] == (7, last)


def test_one_that_does_not_end_is_told(monkeypatch):
    processes = Processes(monkeypatch, [7])
    monkeypatch.setattr(start.os, "kill", lambda *dummy: None)
    with pytest.raises(start.Sentence, match="process 7"):
        processes.homeserver.stop()


def test_beside_one_that_is_told_of_there_are_no_strays(monkeypatch):
    assert Processes(monkeypatch, [7, 8], told_of=7).homeserver.strays() == []
