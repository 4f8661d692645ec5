# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands in for the script with which ansible-test installs pip into its virtual environments.

It is called as that script is: with pip's own requirement specifications as arguments.
"""

from __future__ import annotations

import ensurepip
import os
import subprocess
import sys

requirements = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
# ensurepip isolates pip from its configuration by setting this, for the rest of the process too.
configuration = os.environ.get("PIP_CONFIG_FILE")
ensurepip.bootstrap(upgrade=True)
os.environ.pop("PIP_CONFIG_FILE", None)
if configuration is not None:
    os.environ["PIP_CONFIG_FILE"] = configuration
if requirements:
    sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *requirements]))
