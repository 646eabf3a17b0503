"""The HTML report in a browser: html_page_test.py PATH_OF_onehop-sample-report

Opens each kind of report in headless Chromium, where every name lookup fails, and asserts what a reader would see: lines
with points, labelled ticks, the figures, and no script error. Chromium is killed if it does not end in time.
"""

import functools
import html
import html.parser
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import unittest

PROGRAM = ""
BROWSER_SECONDS = 60
CHARTS = ["spectrum", "other-spectrum", "rate", "latency", "in-flight", "lag"]
CAPACITY_CHARTS = ["capacity-latency", "capacity-rate"]
LOG_CHARTS = ["spectrum", "other-spectrum", "latency", "capacity-latency"]
PHONE_WIDTH = 390
# This script runs behind the page's own scripts. It lists what a reader with a phone would complain of.
PHONE_CHECK = """<script>
const complaints = [];
for (const picture of document.querySelectorAll('svg')) {
  const name = picture.closest('figure').dataset.chart;
  const ticks = [...picture.querySelectorAll('text.tick')].map(tick => [tick.textContent, tick.getBoundingClientRect()]);
  ticks.forEach(([text, box], i) => {
    if (box.left < 0 || box.right > window.innerWidth) complaints.push(`${name}: ${text} is cut off`);
    for (const [other, its] of ticks.slice(i + 1)) {
      const apart = box.right <= its.left || its.right <= box.left || box.bottom <= its.top + 2 || its.bottom <= box.top + 2;
      if (!apart) complaints.push(`${name}: ${text} overlaps ${other}`);
    }
  });
}
if (document.documentElement.scrollWidth > window.innerWidth) complaints.push('the page is wider than the screen');
document.title = JSON.stringify([window.innerWidth, document.querySelectorAll('svg').length, complaints]);
</script>"""


def report(kind):
    return subprocess.run([PROGRAM, kind, "html"], check=True, capture_output=True, timeout=60).stdout.decode()


def run_browser(page, *arguments, size="1100,2000"):
    """Returns what Chromium prints for the page. All of its processes have ended then."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "report.html")
        with open(path, "w", encoding="utf-8") as file:
            file.write(page)
        command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=" + size,
                   "--user-data-dir=" + os.path.join(folder, "profile"), *arguments, "file://" + path]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              start_new_session=True) as browser:
            try:
                output, _ = browser.communicate(timeout=BROWSER_SECONDS)
            finally:
                try:
                    os.killpg(browser.pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if browser.returncode != 0:
            raise AssertionError(f"Chromium ended with {browser.returncode}")
        return output.decode()


class Drawn(html.parser.HTMLParser):
    """Returns the charts of a page after its scripts ran, each with its paths, its dots and the texts of its svg."""

    def __init__(self, dom):
        super().__init__()
        self.charts, self.current, self.in_svg, self.errors, self.text = {}, None, False, [], ""
        self.tags = []
        self.feed(dom)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if tag == "figure":
            self.current = self.charts.setdefault(attributes["data-chart"], {"paths": {}, "dots": 0, "places": {}, "texts": []})
        elif tag == "svg":
            self.in_svg = True
        elif tag == "path":
            self.current["paths"][attributes["class"].split()[-1]] = attributes["d"]
        elif tag == "circle":
            self.current["dots"] += 1
            style = attributes["class"].split()[1]
            self.current["places"].setdefault(style, []).append((float(attributes["cx"]), float(attributes["cy"])))
        elif attributes.get("class") == "script-error":
            self.errors.append(tag)

    def handle_endtag(self, tag):
        if tag == "svg":
            self.in_svg = False
        elif tag == "figure":
            self.current = None

    def handle_data(self, data):
        self.text += data
        if self.in_svg and data.strip():
            self.current["texts"].append(data.strip())


def points(chart, style):
    """The points of a line or of dots."""
    path = chart["paths"].get(style)
    if path is None:
        return chart["places"][style]
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([-\d.]+) ([-\d.]+)", path)]


@functools.cache
def page_after_scripts(kind):
    return run_browser(report(kind), "--dump-dom")


class PageTest(unittest.TestCase):
    def open(self, kind):
        drawn = Drawn(page_after_scripts(kind))
        self.assertEqual(drawn.errors, [], drawn.text[-300:])
        return drawn

    def assert_drawn(self, drawn, names):
        self.assertEqual(sorted(drawn.charts), sorted(names))
        for name in names:
            chart = drawn.charts[name]
            # A logarithmic axis has dots, since a line would show values that nobody measured.
            self.assertEqual(len(chart["paths"]) == 0, name in LOG_CHARTS, name)
            self.assertGreaterEqual(len(chart["paths"]) + len(chart["places"]), 1, name)
            for style in {**chart["places"], **chart["paths"]}:
                where = points(chart, style)
                self.assertGreaterEqual(len(where), 8, f"{name} {style}")
                self.assertTrue(all(0 <= x <= 1100 and 0 <= y <= 400 for x, y in where), f"{name} {style}: {where}")
                self.assertTrue(all(a[0] < b[0] for a, b in zip(where, where[1:])), f"{name} {style}: {where}")
            self.assertGreaterEqual(len(chart["texts"]), 6, name)
            self.assertNotIn("NaN", "".join(chart["texts"]))

    def test_every_chart_is_drawn(self):
        drawn = self.open("plain")
        self.assert_drawn(drawn, CHARTS)
        self.assertEqual(len(points(drawn.charts["rate"], "first")), 20)
        # There are 40 points for each nine. 15 of 100,000 messages never came, from 99.985 % on.
        self.assertEqual(len(points(drawn.charts["spectrum"], "first")), 153)
        self.assertIn("never came", drawn.charts["spectrum"]["texts"])

    def test_axes_end_where_the_samples_end(self):
        drawn = self.open("plain")
        texts = drawn.charts["other-spectrum"]["texts"]
        self.assertIn("99.9 %", texts)
        self.assertNotIn("99.999 %", texts)
        last = max(x for x, _ in points(drawn.charts["spectrum"], "first"))
        # The point of the last second is at the end of the axis, and so is the last message or what never came.
        end = max(x for x, _ in points(drawn.charts["rate"], "first"))
        self.assertGreater(end, 900)
        self.assertLess(abs(last - end), 10)

    def test_on_a_phone_no_label_overlaps(self):
        for kind in ("plain", "capacity", "void"):
            page = report(kind).replace("</body>", PHONE_CHECK + "</body>")
            dom = run_browser(page, "--dump-dom", size=f"{PHONE_WIDTH},2000")
            width, charts, complaints = json.loads(html.unescape(re.search("<title>(.*?)</title>", dom).group(1)))
            self.assertLessEqual(width, 500, "the browser has made the window wider")
            self.assertGreaterEqual(charts, len(CHARTS), kind)
            self.assertEqual(complaints, [], f"{kind} at a width of {width}")

    def test_axes_have_ticks_with_units(self):
        drawn = self.open("plain")
        for tick in ["0 %", "90 %", "99 %", "99.9 %", "1 ms", "100 ms"]:
            self.assertIn(tick, drawn.charts["spectrum"]["texts"])
        for tick in ["0", "2,000", "4,000", "0 s", "10 s"]:
            self.assertIn(tick, drawn.charts["rate"]["texts"])
        self.assertIn("50 µs", drawn.charts["lag"]["texts"])

    def test_lines_are_where_the_numbers_are(self):
        drawn = self.open("plain")
        # The standstill was in the tenth second, so p99 is highest there (y grows downwards).
        where = points(drawn.charts["latency"], "second")
        self.assertEqual(min(range(20), key=lambda i: where[i][1]), 9)
        # The tail from the intended time is long. From the 99th percentile on the uncorrected line stays below it.
        corrected = points(drawn.charts["spectrum"], "first")
        uncorrected = points(drawn.charts["spectrum"], "soft")
        for i in range(90, 150):
            self.assertLess(corrected[i][1], uncorrected[i][1] - 20)
        for i in range(5, 40):
            self.assertLess(abs(corrected[i][1] - uncorrected[i][1]), 5)

    def test_figures_are_on_the_page(self):
        text = self.open("plain").text
        for figure in ["4,999/s", "of 5,000/s wanted", "100,000", "99.98 % delivered", "REJECTED QUEUE_FULL",
                       "Fine Processor 9000", "Linux 6.18.0", "2026-09-21T14:13:20.125Z"]:
            self.assertIn(figure, text)
        self.assertNotIn("VOID", text)
        self.assertNotIn("FAILED", text)

    def test_the_capacity_curve_marks_the_knee(self):
        drawn = self.open("capacity")
        self.assert_drawn(drawn, CHARTS + CAPACITY_CHARTS)
        for name in CAPACITY_CHARTS:
            self.assertIn("knee 60,000/s", drawn.charts[name]["texts"])
            self.assertEqual(len(drawn.charts[name]["places"]["first"]), 8)
        self.assertIn("80k/s", drawn.charts["capacity-rate"]["texts"])

    def test_void_and_failed_runs_say_so(self):
        text = self.open("void").text
        for words in ["VOID: the generator was the limit.", "a thread was busy for 99 % of the run",
                      "2 UNEXPLAINED", "a target must not do such things", "FAILED: not every threshold was kept.", "Closed loop."]:
            self.assertIn(words, text)

    def test_foreign_text_stays_text(self):
        page = report("hostile").replace("drawAll();\n", "drawAll();\nif (window.broken) throw new Error('broken');\n", 1)
        drawn = Drawn(run_browser(page, "--dump-dom"))
        self.assertEqual(drawn.errors, [])
        self.assert_drawn(drawn, CHARTS + CAPACITY_CHARTS)
        self.assertIn("<img src=x onerror=", drawn.text)
        self.assertNotIn("img", [tag for tag, _ in drawn.tags])
        self.assertEqual([tag for tag, _ in drawn.tags].count("script"), 3)

    def test_a_run_without_anything_has_a_page(self):
        drawn = self.open("empty")
        self.assertEqual(drawn.charts, {})

    def test_a_script_error_would_be_seen(self):
        page = report("plain").replace("drawAll();\n", "throw new Error('on purpose');\n", 1)
        drawn = Drawn(run_browser(page, "--dump-dom"))
        self.assertEqual(len(drawn.errors), 1)
        self.assertIn("on purpose", drawn.text)

    def test_nothing_external_is_referred_to(self):
        for kind in ["plain", "capacity", "void", "hostile"]:
            for tag, attributes in Drawn(report(kind)).tags:
                self.assertNotIn(tag, ["link", "iframe", "object", "embed", "base", "img", "form"])
                self.assertFalse({"src", "href", "srcset", "action", "style", "onclick"} & set(attributes), tag)
            page = report(kind)
            self.assertIn("default-src 'none'", page)
            addresses = set(re.findall(r"https?://[^\s'\"<]+", page))
            self.assertEqual(addresses, {"http://www.w3.org/2000/svg"})

    def test_it_can_be_looked_at(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = os.path.join(folder, "report.png")
            run_browser(report("capacity"), "--screenshot=" + picture)
            with open(picture, "rb") as file:
                data = file.read()
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        self.assertGreater(len(data), 50_000)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    PROGRAM = sys.argv.pop(1)
    unittest.main()
