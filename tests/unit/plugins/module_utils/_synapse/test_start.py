# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which of the many lines that a start leaves is the reason why it failed."""

from __future__ import annotations

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
