// SPDX-License-Identifier: Apache-2.0
// docs/performance.md between its two marks, and the plots beside it, from what was measured. What is
// not in bench.json, as on another machine or in a fresh tree, stays as the page has it.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { curves, ratios } from './plot.mjs';

const MARKS = ['<!-- figures: written by bench/run -->', '<!-- end of figures -->'];
const docs = fileURLToPath(new URL('../docs', import.meta.url));

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b), half = sorted.length >> 1;
    return sorted.length % 2 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}
const text = (n) => n >= 1000 ? Math.round(n).toLocaleString('en') : String(Number(n.toPrecision(3)));

function row([what, figure, aim = ''], figures) {
    const values = figures[figure];
    if (!values) return null;
    const range = values.length > 1 ? `${text(Math.min(...values))} to ${text(Math.max(...values))}` : '';
    return `| ${what} | **${text(median(values))}** | ${range} | ${values.length} | ${aim} |`;
}

function machine() {
    const cpu = os.cpus(), df = spawnSync('df', ['--output=fstype,source', '/tmp'], { encoding: 'utf8' });
    const disk = df.stdout.trim().split('\n').pop().trim().replace(/ +/, ' on ');
    const meltdown = '/sys/devices/system/cpu/vulnerabilities/meltdown';
    const apart = fs.existsSync(meltdown) && /PTI/.test(fs.readFileSync(meltdown, 'utf8')) ? ', page tables apart (PTI)' : '';
    return `${cpu.length} cores (${cpu[0].model.trim()}), ${Math.round(os.totalmem() / 2 ** 30)} GiB, ` +
        `Linux ${os.release().split('-')[0]}${apart}, ${disk}. Generator, floors and Belfry share them.`;
}

// The lines of a section that the page has: its title, and the rows up to the next one's.
function linesOf(section, old) {
    const all = old.split('\n'), from = all.findIndex((line) => line.startsWith(`| *${section.what}* (`));
    if (from < 0) return [];
    const size = all.slice(from + 1).findIndex((line) => !line.startsWith('| ') || line.endsWith('| | | | |'));
    return all.slice(from, from + 1 + size);
}

function table(kept, sections, old) {
    const lines = ['| | median | range | runs | aim |', '|---|---|---|---|---|'];
    for (const [name, section] of Object.entries(sections)) {
        const one = kept[name];
        if (!one) lines.push(...linesOf(section, old));
        if (!one || section.rows.length === 0) continue;
        const by = one.disturbed ? `; ${one.disturbed} of ${one.runs} runs began while others kept the machine busy` : '';
        lines.push(`| *${section.what}* (${one.when.date}, ${one.when.commit}${by}) | | | | |`);
        lines.push(...section.rows.map((r) => row(r, one.figures)).filter(Boolean));
    }
    return lines;
}

// Every row whose aim is a ratio to the floor.
function ratioPlot(kept) {
    const wanted = [['paced', '1k_cpu_ratio', 1.15, 'fan-out paced, 1,000 subscribers'], ['paced', '10k_cpu_ratio', 1.15, 'fan-out paced, 10,000 subscribers'],
        ['saturated', '1k_cpu_ratio', 0.25, 'fan-out saturated, 1,000'], ['saturated', '10k_cpu_ratio', 0.75, 'fan-out saturated, 10,000'],
        ['pairs', 'cpu_ratio', 2, '10,000 topics with one subscriber each'], ['churn', 'cpu_ratio', 1.5, 'connect, join, go']];
    if (!wanted.every(([name, figure]) => kept[name]?.figures[figure])) return null;
    const rows = wanted.map(([name, figure, aim, what]) => {
        const values = kept[name].figures[figure];
        return { name: what, aim, low: Math.min(...values), middle: median(values), high: Math.max(...values) };
    });
    return ratios('CPU of Belfry to CPU of the epoll floor (mark: the aim)', rows);
}

// What is drawn of the section `costs`: its figures are N_NAME_us.
const COSTS = [['subscribers', 'CPU of a delivery', 'subscribers', [['Belfry', 'delivery'], ['floor', 'delivery_floor']]],
    ['topics', 'CPU of a join', 'topics that there are', [['Belfry', 'join']]],
    ['items', 'CPU of a create in the store', 'notifications in its inbox', [['Belfry', 'items']]],
    ['inboxes', 'CPU of a create in the store', 'inboxes', [['Belfry', 'inboxes']]]];

function costPlots(kept) {
    const figures = kept.costs?.figures;
    const points = (name) => Object.entries(figures).map(([figure, values]) => [new RegExp(`^(\\d+)_${name}_us$`).exec(figure)?.[1], median(values)])
        .filter(([n]) => n).map(([n, us]) => [Number(n), us]).sort((a, b) => a[0] - b[0]);
    return COSTS.map(([name, title, by, series]) => [`cost-${name}`, `${title} by ${by}`,
        figures ? curves(title, by, 'us', series.map(([who, figure]) => ({ name: who, points: points(figure) }))) : null]);
}

export function writePage(kept, sections) {
    const page = path.join(docs, 'performance.md'), written = [page];
    const old = fs.readFileSync(page, 'utf8'), [from, to] = MARKS.map((mark) => old.indexOf(mark));
    if (from < 0 || to < from) throw new Error(`${page} does not have its two marks`);
    const shown = [];
    for (const [name, alt, plot] of [['ratios', 'CPU beside the floor', ratioPlot(kept)], ...costPlots(kept)]) {
        const file = path.join(docs, `performance-${name}.svg`);
        if (plot) written.push(file);
        if (plot) fs.writeFileSync(file, plot);
        if (!fs.existsSync(file)) continue;
        shown.push(`![${alt}](performance-${name}.svg)`, '');
    }
    const figures = old.slice(from, to), commands = Object.keys(sections).flatMap((name) => kept[name]?.commands ?? []);
    if (Object.keys(sections).some((name) => !kept[name] && linesOf(sections[name], figures).length)) // its commands, too
        commands.push(...figures.split('\n').filter((line) => line.startsWith('    bench-')).map((line) => line.trim()));
    const body = ['', machine(), '', ...table(kept, sections, figures), '', ...shown, 'Commands:', '',
        ...[...new Set(commands)].map((command) => '    ' + command), ''].join('\n');
    fs.writeFileSync(page, old.slice(0, from + MARKS[0].length) + '\n' + body + '\n' + old.slice(to));
    return written.map((file) => path.relative(process.cwd(), file));
}
