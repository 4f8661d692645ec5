#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: certificate
short_description: Ensure the certificate of a homeserver, and that nginx shows it
version_added: 0.1.0
description:
  - Makes, takes over or asks for a certificate and its key, and installs them where nginx reads them.
  - The same code is installed as O(program), which cron runs to renew the certificate and to watch when it ends.
  - An ACME CA asks its question of the nginx that runs. So with O(state=prepared) there is a pair that nginx can start
    with, and O(state=applied), with nginx running, gets the right one.
  - A pair is judged before it takes the place of another. If nginx cannot read the new one, the former one is put back.
  - What belongs to the user of acme.sh is read and written as that user.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
    details: With O(state=prepared), which knows the settings, it tells what O(state=applied) would do as well, but for
      the copies. The CA is not asked, nor is nginx.
  diff_mode:
    support: full
    details: Of certificates their names, issuer, end and fingerprint; of keys nothing.
  idempotent:
    support: full
requirements:
  - The Python library cryptography (40 or newer), which Synapse needs as well
  - C(openssl) and, for mode V(acme), acme.sh
options:
  state:
    description:
      - V(prepared) installs O(program) and makes sure of a pair that nginx can start with.
      - V(applied) goes by O(config), as the program does. It lets nginx read what it has not read yet, gets and
        installs the certificate, lets nginx read that, has the copies made that others need, and makes the test of
        O(proof).
      - V(copied) only has the copies made, for parts that have just made the directories for them.
    type: str
    choices: [prepared, applied, copied]
    required: true
  settings:
    description: What the certificate is to be. Required for O(state=prepared) and O(state=copied).
    type: dict
    suboptions:
      mode:
        description: Where the certificate comes from; V(none) for a web server without TLS.
        type: str
        choices: [acme, provided, selfsigned, none]
        required: true
      domain:
        description: Name of the homeserver.
        type: str
        required: true
      extra_domains:
        description: More names for the certificate.
        type: list
        elements: str
        default: []
      addresses:
        description: Addresses that a self-signed certificate is for too.
        type: list
        elements: str
        default: []
      directory:
        description: Directory of C(fullchain.pem) and C(privkey.pem).
        type: path
        required: true
      mount:
        description: Directory at which something has to be mounted when files of the certificate belong below it.
        type: path
        default: /mnt
      nginx_conf:
        description: nginx's configuration.
        type: path
        default: /usr/local/etc/nginx/nginx.conf
      nginx_pid:
        description: File with the process ID of nginx.
        type: path
        default: /var/run/nginx.pid
      nginx_log:
        description: File with the errors of nginx.
        type: path
        default: /var/log/nginx/error.log
      reload:
        description: Command that tells nginx to reload.
        type: list
        elements: str
        default: [service, nginx, reload]
      reload_timeout:
        description: Seconds in which nginx has to have reloaded.
        type: int
        default: 15
      stamp:
        description: File whose time is that of the last reload.
        type: path
        default: /var/run/matrix-tls.loaded
      acme:
        description: How an ACME CA is asked.
        type: dict
        required: true
        suboptions:
          user:
            description: User that acme.sh runs as.
            type: str
            default: acme
          program:
            description: acme.sh.
            type: path
            default: /usr/local/sbin/acme.sh
          home:
            description: Directory of acme.sh's account and certificates.
            type: path
            required: true
          webroot:
            description: Directory in which the answers to the CA's questions are put, and which nginx serves.
            type: path
            required: true
          log:
            description: Log file of acme.sh.
            type: path
            default: /var/log/acme.sh.log
          directory:
            description: The CA, as V(zerossl), V(letsencrypt), V(letsencrypt_test) or the URL of its ACME directory;
              empty for ZeroSSL.
            type: str
            default: ""
          email:
            description: Mail address of the account.
            type: str
            default: ""
          eab_kid:
            description: Key identifier for external account binding.
            type: str
            default: ""
          eab_hmac_key:
            description: Key for external account binding.
            type: str
            default: ""
          ca_file:
            description: File for O(settings.acme.ca_certificate).
            type: path
            default: /usr/local/etc/matrix-acme-ca.pem
          ca_certificate:
            description: PEM text of the certificates that vouch for the ACME server, if no public CA does.
            type: str
            default: ""
          dns:
            description: How the CA's question is answered in the DNS; when not given, by nginx.
            type: dict
            suboptions:
              plugin:
                description: Name of acme.sh's plugin for the DNS; empty for none.
                type: str
                default: ""
              wait:
                description: Seconds after which the DNS answers. When not given, acme.sh asks public name servers.
                type: int
              settings:
                description: What the plugin is told, by the names that it knows.
                type: dict
      watch:
        description: Who is told when the certificate ends.
        type: dict
        required: true
        suboptions:
          url:
            description: URL of Alertmanager; empty for none.
            type: str
            default: ""
          days:
            description: Days before the end from which on an alert is sent.
            type: int
            default: 14
          state:
            description: File in which the alert that goes on is remembered.
            type: path
            default: /var/db/matrix-certificate-watch
          instance:
            description: Name of this host in alerts.
            type: str
            default: ""
          address:
            description: Address of this host in alerts.
            type: str
            default: ""
          metric:
            description: The metric for node_exporter; none when not given.
            type: dict
            suboptions:
              file:
                description: File in the directory of node_exporter's textfile collector. Where there is no such
                  directory there is no metric.
                type: path
                required: true
              certificates:
                description: Certificates whose end is told, of those that there are.
                type: list
                elements: path
                required: true
      copies:
        description:
          - Copies of the pair for services that cannot read nginx's. They are made where their directory is, belong to
            root, and are replaced after nginx could read a new pair.
        type: list
        elements: dict
        default: []
        suboptions:
          directory:
            description: Directory of root's in which C(fullchain.pem) and C(privkey.pem) are put.
            type: path
            required: true
          group:
            description: Group that may read them.
            type: str
            required: true
          service:
            description: The rc service that reads them.
            type: str
            required: true
          reload:
            description: Command by which it is told, when it runs, that they are others.
            type: list
            elements: str
            required: true
  config:
    description: File with O(settings) as JSON, with all of them, for O(state=applied) and the program.
    type: path
    default: /usr/local/etc/matrix-tls.json
  proof:
    description:
      - Where nginx is asked with O(state=applied), as a client would, whether it answers as a homeserver's web server
        should and shows the installed certificate. Nobody is asked when not given.
    type: dict
    suboptions:
      addresses:
        description: Addresses at which nginx is asked, each of them.
        type: list
        elements: str
        required: true
      ports:
        description: Ports at which nginx is asked.
        type: list
        elements: int
        required: true
      timeout:
        description: Seconds in which nginx has to answer rightly.
        type: int
        default: 15
  pair:
    description: PEM text of certificate, intermediates and key. Required for mode V(provided) with O(state=prepared).
    type: str
    default: ""
  program:
    description: Where the program for cron is installed, to be run by the Python that runs this module.
    type: path
    default: /usr/local/libexec/matrix-tls
seealso:
  - module: potluck.matrix.trusted_certificate
"""

EXAMPLES = r"""
- name: Ensure a certificate that nginx can start with
  potluck.matrix.certificate:
    state: prepared
    settings:
      mode: acme
      domain: example.com
      directory: /mnt/matrixdata/tls
      acme: {home: /mnt/acme, webroot: /usr/local/www/acme, email: admin@example.com}
      watch: {}

- name: Get the certificate, let nginx read it, and prove that nginx shows it
  potluck.matrix.certificate:
    state: applied
    proof: {addresses: [10.0.0.5], ports: [443, 8448]}
"""

RETURN = r"""
changes:
  description: What was changed, a sentence each; in check mode, would be.
  type: list
  elements: str
  returned: always
  sample: [installed the certificate of the CA, reloaded nginx]
"""

import os
import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.potluck.matrix.plugins.module_utils._certificate import certificate, program, specification
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.upkeep import Upkeep, read_settings
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets


def ensure(module: AnsibleModule, changes: Changes) -> None:
    """Do all of it, noting it in changes; Sentence, or OSError as the system raises it, for what cannot be done."""
    os.umask(0o022)
    if module.params["state"] == "prepared":
        upkeep = Upkeep(module.params["settings"], changes)
        program.install(module.params["program"], sys.executable, changes)
        upkeep.prepare(module.params["pair"])
        if module.check_mode:
            upkeep.predict()
    elif module.params["state"] == "copied":
        Upkeep(module.params["settings"], changes).copy()
    elif not module.check_mode:
        upkeep = Upkeep(read_settings(module.params["config"]), changes)
        upkeep.apply()
        if module.params["proof"]:
            upkeep.prove(**module.params["proof"])


def main() -> None:
    module = AnsibleModule(
        argument_spec=specification.ARGUMENTS,
        required_if=[("state", "prepared", ["settings"]), ("state", "copied", ["settings"])],
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    told: dict[str, t.Any] = {"invocation": short_secrets.shown(module)}
    if certificate.CRYPTOGRAPHY_ERROR:
        module.fail_json(
            msg=missing_required_lib("cryptography"), exception=certificate.CRYPTOGRAPHY_ERROR, changes=[], **told
        )
    changes = Changes(module.check_mode)
    problem = None
    try:
        ensure(module, changes)
    except Sentence as sentence:
        problem = str(sentence)
    except OSError as error:
        problem = f"{error.filename or 'the certificate'}: {error.strerror or error}"
    told["changes"] = changes.sentences
    if module._diff:
        told["diff"] = changes.diffs
    if problem:
        module.fail_json(msg=problem, changed=bool(changes.sentences) and not module.check_mode, **told)
    module.exit_json(changed=bool(changes.sentences), **told)


if __name__ == "__main__":
    main()
