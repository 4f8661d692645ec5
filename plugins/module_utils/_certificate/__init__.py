# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The certificate of a homeserver: made or asked for, installed, read by nginx, watched and proven.

The module C(certificate) and C(matrix-tls), the program that cron runs in the pot (see C(program)), are the same code.
Root runs it. An error is a C(Sentence) without a full stop.
"""
