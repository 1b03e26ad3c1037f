// SPDX-License-Identifier: Apache-2.0
/* Middle boxes in front of the server. blockingProxy lets no WebSocket through: it refuses the
 * upgrade, or never answers it. mutingProxy lets them open, and loses what comes behind when it is
 * told so. tapProxy reads every frame. Everything else passes. */
import http from 'node:http';
import net from 'node:net';

import WS, { WebSocketServer } from 'ws';

export function blockingProxy(base, upgrades = 'refuse') {
  const { hostname, port } = new URL(base);
  const held = new Set();
  let seen = 0;
  const server = http.createServer((req, res) => {
    const forward = http.request({ hostname, port, path: req.url, method: req.method, headers: req.headers, agent: false },
      (answer) => {
        res.writeHead(answer.statusCode, answer.headers);
        answer.pipe(res);
      });
    forward.on('error', () => res.destroy());
    res.on('close', () => forward.destroy());
    req.pipe(forward);
  });
  server.on('upgrade', (req, socket) => {
    seen++;
    socket.on('error', () => {});
    held.add(socket);
    if (upgrades === 'refuse') socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () =>
      resolve({
        base: `http://127.0.0.1:${server.address().port}`,
        get upgrades() {
          return seen;
        },
        close() {
          for (const socket of held) socket.destroy();
          server.closeAllConnections();
          return new Promise((done) => server.close(done));
        },
      })));
}

/** `mute`: nothing from the server reaches a WebSocket any more, but the answer to its handshake. */
export function mutingProxy(base) {
  const { hostname, port } = new URL(base);
  const own = { mute: false, open: 0 };
  const held = new Set();
  const server = net.createServer((client) => {
    const up = net.connect(Number(port), hostname);
    held.add(client);
    own.open++;
    let request = '';
    client.on('data', (part) => {
      if (request.length < 16) request += part.subarray(0, 30).toString('latin1');
      up.write(part);
    });
    let answered = false;
    up.on('data', (part) => {
      const silent = own.mute && answered && request.startsWith('GET /socket/websocket');
      answered = true;
      if (!silent) client.write(part);
    });
    const end = () => {
      if (held.delete(client)) own.open--;
      client.destroy();
      up.destroy();
    };
    for (const socket of [client, up]) {
      socket.on('error', end);
      socket.on('close', end);
    }
  });
  return new Promise((resolve) =>
    server.listen(0, '127.0.0.1', () => {
      own.base = `http://127.0.0.1:${server.address().port}`;
      own.close = () => {
        for (const socket of held) socket.destroy();
        return new Promise((done) => server.close(done));
      };
      resolve(own);
    }));
}

/** Every text frame of a WebSocket is shown to look(frame, from, send): true lets it pass, anything else
 *  does not; send.page(frame) and send.server(frame) send others. `blocked`: no WebSocket gets through. */
export async function tapProxy(base, look = () => true) {
  const { hostname, port } = new URL(base);
  const own = { look, blocked: false, sockets: new Set() };
  const server = http.createServer((req, res) => {
    const forward = http.request({ hostname, port, path: req.url, method: req.method, headers: req.headers, agent: false }, (answer) => {
      res.writeHead(answer.statusCode, answer.headers);
      answer.pipe(res);
    });
    forward.on('error', () => res.destroy());
    res.on('close', () => forward.destroy());
    req.pipe(forward);
  });
  const accept = new WebSocketServer({ noServer: true, handleProtocols: (protocols) => [...protocols][0] ?? false });
  server.on('upgrade', (req, socket, head) => {
    socket.on('error', () => {});
    if (own.blocked) return socket.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
    const up = new WS(`ws://${hostname}:${port}${req.url}`, req.headers['sec-websocket-protocol']?.split(/, */) ?? [], {
      headers: { host: req.headers.host, ...(req.headers.origin ? { origin: req.headers.origin } : {}) },
    });
    up.on('error', () => socket.destroy());
    socket.on('close', () => up.terminate()); // also of a page that has gone before this
    up.on('open', () => accept.handleUpgrade(req, socket, head, (page) => {
      own.sockets.add(page);
      const send = { page: (frame) => page.send(JSON.stringify(frame)), server: (frame) => up.send(JSON.stringify(frame)) };
      const pass = (from, to) => (data, binary) => {
        if (binary || own.look(JSON.parse(data.toString()), from, send) === true) to.send(binary ? data : data.toString());
      };
      page.on('message', pass('page', up));
      up.on('message', pass('server', page));
      page.on('close', () => own.sockets.delete(page));
      up.on('close', () => page.terminate());
      page.on('error', () => {});
    }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  own.base = `http://127.0.0.1:${server.address().port}`;
  /** Every WebSocket ends as when a cable is pulled. */
  own.cut = () => {
    for (const page of own.sockets) page.terminate();
  };
  own.close = () => {
    own.cut();
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return own;
}
