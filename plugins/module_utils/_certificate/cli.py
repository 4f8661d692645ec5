# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What cron and administrators call in the pot: C(matrix-tls COMMAND).

Each change is one line on standard output; an error is one sentence on standard error, and exit status 1.
"""

from __future__ import annotations

import argparse
import os
import sys

from ansible_collections.potluck.matrix.plugins.module_utils._certificate import certificate
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.upkeep import Upkeep, read_settings
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

COMMANDS = {
    "apply": "get a certificate from the ACME CA if one is needed, install it, and let nginx read it",
    "renew": "have acme.sh renew the certificate if that is due",
    "reload": "let nginx read what it has not read yet, and see that it could",
    "watch": "tell Alertmanager and node_exporter about a certificate that expires soon, has expired, or is fine again",
    "revoke": "have the ACME CA revoke the certificate, and forget it",
    "expiry": "fail when the installed certificate expires within so many days as --days says",
}


def main(argv: list[str]) -> int:
    """The exit status."""
    described = "\n".join(f"  {name:7} {what}" for name, what in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="matrix-tls", epilog=described, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", default="/usr/local/etc/matrix-tls.json")
    parser.add_argument("--days", type=int, default=0)
    parser.add_argument("command", choices=list(COMMANDS))
    arguments = parser.parse_args(argv)
    os.umask(0o022)
    changes = Changes()
    try:
        if certificate.CRYPTOGRAPHY_ERROR:
            raise Sentence(f"{sys.executable} has no module cryptography, which its package brings")
        upkeep = Upkeep(read_settings(arguments.config), changes)
        if arguments.command == "expiry":
            upkeep.expiry(arguments.days)
        else:
            getattr(upkeep, arguments.command)()
    except (Sentence, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        for sentence in changes.sentences:
            sys.stdout.write(f"changed: {sentence}\n")
    return 0
