// SPDX-License-Identifier: Apache-2.0
/* The rules of the inbox: each has a test that carries its number, and docs/reliability.md says where. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const RULES = [...Array.from({ length: 15 }, (_, i) => i + 1), 17, 18, 19, 20, 22].map((n) => `R${n}`);

/** rule -> the test files in which a name begins with it, without tests/, test_ and what ends them. */
function carried() {
  const found = Object.fromEntries(RULES.map((rule) => [rule, new Set()]));
  for (const file of fs.readdirSync(path.join(root, 'tests'), { recursive: true })) {
    if (/node_modules/.test(file) || !/(\/test_[^/]*\.c|\.test\.mjs)$/.test(file)) continue;
    const text = fs.readFileSync(path.join(root, 'tests', file), 'utf8');
    for (const [, numbers] of text.matchAll(/["'`](R\d+(?:, R\d+)*): /g))
      for (const rule of numbers.split(', ')) found[rule]?.add(file.replace(/\/test_/, '/').replace(/(\.test\.mjs|\.c)$/, ''));
  }
  return found;
}

test('each rule has tests with its number, and the table names them', () => {
  const rows = fs.readFileSync(path.join(root, 'docs/reliability.md'), 'utf8').matchAll(/^\| (R\d+) [^|]*\| ([^|]*) \| ([^|]*) \|$/gm);
  const told = Object.fromEntries([...rows].map(([, rule, files, planted]) => [rule, { files: files.split(', '), planted }]));
  const all = carried();
  for (const rule of RULES) {
    assert.ok(all[rule].size > 0, `no test carries ${rule}`);
    assert.deepEqual(told[rule]?.files, [...all[rule]].sort(), `docs/reliability.md, ${rule}`);
    assert.ok(told[rule].planted.length > 5, `${rule} was seen to fail`);
  }
});
