#!/bin/sh
# Bring the pot's base system up to date.
[ -w /etc/freebsd-update.conf ] && sed -i '' -e 's/^Components .*/Components world/' /etc/freebsd-update.conf
PAGER=/bin/cat freebsd-update --not-running-from-cron fetch install
