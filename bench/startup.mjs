#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// bench/startup.mjs [BIN [GB]]: how long a store of so many GB (10) takes until it serves, alone and with all of
// `belfry serve`; with the file in memory, and without any of it (cold). The store is filled by bench-inboxes
// with notifications of a million inboxes, in a folder that is removed afterwards.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const bin = path.resolve(process.argv[2] ?? 'build/release/bin'), want = Number(process.argv[3] ?? 10) * 1e9;
const folder = fs.mkdtempSync(path.join(process.env.TMPDIR ?? os.tmpdir(), 'belfry-startup-'));
const data = path.join(folder, 'data'), file = path.join(data, 'store', 'data.mdb');
const users = 1000000;

// What runs, so that it can be ended: one of them serves, another one may fill.
const running = new Set();
function begin(name, args, stdio) {
    const child = spawn(path.join(bin, name), args, { stdio });
    const one = { child, gone: new Promise((done) => child.once('exit', done)) };
    running.add(one);
    one.gone.then(() => running.delete(one));
    return one;
}

async function run(name, ...args) {
    const code = await begin(name, args, ['ignore', 'ignore', 'inherit']).gone;
    if (code !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${code}`);
}

async function stop(one) {
    one.child.kill('SIGTERM');
    await one.gone;
}

// Milliseconds until it says that it is ready: on standard output, or to the descriptor that it is given.
async function started(name, args, ready) {
    const log = path.join(folder, 'log'), to = fs.openSync(log, 'w'), from = process.hrtime.bigint();
    const one = begin(name, args, ['ignore', 'pipe', to, 'pipe']);
    fs.closeSync(to);
    const ended = one.gone.then(() => { throw new Error(`${name} ended: ${fs.readFileSync(log, 'utf8').slice(-2000)}`); });
    await Promise.race([new Promise((done) => one.child.stdio[ready].once('data', done)), ended]);
    ended.catch(() => {});
    return Object.assign(one, { ms: Number(process.hrtime.bigint() - from) / 1e6 });
}

const serve = () => started('belfry', ['serve', '--data', data, '--listen', '127.0.0.1:0'], 1);
const store = () => started('belfry-store', ['--data', data, '--ready-fd', '3'], 3);
// The kernel drops what it has of this file, and no other.
const forget = () => spawnSync('dd', [`of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0'], { stdio: 'ignore' });

async function main() {
    const server = await serve();
    const from = Date.now();
    for (let made = users; fs.statSync(file).size < want; made += users) {
        await run('bench-inboxes', 'fill', '--data', data, '--users', String(users), '--each', '1', '--bytes', '2000');
        console.log(`${made} notifications, ${(fs.statSync(file).size / 1e9).toFixed(2)} GB, ${Math.round((Date.now() - from) / 1000)} s`);
    }
    await stop(server);
    for (const [what, start] of [['store', store], ['belfry serve', serve]]) {
        for (const cold of [false, true]) {
            const times = [];
            for (let i = 0; i < 5; i++) {
                if (cold) forget();
                const one = await start();
                times.push(one.ms);
                await stop(one);
            }
            times.sort((a, b) => a - b);
            console.log(`${what}${cold ? ', cold' : ''}: ready after ${times[2].toFixed(0)} ms (${times[0].toFixed(0)} to ${times[4].toFixed(0)})`);
        }
    }
}

async function leave(code) {
    await Promise.all([...running].map(stop));
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => leave(130));
main().then(() => leave(0), (problem) => {
    console.error(`bench/startup.mjs: ${problem.message}`);
    return leave(1);
});
