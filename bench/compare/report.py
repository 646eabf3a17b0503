"""What was measured, as Markdown and as JSON: the verdicts first, then onehop beside each other system, then a table
for each work. Whoever did not take part is there too, with the reason.
"""

import figures
import targets

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999, "p99_99": 0.9999}
VOID_MARK = "†"
ABSENT = "–"


def number(value):
    """Three digits that count, or all before the point."""
    if abs(value) >= 100:
        return "{:,.0f}".format(value)
    return "%.1f" % value if abs(value) >= 10 else "%.2f" % value if abs(value) >= 1 else "%.3f" % value


def rate(value):
    return "%.2f million" % (value / 1e6) if value >= 1e6 else "{:,.0f}".format(value)


def share(value):
    return "%.0f %%" % (100 * value)


def median(spread, shown=number):
    return shown(spread.median) if spread else ABSENT


def with_spread(spread, shown=number):
    if spread is None:
        return ABSENT
    if spread.lowest == spread.highest:
        return shown(spread.median)
    return "%s (%s–%s)" % (shown(spread.median), shown(spread.lowest), shown(spread.highest))


def ratio(value):
    return "%.2f" % value if value >= 0.1 else "%.3f" % value


def table(head, rows):
    lines = [head, ["---"] * len(head)] + rows
    return "".join("| " + " | ".join(cells) + " |\n" for cells in lines)


def ratio_cell(result, one):
    base = result.work.base
    if one.case.label == base:
        return "1"
    return with_spread(figures.spread(result.ratios(one.case.label, base)), ratio)


def _work_row(result, one):
    void = " " + VOID_MARK if one.void_runs() else ""
    return [one.case.label, with_spread(one.spread("cpu")), ratio_cell(result, one), median(one.spread("rate"), rate),
            *(median(one.spread(name)) for name in ("p50", "p99", "p99_9")),
            median(one.spread("generator_share"), share) + void, median(one.spread("system_share"), share)]


def work_table(result):
    if result.work.counts == "memory":
        head = ["system", "private bytes each"]
        def row(one):
            return [one.case.label, with_spread(one.spread("bytes_each"))]
    else:
        one_of = result.work.counts
        head = ["system", "CPU per %s, µs" % one_of, "ratio to " + result.work.base, one_of + "s a second",
                "p50, µs", "p99, µs", "p99.9, µs", "generator's core", "system's core"]
        def row(one):
            return _work_row(result, one)
    rows = []
    for one in result.cases:
        if one.skipped:
            rows.append([one.case.label, "skipped: " + one.skipped] + [""] * (len(head) - 2))
        elif one.failed:
            rows.append([one.case.label, "**failed**: " + one.failed] + [""] * (len(head) - 2))
        else:
            rows.append(row(one))
    return table(head, rows)


def verdict_table(results):
    rows = []
    for result in results:
        for verdict in targets.verdicts(result):
            of = verdict.target.of
            work = result.work.title if of in ("onehop", "") else "%s: %s" % (result.work.title, of)
            rows.append([work, verdict.target.text(), with_spread(verdict.measured, ratio_or_number(verdict.target)),
                         verdict.text()])
    return "### Targets\n\n" + table(["work", "target", "measured", "verdict"], rows) if rows else ""


def ratio_or_number(target):
    return ratio if target.how in ("ratio", "crossing") else number


def peer_table(results):
    """The CPU time of onehop in multiples of that of others."""
    others = ["blind", "nats", "redis", "mosquitto"]
    rows = []
    for result in results:
        work = result.work
        name = "bytes_each" if work.counts == "memory" else "cpu"
        cells = [with_spread(figures.spread(result.ratios(work.ours, "bare" if work.base == "bare" and other == "blind"
                                                          else other, name)), ratio) for other in others]
        if cells != [ABSENT] * len(others):
            rows.append([work.title] + cells)
    if not rows:
        return ""
    return ("### onehop, in multiples of the others\n\nEach figure is onehop's CPU time per message divided by that of the "
            "system in the head of the column. For connects it is CPU time per connect, and blind is a bare server. For "
            "idle connections it is memory.\n\n" + table(["work"] + others, rows))


def origin_lines(origins):
    text = "`%s` on %s, %d cores, %s, %s. " % (
        origins["command"], origins["processor"], origins["cores"], origins["kernel"], origins["date"])
    text += "Medians of %d runs of %g s each, after %g s of warm-up (lowest–highest).\n" % (
        origins["repetitions"], origins["seconds"], origins["warmup_s"])
    if origins["quick"]:
        text += "\n**Quick: this shows that it works. It is no figure of anything.**\n"
    for note in origins["notes"]:
        text += "\n" + note + "\n"
    rows = [[one["name"], one["version"] or ABSENT, "`%s`" % one["command"], "" if one["pinned"] else "no"]
            for one in origins["systems"]]
    return text + ("\n" + table(["system", "version", "started as", "pinned"], rows) if rows else "")


def _rate_line(one):
    asked = rate(one.spread("wanted_rate").median)
    less = ": less than half of its capacity, because it is all that the generator can keep" if one.lowered else ""
    return "* %s: %s a second%s\n" % (one.case.label, asked, less)


def work_section(result):
    text = "### %s\n\n" % (result.work.title[0].upper() + result.work.title[1:])
    if result.work.note:
        text += result.work.note + "\n\n"
    rates = "".join(_rate_line(one) for one in result.cases if one.case.is_open_loop() and one.runs)
    if rates:
        text += rates + "\n"
    return text + work_table(result)


def markdown(origins, results, problem=None):
    parts = [origin_lines(origins)]
    if problem:
        parts.append("**This comparison has failed**: %s\n" % problem)
    parts += [verdict_table(results), peer_table(results)]
    parts += [work_section(result) for result in results]
    if any(one.void_runs() for result in results for one in result.cases):
        parts.append(VOID_MARK + " The generator was the limit in some of the runs, as is usual in a closed loop. Rate and "
                     "latencies then depend on the generator too; CPU time is the system's alone.\n")
    return "\n".join(part for part in parts if part)


def _spread_json(spread):
    return spread and {"median": spread.median, "lowest": spread.lowest, "highest": spread.highest}


def _case_json(result, one):
    quantiles = one.histogram.quantiles(PERCENTILES.values())
    latency = {"count": one.histogram.total(), "spectrum": one.histogram.spectrum(),
               **{name: ns / 1000 for name, ns in zip(PERCENTILES, quantiles)}}
    return {
        "label": one.case.label,
        "system": one.case.system.name,
        "command": one.case.system.shown(),
        "skipped": one.skipped or None,
        "failed": one.failed or None,
        "loads": [list(load.arguments) for load in one.case.loads],
        "medians": {name: _spread_json(one.spread(name)) for name in figures.NUMBERS},
        "ratios_to_base": result.ratios(one.case.label, result.work.base),
        "latency_us": latency,
        "runs": [run.as_json() for run in one.runs],
    }


def _verdict_json(verdict):
    return {"of": verdict.target.of, "target": verdict.target.text(), "bound": verdict.target.bound,
            "measured": _spread_json(verdict.measured), "verdict": verdict.verdict, "text": verdict.text()}


def as_json(origins, results, problem=None):
    return {
        "format": 1,
        **origins,
        "problem": problem,
        "works": [{
            "name": result.work.name,
            "title": result.work.title,
            "counts": result.work.counts,
            "base": result.work.base or None,
            "verdicts": [_verdict_json(verdict) for verdict in targets.verdicts(result)],
            "cases": [_case_json(result, one) for one in result.cases],
        } for result in results],
    }
