// SPDX-License-Identifier: MIT
//
// The window in which a role is chosen, as a person at the keyboard and one with a screen reader
// meet it: lanyard-chooser on a display of the test's own, asked as the session's keeper asks.

import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { skip, until, withDesk } from './chooser-rig.mjs';

const three = [
  ['Clinical Practitioner', 'Example General Hospital', 'S8000:G8000:R8000'],
  ['Medical Secretary', 'Northtown Surgery', 'S8000:G8001:R8006'],
  ['Registration Agent', 'Example General Hospital', 'R5080'],
];
const forty = Array.from({ length: 40 }, (_, i) => [
  `${['Nurse', 'Pharmacist', 'Medical Secretary', 'Système Administrator'][i % 4]} ${i}`,
  ['Example General Hospital', 'St Élan’s Hospice', 'Northtown Surgery'][i % 3], `R${8000 + i}`,
]);
const spoken = (role) => role.filter(Boolean).join(', ');

test('arrows and Enter choose, from the role of now', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({ roles: three, current: 1 });
    const window = await desk.window();
    assert.equal(await desk.marked(), spoken(three[1]));
    await desk.key('Down', 'Up', 'Up');
    await until('the first role to be marked', async () => await desk.marked() === spoken(three[0]));
    await desk.key('Return');
    assert.equal(await asker.answer, 'ok 0');
    await desk.gone(window);
  });
});

test('Enter alone keeps the role of now, and without one chooses nothing', { skip }, async () => {
  await withDesk(async (desk) => {
    let asker = await desk.ask({ roles: forty, current: 33 });
    await desk.window();
    await desk.key('Return');
    assert.equal(await asker.answer, 'ok 33');

    asker = await desk.ask({ roles: three });
    await desk.window();
    assert.equal(await desk.marked(), undefined);
    await desk.key('Return'); // marks, and chooses nothing
    await until('a role to be marked', async () => await desk.marked() === spoken(three[0]));
    await desk.key('Down', 'Return');
    assert.equal(await asker.answer, 'ok 1');
  });
});

test('typing searches by every word, and says how many are left', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({ roles: forty, current: 3 });
    await desk.window();
    assert.equal(await desk.count(), '40 roles');
    await desk.type('elan NURSE');
    const left = forty.filter(([name, place]) => /Élan/.test(place) && /Nurse/.test(name));
    await until('the list to be searched', async () => await desk.count() === `${left.length} of 40 roles`, desk.count);
    assert.deepEqual((await desk.rows()).map(({ name }) => name), left.map(spoken));
    assert.equal(await desk.marked(), spoken(left[0]));

    await desk.type(' nobody');
    await until('nothing to be found', async () => await desk.count() === 'None of 40 roles', desk.count);
    assert.deepEqual(await desk.rows(), []);
    assert.ok((await desk.nodes()).some(({ name }) => name === 'No role has all of these words.'));
    await desk.key('Return'); // chooses nothing

    await desk.key('ctrl+a', 'BackSpace');
    await until('all to be back', async () => await desk.count() === '40 roles', desk.count);
    assert.equal(await desk.marked(), spoken(forty[3]));

    await desk.type('r8017');
    await until('a code to be found', async () => await desk.count() === '1 of 40 roles', desk.count);
    await desk.key('Return');
    assert.equal(await asker.answer, 'ok 17');
  });
});

test('an account on a security key is chosen as a role is', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({
      name: 'https://op.example', current: 'account', roles: [['Dr Alice Example', 'alice'], ['', 'bob'], ['carol']],
    });
    const window = await desk.window();
    assert.equal(await desk.count(), '3 accounts');
    const names = (await desk.nodes()).map(({ name }) => name);
    for (const text of ['Which account do you want to sign in with?', 'Site: https://op.example'])
      assert.ok(names.includes(text), names.join('\n'));
    assert.deepEqual((await desk.rows()).map(({ name }) => name),
      ['Dr Alice Example, alice', 'An account without a name, bob', 'carol']);
    assert.equal(await desk.marked(), undefined); // an Enter meant for another window chooses nothing
    await desk.key('Return', 'Down', 'Return');
    assert.equal(await asker.answer, 'ok 1');
    await desk.gone(window);
  });
});

test('an arrow leads from the search into what it has found', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({ roles: forty });
    await desk.window();
    await desk.type('surgery');
    const left = forty.map((role, i) => ({ role, i })).filter(({ role }) => role[1] === 'Northtown Surgery');
    await until('the list to be searched', async () => await desk.count() === `${left.length} of 40 roles`, desk.count);
    await desk.key('Down', 'Down');
    await until('the third to have the focus', async () =>
      (await desk.rows()).some(({ name, marked, focused }) => marked && focused && name === spoken(left[2].role)));
    await desk.key('Return');
    assert.equal(await asker.answer, `ok ${left[2].i}`);
  });
});

test('Escape cancels, from the list and from the search', { skip }, async () => {
  await withDesk(async (desk) => {
    for (const typed of ['', 'nurse']) {
      const asker = await desk.ask({ roles: forty, current: 0 });
      const window = await desk.window();
      if (typed) {
        await desk.type(typed);
        await until('the list to be searched', async () => await desk.count() === '10 of 40 roles', desk.count);
      }
      await desk.key('Escape');
      assert.equal(await asker.answer, 'cancelled');
      await desk.gone(window);
    }
  });
});

test('a screen reader is told everything, and chooses', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({ roles: forty, current: 2 });
    await desk.window();
    const nodes = await desk.nodes();
    const [top] = nodes;
    const one = (role) => nodes.find((node) => node.role === role);
    assert.deepEqual([top.role, top.name], ['dialog', 'Lanyard: choose your role']);
    assert.ok(nodes.some(({ role, name }) => role === 'label' && name === 'Dr Alice Example'));
    assert.equal(one('list').name, 'Which role are you working in?');
    assert.equal(one('entry').name, 'Search roles');
    assert.equal(one('entry').description, 'By name, organisation or code');
    assert.deepEqual(nodes.filter(({ role }) => role === 'push button').map(({ name }) => name), ['Cancel', 'Choose']);
    const rows = await desk.rows();
    assert.deepEqual(rows.map(({ name }) => name), forty.map(spoken));
    assert.deepEqual(rows.filter(({ description }) => description), [
      { name: spoken(forty[2]), description: 'Your current role', marked: true, focused: true },
    ]);

    assert.equal(await desk.select(spoken(forty[20])), true);
    await until('it to be marked', async () => await desk.marked() === spoken(forty[20]));
    assert.equal(await desk.press('Choose'), true);
    assert.equal(await asker.answer, 'ok 20');

    const again = await desk.ask({ roles: three, current: 2 });
    await desk.window();
    assert.equal((await desk.nodes()).some(({ role }) => role === 'entry'), false); // nothing to search
    assert.equal(await desk.press('Cancel'), true);
    assert.equal(await again.answer, 'cancelled');
  });
});

test('nobody answers: it gives up by itself', { skip }, async () => {
  await withDesk(async (desk) => {
    const asker = await desk.ask({ roles: three, current: 0, seconds: 2 });
    const window = await desk.window();
    assert.equal(await asker.answer, 'timed-out');
    await desk.gone(window);
    assert.doesNotMatch(asker.output, /makes no sense|without an answer/);
  });
});

test('the window goes with the question, and with the agent', { skip }, async () => {
  await withDesk(async (desk) => {
    let asker = await desk.ask({ roles: three });
    let window = await desk.window();
    asker.child.kill('SIGUSR1');
    await desk.gone(window);
    await asker.stop();
    assert.match(asker.output, /^freed$/m);

    asker = await desk.ask({ roles: three });
    window = await desk.window();
    await asker.stop('SIGKILL');
    await desk.gone(window);
  });
});

test('without a display, or without the program, nobody is asked', { skip }, async () => {
  await withDesk(async (desk) => {
    for (const more of [{ DISPLAY: '' }, { DISPLAY: ':65000' }]) {
      const asker = await desk.ask({ roles: three, more });
      assert.equal(await asker.answer, 'prompt-unavailable');
      assert.match(asker.output, /there is no display/);
    }
    const asker = await desk.ask({ roles: three, helpers: join(build, 'tests') });
    assert.equal(await asker.answer, 'prompt-unavailable');
    assert.match(asker.output, /lanyard-chooser does not start/);
  });
});

test('a window that answers nonsense, or nothing, has chosen nothing', { skip }, async () => {
  await withDesk(async (desk) => {
    const bytes = (...all) => `printf '${all.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')}' >&0`;
    const answers = [
      [bytes(0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 2), 'ok 2'], // as it should be
      [`${bytes(0, 0, 0, 7, 1)}; ${bytes(0, 0, 0, 0, 0, 1)}`, 'ok 1'], // in pieces
      [bytes(0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 3), 'prompt-unavailable'], // no such role
      [bytes(0, 0, 0, 7, 1, 0, 0, 0, 0, 1, 0), 'prompt-unavailable'],
      [bytes(0, 0, 0, 7, 2, 0, 0, 0, 0, 0, 1), 'prompt-unavailable'], // another version
      [bytes(0, 0, 0, 7, 1, 0, 0, 3, 0xeb, 0, 0), 'prompt-unavailable'], // "that PIN is wrong"
      [bytes(0, 0, 0, 8, 1, 0, 0, 0, 0, 0, 1, 0), 'prompt-unavailable'], // more than an answer
      [bytes(0xff, 0xff, 0xff, 0xff), 'prompt-unavailable'],
      [bytes(0, 0, 0, 0), 'prompt-unavailable'],
      [bytes(0, 0, 0, 7, 1, 0), 'prompt-unavailable'], // and the end
      ['kill -SEGV $$', 'prompt-unavailable'],
      ['exec sleep 600', 'timed-out'], // one that does not look at the clock
    ];
    const readQuestion = 'dd bs=65536 count=1 of=/dev/null 2>/dev/null';
    const helpers = join(desk.folder, 'helpers');
    await mkdir(helpers);
    for (const [answer, ending] of answers) {
      await writeFile(join(helpers, 'lanyard-chooser'), `#!/bin/sh\n${readQuestion}\n${answer}\n`, { mode: 0o755 });
      const asker = await desk.ask({ roles: three, helpers, seconds: 1 });
        assert.equal(await asker.answer, ending, `${answer}\n${asker.output}`);
    }
  });
});

test('hostile names are text, on one line, and harm no other role', { skip }, async () => {
  await withDesk(async (desk) => {
    const long = 'On and on '.repeat(25).trim();
    const asker = await desk.ask({
      name: '<b>Alice</b> &amp; \u202eecilA',
      roles: [
        ['<span size="99999">Nurse</span> & %s %n', '<a href="https://evil.example">x</a>', '&lt;'],
        ['\u202eesruN', 'Ward\u2028two', '\u2067R1'],
        [long, long, 'R'.repeat(64)],
        [`Zalgo${'\u0301'.repeat(60)}`, '\u200b\u200b', ''],
        ['\u3164', '', ''],
        ['رئيس قسم الطوارئ', 'مستشفى', 'R0260'],
      ],
    });
    const window = await desk.window();
    const nodes = await desk.nodes();
    assert.ok(nodes.some(({ name }) => name === '<b>Alice</b> &amp; ecilA'));
    assert.deepEqual((await desk.rows()).map(({ name }) => name), [
      '<span size="99999">Nurse</span> & %s %n, <a href="https://evil.example">x</a>, &lt;',
      'esruN, Ward two, R1',
      `${long}, ${long}, ${'R'.repeat(64)}`,
      `Zalgo${'\u0301'.repeat(3)}`,
      'A role without a name',
      'رئيس قسم الطوارئ, مستشفى, R0260',
    ]);
    const { width } = await desk.size(window);
    assert.ok(width < 900, `the window is ${width} wide`);
    assert.doesNotMatch(asker.output, /WARNING|CRITICAL|markup/i);
    await desk.key('End', 'Return');
    assert.equal(await asker.answer, 'ok 5');
  });
});

test('256 roles with every text as long as it may be', { skip }, async () => {
  await withDesk(async (desk) => {
    const fill = (text, length) => `${text} `.padEnd(length, 'x');
    const roles = Array.from({ length: 256 }, (_, i) =>
      [fill(`Role ${i}`, 256), fill(`Place ${i}`, 256), fill(`C${i}`, 64)]);
    const asker = await desk.ask({ roles, current: 255 });
    await desk.window();
    assert.equal(await desk.count(), '256 roles');
    await desk.type('c254');
    await until('one to be left', async () => await desk.count() === '1 of 256 roles', desk.count);
    await desk.key('Return');
    assert.equal(await asker.answer, 'ok 254');
  });
});
