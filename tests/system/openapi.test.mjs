// SPDX-License-Identifier: Apache-2.0
/* /openapi.json: an OpenAPI 3.1 document, and what it names is there. That it names all, test_openapi holds. */
import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { Belfry, checked } from '../lib/belfry.mjs';
import { RawSocket } from '../lib/raw.mjs';
import { classes } from '../lib/topics.mjs';

let belfry;
let api;
const check = checked(() => belfry);
before(async () => {
  belfry = await Belfry.start({ dev: false, conf: classes({ 'chat:{id}': { publish: 'authenticated' } }) });
  api = (await belfry.get('/openapi.json')).json;
});
after(() => belfry?.stop());

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];
const operations = () => Object.entries(api.paths).flatMap(([path, item]) => Object.entries(item).map(([method, one]) => ({ path, method, ...one })));
const at = (ref) => ref.slice(2).split('/').reduce((found, name) => found[name], api);
const whole = (one) => (one.$ref ? at(one.$ref) : one);
const closed = (schema) => (schema.$ref ? assert.ok(at(schema.$ref)) : Object.values(schema.properties ?? {}).forEach(closed));

check('it is an OpenAPI 3.1 document', async () => {
  assert.match(api.openapi, /^3\.1\.\d+$/);
  assert.ok(api.info.title && api.info.version);
  const names = operations().map((one) => one.operationId);
  assert.equal(new Set(names).size, names.length, 'no operation has the name of another');
  assert.equal(new Set(Object.keys(api.paths).map((path) => path.replace(/\{\w+\}/g, '{}'))).size, Object.keys(api.paths).length);
  for (const { path, method, operationId, summary, parameters, responses, security, requestBody } of operations()) {
    assert.ok(path.startsWith('/') && METHODS.includes(method) && summary && /^\w+$/.test(operationId), operationId);
    const all = parameters.map(whole);
    for (const { name, in: where, required, schema } of all) {
      assert.ok(name && ['path', 'query', 'header'].includes(where) && ['string', 'integer', 'boolean'].includes(schema.type), `${operationId} ${name}`);
      if (where === 'path') assert.equal(required, true);
    }
    assert.deepEqual(all.filter((one) => one.in === 'path').map((one) => one.name), [...path.matchAll(/\{(\w+)\}/g)].map((one) => one[1]), path);
    assert.equal(new Set(all.map((one) => one.name + one.in)).size, all.length);
    for (const [status, one] of Object.entries(responses)) assert.ok(/^([1-5](\d\d|XX)|default)$/.test(status) && whole(one).description, operationId);
    for (const need of security) for (const name of Object.keys(need)) assert.ok(api.components.securitySchemes[name]);
    assert.ok(!requestBody || method !== 'get', operationId);
    for (const { schema } of Object.values(requestBody?.content ?? {})) closed(schema);
  }
  closed(whole(api.components.responses.Problem).content['application/problem+json'].schema);
});

check('what it names is there, asks for the scope that it says, and refuses in the way that it says', async () => {
  for (const { path, method, security, parameters } of operations().filter((one) => !/^\/(socket|dev)\//.test(one.path))) {
    const url = path.replace(/\{\w+\}/g, 'x');
    const answer = await belfry.request(method.toUpperCase(), url, { headers: { 'content-type': 'application/json' }, body: method === 'get' || method === 'delete' ? undefined : '{}' });
    const open = path === '/readyz' ? [200, 503] : [200]; // that process may not be ready yet
    assert.ok((security.length ? [401] : open).includes(answer.status), `${method} ${path}: ${answer.status} ${answer.text}`);
    if (!security.length || method !== 'get') continue;
    const { json } = await belfry.request('GET', `${url}?not_there=1`, { headers: { authorization: `Bearer ${belfry.apiKey}` } });
    if (json?.field !== 'not_there') continue; // it looked at something else first
    const known = parameters.filter((one) => one.in === 'query').map((one) => one.name);
    assert.deepEqual(/: (.+)$/.exec(json.detail)?.[1].split(' ') ?? [], known, path);
  }
});

check('the members of a body are those that the server names when it is given another', async () => {
  let named = 0;
  for (const { path, method, requestBody } of operations()) {
    const { schema } = requestBody?.content['application/json'] ?? {};
    if (!schema?.properties) continue;
    const { json } = await belfry.request(method.toUpperCase(), path.replace(/\{\w+\}/g, 'x'), { headers: { authorization: `Bearer ${belfry.apiKey}`, 'content-type': 'application/json', 'idempotency-key': path }, body: JSON.stringify({ ...('user' in schema.properties && !/revoke/.test(path) ? { user: 'x' } : {}), not_there: 1 }) });
    const allowed = /allowed: (.+)$/.exec(json?.detail ?? '')?.[1];
    if (!allowed) continue;
    named++;
    assert.deepEqual(allowed.split(/, | or /).filter((one) => one !== 'user'), Object.keys(schema.properties).filter((one) => one !== 'user'), `${method} ${path}`);
  }
  assert.ok(named >= 14, `${named} named them`);
});

check('a member of a body that is there twice is refused by its name, whatever the call', async () => {
  const { publish, notifications: [{ id }] } = (await belfry.post('/api/notifications', { to: 'x', title: 'to be changed' }, belfry.apiKey)).json;
  for (const { path, method, requestBody } of operations().filter((one) => !/^\/(dev|socket)\//.test(one.path)))
    for (const [type, { schema }] of Object.entries(requestBody?.content ?? {}))
      for (const name of Object.keys(schema.properties ?? {})) {
        const user = 'user' in schema.properties && name !== 'user' && !/revoke|members/.test(path) ? '"user":"x",' : '';
        const { status, json, text } = await belfry.request(method.toUpperCase(), path.replace('{id}', id).replace('{publish}', publish).replace(/\{\w+\}/g, 'chat:x'), { headers: { authorization: `Bearer ${belfry.apiKey}`, 'content-type': type, 'idempotency-key': name }, body: `{${user}"${name}":"a","${name}":"a"}` });
        assert.deepEqual([status, json?.field, json?.detail], [400, name, type === 'application/json' ? 'is there twice' : json?.detail], `${method} ${path} ${name}: ${text}`);
        assert.match(json.detail, /is there twice/);
      }
});

check('a member of a push that is there twice is refused by its name, and the connection stays', async () => {
  const raw = await RawSocket.open(belfry.base, belfry.token('y'));
  const topic = 'user:y:notifications';
  const ask = async (ref, event, payload) => {
    raw.send(`["1","${ref}","${topic}","${event}",${payload}]`);
    return (await raw.reply(ref))[4];
  };
  const { status, response } = await ask('1', 'phx_join', '{"since":1,"epoch":1,"since":2}');
  assert.deepEqual([status, response.field, response.reason], ['error', 'since', 'is there twice']);
  await raw.join(topic);
  for (const [event, name] of [['mark_read', 'ids'], ['mark_all_read', 'up_to'], ['snooze', 'until'], ['archive_all', 'only_read'], ['list', 'limit'], ['reconnect', 'since']]) {
    const answer = await ask(event, event, `{"${name}":1,"${name}":1}`);
    assert.deepEqual([answer.status, answer.response.field, answer.response.reason], ['error', name, 'is there twice'], event);
  }
  await raw.close();
});
