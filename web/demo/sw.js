// SPDX-License-Identifier: Apache-2.0
import { belfryWorker } from '../client/src/worker.js';

/* global SHELL, VERSION -- of this build, said by build.mjs */
belfryWorker({ version: VERSION, shell: SHELL, page: () => '/index.html' });
