# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""date(1) of FreeBSD: -j -f FORMAT, -r, -v; no -d."""

import calendar
import os
import re
import sys
import time

USAGE = """usage: date [-jnRu] [-I[date|hours|minutes|seconds]] [-f input_fmt]
            [-r filename|seconds] [-v[+|-]val[y|m|w|d|H|M|S]]
            [[[[[[cc]yy]mm]dd]HH]MM[.SS] | new_date] [+output_fmt]"""
ISO = {
    "": "%Y-%m-%d",
    "date": "%Y-%m-%d",
    "hours": "%Y-%m-%dT%H",
    "minutes": "%Y-%m-%dT%H:%M",
    "seconds": "%Y-%m-%dT%H:%M:%S",
}
# What FreeBSD's strptime knows and Python's does not.
SHORTHANDS = {"%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%F": "%Y-%m-%d", "%e": "%d"}
# strptime fields FreeBSD leaves as they are now when the format has none of these letters.
FIELDS = {
    "hour": "HIkTRrcXs+",
    "min": "MTRrcXs+",
    "sec": "STrcXs+",
    "day": "dejDFxcs+",
    "mon": "mbBhDFxcjs+",
    "year": "YyCDFxcGs+",
}


def adjust(moment: list[int], text: str) -> None:
    """-v: set or shift one field of [year, month, day, hour, minute, second]."""
    match = re.fullmatch(r"([+-]?)(\d+)([ymwdHMS])", text)
    if not match:
        print(f"date: {text}: Cannot apply date adjustment\n{USAGE}", file=sys.stderr)
        raise SystemExit(1)
    sign, number, unit = match.group(1), int(match.group(2)), match.group(3)
    place = "ymdHMS".find(unit)
    if not sign:
        moment[place] = number
        return
    delta = -number if sign == "-" else number
    if unit == "w":
        place, delta = 2, 7 * delta
    if unit in "ym":
        months = moment[0] * 12 + moment[1] - 1 + delta * (12 if unit == "y" else 1)
        moment[0], moment[1] = months // 12, months % 12 + 1
        moment[2] = min(moment[2], calendar.monthrange(moment[0], moment[1])[1])
    else:
        moment[place] += delta
    moment[:] = list(time.localtime(time.mktime((*moment, 0, 0, -1))))[:6]


def main(argv: list[str]) -> int:
    dry, form, seconds, output, adjustments, iso = False, "", time.time(), "", [], None
    position = 0
    while position < len(argv) and argv[position].startswith("-") and len(argv[position]) > 1:
        word = argv[position]
        position += 1
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter == "I":
                iso, letters = letters, ""
                if iso not in ISO:
                    print(f"date: invalid argument '{iso}' for -I", file=sys.stderr)
                    return 1
            elif letter in "frvtz":
                value = letters or (argv[position] if position < len(argv) else "")
                position += not letters
                letters = ""
                if letter == "f":
                    form = value
                elif letter == "v":
                    adjustments.append(value)
                elif letter == "r":
                    try:
                        seconds = (
                            int(value, 0) if re.fullmatch(r"-?(0x)?[0-9a-fA-F]+", value) else os.stat(value).st_mtime
                        )
                    except (OSError, ValueError):
                        print(f"date: {value}: No such file or directory", file=sys.stderr)
                        return 1
                elif letter == "z":
                    os.environ["TZ"] = value
                    time.tzset()
            elif letter == "j":
                dry = True
            elif letter == "u":
                os.environ["TZ"] = "UTC0"
                time.tzset()
            elif letter == "R":
                output = "%a, %d %b %Y %T %z"
            elif letter != "n":
                print(f"date: illegal option -- {letter}\n{USAGE}", file=sys.stderr)
                return 1
    rest = argv[position:]
    new = ""
    for word in rest:
        if word.startswith("+"):
            output = word[1:]
        elif new:
            print(USAGE, file=sys.stderr)
            return 1
        else:
            new = word
    now = list(time.localtime(seconds))[:6]
    if new and form == "%s" and new.lstrip("-").isdigit():
        now = list(time.localtime(int(new)))[:6]
    elif new and form:
        try:
            parsed = time.strptime(new, re.sub("%[TRDFe]", lambda found: SHORTHANDS[found.group()], form))
        except ValueError:
            print(f"Failed conversion of ``{new}'' using format ``{form}''\n{USAGE}", file=sys.stderr)
            return 1
        letters = set(re.findall(r"%[-_0^#EO]?(.)", re.sub("%[TRDFe]", lambda found: SHORTHANDS[found.group()], form)))
        values = [parsed.tm_year, parsed.tm_mon, parsed.tm_mday, parsed.tm_hour, parsed.tm_min, parsed.tm_sec]
        for place, name in enumerate(("year", "mon", "day", "hour", "min", "sec")):
            if letters & set(FIELDS[name]):
                now[place] = values[place]
    elif new:
        match = re.fullmatch(r"(?:(?:(?:(\d\d)?(\d\d))?(\d\d))?(\d\d))?(\d\d)?(\d\d)(?:\.(\d\d))?", new)
        if not match:
            print(f"date: illegal time format\n{USAGE}", file=sys.stderr)
            return 1
        century, year, month, day, hour, minute, second = match.groups()
        if year:
            now[0] = int(century or (20 if int(year) < 69 else 19)) * 100 + int(year)
        for place, text in ((1, month), (2, day), (3, hour), (4, minute), (5, second or "0")):
            if text:
                now[place] = int(text)
    for text in adjustments:
        adjust(now, text)
    if new and not dry:
        print("date: settimeofday (timeval): Operation not permitted", file=sys.stderr)
        return 1
    moment = time.localtime(time.mktime((*now, 0, 0, -1))) if new or adjustments else time.localtime(seconds)
    if iso is not None:
        zone = time.strftime("%z", moment)
        print(time.strftime(ISO[iso], moment) + (f"{zone[:3]}:{zone[3:]}" if iso not in ("", "date") else ""))
    else:
        text = time.strftime((output or "%a %b %e %H:%M:%S %Z %Y").replace("%s", str(int(time.mktime(moment)))), moment)
        sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
