// SPDX-License-Identifier: Apache-2.0
/* An installation whose notifier reaches the broker through drop_proxy, which loses what it is told to. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { Belfry, bin } from './belfry.mjs';
import { until } from './until.mjs';

export async function startLossy(options = {}) {
  const dir = fs.mkdtempSync('/tmp/b-');
  const data = path.join(dir, 'd');
  const own = `ipc://${dir}/drop`;
  let said = '';
  const proxy = spawn(path.join(bin, '../tests/system/drop_proxy'), [own, `ipc://${data}/run/broker/in`], { stdio: ['ignore', 'pipe', 'inherit'] });
  proxy.stdout.on('data', (part) => (said += part));
  await until('the proxy is ready', () => said.includes('ready'));
  const belfry = await Belfry.start({ ...options, data, env: { ...options.env, BELFRY_NOTIFIER_PUBLISH_TO: own } });
  const dropped = (what) => said.split('\n').filter((line) => line === what).length;

  return {
    belfry,
    /** The next broadcast that act() causes is lost; with `headsToo` the heads that would tell of it as well. */
    async losing(act, headsToo = false) {
      const what = headsToo ? 'dropped heads' : 'dropped';
      const before = dropped(what);
      proxy.kill(headsToo ? 'SIGUSR2' : 'SIGUSR1');
      const result = await act();
      await until('the proxy has lost it', () => dropped(what) === before + 1);
      return result;
    },
    async stop() {
      await belfry.stop();
      proxy.kill('SIGTERM');
      fs.rmSync(dir, { recursive: true, force: true });
    },
  };
}
