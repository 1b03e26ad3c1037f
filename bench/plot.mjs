// SPDX-License-Identifier: Apache-2.0
// Plots as SVG text: plain shapes and text, readable on light and dark ground.
const escape = (text) => String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const ink = '#7a7a7a', ours = '#2a7de1', theirs = '#c9782b';

const svg = (width, height, parts) =>
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">\n` +
    `<!-- SPDX-License-Identifier: Apache-2.0; written by bench/run -->\n${parts.join('\n')}\n</svg>\n`;
const label = (x, y, text, more = '') => `<text x="${x}" y="${y}" fill="${ink}" ${more}>${escape(text)}</text>`;
const line = (x1, y1, x2, y2, more) => `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${more}/>`;

// rows: {name, low, middle, high, aim}: ratios, on a logarithmic axis from 1/8 to 4.
export function ratios(title, rows) {
    const left = 330, width = 760, from = Math.log2(1 / 16), to = Math.log2(4);
    const x = (ratio) => left + (Math.min(Math.max(Math.log2(ratio), from), to) - from) / (to - from) * (width - left - 20);
    const parts = [label(10, 20, title, 'font-weight="bold"')];
    const bottom = 40 + rows.length * 24;
    for (const tick of [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4]) {
        parts.push(line(x(tick), 30, x(tick), bottom, `stroke="${ink}" stroke-opacity="${tick === 1 ? 1 : 0.3}"`));
        parts.push(label(x(tick), bottom + 16, tick, 'text-anchor="middle"'));
    }
    rows.forEach((row, i) => {
        const y = 50 + i * 24;
        parts.push(label(10, y + 4, row.name), line(x(row.low), y, x(row.high), y, `stroke="${ours}" stroke-width="4"`));
        parts.push(`<circle cx="${x(row.middle)}" cy="${y}" r="5" fill="${ours}"/>`);
        parts.push(line(x(row.aim), y - 8, x(row.aim), y + 8, `stroke="${theirs}" stroke-width="2"`));
    });
    return svg(width, bottom + 30, parts);
}

// series: [{name, points: [[x, y], ...]}] on a logarithmic x axis.
export function curves(title, xName, yName, series) {
    const left = 60, top = 40, width = 760, height = 300, all = series.flatMap((s) => s.points);
    const most = Math.max(...all.map(([, y]) => y)) * 1.1, last = Math.log10(Math.max(...all.map(([x]) => x)));
    const x = (value) => left + Math.log10(value) / last * (width - left - 30);
    const y = (value) => height - (value / most) * (height - top);
    const parts = [label(10, 20, title, 'font-weight="bold"'), label(10, top - 4, yName), label(width - 30, height + 34, xName, 'text-anchor="end"')];
    for (let k = 0; k <= 4; k++) {
        const value = Number((most * k / 4).toPrecision(2));
        parts.push(line(left, y(value), width - 30, y(value), `stroke="${ink}" stroke-opacity="0.3"`), label(left - 6, y(value) + 4, value, 'text-anchor="end"'));
    }
    for (let k = 0; k <= last; k++) parts.push(label(x(10 ** k), height + 18, (10 ** k).toLocaleString('en'), 'text-anchor="middle"'));
    series.forEach((one, i) => {
        const colour = [ours, theirs][i % 2];
        parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${one.points.map(([a, b]) => `${x(a)},${y(b)}`).join(' ')}"/>`);
        parts.push(`<text x="${left + 20 + i * 120}" y="${top + 14}" fill="${colour}">${escape(one.name)}</text>`);
    });
    return svg(width, height + 44, parts);
}
