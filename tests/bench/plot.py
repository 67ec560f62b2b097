# SPDX-License-Identifier: BSD-2-Clause
"""plot.py - line charts as SVG, with nothing but the standard library"""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 40, 50
COLOURS = ['#1b6ca8', '#d1495b', '#3a7d44', '#edae49', '#6d597a', '#555555', '#00a6a6', '#a05195',
           '#8d6e63']


def ticks(low, high, log):
    if log:
        return [10.0 ** e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    step = 10 ** math.floor(math.log10(high))
    while high / step < 4:
        step /= 2
    return [step * i for i in range(int(high / step) + 2)]


def label_of(value):
    if value >= 1:
        return f'{value:,.0f}' if value == int(value) else f'{value:,.1f}'
    return f'{value:g}'


class Axis:
    """Maps values to pixels; both ends are ticks, or the first and last value."""

    def __init__(self, values, log, start, end, tight=False):
        values = [v for v in values if v is not None]
        self.log, self.start, self.end = log, start, end
        marks = ticks(min(values), max(values), log)
        self.low, self.high = (min(values), max(values)) if tight else (marks[0], marks[-1])
        if self.low == self.high:
            self.high = self.low * 10 if log else self.low + 1
        self.marks = [m for m in marks if self.low <= m <= self.high]

    def at(self, value):
        if self.log:
            part = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            part = (value - self.low) / (self.high - self.low)
        return self.start + part * (self.end - self.start)


def chart(title, x_title, y_title, series, x_log=True, y_log=False, x_labels=None):
    """@series: [(name, [(x, y)])]. @x_labels: {x: text}, the only marks then."""
    xs = [x for _, points in series for x, _ in points]
    ys = [y for _, points in series for _, y in points]
    x_axis = Axis(xs, x_log, LEFT, WIDTH - RIGHT, tight=True)
    y_axis = Axis(ys, y_log, HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           '<!-- SPDX-License-Identifier: BSD-2-Clause; made by tests/bench/report.py -->',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold">{escape(title)}</text>',
           f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
           f'{escape(x_title)}</text>',
           f'<text x="16" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
           f'transform="rotate(-90 16 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y_title)}</text>']
    for mark in y_axis.marks:
        y = y_axis.at(mark)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{label_of(mark)}</text>')
    for mark in sorted(x_labels) if x_labels else x_axis.marks:
        x = x_axis.at(mark)
        text = x_labels[mark] if x_labels else label_of(mark)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#eee"/>')
        out.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{escape(text)}</text>')
    for i, (name, points) in enumerate(series):
        colour = COLOURS[i % len(COLOURS)]
        path = ' '.join(f'{x_axis.at(x):.1f},{y_axis.at(y):.1f}' for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x_axis.at(x):.1f}" cy="{y_axis.at(y):.1f}" r="3" fill="{colour}"/>'
                for x, y in points]
        y = TOP + 10 + 20 * i
        out.append(f'<rect x="{WIDTH - RIGHT + 14}" y="{y - 9}" width="12" height="12" fill="{colour}"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 32}" y="{y + 2}">{escape(name)}</text>')
    out.append('</svg>')
    return '\n'.join(out) + '\n'
