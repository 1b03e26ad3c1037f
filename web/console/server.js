// SPDX-License-Identifier: Apache-2.0
/* The API as the console asks it: with the key, kept for this tab only; in dev mode with none. */
const KEPT = 'belfry api key';

export const key = {
  get: () => sessionStorage.getItem(KEPT) ?? '',
  set: (text) => (text ? sessionStorage.setItem(KEPT, text) : sessionStorage.removeItem(KEPT)),
};

/** The answer's JSON (or text), with `ms`, how long it took; an Error with `status` when it is refused. */
export async function call(method, path, body, headers = {}) {
  const all = { ...headers, ...(key.get() ? { authorization: `Bearer ${key.get()}` } : {}) };
  if (body !== undefined) all['content-type'] = 'application/json';
  const from = performance.now();
  const answer = await fetch(path, { method, headers: all, body: body === undefined ? undefined : JSON.stringify(body) });
  const text = await answer.text();
  const ms = performance.now() - from;
  const json = answer.headers.get('content-type')?.includes('json') ? JSON.parse(text) : null;
  if (!answer.ok) throw Object.assign(new Error(json?.field ? `${json.field} ${json.detail}` : json?.detail ?? answer.statusText), { status: answer.status });
  return { json, text, ms };
}

/** Prometheus text as {name: {role: value}}. */
export function metrics(text) {
  const found = {};
  for (const [, name, role, value] of text.matchAll(/^(\w+)\{role="([^"]+)"\} (\d+)$/gm)) (found[name] ??= {})[role] = Number(value);
  return found;
}

export const sum = (values = {}) => Object.values(values).reduce((all, one) => all + one, 0);
