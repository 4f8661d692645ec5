# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a server's certificate is the same with each Python."""

from __future__ import annotations

import ssl

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tls_client


def test_names_and_authorities_are_looked_at_and_no_more(monkeypatch):
    usual = ssl.create_default_context

    def strict(**more):
        """As Python has it since 3.13."""
        found = usual(**more)
        found.verify_flags |= ssl.VERIFY_X509_STRICT
        return found

    monkeypatch.setattr(ssl, "create_default_context", strict)
    found = tls_client.context()
    assert found.check_hostname and found.verify_mode == ssl.CERT_REQUIRED
    assert not found.verify_flags & ssl.VERIFY_X509_STRICT
