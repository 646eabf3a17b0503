'use strict';
// The contents of the charts. The numbers are in the element "data", and durations are nanoseconds.

const data = JSON.parse(document.getElementById('data').textContent);

function significant(value, digits) {
  return Number(value.toPrecision(digits)).toLocaleString('en-US', { maximumFractionDigits: 12 });
}

function durationText(ns, digits = 3) {
  for (const [unit, size] of [['s', 1e9], ['ms', 1e6], ['µs', 1e3]]) {
    if (ns >= size * 0.9999) return significant(ns / size, digits) + ' ' + unit;
  }
  return significant(ns, digits) + ' ns';
}

function countText(value) {
  return Math.round(value).toLocaleString('en-US');
}

// A tick of an axis: 12,000 is 12k.
function shortCountText(value) {
  if (value >= 1e6) return significant(value / 1e6, 4) + 'M';
  return value >= 1e4 ? significant(value / 1e3, 4) + 'k' : significant(value, 4);
}

function zeroFreeDuration(ns) {
  return ns === 0 ? '0' : durationText(ns);
}

// x is log10(1/(1-q)): 2 is the 99th percentile.
function percentText(x) {
  const percent = 100 * (1 - 10 ** -x);
  const digits = Number.isInteger(x) ? x - 2 : Math.ceil(x) - 1;
  return percent.toFixed(Math.max(0, digits)) + ' %';
}

function overTime(lines, more) {
  const t = data.series.t;
  const end = t.length > 1 ? t[t.length - 1] : t[0] + 1;
  return { x: t, xRange: [t[0], end], xText: value => significant(value, 6) + ' s', xLabel: 'since the start',
           tipText: value => 'second ' + significant(value, 6), yText: shortCountText, yTipText: countText, lines,
           ...more };
}

// The axis ends with the samples, or where the values begin that never came.
function overPercentiles(lines, never = null) {
  const x = data.spectra.x;
  const last = lines.reduce((end, line) => Math.max(end, line.y.findLastIndex(y => y !== null)), 0);
  const end = Math.max(x[last], never ?? 0, 1);
  return { x, xRange: [0, end], xTicks: [0, 1, 2, 3, 4, 5].filter(tick => tick <= end), xText: percentText,
           xLabel: 'part of the messages that were not slower', yLog: true, yText: durationText, height: 320, lines,
           marks: never === null ? [] : [{ x: never, text: 'never came', low: true }] };
}

function overRates(lines, more) {
  const { rate, knee, failed } = data.capacity;
  const marks = knee > 0 ? [{ x: knee, text: 'knee ' + countText(knee) + '/s' }] : [];
  return { x: rate, xRange: [0, Math.max(...rate, failed, 1)], xText: value => shortCountText(value) + '/s',
           tipText: value => countText(value) + '/s asked for', xLabel: 'asked for', marks, lines, ...more };
}

const kDurations = { yText: zeroFreeDuration, yTipText: zeroFreeDuration };

const charts = {
  'rate': () => overTime([
    { name: 'sent', style: 'soft', y: data.series.sent },
    { name: 'delivered', style: 'first', y: data.series.delivered },
    ...(data.series.toldOtherwise.some(count => count > 0)
        ? [{ name: 'rejected, expired, lost, unknown', style: 'bad', y: data.series.toldOtherwise }] : []),
    ...(data.series.sent.every(count => count === 0)
        ? [{ name: 'connections opened', style: 'second', y: data.series.opened }] : []),
  ]),
  'latency': () => overTime([
    { name: 'max', style: 'soft', y: data.series.max },
    { name: 'p99', style: 'second', y: data.series.p99 },
    { name: 'p50', style: 'first', y: data.series.p50 },
  ], { yLog: true, ...kDurations }),
  'in-flight': () => overTime([{ name: 'in flight', style: 'first', y: data.series.inFlight }], { height: 200 }),
  'lag': () => overTime([{ name: 'lag', style: 'first', y: data.series.lag }], { height: 200, ...kDurations }),
  'spectrum': () => overPercentiles([
    { name: 'uncorrected', style: 'soft', y: data.spectra.uncorrected },
    { name: 'from the intended time', style: 'first', y: data.spectra.latency },
  ], data.spectra.never),
  'other-spectrum': () => overPercentiles([
    { name: 'confirm', style: 'first', y: data.spectra.confirm },
    { name: 'connect', style: 'second', y: data.spectra.connect },
    { name: 'slow readers', style: 'soft', y: data.spectra.slow },
  ]),
  'capacity-latency': () => overRates([
    { name: 'p50', style: 'soft', y: data.capacity.p50 },
    { name: 'p99', style: 'first', y: data.capacity.p99, marks: data.capacity.held.map(held => held ? '' : 'failed') },
  ], { yLog: true, ...kDurations }),
  'capacity-rate': () => overRates([
    { name: 'asked for', style: 'soft', y: data.capacity.rate },
    { name: 'delivered', style: 'first', y: data.capacity.achieved,
      marks: data.capacity.held.map(held => held ? '' : 'failed') },
  ], { yText: value => shortCountText(value) + '/s', yTipText: value => countText(value) + '/s' }),
};

function drawAll() {
  for (const figure of document.querySelectorAll('figure.chart')) drawChart(figure, charts[figure.dataset.chart]());
}

drawAll();
let drawnWidth = window.innerWidth;
window.addEventListener('resize', () => {
  if (window.innerWidth === drawnWidth) return;
  drawnWidth = window.innerWidth;
  drawAll();
});
