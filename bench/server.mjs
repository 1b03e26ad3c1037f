// SPDX-License-Identifier: Apache-2.0
// The processes that are measured: Belfry on a folder of its own, on a disk, and floors. All end, and
// the folder is removed, when the run ends however it ends.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const here = path.dirname(fileURLToPath(import.meta.url));

// What is "synced" to memory costs nothing.
function makeFolder() {
    for (const parent of [process.env.TMPDIR, '/tmp', '/var/tmp'].filter(Boolean)) {
        const type = spawnSync('stat', ['-f', '-c', '%T', parent], { encoding: 'utf8' }).stdout.trim();
        if (type && type !== 'tmpfs' && type !== 'ramfs') {
            return fs.mkdtempSync(path.join(parent, 'belfry-bench-'));
        }
    }
    throw new Error('no folder for temporary files lies on a disk: set TMPDIR to one that does');
}

export function open(bin) {
    const folder = makeFolder();
    const running = [];
    const program = (name) => path.resolve(bin, name);

    async function start(name, args) {
        const log = path.join(folder, `${name}.${running.length}.log`);
        const to = fs.openSync(log, 'w');
        const child = spawn(program(name), args, { stdio: ['ignore', 'pipe', to] });
        fs.closeSync(to);
        const gone = new Promise((done) => child.once('exit', done));
        const one = { child, gone, log, pid: child.pid };
        running.push(one);
        one.url = await new Promise((ready, failed) => {
            let said = '';
            child.stdout.on('data', (text) => {
                const found = /ready (http:\S+)/.exec(said += text);
                if (found) ready(found[1]);
            });
            child.once('error', failed);
            gone.then(() => failed(new Error(`${name} ended:\n${fs.readFileSync(log, 'utf8')}`)));
        });
        return one;
    }

    let folders = 0;
    async function belfry({ sessions = 2, conf = path.join(here, 'belfry.conf') } = {}) {
        const data = path.join(folder, `d${folders++}`);
        const one = await start('belfry', ['serve', '--config', conf, '--data', data,
            '--listen', '127.0.0.1:0', '--sessions', String(sessions)]);
        return Object.assign(one, { data, target: ['--url', one.url, '--data', data] });
    }

    async function floor(coalesce = false) {
        const one = await start('bench-floor-epoll', ['--coalesce', coalesce ? '1' : '0']);
        return Object.assign(one, { target: ['--url', one.url, '--pid', String(one.pid)] });
    }

    // Of Belfry: recount every inbox, then drain. A floor just ends.
    async function stop(one) {
        if (one.data) {
            const check = spawnSync(program('belfry'), ['check', '--data', one.data], { encoding: 'utf8' });
            if (check.status !== 0) throw new Error('belfry check: ' + check.stdout + check.stderr);
        }
        one.child.kill('SIGTERM');
        const code = await one.gone;
        if (one.data && code !== 0) throw new Error(`belfry serve ended with ${code}`);
        running.splice(running.indexOf(one), 1);
        if (one.data) fs.rmSync(one.data, { recursive: true });
    }

    const stopAll = async () => {
        for (const one of [...running]) await stop(one);
    };

    async function close() {
        for (const one of running) {
            one.child.kill('SIGTERM');
            await Promise.race([one.gone, new Promise((late) => setTimeout(late, 5000))]);
            one.child.kill('SIGKILL');
        }
        fs.rmSync(folder, { recursive: true, force: true });
    }

    const logs = () => running.map((one) => fs.readFileSync(one.log, 'utf8').slice(-2000));
    return { folder, program, belfry, floor, stop, stopAll, close, logs };
}
