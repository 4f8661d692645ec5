# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a Synapse homeserver through its HTTP interface, without an access token.

Read in Synapse 1.135 and 1.163; both behave the same in all that is used here.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import time
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from ansible.module_utils.urls import open_url

# In all, for one request; Synapse asks for a few seconds as a rule.
MAX_WAIT = 120

_LOCALPART = re.compile(r'[a-z0-9._=/+-]+\Z')
_SERVER_NAME = re.compile(r'(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z')


class SynapseError(Exception):
    """What went wrong, one sentence."""


def split_name(name, server_name=None):
    """(localpart, server name or None) of C(alice) or C(@alice:example.org); SynapseError for what is neither."""
    localpart, given = name, None
    if name.startswith('@'):
        localpart, colon, given = name[1:].partition(':')
        if not colon or not _SERVER_NAME.match(given):
            raise SynapseError('%s is not a Matrix ID like @alice:example.org' % name)
    if not _LOCALPART.match(localpart):
        raise SynapseError('%r cannot be the name of a Matrix account: lower-case letters, digits and . _ = - / + only' % localpart)
    if server_name and given and server_name != given:
        raise SynapseError('%s does not belong to the server %s' % (name, server_name))
    return localpart, given or server_name or None


def registration_mac(shared_secret, nonce, localpart, password, admin):
    """The code that proves knowledge of the shared secret, as hexadecimal digits."""
    mac = hmac.new(shared_secret.encode(), digestmod=hashlib.sha1)
    mac.update(b'\0'.join(part.encode() for part in (nonce, localpart, password, 'admin' if admin else 'notadmin')))
    return mac.hexdigest()


class Synapse:
    """A homeserver behind a unix socket or a URL."""

    def __init__(self, socket=None, base_url=None, timeout=60, sleep=time.sleep):
        self._socket = None if base_url else socket
        self._url = (base_url or 'http://localhost').rstrip('/')
        self._where = base_url or socket
        self._timeout = timeout
        self._sleep = sleep

    def request(self, method, path, body=None):
        """(status, answer as a dictionary). Waits as long as Synapse asks to when it limits the rate."""
        # A peer on a unix socket has no address, and Synapse fails where it wants one unless a proxy seems to name it.
        headers = {'Content-Type': 'application/json', 'X-Forwarded-For': '127.0.0.1', 'X-Forwarded-Proto': 'https'}
        data = None if body is None else json.dumps(body).encode()
        waited = 0
        while True:
            try:
                answer = open_url(self._url + path, data=data, headers=headers, method=method, timeout=self._timeout,
                                  unix_socket=self._socket, use_proxy=not self._socket, follow_redirects='none')
                status, text = answer.status, answer.read()
            except HTTPError as exc:
                status, text = exc.code, exc.read()
            except (URLError, OSError, http.client.HTTPException) as exc:
                raise SynapseError('Synapse does not answer at %s: %s' % (self._where, getattr(exc, 'reason', None) or exc)) from exc
            try:
                answer = json.loads(text)
            except ValueError:
                answer = {}
            if not isinstance(answer, dict):
                answer = {}
            if status != 429 or answer.get('errcode') != 'M_LIMIT_EXCEEDED':
                return status, answer
            wait = max(float(answer.get('retry_after_ms') or 1000), 100) / 1000
            if waited + wait > MAX_WAIT:
                raise SynapseError('Synapse at %s limits the rate of requests for longer than %d seconds' % (self._where, MAX_WAIT))
            self._sleep(wait)
            waited += wait

    def server_name(self):
        """What the server calls itself, or None when this address does not serve its keys."""
        status, answer = self.request('GET', '/_matrix/key/v2/server')
        name = answer.get('server_name')
        return name if status == 200 and isinstance(name, str) else None

    def exists(self, localpart, server_name):
        """Whether a local account exists: True, False, or None when the server tells nobody. Changes nothing.

        The profile tells of every account but one that was deactivated and erased. Where the server keeps profiles to itself, the
        question whether the name is free tells, which in turn is only answered where registration is open.
        """
        user_id = '@%s:%s' % (localpart, server_name)
        # The display name alone, because the whole profile counts as missing when it is empty.
        status, answer = self.request('GET', '/_matrix/client/v3/profile/%s/displayname' % quote(user_id, safe=''))
        if status == 200:
            return True
        no_profile = status == 404 and answer.get('errcode') == 'M_NOT_FOUND'
        status, answer = self.request('GET', '/_matrix/client/v3/register/available?username=' + quote(localpart, safe=''))
        if answer.get('errcode') == 'M_USER_IN_USE':
            return True
        return False if no_profile else None

    def register(self, shared_secret, localpart, password, admin=False, display_name=None):
        """Make an account: its full ID, or None when it already existed. No device and no access token is made."""
        status, answer = self.request('GET', '/_synapse/admin/v1/register')
        nonce = answer.get('nonce')
        if status != 200 or not isinstance(nonce, str):
            raise SynapseError('%s does not serve /_synapse/admin, where accounts are registered: %s' % (self._where, self._reason(status, answer)))
        body = {'nonce': nonce, 'username': localpart, 'password': password, 'admin': admin, 'inhibit_login': True,
                'mac': registration_mac(shared_secret, nonce, localpart, password, admin)}
        if display_name:
            body['displayname'] = display_name
        status, answer = self.request('POST', '/_synapse/admin/v1/register', body)
        if status == 200:
            return answer.get('user_id')
        if answer.get('errcode') == 'M_USER_IN_USE':
            return None
        if status == 403 and 'HMAC' in str(answer.get('error')):
            raise SynapseError('the shared secret is not the one of the server at %s' % self._where)
        if 'hared secret registration' in str(answer.get('error')):
            raise SynapseError('the server at %s has no registration_shared_secret, so accounts cannot be made with it' % self._where)
        raise SynapseError('the server at %s did not make the account %s: %s' % (self._where, localpart, self._reason(status, answer)))

    @staticmethod
    def _reason(status, answer):
        return '%s (HTTP status %d)' % (answer.get('error') or 'no reason given', status)
