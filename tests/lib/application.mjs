// SPDX-License-Identifier: Apache-2.0
/* The application that Belfry asks (hook/connect, hook/join), and who signs tokens (auth/jwks): a real HTTP server
 * whose answers a test chooses. */
import http from 'node:http';
import https from 'node:https';

import { ending } from './ending.mjs';

export class Application {
  asked = []; // {path, question, headers, reply(answer), connection}
  /** What a question is answered with: an object is JSON; a function gets (question, res) and does what it likes;
   *  'wait': the test calls reply() later. */
  answer = () => ({ allow: true });

  static async start({ tls, port = 0 } = {}) {
    const one = new Application();
    const listener = (req, res) => {
      const parts = [];
      req.on('data', (part) => parts.push(part));
      req.on('end', () => one.#take(req, res, Buffer.concat(parts).toString()));
    };
    one.server = tls ? https.createServer(tls, listener) : http.createServer(listener);
    await new Promise((resolve) => one.server.listen(port, '127.0.0.1', resolve));
    one.ended = ending(() => one.stop());
    one.port = one.server.address().port;
    one.base = `${tls ? 'https' : 'http'}://127.0.0.1:${one.port}`;
    return one;
  }

  #take(req, res, text) {
    const reply = (answer, status = 200) => res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    const one = { method: req.method, path: req.url, headers: req.headers, question: text ? JSON.parse(text) : null, reply, res };
    this.asked.push(one);
    const answer = typeof this.answer === 'function' ? this.answer(one.question, res, one) : this.answer;
    if (answer && answer !== 'wait') reply(answer);
  }

  /** The questions about this topic, or connects of this user. */
  about(name) {
    return this.asked.filter(({ question }) => question && (question.topic === name || (question.hook === 'connect' && question.user === name)));
  }

  stop() {
    this.ended();
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(resolve));
  }
}
