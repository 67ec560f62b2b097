# SPDX-License-Identifier: BSD-2-Clause
"""table.py - from runs to medians, ratios, targets, and tables of them"""

import statistics

UNITS = {64: '64 B', 4096: '4 KiB', 65536: '64 KiB', 1 << 20: '1 MiB', 8 << 20: '8 MiB'}


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def per_run(entry, pick):
    """pick(run) of each run; None where a run failed."""
    return [pick(run) if run else None for run in entry['runs']]


def both(run, roles, key):
    values = [r.get(key) for role in roles for r in run.get(role, [])]
    return sum(values) if values and None not in values else None


PICKS = {
    'latency': {
        'p50_us': lambda r: r['pong'][0]['there_us']['p50'],
        'p99_us': lambda r: r['pong'][0]['there_us']['p99'],
        'p999_us': lambda r: r['pong'][0]['there_us']['p999'],
        'cycle_us': lambda r: r['ping'][0]['cycle_us']['p50'],
        'cpu_us': lambda r: both(r, ('ping', 'pong'), 'cpu_us'),
        'calls': lambda r: both(r, ('ping', 'pong'), 'calls'),
    },
    'throughput': {
        'per_s': lambda r: r['source'][0]['per_s'],
        'cpu_us': lambda r: both(r, ('source', 'sink'), 'cpu_us'),
        'calls': lambda r: both(r, ('source', 'sink'), 'calls'),
    },
    'fanout': {
        'publish_us': lambda r: r['fan'][0]['publish_us']['p50'],
        'last_us': lambda r: r['fan'][0]['last_us']['p50'],
        'last_p99_us': lambda r: r['fan'][0]['last_us']['p99'],
        # one of the calls is the pause between two messages
        'calls': lambda r: max(0, r['fan'][0]['calls'] - 1) if 'calls' in r['fan'][0] else None,
    },
    'many': {
        'p50_us': lambda r: max(x['there_us']['p50'] for x in r['reader']),
        'p99_us': lambda r: max(x['there_us']['p99'] for x in r['reader']),
        'p999_us': lambda r: max(x['there_us']['p999'] for x in r['reader']),
        'cpu_us': lambda r: both(r, ('many',), 'cpu_us'),
        'reader_cpu_us': lambda r: both(r, ('reader',), 'cpu_us'),
        'calls': lambda r: both(r, ('reader',), 'calls'),
    },
    'clouds': {
        'p50_us': lambda r: r['sink'][0]['there_us']['p50'],
        'p99_us': lambda r: r['sink'][0]['there_us']['p99'],
        'cpu_us': lambda r: both(r, ('source', 'sink'), 'cpu_us'),
        'calls': lambda r: both(r, ('source', 'sink'), 'calls'),
    },
    'batch': {
        'publish_ns': lambda r: r['publisher'][0]['per_message_ns']['p50'],
        'take_ns': lambda r: r['reader'][0]['per_message_ns']['p50'],
    },
    'instructions': {
        'instructions': lambda r: next(
            (x['instructions'] / (x['intervals'] * 16) for role in ('publisher', 'reader')
             for x in r[role] if x.get('intervals')), None),
    },
}


def picks_of(entry):
    return PICKS['instructions' if entry.get('group') == 'instructions' else entry['scenario']]


def summarize(document):
    """Adds 'median' and 'spread' to each cell; returns the list of targets."""
    for entry in document['cells']:
        entry['median'], entry['spread'] = {}, {}
        entry['each'] = {}
        for name, pick in picks_of(entry).items():
            values = per_run(entry, pick)
            known = [v for v in values if v is not None]
            if known:
                entry['median'][name] = median(values)
                entry['spread'][name] = [min(known), max(known)]
                entry['each'][name] = values
    return targets(document)


def find(document, scenario, label, how=None, size=64, **keys):
    for entry in document['cells']:
        if (entry['scenario'], entry['label'], entry['bytes']) == (scenario, label, size) and \
           how in (None, entry['how']) and all(entry.get(k) == v for k, v in keys.items()):
            return entry
    return None


def ratio(ours, theirs, metric):
    """Median of the ratios of runs that were made side by side."""
    if not ours or not theirs:
        return None
    pairs = zip(ours['each'].get(metric, []), theirs['each'].get(metric, []))
    return median([a / b if a is not None and b else None for a, b in pairs])


def targets(document):
    """What was promised, what came out: [{'name', 'value', 'limit', 'sense', 'met', 'floor'}]"""
    made = []

    def add(name, value, limit, at_least=False, floor=None):
        """@floor: what the floor itself would have here."""
        met = None if value is None else (value >= limit if at_least else value <= limit)
        made.append({'name': name, 'value': value, 'limit': limit, 'floor': floor,
                     'sense': 'at least' if at_least else 'at most', 'met': met})

    def latency(label, how, size=64):
        return find(document, 'latency', label, how, size)

    spin, sleep = latency('agnocast', 'poll'), latency('agnocast', 'sleep')
    ring, iceoryx = latency('slot ring', 'poll'), latency('iceoryx', 'poll')
    futex, waitset = latency('futex', 'sleep'), latency('iceoryx WaitSet', 'sleep')
    add('spinning, one way, to the slot ring', ratio(spin, ring, 'p50_us'), 1.7)
    add('spinning, one way, to iceoryx', ratio(spin, iceoryx, 'p50_us'), 0.2,
        floor=ratio(ring, iceoryx, 'p50_us'))
    add('spinning, 8 MiB to 64 B', ratio(latency('agnocast', 'poll', 8 << 20), spin, 'p50_us'), 1.05,
        floor=ratio(latency('slot ring', 'poll', 8 << 20), ring, 'p50_us'))
    flow = find(document, 'throughput', 'agnocast', 'poll')
    add('throughput, spinning, to the slot ring',
        ratio(flow, find(document, 'throughput', 'slot ring', 'poll'), 'per_s'), 0.35, True)
    add('throughput, spinning, to iceoryx',
        ratio(flow, find(document, 'throughput', 'iceoryx', 'poll'), 'per_s'), 2, True)
    add('sleeping, one way, to the bare futex', ratio(sleep, futex, 'p50_us'), 1.2)
    add('sleeping, there and back, to the bare futex', ratio(sleep, futex, 'cycle_us'), 1.2)
    add('sleeping, to iceoryx WaitSet', ratio(sleep, waitset, 'p50_us'), 0.7,
        floor=ratio(futex, waitset, 'p50_us'))
    add('descriptor, to bare eventfd + epoll',
        ratio(latency('agnocast descriptor', 'fd'), latency('eventfd + epoll', 'fd'), 'p50_us'), 1.15)
    add('spin, then sleep, to spinning',
        ratio(latency('agnocast spin, then sleep', 'spin-sleep'), spin, 'p50_us'), 1.2)
    one = find(document, 'batch', 'agnocast', group='instructions', stepped='publisher', subs=1)
    eight = find(document, 'batch', 'agnocast', group='instructions', stepped='publisher', subs=8)
    add('instructions of a publish, 8 subscriptions to 1', ratio(eight, one, 'instructions'), 3)
    fan = find(document, 'fanout', 'agnocast')
    add('system calls of a publish to 8 sleepers', fan and fan['median'].get('calls'), 1.05)
    add('system calls a message when nobody sleeps', flow and flow['median'].get('calls'), 0.01)
    many = {label: find(document, 'many', label, size=4096)
            for label in ('futex', 'agnocast', 'iceoryx WaitSet')}
    add('200 topics x 2 x 100 Hz, p99.9, to iceoryx',
        ratio(many['agnocast'], many['iceoryx WaitSet'], 'p999_us'), 0.7,
        floor=ratio(many['futex'], many['iceoryx WaitSet'], 'p999_us'))
    for label in ('iceoryx WaitSet', 'cyclone', 'zeromq'):
        clouds = ratio(find(document, 'clouds', label, size=6000512),
                       find(document, 'clouds', 'agnocast', size=6000512), 'p50_us')
        add(f'6 MB PointCloud2, {label} to ours', clouds, 20, True)
    lidar = {entry['peer']: entry for entry in document.get('pipeline', [])}
    if 'agnocast' in lidar and 'cyclone' in lidar:
        for metric, limit in (('mean', 0.84), ('worst', 0.75)):
            add(f'lidar pipeline, {metric} response, to cyclone',
                ratio(lidar['agnocast'], lidar['cyclone'], metric), limit,
                floor=ratio(lidar.get('floor'), lidar['cyclone'], metric))
    return made


def losses(document):
    """Messages that were lost or wrong, and runs that failed, ours and the floor's."""
    lines = []
    for entry in document['cells']:
        name = f'{entry["label"]} {entry["scenario"]} {entry["how"]} {entry["bytes"]}'
        for run in entry['runs']:
            for results in (run or {}).values():
                bad = sum(r.get('lost', 0) + r.get('bad', 0) for r in results)
                if bad and entry['peer'] in ('floor', 'agnocast'):
                    lines.append(f'{name}: {bad} messages lost or wrong')
        for failure in entry['failures']:
            lines.append(f'{name}: {failure}')
    return lines


def number(value):
    if value is None:
        return '.'
    if value >= 100:
        return f'{value:,.0f}'
    return f'{value:.1f}' if value >= 10 else f'{value:.2f}'


def rows_by_size(document, scenario, metric, hows):
    """[(label, {size: median})], in the order of the cells."""
    rows = {}
    for entry in document['cells']:
        if entry['scenario'] == scenario and entry['how'] in hows:
            value = entry['median'].get(metric)
            rows.setdefault(entry['label'], {})[entry['bytes']] = value
    return rows


def latency_table(document, hows):
    rows = rows_by_size(document, 'latency', 'p50_us', hows)
    sizes = sorted({s for row in rows.values() for s in row})
    head = ['us'] + [UNITS[s] for s in sizes] + ['p99', 'p99.9', 'round trip/2', 'CPU', 'calls']
    body = []
    for label, row in rows.items():
        small = next(e for e in document['cells'] if e['scenario'] == 'latency' and
                     e['label'] == label and e['how'] in hows and e['bytes'] == 64)['median']
        body.append([label] + [number(row.get(s)) for s in sizes] +
                    [number(small.get(k)) for k in ('p99_us', 'p999_us', 'cycle_us', 'cpu_us', 'calls')])
    return head, body


def throughput_table(document):
    body, sizes = [], sorted({e['bytes'] for e in document['cells'] if e['scenario'] == 'throughput'})
    for hows, way in ((('poll',), 'spinning'), (('sleep',), 'sleeping')):
        for label, row in rows_by_size(document, 'throughput', 'per_s', hows).items():
            entry = find(document, 'throughput', label, hows[0])
            low, high = entry['spread'].get('per_s', [None, None]) if entry else [None, None]
            body.append([label, way] +
                        [number(row[s] / 1e6) if row.get(s) else '.' for s in sizes] +
                        [f'{number(low / 1e6)} .. {number(high / 1e6)}' if low else 'failed',
                         number(entry['median'].get('calls')), number(entry['median'].get('cpu_us'))])
    return ['million/s', 'reader'] + [UNITS[s] for s in sizes] + ['spread 64 B', 'calls', 'CPU us'], body


def simple_table(document, scenario, columns):
    body = []
    for entry in document['cells']:
        if entry['scenario'] == scenario and not entry.get('group'):
            body.append([entry['label']] + [number(entry['median'].get(k)) for k, _ in columns])
    return [''] + [title for _, title in columns], body


def instructions_table(document):
    body = []
    for entry in document['cells']:
        if entry.get('group') == 'instructions' and entry['stepped'] == 'publisher':
            reader = find(document, 'batch', entry['label'], group='instructions', stepped='reader')
            body.append([entry['label'], str(entry['subs']), number(entry['median'].get('instructions')),
                         number(reader['median'].get('instructions')) if reader else '.'])
    return ['instructions', 'subscriptions', 'loan + publish', 'take + release'], body


def scale_table(document, group, key, plus=0):
    body = [[str(entry.get(key, 0) + plus), number(entry['median'].get('publish_ns')),
             number(entry['median'].get('take_ns'))]
            for entry in document['cells'] if entry.get('group') == group]
    return [group, 'publish ns', 'take + release ns'], body


def pipeline_table(document):
    body = [[e['peer']] + [number(e['median'][k]) for k in
                           ('mean', 'p99', 'worst', 'cpu', 'memory')] +
            [str(e['clouds'])] for e in document.get('pipeline', [])]
    return ['transport', 'mean ms', 'p99 ms', 'worst ms', 'CPU ms', 'memory MB', 'clouds'], body


def targets_table(document):
    body = [[t['name'], f'{t["sense"]} {t["limit"]}', number(t['value']),
             {True: 'met', False: 'MISSED', None: 'not measured'}[t['met']],
             number(t['floor']) if t['floor'] else '']
            for t in document['summary']]
    return ['target', 'limit', 'measured', '', 'the floor itself'], body


def tables(document):
    """[(title, head, body)], empty ones left out."""
    made = [
        ('One way latency, spinning reader', *latency_table(document, ('poll',))),
        ('One way latency, sleeping reader', *latency_table(document, ('sleep',))),
        ('One way latency, through a descriptor', *latency_table(document, ('fd',))),
        ('One way latency, spin, then sleep', *latency_table(document, ('spin-sleep',))),
        ('Throughput, window of 16', *throughput_table(document)),
        ('One publisher, 8 sleeping subscriptions', *simple_table(document, 'fanout', [
            ('publish_us', 'publish us'), ('last_us', 'last has it us'),
            ('last_p99_us', 'p99 us'), ('calls', 'calls of a publish')])),
        ('200 topics x 2 subscriptions x 100 Hz, 4 KiB, sleeping', *simple_table(document, 'many', [
            ('p50_us', 'p50 us'), ('p99_us', 'p99 us'), ('p999_us', 'p99.9 us'),
            ('cpu_us', 'publisher CPU us'), ('reader_cpu_us', 'readers CPU us')])),
        ('PointCloud2 of 6 MB, unsized, sleeping reader', *simple_table(document, 'clouds', [
            ('p50_us', 'p50 us'), ('p99_us', 'p99 us'), ('cpu_us', 'CPU us'), ('calls', 'calls')])),
        ('Instructions, user space, calling thread', *instructions_table(document)),
        ('Lidar pipeline', *pipeline_table(document)),
        ('Scale: topics in the system', *scale_table(document, 'topics', 'topics', 1)),
        ('Scale: subscriptions on the topic', *scale_table(document, 'subscriptions', 'subs')),
        ('Scale: messages in flight', *scale_table(document, 'flight', 'flight')),
        ('Targets', *targets_table(document)),
    ]
    return [t for t in made if t[2]]


def as_text(document):
    m = document['machine']
    lines = [f'{m["cpu"]}, {m["processors"]} processors{", virtual" if m["virtual"] else ""}, '
             f'Linux {m["kernel"]}, {m["system"]}',
             f'commit {m["commit"]}, {m["date"]}, {m["seconds"]} s, load {m["load_before"]:.2f} before, '
             f'/dev/cpu_dma_latency {"held at 0" if m["cpu_dma_latency"] else "NOT held"}', '']
    for title, head, body in tables(document):
        widths = [max(len(row[i]) for row in [head] + body) for i in range(len(head))]
        lines.append(title)
        for row in [head] + body:
            lines.append('  ' + '  '.join(
                c.ljust(w) if i == 0 or (title == 'Targets' and i != 2) else c.rjust(w)
                for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        lines.append('')
    return '\n'.join(lines)
