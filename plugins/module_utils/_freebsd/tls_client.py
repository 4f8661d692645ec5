# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a server's certificate is believed."""

from __future__ import annotations

import ssl


def context(cafile: str | None = None) -> ssl.SSLContext:
    """One that believes what other servers and clients do, whichever Python it is.

    Since 3.13 Python refuses certificates that leave out what they ought to have, as an authority key identifier, which
    those of somebody's own CA often do; nobody else minds.
    """
    found = ssl.create_default_context(cafile=cafile)
    found.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return found
