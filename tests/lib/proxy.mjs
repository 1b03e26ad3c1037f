// SPDX-License-Identifier: Apache-2.0
/* A middle box in front of the server that lets no WebSocket through: it refuses the upgrade, or
 * never answers it. Everything else passes. */
import http from 'node:http';

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
