"""A stand-in for FreeBSD's pkg(8) 2.8: real files, users and scripts at FreeBSD's places, from a catalogue of this double."""
