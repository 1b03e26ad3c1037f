// SPDX-License-Identifier: Apache-2.0
/* A small disk, that can be filled. It is a tmpfs in a mount namespace of a process of ours, reached
 * through /proc/PID/root; it goes with that process, and that one with us. Without root it is made in
 * a user namespace. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { until } from './until.mjs';

const PIECE = Buffer.alloc(4096);

export async function smallDisk(mb) {
  const at = fs.mkdtempSync('/tmp/b-');
  const own = process.getuid() === 0 ? ['--mount'] : ['--mount', '--map-root-user'];
  const script = `mount -t tmpfs -o size=${mb}m none '${at}' && echo mounted && exec cat`;
  const holder = spawn('unshare', [...own, '--propagation', 'private', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  holder.stdout.on('data', (part) => (said += part));
  await until('the small disk is mounted', () => {
    if (holder.exitCode !== null) throw new Error('no tmpfs can be mounted here: it takes root, or user namespaces');
    return said.includes('mounted');
  });
  const root = `/proc/${holder.pid}/root${at}`;
  const ballast = path.join(root, 'ballast');
  const free = () => {
    const { bavail, bsize } = fs.statfsSync(root);
    return bavail * bsize;
  };
  return {
    root,
    data: path.join(root, 'd'),
    free,
    /** Until no more than `left` bytes are free. */
    fill(left) {
      const fd = fs.openSync(ballast, 'a');
      try {
        while (free() > left) fs.writeSync(fd, PIECE);
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
      } finally {
        fs.closeSync(fd);
      }
    },
    room() {
      fs.rmSync(ballast, { force: true });
    },
    async gone() {
      holder.stdin.end();
      await until('the small disk is gone', () => holder.exitCode !== null || holder.signalCode !== null);
      fs.rmdirSync(at);
    },
  };
}
