# $FreeBSD$
#
# System-wide .cshrc file for csh(1).
setenv HOSTTYPE FreeBSD
setenv OSTYPE FreeBSD
setenv MACHTYPE x86_64
setenv VENDOR amd
