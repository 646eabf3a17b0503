"""Plots, as SVG by gnuplot: for each work its costs and its throughput by system, with the spread; and of some works
the latencies of each system over their whole spectrum, where what one message in a hundred thousand waits for is as
visible as the median. Without gnuplot there are none, and the report says so.
"""

import math
import os
import shutil
import subprocess

# Colours that are told apart with any kind of sight (Okabe and Ito). Others than these systems take the rest, in turn.
COLOURS = {"blind": "#999999", "bare": "#999999", "onehop": "#0072B2", "nats": "#E69F00", "redis": "#D55E00",
           "mosquitto": "#009E73"}
MORE_COLOURS = ["#CC79A7", "#56B4E9", "#8C6D1F"]
LOG_FROM = 12  # From this ratio of the longest bar to the shortest on, the axis is logarithmic.
ROW_PIXELS, FRAME_PIXELS, WIDTH_PIXELS = 34, 120, 1100

HEAD = """set terminal svg size %d,%d dynamic noenhanced font "DejaVu Sans,Helvetica,sans-serif,13" background "#ffffff"
set output "%s"
set border 3 linecolor rgb "#555555"
set tics nomirror textcolor rgb "#222222"
set grid x linecolor rgb "#dddddd" linewidth 1
"""


def quoted(text):
    return '"%s"' % text.replace("\\", "\\\\").replace('"', '\\"')


def lighter(colour, part):
    """Blended with so much white."""
    channels = [int(colour[at:at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join("%02X" % round(channel + (255 - channel) * part) for channel in channels)


def colours_of(cases):
    """A colour of its own for each system; several cases of the same one are shades of it."""
    rest, chosen, seen = iter(MORE_COLOURS * len(cases)), {}, {}
    shades = []
    for one in cases:
        name = one.case.system.name
        if name not in chosen:
            chosen[name] = COLOURS.get(name) or next(rest)
        shades.append(lighter(chosen[name], min(0.25 * seen.get(name, 0), 0.75)))
        seen[name] = seen.get(name, 0) + 1
    return shades


def value_text(value, unit):
    if unit == "rate":
        scale, letter = (1e6, " M") if value >= 1e6 else (1e3, " k") if value >= 1e3 else (1, "")
        return "%.3g%s" % (value / scale, letter)
    return "{:,.0f}".format(value) if value >= 100 else "%.3g" % value


def axis(values):
    """gnuplot's words for the range and the scale: from 0, or from the power of ten below, with room for the text; and
    where it begins."""
    lowest, highest = min(values), max(values)
    if lowest > 0 and highest / lowest > LOG_FROM:
        low = 10 ** math.floor(math.log10(lowest))
        high = highest * (highest / low) ** 0.28
        return "set logscale x 10\nset xrange [%g:%g]\n" % (low, high), low
    return "unset logscale x\nset xrange [0:%g]\n" % (highest * 1.32), 0


def bars_panel(cases, shades, name, title, unit):
    """Horizontal bars, so that names can be read; whiskers from the lowest to the highest; the median beside them."""
    rows = [(at, one.case.label, one.spread(name), shade) for at, (one, shade) in enumerate(zip(cases, shades))]
    rows = [row for row in rows if row[2] and row[2].median > 0]
    if not rows:
        return ""
    scale, start = axis([value for _, _, spread, _ in rows for value in (spread.lowest, spread.highest) if value > 0])
    title += " – logarithmic" if start else ""
    labels = ", ".join("%s %d" % (quoted(one.case.label), at) for at, one in enumerate(cases))
    data = "".join("%g %d %g %g %g %s %s\n" % (
        spread.median, at, max(spread.lowest, start), spread.highest, start, int(shade[1:], 16),
        quoted("  " + value_text(spread.median, unit))) for at, _, spread, shade in rows)
    block = "$%s" % name
    return (
        "%s << EOD\n%sEOD\n" % (block, data) + scale +
        'set title %s\nset ytics (%s)\nset yrange [%g:-0.6]\nset format x "%s"\n' % (
            quoted(title), labels, len(cases) - 0.4, "%.0s%c" if unit == "rate" else "%g") +
        "plot %s using 1:2:5:1:($2-0.36):($2+0.36):6 with boxxyerror fillstyle solid 1 linecolor rgb variable notitle, "
        '%s using 1:2:3:4 with xerrorbars linecolor rgb "#222222" linewidth 1.5 pointtype 0 notitle, '
        '%s using 4:2:7 with labels left textcolor rgb "#222222" notitle\n' % (block, block, block))


def bars(result, file):
    cases = [one for one in result.cases if one.runs]
    shades = colours_of(cases)
    if result.work.counts == "memory":
        panels = [("bytes_each", "private bytes of each connection", "bytes")]
    else:
        one_of = result.work.counts
        panels = [("cpu", "CPU per %s, µs (less is better)" % one_of, "µs"),
                  ("rate", "%ss a second (more is better)" % one_of, "rate")]
    drawn = [text for text in (bars_panel(cases, shades, *panel) for panel in panels) if text]
    if not drawn:
        return None
    width, height = WIDTH_PIXELS if len(drawn) > 1 else WIDTH_PIXELS * 2 // 3, FRAME_PIXELS + ROW_PIXELS * len(cases)
    text = HEAD % (width, height, file)
    text += "set multiplot layout 1,%d title %s font \",15\"\n" % (len(drawn), quoted(result.work.title))
    return text + "".join(drawn) + "unset multiplot\n"


def percentile_tics(highest):
    """At 1, 2, 10, 100, 1,000 …, in gnuplot's format."""
    tics, x = ['"0 %%" 1', '"50 %%" 2', '"90 %%" 10', '"99 %%" 100'], 1000
    while x <= highest * 1.1:
        tics.append('"99.%s %%%%" %d' % ("9" * (len(str(x)) - 3), x))
        x *= 10
    return ", ".join(tics)


def time_tics(values):
    """At powers of ten; where there are few of them, between these too."""
    lowest, highest = max(min(values), 0.01), max(values)
    steps = (1, 2, 5) if highest / lowest < 100 else (1,)
    tics = []
    for power in range(math.floor(math.log10(lowest)), math.ceil(math.log10(highest)) + 1):
        for us in (step * 10.0 ** power for step in steps):
            unit, scale = ("s", 1e6) if us >= 1e6 else ("ms", 1e3) if us >= 1e3 else ("µs", 1)
            tics.append('"%g %s" %g' % (us / scale, unit, us))
    return ", ".join(tics)


def line_title(one):
    wanted = one.spread("wanted_rate") if one.case.is_open_loop() else None
    return one.case.label + (", {:,.0f}/s".format(wanted.median) if wanted else "")


def spectrum(result, file):
    lines = [(one, one.histogram.spectrum()) for one in result.cases if one.runs]
    lines = [(one, points) for one, points in lines if len(points) > 1]
    if not lines:
        return None
    text = HEAD % (WIDTH_PIXELS, 520, file)
    colours = colours_of([one for one, _ in lines])
    for at, (_, points) in enumerate(lines):
        text += "$line%d << EOD\n%sEOD\n" % (at, "".join("%g %g\n" % point for point in points))
    highest = max(points[-1][0] for _, points in lines)
    text += "set title %s\n" % quoted("Latency: " + result.work.title)
    text += "set logscale xy 10\nset xrange [1:%g]\nset xtics (%s)\n" % (highest * 1.1, percentile_tics(highest))
    text += "set ytics (%s)\n" % time_tics([us for _, points in lines for _, us in points])
    text += 'set xlabel "part of the messages that took no longer"\n'
    text += 'set grid y linecolor rgb "#dddddd" linewidth 1\nset key outside right center vertical Left reverse\n'
    return text + "plot " + ", ".join(
        '$line%d using 1:2 with lines linewidth 2.2 dashtype %s linecolor rgb "%s" title %s' % (
            at, "2" if one.case.system.as_shipped else "1", colour, quoted(line_title(one)))
        for at, ((one, _), colour) in enumerate(zip(lines, colours))) + "\n"


def draw(results, folder):
    """Returns lines for the report: of what was not drawn."""
    if shutil.which("gnuplot") is None:
        return ["There are no plots: there is no gnuplot on this machine."]
    os.makedirs(folder, exist_ok=True)
    problems = []
    for result in results:
        wanted = [(bars, result.work.name + ".svg")]
        if result.work.spectrum:
            wanted.append((spectrum, result.work.name + "-latency.svg"))
        for plot, name in wanted:
            script = plot(result, name)
            if script is None:
                continue
            done = subprocess.run(["gnuplot"], input=script.encode(), cwd=folder, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, check=False)
            if done.returncode != 0:
                said = done.stderr.decode("utf-8", "replace").strip()
                problems.append("gnuplot could not draw %s: %s" % (name, said))
    return problems
