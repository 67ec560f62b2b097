#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""bench.py - the heap against other allocators: a table, and build/bench-heap.json

Every number is compared with glibc's of the same round: allocators take turns,
and what is shown is the median of the rounds' ratios. Allocators that are not
installed are skipped, visibly. Runs as a real-time task if it may, so that
other work on the machine disturbs little. BENCH_RUNS: rounds (5).
BENCH_ONLY: names of parts (speed space beside return startup), default all;
BENCH_LOADS: names of loads, likewise.
"""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

BUILD = os.environ.get("BUILD") or os.path.abspath("build")
HERE = os.path.join(BUILD, "tests/bench/heap")
LIBRARY = os.path.join(BUILD, "lib/libagnocast.so")
RUNS = int(os.environ.get("BENCH_RUNS", "5"))
ONLY = os.environ.get("BENCH_ONLY", "speed space beside return startup").split()
LOADS = (os.environ.get("BENCH_LOADS") or "server pipe lines small grow big cloud").split()
THREADS = [1, 2, 4]
MILLISECONDS = "250"
DEBIAN = {
    "tcmalloc": "libtcmalloc_minimal.so.4",
    "jemalloc": "libjemalloc.so.2",
    "mimalloc": "libmimalloc.so.2",
}


def find_allocators():
    found = {"glibc": None, "agnocast": LIBRARY}
    for name, soname in DEBIAN.items():
        path = "/usr/lib/x86_64-linux-gnu/" + soname
        if os.path.exists(path):
            found[name] = path
        else:
            print(f"skip {name}: {soname} is not installed")
    return found


def real_time():
    """The prefix of a command that runs before ordinary work, if it may."""
    prefix = ["chrt", "-r", "40"]
    allowed = shutil.which("chrt") and subprocess.run(
        prefix + ["true"], stderr=subprocess.DEVNULL).returncode == 0
    return prefix if allowed else []


class Registry:
    """An agnocastd of our own."""

    def __enter__(self):
        self.dir = tempfile.TemporaryDirectory()
        path = os.path.join(self.dir.name, "agnocastd.sock")
        self.daemon = subprocess.Popen(
            real_time() + [os.path.join(BUILD, "tools/agnocastd"), "--socket", path])
        for _ in range(500):
            if os.path.exists(path):
                break
            time.sleep(0.01)
        self.variables = {"AGNOCAST_REGISTRY": "unix:" + path, "MEMPOOL_SIZE": "64M"}
        return self

    def __exit__(self, *_):
        self.daemon.terminate()
        self.daemon.wait()
        self.dir.cleanup()


def run(registry, library, *command, variables=None):
    """The numbers that a program prints, or None if it says skip."""
    env = dict(os.environ)
    if library:
        env["LD_PRELOAD"] = library
    if library == LIBRARY:
        env.update(registry.variables)
    env.update(variables or {})
    # env sets the variables for the program alone, not for chrt.
    words = [f"{k}={v}" for k, v in env.items()
             if k == "LD_PRELOAD" or k not in os.environ or os.environ[k] != v]
    done = subprocess.run(real_time() + ["env", *words, *command], stdout=subprocess.PIPE,
                          check=False, text=True)
    if done.returncode == 77:
        return None
    if done.returncode:
        sys.exit(f"{' '.join(command)} with {library}: status {done.returncode}")
    return [float(word) for word in done.stdout.split()]


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def speed(registry, allocators):
    """Ratio to glibc, by load, threads and allocator."""
    program = os.path.join(HERE, "load")
    ratios = {load: {t: {} for t in THREADS} for load in LOADS}
    for load in LOADS:
        for threads in THREADS:
            rounds = {name: [] for name in allocators}
            for _ in range(RUNS):
                for name, library in allocators.items():
                    rounds[name] += run(registry, library, program, load, str(threads),
                                        MILLISECONDS)
            for name, values in rounds.items():
                ratios[load][threads][name] = statistics.median(
                    v / g for v, g in zip(values, rounds["glibc"]))
    return ratios


def show_speed(ratios, allocators):
    names = [n for n in allocators if n != "glibc"]
    print(f"\noperations per second, times glibc's; medians of {RUNS} rounds")
    print(f"{'load':<10}{'threads':>8}" + "".join(f"{n:>10}" for n in names))
    for load in LOADS:
        for threads in THREADS:
            print(f"{load:<10}{threads:>8}" + "".join(
                f"{ratios[load][threads][n]:>10.2f}" for n in names))
    means = {}
    for label, some in (("1", [1]), ("2 and 4", [2, 4])):
        means[label] = {n: geometric_mean([ratios[load][t][n] for load in LOADS for t in some])
                        for n in names}
        print(f"{'mean':<10}{label:>8}" + "".join(f"{means[label][n]:>10.2f}" for n in names))
    worst = min((ratios[load][t]["agnocast"], load, t) for load in LOADS for t in THREADS)
    print(f"targets: mean 1.0 with one thread: {means['1']['agnocast']:.2f}; "
          f"1.5 with more: {means['2 and 4']['agnocast']:.2f}; "
          f"none below 0.8: {worst[0]:.2f} ({worst[1]}, {worst[2]} threads)")
    return {"ratios": ratios, "means": means, "worst": worst}


def space(registry, allocators):
    print("\nmemory taken per byte alive at the peak")
    out = {}
    for name, library in allocators.items():
        out[name] = run(registry, library, os.path.join(HERE, "load"), "space", "1", "0")[0]
        print(f"{name:<10}{out[name]:>8.2f}")
    print(f"target: at most 1.4: {out['agnocast']:.2f}")
    return out


def show_pause(name, numbers):
    print(f"{name:<14}{numbers[1]:>8.0f}{numbers[2]:>10.0f}{numbers[3]:>10.0f}{numbers[4]:>11.0f}")


def pauses(registry, rows, rounds):
    """Medians of the rounds, the rows in turn."""
    seen = {row[0]: [] for row in rows}
    for _ in range(rounds):
        for name, library, what, variables in rows:
            numbers = run(registry, library, os.path.join(HERE, "pause"), what, "5",
                          variables=variables)
            if numbers is None:
                print("skip: may not use SCHED_FIFO")
                return None
            seen[name].append(numbers)
    print(f"{'':<14}{'p50':>8}{'p99.9':>10}{'p99.99':>10}{'max':>11}  ns")
    out = {}
    for name, values in seen.items():
        out[name] = [statistics.median(column) for column in zip(*values)]
        show_pause(name, out[name])
    return out


def beside(registry, allocators):
    print("\none call of malloc or free by a SCHED_FIFO thread beside three busy ones")
    # As a real-time program would: enough for the heap, with the room between its parts.
    enough = {"MEMPOOL_SIZE": "256M"}
    rows = [(n, lib, "beside", enough if lib == LIBRARY else None)
            for n, lib in allocators.items()]
    rows.append(("agnocast 64M", LIBRARY, "beside", None))
    out = pauses(registry, rows, 3)
    if out:
        print(f"targets: p99.99 at most 10 us: {out['agnocast'][3] / 1000:.1f}; max not above "
              f"glibc's: {out['agnocast'][4] / 1000:.0f} to {out['glibc'][4] / 1000:.0f}")
    return out


def returned(registry):
    print("\nthe same while large memory is freed, and goes back to the system or not")
    out = pauses(registry, [("stays", LIBRARY, "keep", None),
                            ("goes back", LIBRARY, "return", {"MEMPOOL_SIZE": "16M"})], 3)
    if out:
        print(f"it went back {out['goes back'][5]:.0f} times in each run, "
              f"{out['stays'][5]:.0f} times where it stays")
    return out


def startup(registry):
    print("\nstart of a process, us")
    program = os.path.join(HERE, "startup")
    variables = [f"{k}={v}" for k, v in registry.variables.items()]
    rows = [("true, which never allocates", "/bin/true", []),
            ("true, made to join", "/bin/true", ["AGNOCAST_STRICT=1"]),
            ("a program that allocates once", program, [])]
    out = {}
    print(f"{'':<30}{'without':>9}{'with':>9}{'added':>9}")
    for name, command, more in rows:
        numbers = run(registry, None, program, str(100 * RUNS), command, LIBRARY,
                      *variables, *more)
        out[name] = numbers
        print(f"{name:<30}" + "".join(f"{n:>9.0f}" for n in numbers))
    print(f"target: at most 300 added: {out[rows[1][0]][2]:.0f}")
    return out


def main():
    allocators = find_allocators()
    result = {"machine": {"cpus": os.cpu_count(), "kernel": os.uname().release},
              "runs": RUNS}
    with Registry() as registry:
        if "speed" in ONLY:
            result["speed"] = show_speed(speed(registry, allocators), allocators)
        if "space" in ONLY:
            result["space"] = space(registry, allocators)
        if "beside" in ONLY:
            result["beside"] = beside(registry, allocators)
        if "return" in ONLY:
            result["return"] = returned(registry)
        if "startup" in ONLY:
            result["startup"] = startup(registry)
    path = os.path.join(BUILD, "bench-heap.json")
    with open(path, "w", encoding="utf-8") as out:
        json.dump(result, out, indent=1)
    print(f"\nwritten to {path}")


main()
