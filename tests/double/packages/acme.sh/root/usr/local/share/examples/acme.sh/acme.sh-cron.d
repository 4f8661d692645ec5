# Copy to /usr/local/etc/cron.d/acme and choose a minute and an hour of your own.
SHELL=/bin/sh
PATH=/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin

29	2	*	*	*	acme	/usr/local/sbin/acme.sh --cron --home /var/db/acme/.acme.sh > /dev/null
