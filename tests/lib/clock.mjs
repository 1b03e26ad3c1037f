// SPDX-License-Identifier: Apache-2.0
/* The wall clock of an installation, to be moved while it runs: clock.so of tests/preload. */
import fs from 'node:fs';

import { preloaded } from './belfry.mjs';

export class Clock {
  #at = 0; // ms ahead of ours
  #latest = 0;

  constructor(file) {
    this.file = file;
    this.#write();
  }

  /** For the environment of Belfry.start(). */
  get env() {
    return preloaded(['clock.so'], { CLOCK_OFFSET: this.file });
  }
  get now() {
    return Date.now() + this.#at;
  }
  /** How far it ever was: what ended until then has ended, and does not come back. */
  get latest() {
    return (this.#latest = Math.max(this.#latest, this.now));
  }
  get ahead() {
    return this.#at;
  }

  step(ms) {
    void this.latest;
    this.#at += ms;
    this.#write();
  }

  #write() {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64LE(BigInt(Math.round(this.#at)));
    const fd = fs.openSync(this.file, fs.existsSync(this.file) ? 'r+' : 'w'); // in place: it is mapped
    fs.writeSync(fd, bytes, 0, 8, 0);
    fs.closeSync(fd);
  }
}
