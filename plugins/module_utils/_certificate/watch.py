# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tells others when the certificate ends: Alertmanager by alerts, Prometheus by a metric of node_exporter."""

from __future__ import annotations

import datetime
import http.client
import json
import os
import time
import urllib.error
import urllib.request

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import Certificate
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import Pair, read, write
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

METRIC = "potluck_certificate_not_after_seconds"
# An alert is kept up until the next day's check.
ALERT = datetime.timedelta(hours=26)


def write_metric(file: str, paths: list[str]) -> bool:
    """Write when the certificates of paths end, of those that there are, where node_exporter's textfile collector
    reads it; whether there was anything to do. Nothing without the collector's directory.
    """
    if not os.path.isdir(os.path.dirname(file)):
        return False
    lines = [
        f"# HELP {METRIC} End of validity of a certificate, in seconds since 1970.",
        f"# TYPE {METRIC} gauge",
    ]
    for path in paths:
        try:
            lines.append(f'{METRIC}{{path="{path}"}} {Certificate(read(path)).not_after.timestamp():.0f}')
        except Sentence:
            continue
    text = "\n".join(lines) + "\n"
    if read(file) == text:
        return False
    write(file, text)
    return True


class Watch:
    """settings: those of C(watch); what it looks at is the installed pair."""

    def __init__(self, settings: dict, domain: str, pair: Pair) -> None:
        self.settings = settings
        self.domain = domain
        self.pair = pair

    def tell(self) -> None:
        """Post what there is to say, and end an alert whose reason is gone; Sentence when nobody hears it."""
        days = Certificate(self.pair.chain).days_left() if self.pair.problem() is None else -1.0
        if days <= 0:
            firing = "MatrixCertificateExpired"
        elif days <= self.settings["days"]:
            firing = "MatrixCertificateExpiring"
        else:
            firing = ""
        before = set(read(self.settings["state"]).split())
        now = datetime.datetime.now(datetime.timezone.utc)
        alerts = [self._alert(firing, days, now, now + ALERT)] if firing else []
        alerts += [
            self._alert(name, days, now - datetime.timedelta(seconds=1), now) for name in sorted(before - {firing})
        ]
        if alerts:
            _post(self.settings["url"].rstrip("/") + "/api/v2/alerts", json.dumps(alerts).encode())
        write(self.settings["state"], firing + "\n" if firing else "")

    def _alert(self, name: str, days: float, start: datetime.datetime, end: datetime.datetime) -> dict:
        """One alert as Alertmanager's API version 2 wants it."""
        expired = name == "MatrixCertificateExpired"
        instance, address = self.settings["instance"], self.settings["address"]
        return {
            "labels": {
                "alertname": name,
                "severity": "critical" if expired else "warning",
                "service": "matrix",
                "domain": self.domain,
                "instance": instance,
                "address": address,
            },
            "annotations": {
                "summary": f"The certificate of {self.domain} {'has expired' if expired else 'expires soon'}",
                "description": f"{self.pair.chain_path} on {instance} ({address}): {days:.0f} days left",
            },
            "startsAt": start.isoformat(timespec="milliseconds"),
            "endsAt": end.isoformat(timespec="milliseconds"),
            "generatorURL": f"https://{self.domain}/",
        }


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
    for attempt in range(3):
        try:
            with urllib.request.build_opener().open(request, timeout=20):
                return
        except urllib.error.HTTPError as error:
            words = error.read(200).decode(errors="replace")
            raise Sentence(f"Alertmanager at {url} refused the alert: {error.code} {words}") from None
        except (OSError, http.client.HTTPException) as error:
            if attempt == 2:
                reason = getattr(error, "reason", error)
                raise Sentence(f"Alertmanager at {url} cannot be reached: {reason}") from None
            time.sleep(5)
