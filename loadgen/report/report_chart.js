'use strict';
// Draws one chart into a figure: lines over a common x, on linear or logarithmic axes, with a legend and the values
// under the pointer. This file does not know what it draws.

// If a script fails, the page says so, where people and tests see it.
window.addEventListener('error', event => {
  const line = document.createElement('p');
  line.className = 'script-error';
  line.textContent = 'The charts could not be drawn: ' + event.message;
  document.body.append(line);
});

const kMargin = { left: 64, right: 28, top: 10, bottom: 40 };

function svg(name, attributes, parent) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function html(name, className, parent, text) {
  const element = document.createElement(name);
  element.className = className;
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
}

// Round numbers from low to high, about `count` of them.
function linearTicks(low, high, count) {
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(factor => factor * power >= raw) * power;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; ++i) ticks.push(i * step);
  return ticks;
}

// Powers of ten, with 2 and 5 between them if there are few.
function logTicks(low, high) {
  const factors = Math.log10(high / low) > 2.5 ? [1] : [1, 2, 5];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1e-9; ++power) {
    for (const factor of factors) {
      const tick = factor * 10 ** power;
      if (tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)) ticks.push(tick);
    }
  }
  return ticks;
}

// A range that holds all values. Its edges are at ticks or close to them.
function rangeOf(values, log) {
  const known = values.filter(value => value !== null && (!log || value > 0));
  if (known.length === 0) return log ? [1, 10] : [0, 1];
  let low = Math.min(...known), high = Math.max(...known);
  if (!log) {
    high = high || 1;
    const ticks = linearTicks(0, high, 4);
    const step = ticks[1] - ticks[0];
    return [0, Math.ceil(high / step - 1e-9) * step];
  }
  const rounded = (value, direction) => {
    const power = 10 ** Math.floor(Math.log10(value) + 1e-9);
    const steps = [1, 2, 5, 10].map(factor => factor * power);
    return direction < 0 ? steps.filter(step => step <= value * (1 + 1e-9)).pop()
                         : steps.find(step => step >= value * (1 - 1e-9));
  };
  low = rounded(low, -1);
  high = rounded(high, 1);
  return high > low ? [low, high] : [low, low * 10];
}

function scaleOf([low, high], [from, to], log) {
  const position = log ? value => Math.log(Math.max(value, low) / low) / Math.log(high / low)
                       : value => (value - low) / (high - low);
  return value => from + position(value) * (to - from);
}

// Lifts the pen over gaps.
function pathOf(xs, ys, toX, toY) {
  let path = '', drawing = false;
  ys.forEach((y, i) => {
    if (y === null) {
      drawing = false;
      return;
    }
    path += (drawing ? 'L' : 'M') + toX(xs[i]).toFixed(1) + ' ' + toY(y).toFixed(1);
    drawing = true;
  });
  return path;
}

function drawAxes(picture, spec, box, toX, toY, yRange) {
  const yTicks = spec.yLog ? logTicks(...yRange) : linearTicks(...yRange, 4);
  for (const tick of yTicks) {
    const y = toY(tick);
    svg('line', { class: 'grid', x1: box.left, x2: box.right, y1: y, y2: y }, picture);
    svg('text', { class: 'tick', x: box.left - 8, y: y + 4, 'text-anchor': 'end' }, picture).textContent =
        spec.yText(tick);
  }
  const xTicks = spec.xTicks || linearTicks(...spec.xRange, Math.max(3, Math.floor((box.right - box.left) / 110)));
  let taken = Infinity;  // A label begins here. A narrow screen has no room for the label of each tick.
  for (const tick of xTicks.reverse()) {
    const x = toX(tick);
    svg('line', { class: 'stroke', x1: x, x2: x, y1: box.bottom, y2: box.bottom + 4 }, picture);
    const label = svg('text', { class: 'tick', y: box.bottom + 18, 'text-anchor': 'middle' }, picture);
    label.textContent = spec.xText(tick);
    const half = label.getComputedTextLength() / 2;
    const middle = Math.min(x, picture.clientWidth - half);
    label.setAttribute('x', middle);
    if (middle + half + 8 > taken) label.remove();
    else taken = middle - half;
  }
  svg('line', { class: 'stroke', x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }, picture);
  svg('text', { class: 'label', x: box.right, y: box.bottom + 35, 'text-anchor': 'end' }, picture).textContent =
      spec.xLabel;
}

// On a logarithmic axis each value is a dot, since a line between two dots would show values that nobody measured.
function drawDots(picture, line, spec, toX, toY) {
  line.y.forEach((y, i) => {
    if (y === null) return;
    const mark = line.marks ? line.marks[i] : '';
    const many = !line.marks && spec.x.length > 100;
    svg('circle', { class: 'dot ' + line.style + ' ' + (many ? 'small' : mark), cx: toX(spec.x[i]).toFixed(1),
                    cy: toY(y).toFixed(1), r: many ? 1.8 : 3.5 }, picture);
  });
}

function drawLine(picture, line, spec, toX, toY) {
  const path = pathOf(spec.x, line.y, toX, toY);
  if (path === '') return;
  svg('path', { class: 'line ' + line.style, d: path }, picture);
  const lonely = i => line.y[i] !== null && (line.y[i - 1] ?? null) === null && (line.y[i + 1] ?? null) === null;
  line.y.forEach((y, i) => {
    const mark = line.marks ? line.marks[i] : '';
    if (y === null || (!line.marks && !lonely(i))) return;
    svg('circle', { class: 'dot ' + line.style + ' ' + mark, cx: toX(spec.x[i]), cy: toY(y), r: 3.5 }, picture);
  });
}

// A vertical line with words at its top or at its foot.
function drawMark(picture, mark, box, toX) {
  const x = toX(mark.x);
  svg('line', { class: 'mark', x1: x, x2: x, y1: box.top, y2: box.bottom }, picture);
  const left = x > (box.left + box.right) / 2;
  const y = mark.low ? box.bottom - 8 : box.top + 12;
  svg('text', { class: 'mark', x: x + (left ? -6 : 6), y, 'text-anchor': left ? 'end' : 'start' },
      picture).textContent = mark.text;
}

// The values at the x nearest to the pointer.
function followPointer(figure, picture, spec, box, toX, toY) {
  const guide = svg('line', { class: 'guide', y1: box.top, y2: box.bottom, visibility: 'hidden' }, picture);
  const tip = html('div', 'tip', figure);
  tip.hidden = true;
  picture.addEventListener('pointermove', event => {
    const at = event.clientX - picture.getBoundingClientRect().left;
    let nearest = 0;
    spec.x.forEach((x, i) => {
      if (Math.abs(toX(x) - at) < Math.abs(toX(spec.x[nearest]) - at)) nearest = i;
    });
    const x = toX(spec.x[nearest]);
    guide.setAttribute('x1', x);
    guide.setAttribute('x2', x);
    guide.setAttribute('visibility', 'visible');
    tip.replaceChildren();
    html('div', 'tip-head', tip, (spec.tipText || spec.xText)(spec.x[nearest]));
    for (const line of spec.lines) {
      const y = line.y[nearest];
      const row = html('div', 'tip-row', tip);
      html('i', line.style, row);
      html('span', '', row, line.name);
      html('b', '', row, y === null ? '–' : (spec.yTipText || spec.yText)(y));
    }
    tip.hidden = false;
    const left = x > (box.left + box.right) / 2;
    tip.style.left = left ? '' : x + 14 + 'px';
    tip.style.right = left ? picture.clientWidth - x + 14 + 'px' : '';
    tip.style.top = picture.offsetTop + box.top + 8 + 'px';
  });
  picture.addEventListener('pointerleave', () => {
    tip.hidden = true;
    guide.setAttribute('visibility', 'hidden');
  });
}

// spec: x (values), xRange, xText, xLabel, xTicks?, tipText?, yLog, yText, yTipText?, marks? [{x, text, low?}], height?,
//       lines [{name, style, y (values or null), marks?}]
function drawChart(figure, spec) {
  figure.querySelectorAll('svg, .legend, .tip').forEach(old => old.remove());
  spec.lines = spec.lines.filter(line => line.y.some(y => y !== null));
  if (spec.lines.length > 1) {
    const legend = html('div', 'legend', figure);
    for (const line of spec.lines) {
      const entry = html('span', '', legend);
      html('i', line.style, entry);
      entry.append(line.name);
    }
  }
  const width = figure.clientWidth || 960, height = spec.height || 260;
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', `0 0 ${width} ${height}`);
  picture.setAttribute('height', height);
  picture.setAttribute('role', 'img');
  picture.setAttribute('aria-label', figure.querySelector('figcaption').textContent.trim());
  figure.append(picture);
  const box = { left: kMargin.left, right: width - kMargin.right, top: kMargin.top, bottom: height - kMargin.bottom };
  const yRange = rangeOf(spec.lines.flatMap(line => line.y), spec.yLog);
  const toX = scaleOf(spec.xRange, [box.left, box.right], false);
  const toY = scaleOf(yRange, [box.bottom, box.top], spec.yLog);
  drawAxes(picture, spec, box, toX, toY, yRange);
  for (const mark of spec.marks || []) drawMark(picture, mark, box, toX);
  for (const line of spec.lines) (spec.yLog ? drawDots : drawLine)(picture, line, spec, toX, toY);
  followPointer(figure, picture, spec, box, toX, toY);
}
