# $FreeBSD$
#
# .cshrc of a new user
