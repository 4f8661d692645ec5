# $FreeBSD$
#
# .login of a new user
