// SPDX-License-Identifier: Apache-2.0
// One measurement after the other: wait for a quiet machine, run a program that answers with a line of
// JSON, keep its figures. A pair is a run of Belfry and one of its floor right behind it: a machine's
// speed changes from minute to minute, their ratio less.
import { spawn, spawnSync } from 'node:child_process';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));
const git = (...args) => spawnSync('git', args, { cwd: here, encoding: 'utf8' }).stdout?.trim();

// A run begins when the machine has nothing else to do, or after 2 s of waiting for that in vain.
async function isQuiet() {
    const idle = () => os.cpus().reduce((sum, cpu) => sum + cpu.times.idle, 0) / os.cpus().length;
    for (let tries = 0; tries < 5; tries++) {
        const before = idle();
        await new Promise((later) => setTimeout(later, 400));
        if (idle() - before > 340) return true;
    }
    return false;
}

export function bench(machine, section, options) {
    const results = { figures: {}, commands: [], runs: 0, disturbed: 0 };

    async function run(name, args) {
        results.runs++;
        if (!await isQuiet()) results.disturbed++;
        const child = spawn(machine.program(name), [...args, '--json', '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
        let said = '';
        child.stdout.on('data', (text) => said += text);
        const code = await new Promise((done, failed) => child.once('close', done).once('error', failed));
        if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}: ${said}`);
        const shown = [name, ...args].join(' ').replace(/http:\S+/, '$URL').replaceAll(machine.folder, '$DIR')
            .replace(/--count \d+/, '--count $ACKNOWLEDGED').replace(/--pid \d+/, '--pid $FLOOR')
            .replace(/\$DIR\/d\d+/, '$DATA');
        if (!results.commands.includes(shown)) results.commands.push(shown);
        return Object.assign(...said.trim().split('\n').filter(Boolean).map((line) => JSON.parse(line)));
    }

    function note(figures, under = '') {
        for (const [name, value] of Object.entries(figures)) (results.figures[under + name] ??= []).push(value);
        const shown = Object.entries(figures).filter(([name]) => /per_s$|_p50|_p99_|ratio|bytes|^cpu_s|all_|_us$/.test(name));
        console.log(`${section} ${under} ${shown.map(([name, value]) => `${name}=${value}`).join(' ')}`);
    }

    const load = (server, mode, args) => run('bench-load', [mode, ...server.target, ...args]);
    const ratio = (a, b) => Number((a / b).toPrecision(3));

    // `under`: what the figures' names begin with, where a section has several kinds of run.
    async function pair(server, floor, mode, args, under = '') {
        const a = await load(server, mode, args), b = await load(floor, mode, args);
        const figures = { ...a, floor_cpu: b.cpu_s_per_million, cpu_ratio: ratio(a.cpu_s_per_million, b.cpu_s_per_million) };
        for (const name of ['deliveries_per_s', 'joins_per_s', 'delivery_p50_ms', 'delivery_p99_ms', 'heartbeat_p50_ms', 'kernel_slab_bytes', 'all_pss_bytes']) {
            if (name in b) figures[`floor_${name}`] = b[name];
        }
        note(figures, under);
        return { a, b };
    }

    // The commit is the last one that changed a program, so that a change of a page does not count.
    const programs = [':(top,glob)**/*.[ch]', ':(top)Makefile', ':(top,exclude)tests'];
    const stamp = () => ({
        date: new Date().toISOString().slice(0, 10),
        commit: git('log', '-1', '--format=%h', '--', ...programs) + (git('status', '--porcelain', '--untracked-files=no', '--', ...programs) ? ' with changes' : ''),
    });
    const times = (standard) => options.times || standard, seconds = (standard) => String(options.seconds || standard);
    return { machine, results, run, note, load, pair, ratio, times, seconds, stamp };
}
