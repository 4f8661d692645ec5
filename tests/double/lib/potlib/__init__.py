# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot 0.16.0's command line, files, state machine, messages and exit codes, misleading ones included.

Exit codes and wording follow recordings on FreeBSD; where pot reports success for a failure, so does this.
Tests can make a step fail by a file in /.double/run/faults: fetch-base, create-zfs, zfs-receive, nullfs, jail-remove,
zfs-snapshot, export-hash, start-rc.
"""
