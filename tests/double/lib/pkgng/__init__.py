# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for FreeBSD's pkg(8) 2.8: real files, users and scripts at FreeBSD's places, from a catalogue of this
double.
"""
