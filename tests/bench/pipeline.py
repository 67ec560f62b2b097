# SPDX-License-Identifier: BSD-2-Clause
"""pipeline.py - the lidar pipeline of the demo over several transports, in turns"""

import glob
import os
import shutil
import statistics
import subprocess

from run import Failed, PROGRAMS, REPO, be_real_time, cell_dir, collect, die_with_parent

TRANSPORTS = ['floor', 'agnocast', 'iceoryx', 'cyclone']


def recordings():
    """Real clouds, if there are any beside the repository: else the simulated lidar."""
    return sorted(glob.glob(os.path.join(REPO, '..', 'shared', 'data', '*.pcd')))


def run_once(machine, peer, rate, seconds, pcd):
    os.makedirs(cell_dir(machine))
    meeting = os.memfd_create('bench')
    os.ftruncate(meeting, 4096)
    env = dict(os.environ)
    env.update(peer.environment({'bytes': 6 << 20, 'depth': 4}), BENCH_DIR=cell_dir(machine))
    processes = []

    def prepare():
        die_with_parent()
        os.sched_setaffinity(0, set(machine.cpus[:2]))
        be_real_time()

    try:
        for role in ('viewer', 'filter', 'driver'):
            argv = [os.path.join(PROGRAMS, 'pipeline_' + peer.name), role, f'meet={meeting}',
                    f'rate={rate}', f'seconds={seconds}'] + [f'pcd={p}' for p in pcd]
            processes.append((role, subprocess.Popen(
                argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                preexec_fn=prepare, pass_fds=[meeting])))
        return collect(processes, seconds + 30)
    finally:
        for _, process in processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        os.close(meeting)
        shutil.rmtree(cell_dir(machine), ignore_errors=True)


def figures(run):
    """Per run; CPU per cloud of all three processes, the daemons not counted."""
    viewer = run['viewer'][0]
    clouds = run['driver'][0]['clouds']
    everybody = [p for role in run.values() for p in role]
    return {'mean': viewer['mean_ms'], 'p50': viewer['p50_ms'], 'p99': viewer['p99_ms'],
            'worst': viewer['worst_ms'], 'clouds': viewer['clouds'],
            'cpu': sum(p['user_ms'] + p['system_ms'] for p in everybody) / clouds,
            'faults': sum(p['faults'] for p in everybody) / clouds,
            'roles': {role: list(p[0].values())[1:4] for role, p in run.items()},
            'memory': sum(p['pss_mb'] for p in everybody)}


def measure(machine, peers, quick):
    repetitions, rate, seconds = (1, 20, 2) if quick else (3, 20, 5)
    # One: the memory of the recordings themselves is no part of it.
    pcd = [p for p in recordings() if 'airborne' in p][:1] or recordings()[:1]
    results = {}
    for _ in range(repetitions):
        for name in TRANSPORTS:
            if name not in peers or not os.path.exists(os.path.join(PROGRAMS, 'pipeline_' + name)):
                continue
            entry = results.setdefault(name, {
                'peer': name, 'rate_hz': rate, 'seconds': seconds, 'runs': [], 'failures': [],
                'source': os.path.basename(pcd[0]) if pcd else 'simulated lidar'})
            try:
                entry['runs'].append(figures(run_once(machine, peers[name], rate, seconds, pcd)))
            except Failed as failure:
                entry['failures'].append(str(failure))
                entry['runs'].append(None)
    for entry in results.values():
        known = [r for r in entry['runs'] if r]
        keys = known[0].keys() if known else []
        entry['each'] = {k: [r[k] if r else None for r in entry['runs']] for k in keys}
        entry['median'] = {k: statistics.median([r[k] for r in known]) for k in keys if k != 'roles'}
        entry['clouds'] = sum(r['clouds'] for r in known)
    return [e for e in results.values() if e['median']]
