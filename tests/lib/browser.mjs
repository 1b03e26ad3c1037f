// SPDX-License-Identifier: Apache-2.0
/* Debian's Chromium, by playwright-core. Pictures go where tests/run says, or to build/artefacts. */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

const artefacts = process.env.BELFRY_ARTEFACTS ?? fileURLToPath(new URL('../../build/artefacts', import.meta.url));

export const launch = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'],
};

export const openBrowser = () => chromium.launch(launch);

export async function picture(page, name) {
  fs.mkdirSync(artefacts, { recursive: true });
  await page.screenshot({ path: path.join(artefacts, `${name}.png`), fullPage: true });
}

/** A page whose console errors and exceptions are kept in `troubles`. */
export async function openPage(context, url) {
  const page = await context.newPage();
  page.troubles = [];
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error') page.troubles.push(message.text());
  });
  if (url) page.answer = await page.goto(url);
  return page;
}
