#!/bin/sh
# Bring the pot's base system up to date.
if ! command -v freebsd-update >/dev/null; then
	echo "$0: freebsd-update: not found" >&2
	exit 127
fi
[ -w /etc/freebsd-update.conf ] && sed -i '' -e 's/^Components .*/Components world/' /etc/freebsd-update.conf
PAGER=/bin/cat freebsd-update --not-running-from-cron fetch install
