#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""prometheus.py FILE - is it Prometheus' text format? Says what is wrong, 1 then."""

import math
import re
import sys

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)?\}})? (\S+)$")


def complain(line, what):
    sys.exit(f"line {line}: {what}")


def family(name, types):
    """The metric that a sample belongs to."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and types.get(base) == "histogram":
            return base
    return name


def check_histogram(name, series):
    """Cumulative buckets, the last is +Inf and equals the count."""
    for labels, parts in series.items():
        buckets = parts["bucket"]
        bounds = [float(le) for le, _ in buckets]
        counts = [count for _, count in buckets]
        if bounds != sorted(bounds) or counts != sorted(counts):
            complain(0, f"{name}{labels}: buckets are not cumulative")
        if not bounds or bounds[-1] != math.inf or counts[-1] != parts.get("count"):
            complain(0, f"{name}{labels}: +Inf is not the count")
        if "sum" not in parts:
            complain(0, f"{name}{labels}: no sum")


def main():
    data = open(sys.argv[1], "rb").read()
    text = data.decode("utf-8")		# must be
    if not text.endswith("\n"):
        complain(0, "no newline at the end")
    types, helped, seen, histograms, current = {}, set(), set(), {}, None
    done = set()
    for number, line in enumerate(text[:-1].split("\n"), 1):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            if name in helped:
                complain(number, f"second HELP of {name}")
            helped.add(name)
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            if name in types or kind not in ("counter", "gauge", "histogram"):
                complain(number, f"TYPE of {name}")
            types[name] = kind
            continue
        match = SAMPLE.match(line)
        if not match:
            complain(number, f"no sample: {line}")
        name, labels, value = match.group(1), match.group(2) or "", match.groups()[-1]
        base = family(name, types)
        if base not in types or base not in helped:
            complain(number, f"{name} has no TYPE or HELP before it")
        if base != current and base in done:
            complain(number, f"{base} is not in one piece")
        done.add(base)
        current = base
        if types[base] == "counter" and not name.endswith("_total"):
            complain(number, f"counter {name} does not end in _total")
        number_value = float(value)
        if number_value < 0 or math.isnan(number_value):
            complain(number, f"{name} is {value}")
        if (name, labels) in seen:
            complain(number, f"{name}{{{labels}}} comes twice")
        seen.add((name, labels))
        if types[base] == "histogram":
            pairs = dict((a, b) for a, b in re.findall(LABEL, labels))
            le = pairs.pop("le", None)
            parts = histograms.setdefault(base, {}).setdefault(str(pairs), {"bucket": []})
            if name.endswith("_bucket"):
                parts["bucket"].append((le, number_value))
            else:
                parts[name.removeprefix(base + "_")] = number_value
    for name, series in histograms.items():
        check_histogram(name, series)
    if not seen:
        complain(0, "no sample at all")
    print(f"{len(seen)} samples of {len(done)} metrics")


main()
