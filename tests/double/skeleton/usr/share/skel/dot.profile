# $FreeBSD$
#
# .profile - Bourne Shell startup script for login shells
#
# see also sh(1), environ(7).
#
EDITOR=vi;   	export EDITOR
PAGER=less;  	export PAGER
ENV=$HOME/.shrc; export ENV
