"""What a broker exports as metrics, as samples that can be compared, and made into a test for promtool."""

import re
import time
import urllib.request

from deployed import SECONDS_MAX, Broker

STEP_SECONDS = 15  # As the shipped prometheus.yml scrapes.
PEACE_STEPS = 40
FAULT_STEPS = 80


def wait_until(true, what):
    deadline = time.monotonic() + SECONDS_MAX
    while not true():
        assert time.monotonic() < deadline, f"did not come: {what}"
        time.sleep(0.05)


class Scrape:
    """One scrape: {series: value}, where a series is its name and labels as the broker writes them."""

    def __init__(self, text):
        self.at = time.monotonic()
        self.kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE))
        self.samples = {series: float(value)
                        for series, value in re.findall(r"^([a-z]\w*(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}

    def __getitem__(self, series):
        return self.samples[series]

    def counts(self, series):
        """Whether it is a counter: one that a lasting fault drives on."""
        name = series.split("{")[0]
        return self.kinds.get(name, "histogram") in ("counter", "histogram")

    def sum(self, name, **labels):
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        return sum(value for series, value in self.samples.items()
                   if series.split("{")[0] == name and all(text in series for text in wanted))


class Watched(Broker):
    """A broker with an admin port."""

    def __init__(self, programs, *flags):
        super().__init__(programs, "--admin", "tcp://127.0.0.1:0", *flags)
        line = self.output.wait_for(lambda text: text.startswith("admin on tcp://"))
        self.admin = line.split("tcp://")[1]

    def scrape(self):
        with urllib.request.urlopen(f"http://{self.admin}/metrics", timeout=SECONDS_MAX) as answer:
            return Scrape(answer.read().decode())

    def post(self, path):
        request = urllib.request.Request(f"http://{self.admin}/api/v1/{path}", method="POST")
        urllib.request.urlopen(request, timeout=SECONDS_MAX).close()

    def scrape_when(self, true, what):
        """The first scrape of which `true` holds."""
        found = []

        def look():
            scrape = self.scrape()
            if true(scrape):
                found.append(scrape)
            return bool(found)
        wait_until(look, what)
        return found[0]


def labelled(series):
    """As Prometheus stores it."""
    name, _, labels = series.partition("{")
    return f'{name}{{job="onehop",instance="b:7412"' + ("," + labels if labels else "}")


def values(before, after, counts, lasts, seconds):
    """Ten minutes of peace, then the fault: what was scraped while it was there, and for a counter of a fault that lasts
    the same growth again and again."""
    growth = (after - before) / seconds * STEP_SECONDS if counts and lasts else 0
    return f"{before!r}x{PEACE_STEPS - 1} {after!r}+{growth!r}x{FAULT_STEPS}"


def as_series(before, after, lasts):
    """Two scrapes of one broker as input_series of promtool."""
    seconds = max(after.at - before.at, 0.001)
    out = [{"series": 'up{job="onehop",instance="b:7412"}', "values": f"1x{PEACE_STEPS + FAULT_STEPS}"}]
    for series, value in after.samples.items():
        counts = after.counts(series)
        out.append({"series": labelled(series),
                    "values": values(before.samples.get(series, 0.0), value, counts, lasts, seconds)})
    return out
