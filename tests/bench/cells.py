# SPDX-License-Identifier: BSD-2-Clause
"""cells.py - what is measured, with which peers, and what is made of it"""

import argparse
import datetime
import json
import os
import platform
import signal
import subprocess
import sys
import time

import pipeline
import table
from run import (BUILD, PROGRAMS, REPO, Agnocast, Cyclone, Failed, Iceoryx, Machine, Plain,
                 run_cell)

SIZES = [64, 4096, 65536, 1 << 20, 8 << 20]
PAIR = [('pong', 1, 1), ('ping', 1, 0)]
FLOW = [('sink', 1, 1), ('source', 1, 0)]

# (label, program, how, variant): who takes part in what.
SPINNING = [
    ('slot ring', 'floor', 'poll', ''),
    ('agnocast', 'agnocast', 'poll', ''),
    ('iceoryx', 'iceoryx', 'poll', ''),
]
SLEEPING = [
    ('futex', 'floor', 'sleep', ''),
    ('agnocast', 'agnocast', 'sleep', ''),
    ('iceoryx WaitSet', 'iceoryx', 'sleep', ''),
    ('cyclone shm', 'cyclone', 'sleep', 'shm'),
    ('cyclone', 'cyclone', 'sleep', ''),
    ('zeromq', 'zmq', 'sleep', ''),
]
# Nobody else offers what the next two ask for.
DESCRIPTOR = [
    ('eventfd + epoll', 'floor', 'fd', ''),
    ('agnocast descriptor', 'agnocast', 'fd', ''),
]
SPIN_SLEEP = [
    ('spin, then futex', 'floor', 'spin-sleep', ''),
    ('agnocast spin, then sleep', 'agnocast', 'spin-sleep', ''),
]
ZERO_COPY = {'floor', 'agnocast', 'iceoryx'}


def cell(scenario, who, roles, **keys):
    label, program, how, variant = who
    made = dict(scenario=scenario, label=label, peer=program, how=how, roles=roles,
                depth=16, bytes=64)
    if variant:
        made['variant'] = variant
    made.update(keys)
    return made


def latency_cells(sizes, seconds):
    made = []
    for who in SPINNING + SLEEPING + DESCRIPTOR + SPIN_SLEEP:
        for size in sizes:
            # In between, only what copies has anything to tell.
            if who[2] in ('fd', 'spin-sleep') and size not in (64, sizes[-1]):
                continue
            made.append(cell('latency', who, PAIR, bytes=size, seconds=seconds))
    return made


def throughput_cells(sizes, seconds):
    return [cell('throughput', who, FLOW, bytes=size, seconds=seconds)
            for who in SPINNING + SLEEPING for size in sizes]


def fanout_cells(seconds):
    return [cell('fanout', who, [('leaf', 8, 1), ('fan', 1, 0)], subs=8, processes=9,
                 seconds=seconds)
            for who in SLEEPING if who[1] != 'zmq']


def many_cells(seconds):
    return [cell('many', who, [('reader', 2, 1), ('many', 1, 0)], topics=200, subs=2, hz=100,
                 processes=3, bytes=4096, seconds=seconds)
            for who in SLEEPING if who[1] in ('floor', 'agnocast', 'iceoryx') or who[0] == 'cyclone']


def cloud_cells(seconds):
    return [cell('clouds', who, FLOW, bytes=6000512, depth=4, seconds=seconds)
            for who in SLEEPING if who[0] in ('agnocast', 'iceoryx WaitSet', 'cyclone', 'zeromq')]


BATCH = [('reader', 1, 1), ('publisher', 1, 0)]


def instruction_cells():
    made = []
    for who in SPINNING + [('cyclone', 'cyclone', 'poll', ''), ('zeromq', 'zmq', 'poll', '')]:
        for stepped in ('publisher', 'reader'):
            for subs in (1, 8) if stepped == 'publisher' and who[1] == 'agnocast' else (1,):
                made.append(cell('batch', who, BATCH, flight=16, subs=subs, stepped=stepped,
                                 group='instructions'))
    return made


def scale_cells(seconds, quick):
    """Ours alone: cost against one number at a time."""
    who, made = SPINNING[1], []
    crowd = BATCH + [('crowd', 1, 1)]
    for topics in (0, 999) if quick else (0, 9, 99, 299, 999):
        made.append(cell('batch', who, crowd, flight=16, topics=topics, processes=3,
                         seconds=seconds, group='topics'))
    for subs in (1, 100) if quick else (1, 2, 5, 10, 20, 50, 100):
        made.append(cell('batch', who, BATCH, flight=16, subs=subs, seconds=seconds,
                         group='subscriptions'))
    for flight in (1, 1000) if quick else (1, 4, 16, 64, 250, 1000, 4000):
        made.append(cell('batch', who, BATCH, flight=flight, depth=max(flight, 16),
                         seconds=seconds, group='flight'))
    return made


def plan(quick, seconds):
    """[(repetitions, cells)]"""
    if quick:
        return [(2, latency_cells([64, 8 << 20], seconds) + throughput_cells([64], seconds) +
                 fanout_cells(seconds)),
                (1, many_cells(1) + cloud_cells(0.5) + instruction_cells() +
                 scale_cells(seconds, True))]
    return [(5, latency_cells(SIZES, seconds) + throughput_cells([64, 1 << 20], seconds) +
             fanout_cells(2 * seconds) + many_cells(2) + cloud_cells(1)),
            (3, scale_cells(seconds, False)),
            (1, instruction_cells())]


def key_of(made):
    return tuple(str(made.get(k, '')) for k in
                 ('scenario', 'label', 'how', 'bytes', 'group', 'topics', 'subs', 'flight',
                  'stepped'))


def measure(machine, peers, stages, only):
    """Every cell once, then every cell again: [{cell..., 'runs': [...]}]"""
    results = {}
    for repetitions, made in stages:
        for repetition in range(repetitions):
            for one in made:
                if one['peer'] not in peers or (only and one['scenario'] not in only and
                                                one.get('group') not in only):
                    continue
                entry = results.setdefault(key_of(one), dict(one, runs=[], failures=[]))
                entry['stage'] = repetitions
                progress(repetition, one)
                began = time.monotonic()
                try:
                    run = run_cell(machine, peers[one['peer']], one)
                except Failed as failure:
                    entry['failures'].append(str(failure))
                    run = None
                entry['took_s'] = round(time.monotonic() - began, 2)
                if os.environ.get('BENCH_VERBOSE'):
                    print(f'{entry["took_s"]:6.2f} s {one["scenario"]} {one.get("group", "")} '
                          f'{one["label"]} {one["how"]} {one["bytes"]} {entry["failures"][-1:]}',
                          file=sys.stderr)
                entry['runs'].append(run)
    progress_end()
    return [r for r in results.values() if any(r['runs']) or r['failures']]


def progress(repetition, one):
    if sys.stderr.isatty():
        text = f'{repetition + 1}: {one["scenario"]} {one["label"]} {one["how"]} {one["bytes"]}'
        sys.stderr.write(f'\r\033[K{text[:78]}')
        sys.stderr.flush()


def progress_end():
    if sys.stderr.isatty():
        sys.stderr.write('\r\033[K')


def first_line(path, prefix=''):
    try:
        with open(path) as f:
            for line in f:
                if line.startswith(prefix):
                    return line[len(prefix):].strip(' \t:\n')
    except OSError:
        pass
    return ''


def version_of(package):
    found = subprocess.run(['dpkg-query', '-W', '-f', '${Version}', package], text=True,
                           capture_output=True, check=False)
    return found.stdout if found.returncode == 0 else ''


def describe_machine(machine):
    commit = subprocess.run(['git', '-C', REPO, 'rev-parse', '--short', 'HEAD'], text=True,
                            capture_output=True, check=False).stdout.strip()
    return {
        'cpu': first_line('/proc/cpuinfo', 'model name'),
        'cpus': machine.cpus[:2],
        'processors': os.cpu_count(),
        'memory_gb': round(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9, 1),
        'kernel': platform.release(),
        'system': first_line('/etc/os-release', 'PRETTY_NAME=').strip('"'),
        'virtual': 'hypervisor' in first_line('/proc/cpuinfo', 'flags').split(),
        'idle': first_line('/sys/devices/system/cpu/cpuidle/current_driver'),
        'cpu_dma_latency': machine.latency_fd is not None,
        'load_before': os.getloadavg()[0],
        'commit': commit,
        'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d %H:%M UTC'),
        'versions': {'iceoryx': version_of('libiceoryx-posh2'),
                     'cyclone': version_of('cyclonedds-dev'), 'zeromq': version_of('libzmq5')},
    }


def start_peers(machine, wanted):
    makers = {'floor': lambda: Plain('floor'), 'agnocast': lambda: Agnocast(machine),
              'iceoryx': lambda: Iceoryx(machine), 'cyclone': Cyclone,
              'zmq': lambda: Plain('zmq')}
    peers = {}
    for name in wanted:
        if not os.path.exists(os.path.join(PROGRAMS, 'bench_' + name)):
            print(f'bench: no {name}: bench_{name} is not built', file=sys.stderr)
            continue
        peers[name] = makers[name]()
    return peers


def main():
    parser = argparse.ArgumentParser(prog='run.py', description='Measure Agnocast and its peers.')
    parser.add_argument('--quick', action='store_true', help='fewer sizes and repetitions')
    parser.add_argument('--seconds', type=float, help='of a measurement (0.3; quick: 0.15)')
    parser.add_argument('--repetitions', type=int, help='of every cell')
    parser.add_argument('--peers', default='floor,agnocast,iceoryx,cyclone,zmq')
    parser.add_argument('--only', default='', help='scenarios or groups, with commas')
    parser.add_argument('--out', default=os.path.join(BUILD, 'bench.json'))
    options = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        print('bench: two processors are needed', file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seconds = options.seconds or (0.15 if options.quick else 0.3)
    only = [o for o in options.only.split(',') if o]
    began = time.monotonic()
    machine = Machine()
    peers = {}
    try:
        machine.hold()
        about = describe_machine(machine)
        peers = start_peers(machine, options.peers.split(','))
        stages = [(options.repetitions or n, made) for n, made in plan(options.quick, seconds)]
        results = measure(machine, peers, stages, only)
        lidar = []
        if not only or 'pipeline' in only:
            lidar = pipeline.measure(machine, peers, options.quick)
    except Failed as failure:
        print(f'bench: {failure}', file=sys.stderr)
        return 1
    finally:
        for peer in peers.values():
            peer.stop()
        machine.release()
    about['seconds'] = round(time.monotonic() - began)
    about['load_after'] = os.getloadavg()[0]
    about['command'] = (os.environ.get('BENCH_COMMAND') or
                        ' '.join(['tests/bench/run.py'] + sys.argv[1:]))
    document = {'schema': 1, 'machine': about, 'cells': results, 'pipeline': lidar}
    document['summary'] = table.summarize(document)
    with open(options.out, 'w') as f:
        json.dump(document, f, indent=1)
    print(table.as_text(document))
    print(f'bench: the same and more as JSON: {options.out}')
    lost = table.losses(document)
    for line in lost:
        print('bench: FAILED: ' + line)
    return 1 if lost else 0
