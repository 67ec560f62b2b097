#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""report.py - from build/bench.json to docs/bench-results.md and its plots

usage: report.py [BENCH.JSON [DIRECTORY]]
"""

import json
import os
import sys

import plot
import table

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))


def markdown(head, body):
    lines = ['| ' + ' | '.join(head) + ' |',
             '| ' + ' | '.join(['---'] + ['---:'] * (len(head) - 1)) + ' |']
    return lines + ['| ' + ' | '.join(row) + ' |' for row in body]


def latency_plot(document):
    series = []
    for hows, way in ((('poll',), 'spinning'), (('sleep',), 'sleeping')):
        for label, row in table.rows_by_size(document, 'latency', 'p50_us', hows).items():
            name = f'{label}, {way}' if label in ('agnocast', 'iceoryx') else label
            points = [(size, value) for size, value in sorted(row.items()) if value]
            if len(points) > 1:
                series.append((name, points))
    if not series:
        return None
    return plot.chart('One way latency, median', 'bytes of a message', 'us', series, y_log=True,
                      x_labels=table.UNITS)


def scale_plot(document, group, key, title, plus=0):
    points = [(entry.get(key, 0) + plus, entry['median']) for entry in document['cells']
              if entry.get('group') == group and 'publish_ns' in entry['median']]
    if len(points) < 2:
        return None
    return plot.chart(title, group, 'ns', [
        ('publish', [(x, m['publish_ns']) for x, m in points]),
        ('take + release', [(x, m['take_ns']) for x, m in points])],
        x_labels={x: f'{x:,}' for x, _ in points})


PLOTS = [
    ('bench-latency.svg', latency_plot),
    ('bench-topics.svg', lambda d: scale_plot(d, 'topics', 'topics', 'Cost against topics in the system', 1)),
    ('bench-subscriptions.svg', lambda d: scale_plot(d, 'subscriptions', 'subs',
                                                     'Cost against subscriptions on the topic')),
    ('bench-flight.svg', lambda d: scale_plot(d, 'flight', 'flight', 'Cost against messages in flight')),
]


def about(document):
    m = document['machine']
    versions = ', '.join(f'{k} {v}' for k, v in m['versions'].items() if v)
    return [
        f'Machine: {m["cpu"]}, {m["processors"]} processors{" of a virtual machine" if m["virtual"] else ""}, '
        f'{m["memory_gb"]:.0f} GB, {m["system"]}, Linux {m["kernel"]}. Peers: {versions}.',
        '',
        f'Command: `{m["command"]}`, commit {m["commit"]}, {m["date"]}, {m["seconds"]} s. Load before it: '
        f'{m["load_before"]:.2f}. `/dev/cpu_dma_latency` was {"held at 0" if m["cpu_dma_latency"] else "not held"}.',
    ]


def write(path, text):
    with open(path, 'w') as f:
        f.write(text)
    print(path)


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else os.path.join(
        os.environ.get('BUILD', os.path.join(REPO, 'build')), 'bench.json')
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.join(REPO, 'docs')
    with open(source) as f:
        document = json.load(f)
    document['summary'] = table.summarize(document)
    lines = ['<!-- SPDX-License-Identifier: BSD-2-Clause -->',
             '<!-- Made by make bench-docs from build/bench.json: edit bench.md, not this. -->',
             '# Benchmark results', '', 'How they are made and what the words mean: [bench.md](bench.md).', '']
    lines += about(document) + ['']
    made = table.tables(document)
    for title, head, body in made[-1:] + made[:-1]:
        lines += ['## ' + title, ''] + markdown(head, body) + ['']
    for name, draw in PLOTS:
        svg = draw(document)
        if svg:
            write(os.path.join(target, name), svg)
            lines += [f'![{name}]({name})', '']
    failed = table.losses(document)
    if failed:
        lines += ['## What failed', ''] + ['- ' + line for line in failed] + ['']
    write(os.path.join(target, 'bench-results.md'), '\n'.join(lines).rstrip() + '\n')


if __name__ == '__main__':
    main()
