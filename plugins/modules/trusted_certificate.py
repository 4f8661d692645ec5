#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: trusted_certificate
short_description: Let FreeBSD's trust store hold a CA certificate, and no former one of the same name
version_added: 0.1.0
description:
  - Keeps one CA certificate in a file from which C(certctl rehash) fills the system's trust store, and proves that the
    system trusts it.
  - Where the file is removed, or gets another certificate, the former certificate is taken out of the store as well.
    C(certctl) of FreeBSD 13 fills the store with links and drops those that lead nowhere, that of FreeBSD 15 fills it
    with copies (and writes them into O(bundle)), and takes for trusted what lies in the store already.
  - A certificate that another file of O(trust_paths) brings stays trusted.
  - What has to be taken out is noted on the disk, in the directory around the one of O(path), until it is proven to be
    out, so that a run that comes after one that was cut off ends its work.
  - Symbolic links on the way to O(path) are refused instead of followed.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.freebsd
  - potluck.matrix.sentences
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Paths and fingerprints only.
  idempotent:
    support: full
requirements:
  - C(certctl) and C(openssl) of FreeBSD's base system
options:
  path:
    description: File of the certificate, in one of O(trust_paths). Its directory is made, open to all.
    type: path
    required: true
  state:
    description: Whether the certificate is wanted.
    type: str
    choices: [present, absent]
    default: present
  content:
    description: Text with the one certificate in PEM form. Required for V(present).
    type: str
  former_paths:
    description: Files in which the certificate lay before; they are removed.
    type: list
    elements: path
    default: []
  store:
    description: Directory in which C(certctl) keeps the trusted certificates.
    type: path
    default: /etc/ssl/certs
  bundle:
    description: File in which C(certctl) of FreeBSD 15 keeps all of them.
    type: path
    default: /etc/ssl/cert.pem
  trust_paths:
    description: Directories whose certificates are trusted.
    type: list
    elements: path
    default: [/usr/share/certs/trusted, /usr/local/share/certs, /usr/local/etc/ssl/certs]
seealso:
  - module: potluck.matrix.file_set
"""

EXAMPLES = r"""
- name: Trust the CA of the mail server
  potluck.matrix.trusted_certificate:
    path: /usr/local/share/certs/mail.pem
    content: "{{ lookup('ansible.builtin.file', 'mail-ca.pem') }}"

- name: Trust it no longer
  potluck.matrix.trusted_certificate:
    path: /usr/local/share/certs/mail.pem
    state: absent
"""

RETURN = r"""
changed_paths:
  description: The files that were written or removed, except for those of the store; in check mode, would be.
  type: list
  elements: str
  returned: always
  sample: [/usr/local/share/certs/mail.pem]
fingerprint:
  description: SHA-256 fingerprint of the certificate that is wanted; empty when none is.
  type: str
  returned: always
  sample: "1C:2D:3E:4F:5A:6B:7C:8D:9E:AF:B0:C1:D2:E3:F4:05:16:27:38:49:5A:6B:7C:8D:9E:AF:B0:C1:D2:E3:F4:05"
untrusted:
  description: SHA-256 fingerprints of the former certificates that were taken out of the store; in check mode, would
    be.
  type: list
  elements: str
  returned: always
  sample: []
part:
  description: V(certificate) when what is said in C(msg) is about the certificate or its files.
  type: str
  returned: failure
  sample: certificate
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.trust import Trust


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "content": {"type": "str"},
            "former_paths": {"type": "list", "elements": "path", "default": []},
            "store": {"type": "path", "default": "/etc/ssl/certs"},
            "bundle": {"type": "path", "default": "/etc/ssl/cert.pem"},
            "sentences": {"type": "dict", "default": {}},
            "trust_paths": {
                "type": "list",
                "elements": "path",
                "default": ["/usr/share/certs/trusted", "/usr/local/share/certs", "/usr/local/etc/ssl/certs"],
            },
        },
        required_if=[("state", "present", ["content"])],
        supports_check_mode=True,
        # The arguments, a whole file, would go to the system's log.
        no_log=True,
    )
    problem = trust = None
    try:
        trust = Trust(Runner(), module.params, module.check_mode)
        trust.ensure()
    except Sentence as refusal:
        problem = str(refusal)
    except OSError as error:
        problem = f"{error.filename or module.params['path']}: {error.strerror or error}"
    result = {"changed": False, "changed_paths": [], "fingerprint": "", "untrusted": []}
    if trust:
        result = {name: getattr(trust, name) for name in result}
    if module._diff and trust:
        result["diff"] = trust.diffs
    if problem:
        problem = in_words_of(module.params["sentences"], "certificate", problem)
        module.fail_json(msg=problem, part="certificate", **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
