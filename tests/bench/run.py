#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""run.py - every peer, every scenario, in one interleaved run

Each cell (scenario, message size, way to wait, peer) is run several times, by
fresh processes on fixed processors, in turns with all the others, so that a
disturbance of the machine meets all peers alike. What counts is the median of
the repetitions. Prints a table; build/bench.json has everything (docs/bench.md
says what the fields mean).
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get('BUILD', os.path.join(REPO, 'build'))
PROGRAMS = os.path.join(BUILD, 'bench')
MEETING_BYTES = 1 << 16
EFDS = 32


class Failed(Exception):
    pass


class Machine:
    """What is held while measuring: idle states, tracefs, scratch files."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='agnocast-bench.', dir='/dev/shm')
        self.latency_fd = None
        self.sys_enter = 0
        self.tracefs = None
        self.cpus = sorted(os.sched_getaffinity(0))
        self.efds = [os.eventfd(0, 0) for _ in range(EFDS)]

    def hold(self):
        """No sleep of an idle processor deeper than polling; keep the file open."""
        try:
            self.latency_fd = os.open('/dev/cpu_dma_latency', os.O_WRONLY)
            os.write(self.latency_fd, b'\0\0\0\0')
        except OSError as error:
            print(f'bench: /dev/cpu_dma_latency: {error.strerror}: sleeping hand-overs '
                  'will include the wake-up of an idle processor', file=sys.stderr)
        self.sys_enter = self.find_sys_enter()

    def find_sys_enter(self):
        """The tracepoint's id; tracefs is mounted for us alone if need be."""
        for root in ('/sys/kernel/tracing', '/sys/kernel/debug/tracing', self.mount_tracefs()):
            if not root:
                continue
            try:
                with open(f'{root}/events/raw_syscalls/sys_enter/id') as f:
                    return int(f.read())
            except OSError:
                pass
        print('bench: no tracepoint raw_syscalls:sys_enter (root?): system calls are not counted',
              file=sys.stderr)
        return 0

    def mount_tracefs(self):
        libc = ctypes.CDLL(None, use_errno=True)
        clone_newns, ms_rec, ms_private = 0x20000, 0x4000, 0x40000
        if os.geteuid() != 0 or libc.unshare(clone_newns):
            return None
        libc.mount(b'none', b'/', None, ms_rec | ms_private, None)
        path = tempfile.mkdtemp(dir=self.dir)
        if libc.mount(b'tracefs', path.encode(), b'tracefs', 0, None):
            return None
        self.tracefs = path
        return path

    def release(self):
        if self.tracefs:
            ctypes.CDLL(None).umount2(self.tracefs.encode(), 0)
        shutil.rmtree(self.dir, ignore_errors=True)


class Daemon:
    """A process that a peer needs, alive for the whole run."""

    def __init__(self, argv, ready, log, nice=-10):
        self.log = open(log, 'w')
        self.process = subprocess.Popen(argv, stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: (die_with_parent(), be_nice(nice)))
        end = time.monotonic() + 20
        while not ready(self):
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f'{argv[0]} did not start: {open(log).read()[-500:]}')
            time.sleep(0.05)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def be_real_time():
    """All peers alike: what else runs here should not be what is measured."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(60))
    except OSError:
        be_nice(-20)


def be_nice(nice):
    try:
        os.setpriority(os.PRIO_PROCESS, 0, nice)
    except OSError:
        pass


class Agnocast:
    name = 'agnocast'

    def __init__(self, machine):
        socket = os.path.join(machine.dir, 'agnocastd.sock')
        self.daemon = Daemon([os.path.join(BUILD, 'tools/agnocastd'), '--socket', socket],
                             lambda _: os.path.exists(socket),
                             os.path.join(machine.dir, 'agnocastd.log'))
        self.env = {'AGNOCAST_REGISTRY': f'unix:{socket}'}

    def environment(self, cell):
        depth = cell.get('depth', 16)
        need = 64 << 20
        need = max(need, 2 * (depth + 4) * cell.get('bytes', 64))
        return dict(self.env, MEMPOOL_SIZE=f'{need >> 20}M')

    def stop(self):
        self.daemon.stop()


class Iceoryx:
    name = 'iceoryx'

    def __init__(self, machine):
        log = os.path.join(machine.dir, 'roudi.log')
        self.daemon = Daemon(['iox-roudi', '-c', os.path.join(HERE, 'roudi.toml'), '-m', 'off', '-k', '1'],
                             lambda _: 'RouDi is ready' in open(log).read(), log)

    def environment(self, cell):
        return {}

    def stop(self):
        self.daemon.stop()


class Cyclone:
    """Over the loopback interface, or over its shared-memory transport (which needs RouDi)."""
    name = 'cyclone'
    URI = ('<CycloneDDS><Domain><General><Interfaces><NetworkInterface name="lo"/></Interfaces>'
           '<AllowMulticast>false</AllowMulticast><MaxMessageSize>65500B</MaxMessageSize>'
           '<FragmentSize>65000B</FragmentSize></General>'
           '<Discovery><ParticipantIndex>auto</ParticipantIndex>'
           '<Peers><Peer Address="localhost"/></Peers></Discovery>'
           '<Internal><SocketReceiveBufferSize min="default" max="4MB"/></Internal>'
           '<SharedMemory><Enable>%s</Enable><LogLevel>error</LogLevel></SharedMemory>'
           '</Domain></CycloneDDS>')

    def environment(self, cell):
        shm = cell.get('variant') == 'shm'
        return {'CYCLONEDDS_URI': self.URI % ('true' if shm else 'false')}

    def stop(self):
        pass


class Plain:
    """A peer that needs nothing."""

    def __init__(self, name):
        self.name = name

    def environment(self, cell):
        return {}

    def stop(self):
        pass


# Keys of a cell that are not for the program.
RUNNERS_OWN = ('scenario', 'roles', 'peer', 'label', 'stepped', 'group')


def start(machine, peer, cell, role, index, cpu, meeting):
    stepped = cell.get('stepped') == role
    wrapper = [os.path.join(PROGRAMS, 'bench_step')] if stepped else []
    keys = {k: v for k, v in cell.items() if k not in RUNNERS_OWN}
    argv = wrapper + [os.path.join(PROGRAMS, 'bench_' + peer.name), cell['scenario'], role]
    argv += [f'{k}={v}' for k, v in keys.items()]
    argv += [f'meet={meeting}', f'dir={cell_dir(machine)}', f'index={index}',
             f'sys_enter={machine.sys_enter}']
    if stepped:
        argv.append('steps=1')
    elif cell.get('stepped'):
        argv.append('steps=2')
    if peer.name == 'floor':
        argv.append('efds=' + ','.join(map(str, machine.efds)))
    env = dict(os.environ)
    env.update(peer.environment(cell))

    def prepare():
        die_with_parent()
        os.sched_setaffinity(0, {cpu})
        be_real_time()

    return subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, preexec_fn=prepare,
                            pass_fds=[meeting] + machine.efds)


def cell_dir(machine):
    return os.path.join(machine.dir, 'cell')


def run_cell(machine, peer, cell, timeout=15):
    """One repetition; a dict role -> list of results. None: the peer cannot."""
    os.makedirs(cell_dir(machine))
    meeting = os.memfd_create('bench')
    os.ftruncate(meeting, MEETING_BYTES)
    for efd in machine.efds:
        os.set_blocking(efd, False)
        try:
            os.eventfd_read(efd)
        except OSError:
            pass
        os.set_blocking(efd, True)
    processes = []
    try:
        for role, count, cpu in cell['roles']:
            for index in range(count):
                processes.append((role, start(machine, peer, cell, role, index,
                                              machine.cpus[cpu % len(machine.cpus)], meeting)))
        return collect(processes, timeout)
    finally:
        for _, process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        os.close(meeting)
        shutil.rmtree(cell_dir(machine), ignore_errors=True)


def collect(processes, timeout):
    results = {}
    end = time.monotonic() + timeout
    while any(p.poll() is None for _, p in processes):
        if any(p.poll() for _, p in processes) or time.monotonic() > end:
            break
        time.sleep(0.01)
    late = [role for role, p in processes if p.poll() is None]
    for _, p in processes:
        if p.poll() is None:
            p.kill()
    if any(p.wait() == 3 for _, p in processes):
        return None
    for role, p in processes:
        out, err = p.communicate()
        if p.returncode > 0:
            raise Failed(f'{role}: {err.strip()[-400:]}')
        if p.returncode == 0:
            result = {}
            for line in out.splitlines():
                result.update(json.loads(line))
            results.setdefault(role, []).append(result)
    if late:
        raise Failed(f'{", ".join(late)}: no end within {timeout} s')
    return results


if __name__ == '__main__':
    import cells
    sys.exit(cells.main())
