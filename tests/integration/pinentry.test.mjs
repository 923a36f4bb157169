// SPDX-License-Identifier: MIT
//
// The prompt that people really see: pinentry-gtk-2 on a display of the test's own, typed into by
// xdotool. What its texts say is tested elsewhere; here it is that a real pinentry understands the
// agent, that keys reach the card as a PIN, and that windows come and go when they should.
//
// A window is known by appearing: xdotool's "search --sync" returns once it is mapped. pinentry
// grabs the keyboard, so keys need no focus and no window manager.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectNative } from '../sandbox/native.mjs';
import { run, start } from '../sandbox/processes.mjs';
import { startSandbox } from '../sandbox/sandbox.mjs';
import { apdus, newChallenge, PIN, refusedWith, tokenUid } from './card-rig.mjs';

const ALICE = '555000000101';
const GTK = '/usr/bin/pinentry-gtk-2';

const find = (name) => (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
const missing = [
  [existsSync(GTK), 'pinentry-gtk2'], [find('Xvfb'), 'xvfb'], [find('xdotool'), 'xdotool'],
].filter(([there]) => !there).map(([, name]) => name);
const skip = missing.length > 0 && `not installed: ${missing.join(', ')}`;

async function withWindow(play) {
  // -noreset: the server would start afresh whenever its last client, a prompt, has gone.
  const display = await start('Xvfb', ['-displayfd', '1', '-noreset', '-screen', '0', '640x480x24',
    '-nolisten', 'tcp'], { ready: /^(\d+)$/m });
  let sandbox = null;
  try {
    sandbox = await startSandbox({ card: 'alice', agent: false, sessions: false, pinentry: GTK });
    const env = { DISPLAY: `:${display.match[1]}` };
    Object.assign(sandbox.environment, env, { NO_AT_BRIDGE: '1' });
    await sandbox.startAgent();
    const agent = await connectNative(sandbox);
    const xdotool = (...words) => run('xdotool', words, { env });
    await play({
      agent, ctl: sandbox.ctl,
      signIn: () => agent.request('card.signIn', {
        challenge: newChallenge(), origin: sandbox.op.origin,
      }),
      // The window of a question, once it is on the screen.
      async window() {
        const found = await xdotool('search', '--sync', '--onlyvisible', '--class', 'pinentry');
        return found.trim().split('\n').at(-1);
      },
      // Once that window is no longer there.
      async gone(window) {
        while (await xdotool('getwindowname', window).then(() => true, () => false));
      },
      key: (...names) => xdotool('key', ...names),
      type: (text) => xdotool('type', text),
    });
  } finally {
    await sandbox?.close();
    await display.stop();
  }
}

test('a wrong PIN, then the right one, typed into the real window', { skip }, async () => {
  await withWindow(async ({ agent, ctl, signIn, window, gone, type, key }) => {
    const answer = signIn();
    const first = await window();
    await type('999999');
    await key('Return');
    await gone(first);
    assert.equal((await agent.waiting('signature')).request, agent.lastId());
    assert.equal((await agent.waiting('pin')).triesLeft, 2);
    const second = await window();
    await type(PIN);
    await key('Return');
    await gone(second);
    assert.equal(await tokenUid((await answer).token), ALICE);
    assert.deepEqual(await apdus(ctl), { verify: 2, sign: 1 });
  });
});

test('Escape cancels, and a pulled card takes the window away', { skip }, async () => {
  await withWindow(async ({ ctl, signIn, window, gone, key }) => {
    let answer = signIn();
    let shown = await window();
    await key('Escape');
    await refusedWith('cancelled', answer);
    await gone(shown);

    answer = signIn();
    shown = await window();
    await ctl('remove', 'reader-0');
    await refusedWith('card-removed', answer);
    await gone(shown);
    assert.deepEqual(await apdus(ctl), { verify: 0, sign: 0 });
  });
});

test('the last try: Escape leaves it unused, the button and the PIN sign in', { skip }, async () => {
  await withWindow(async ({ ctl, signIn, window, gone, type, key }) => {
    let answer = signIn();
    for (const wrong of ['999991', '999992']) {
      const shown = await window();
      await type(wrong);
      await key('Return');
      await gone(shown);
    }
    let warning = await window();
    await key('Escape');
    await refusedWith('cancelled', answer);
    await gone(warning);
    assert.match(await ctl('tries', 'alice'), /\b1\b/);

    answer = signIn();
    warning = await window();
    await key('Tab'); // from Cancel, where the focus is, to "Use the last try"
    await key('Return');
    await gone(warning);
    await window();
    await type(PIN);
    await key('Return');
    assert.equal(await tokenUid((await answer).token), ALICE);
  });
});
