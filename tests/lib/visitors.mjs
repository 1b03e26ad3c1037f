// SPDX-License-Identifier: Apache-2.0
/* Everyone who may come to an installation, and what each brings. */
import { signed } from './belfry.mjs';
import { until } from './until.mjs';

export const everyone = ['nobody', 'expired', 'foreign', 'revoked', 'ann', 'bob', 'service', 'admin', 'root', 'key create', 'key publish', 'key read'];
export const unknown = ['nobody', 'expired', 'foreign', 'revoked'];

const soon = (s = 600) => Math.floor(Date.now() / 1000) + s;

/** name -> a token or key; nobody: undefined. Ann is a member of channel:7. */
export async function visitorsOf(belfry) {
  const token = (claims) => signed(belfry.secret(), { exp: soon(), ...claims });
  const patterns = { topics: ['token-room:{id}'], publish: ['token-room:a'] };
  const visitors = {
    nobody: undefined,
    expired: token({ sub: 'ann', exp: soon(-60), ...patterns }),
    foreign: signed('another installation, another key', { sub: 'ann', exp: soon(), ...patterns }),
    revoked: token({ sub: 'ann', jti: 'revoked', ...patterns }),
    ann: token({ sub: 'ann', ...patterns }),
    bob: token({ sub: 'bob' }),
    service: token({ role: 'service' }),
    admin: token({ role: 'admin' }),
    root: belfry.apiKey,
  };
  for (const scope of ['create', 'publish', 'read']) {
    const { stdout } = await belfry.command('key', 'add', scope, '--scopes', scope);
    visitors[`key ${scope}`] = stdout.trim();
  }
  await belfry.command('members', 'channel:7', 'add', 'ann');
  await belfry.command('revoke', '--jti', 'revoked');
  await until('every process knows of the revocation', async () => (await belfry.counter('revocations')) === 2);
  await until('the keys are known', async () => {
    for (let i = 0; i < 16; i++) if ((await belfry.get('/api/users/ann', visitors['key read'])).status !== 200) return false;
    return true;
  });
  return visitors;
}
