// SPDX-License-Identifier: Apache-2.0
/* What the demo asks of the server beside the socket: in dev mode no key is needed. A real page would ask
 * its own back end for the token, and its back end would create and publish. */

export async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body === undefined ? {} : { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  const json = text && JSON.parse(text);
  if (!answer.ok) throw new Error(json.detail ? `${json.field ? `${json.field} ` : ''}${json.detail}` : json.title);
  return json;
}

export const tokenOf = async (user) => (await call('GET', `/dev/token?user=${encodeURIComponent(user)}`)).token;
export const notify = (to, type, title, body) => call('POST', '/api/notifications', { to, type, title, body });
export const join = (topic, user) => call('PUT', `/api/topics/${encodeURIComponent(topic)}/members/${encodeURIComponent(user)}`);
