# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The daily check tells Alertmanager about a certificate that expires soon, has expired, and is fine again."""

from __future__ import annotations

import json
import re
from datetime import datetime, timezone

import pytest


@pytest.fixture
def certificate(site):
    """Puts a certificate with a number of days left in nginx's place, and the good one back in the end."""
    with site.other_certificate() as put:
        yield put
    site.jail_run("/usr/local/libexec/matrix-tls watch")


def watch(site):
    """Run the check as cron does; the alerts it sent."""
    before = len(json.loads(site.tell("alertmanager", "alerts")))
    site.jail_run("/usr/local/libexec/matrix-tls watch")
    return json.loads(site.tell("alertmanager", "alerts"))[before:]


def firing(alert):
    return datetime.fromisoformat(alert["endsAt"].replace("Z", "+00:00")) > datetime.now(timezone.utc)


def test_expiring_expired_resolved(site, certificate):
    assert watch(site) == []
    certificate(3)
    (expiring,) = watch(site)
    assert firing(expiring) and expiring["labels"]["alertname"] == "MatrixCertificateExpiring"
    assert "neigh.test" in json.dumps(expiring)
    certificate(-1)
    alerts = {alert["labels"]["alertname"]: alert for alert in watch(site)}
    assert set(alerts) == {"MatrixCertificateExpired", "MatrixCertificateExpiring"}
    assert firing(alerts["MatrixCertificateExpired"]) and not firing(alerts["MatrixCertificateExpiring"])
    certificate(60)
    (resolved,) = watch(site)
    assert resolved["labels"] == alerts["MatrixCertificateExpired"]["labels"] and not firing(resolved)
    assert watch(site) == []


def test_it_runs_daily(site):
    assert re.search(
        r"^\d+ 12 \* \* \* root /usr/local/libexec/matrix-tls watch$",
        site.jail_run("cat /etc/cron.d/matrix-tls"),
        re.MULTILINE,
    )
