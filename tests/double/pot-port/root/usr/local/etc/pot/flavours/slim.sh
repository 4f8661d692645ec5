#!/bin/sh
# Drop what a service does not need.
rm -rf /usr/share/man /usr/share/examples /usr/share/doc /usr/tests /usr/lib/debug /boot/kernel
