// SPDX-License-Identifier: Apache-2.0
// An attack on a server that is measured (attack.mjs), in a process of its own, and what the server holds
// meanwhile.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('attack.mjs', import.meta.url));

// Private memory of a supervisor and its processes.
function heldMb(pid) {
    const pids = [pid, ...fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')];
    const kB = (one) => Number(/^RssAnon:\s*(\d+)/m.exec(fs.readFileSync(`/proc/${one}/status`, 'utf8'))[1]);
    return pids.reduce((sum, one) => sum + kB(one), 0) / 1024;
}

export async function attacked(b, server, kind) {
    const token = execFileSync(b.machine.program('belfry'), ['token', '--user', 'eve', '--data', server.data], { encoding: 'utf8' }).trim();
    const child = spawn(process.execPath, [script, kind, server.url, token], { stdio: ['ignore', 'pipe', 'inherit'] });
    const gone = new Promise((done) => child.once('exit', done));
    await Promise.race([new Promise((done) => child.stdout.once('data', done)), gone.then((code) => { throw new Error(`${kind} ended with ${code}`); })]);
    let peak = 0;
    const look = () => (peak = Math.max(peak, heldMb(server.pid)));
    const timer = setInterval(look, 200);
    return {
        async end() {
            look();
            clearInterval(timer);
            child.kill('SIGTERM');
            await gone;
            return peak;
        },
    };
}
