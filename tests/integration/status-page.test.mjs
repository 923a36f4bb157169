// SPDX-License-Identifier: MIT
//
// `lanyard open` and the page that it leads to: what it says, in a real browser; who may look at it;
// and that assistive technology can read it (axe-core).

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { launchChromium } from '../sandbox/browser.mjs';
import { build } from '../sandbox/build.mjs';
import { connectNative } from '../sandbox/native.mjs';
import { lanyard } from './cli-rig.mjs';
import { skip, withDesktop } from './desktop-rig.mjs';
import { get } from './get.mjs';
import { atDesk, becomes } from './keeper-rig.mjs';

const AXE = createRequire(new URL('../sandbox/package.json', import.meta.url)).resolve('axe-core/axe.min.js');

// The URL that `lanyard open --print` prints; doctor has been asked when it ends.
async function open(sandbox, ...more) {
  const run = lanyard(sandbox, ['open', '--print', ...more]);
  const { status, out, err } = await run.end;
  assert.equal(status, 0, `${out}${err}`);
  const url = new URL(out.trim());
  assert.match(url.href, /^http:\/\/127\.0\.0\.1:\d+\/status\?token=[\w-]{43}$/);
  return url;
}

// Until browsers can, or cannot, reach the agent, as agent.status says.
const doorIs = (client, state) => becomes(`the door for browsers to be ${state}`, async () => {
  if ((await client.request('agent.status')).door.state === state) return true;
  await new Promise((resolve) => setTimeout(resolve, 100)); // no more often than one may ask
  return false;
});

const HELPERS = ['--helpers', join(build, 'bin')];

test('the page shows what the agent sees, and can be read by everybody', async (t) => {
  await atDesk({ card: 'bob' }, async (desk) => {
    const { sandbox } = desk;
    const client = await desk.connect();
    await doorIs(client, 'open');
    await desk.signIn(client);
    const browser = await launchChromium();
    try {
      const context = await browser.newContext({ colorScheme: 'light' });
      const page = await context.newPage();
      const asked = [];
      page.on('request', (each) => asked.push(each.url()));
      await page.goto((await open(sandbox, ...HELPERS)).href);
      assert.equal(new URL(page.url()).search, '', 'the token is gone from the address');
      const text = await page.innerText('body');
      for (const words of [/Signed in/, /555000000102/, /Claim\s+Value\s+How it was understood/, /Assurance level 3/,
        /Lanyard Virtual Reader 0/, /authentication/, /session-opened/, /Roles/, /days left/, /LY-\d{4}|in order/])
        assert.match(text, words);
      assert.ok(!/Not checked yet/.test(text), 'doctor has been asked');
      await page.reload();
      assert.match(await page.innerText('h1'), /Lanyard/);
      assert.ok(asked.every((url) => /^(http:\/\/127\.0\.0\.1:\d+\/status[?/]|data:)/.test(url)), asked.join());

      for (const colorScheme of ['light', 'dark']) {
        await t.test(`axe-core has nothing to say, ${colorScheme}`, async () => {
          const other = await browser.newContext({ colorScheme, bypassCSP: true });
          const looked = await other.newPage();
          await looked.goto((await open(sandbox, ...HELPERS)).href);
          await looked.addScriptTag({ path: AXE });
          const { violations, passes } = await looked.evaluate(() => globalThis.axe.run({
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
          }));
          assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html)}`), []);
          assert.ok(passes.some(({ id }) => id === 'color-contrast'));
          const shots = process.env.LANYARD_SHOTS;
          if (shots) await looked.screenshot({ path: join(shots, `status-${colorScheme}.png`), fullPage: true });
          await other.close();
        });
      }

      await t.test('the keyboard reaches the link and each table that may scroll', async () => {
        const reached = [];
        for (let i = 0; i < 8; i++) {
          await page.keyboard.press('Tab');
          reached.push(await page.evaluate(() => globalThis.document.activeElement.tagName));
        }
        assert.ok(reached.includes('A') && reached.includes('DIV'), reached.join());
      });
    } finally {
      await browser.close();
    }
    await client.request('session.end');
    await client.close();
  });
});

test('only the browser that was sent there may look, and once', async (t) => {
  await atDesk({}, async (desk) => {
    const { sandbox } = desk;
    const client = await desk.connect();
    await doorIs(client, 'open');
    const { url } = await client.request('agent.openStatus');
    const refusal = await get(new URL('/nothing', url));
    assert.equal(refusal.status, 403);

    const given = await get(url);
    assert.equal(given.status, 303);
    assert.match(given.headers.location, /^\/status\/[\w-]{43}$/);
    const page = new URL(given.headers.location, url);
    const [cookie] = given.headers['set-cookie'][0].split(';');
    assert.match(cookie, /^lanyard-status=[\w-]{43}$/);
    assert.equal(given.headers['set-cookie'][0], `${cookie}; Path=${page.pathname}; Max-Age=900; HttpOnly; SameSite=Strict`);
    const other = await get((await client.request('agent.openStatus')).url); // another browser's visit

    await t.test('what a browser gets forbids everything else', async () => {
      const shown = await get(page, { cookie });
      assert.equal(shown.status, 200);
      assert.match(shown.headers['content-security-policy'],
        /^default-src 'none'; style-src 'nonce-[\w-]{43}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/);
      assert.equal(shown.headers['cache-control'], 'no-store');
      assert.equal(shown.headers['referrer-policy'], 'no-referrer');
      assert.equal(shown.headers['x-frame-options'], 'DENY');
      assert.equal(shown.headers['cross-origin-resource-policy'], 'same-origin');
      assert.ok(!Object.keys(shown.headers).some((name) => name.startsWith('access-control')));
      assert.ok(!/<script|<form|<iframe|https?:\/\//i.test(shown.body));
      assert.match(shown.body, /Not checked yet/);
    });

    await t.test('everything else is refused in the same words', async () => {
      const { port } = page;
      const site = sandbox.op.origin;
      const tries = [
        [url, {}], // a second time
        [new URL(`${page.href}?token=${'A'.repeat(43)}`), { cookie }],
        [page, {}],
        [page, { cookie: `lanyard-status=${'A'.repeat(43)}` }],
        [page, { cookie: other.headers['set-cookie'][0].split(';')[0] }],
        [new URL(other.headers.location, page), { cookie }],
        [page, { cookie, host: `localhost:${port}` }],
        [page, { cookie, host: 'evil.example' }],
        [page, { cookie, origin: site }],
        [page, { cookie, 'sec-fetch-site': 'cross-site' }],
        [page, { cookie, 'sec-fetch-site': 'same-site' }],
        [page, { cookie, 'sec-fetch-mode': 'cors' }],
        [page, { cookie, 'sec-fetch-dest': 'iframe' }],
        [page, { cookie, 'content-length': '0' }],
        [page, { cookie }, 'POST'],
        [page, { cookie }, 'HEAD'],
        [new URL('/status', page), { cookie }],
        [new URL('/status/', page), { cookie }],
        [new URL(`/status/${'A'.repeat(43)}`, page), { cookie }],
        [new URL(`${page.href}/`), { cookie }],
        [new URL(`${page.href}?x=1`), { cookie }],
        [new URL('/v1', page), { cookie }],
      ];
      for (const [where, headers, method] of tries) {
        const answer = await get(where, headers, method);
        assert.deepEqual({ ...answer, headers: { ...answer.headers } }, { ...refusal, headers: { ...refusal.headers } },
          JSON.stringify([where.href, headers, method]));
      }
      assert.equal((await get(page, { cookie })).status, 200, 'and none of it has ended the visit');
    });

    await t.test('a new URL makes one that was not used worthless', async () => {
      const first = (await client.request('agent.openStatus')).url;
      const second = (await client.request('agent.openStatus')).url;
      assert.equal((await get(first)).status, 403);
      assert.equal((await get(second)).status, 303);
    });

    await t.test('a listed page can neither read it nor frame it', async () => {
      const browser = await launchChromium();
      try {
        const context = await browser.newContext();
        const own = await context.newPage();
        await own.goto((await client.request('agent.openStatus')).url);
        assert.match(await own.innerText('h1'), /Lanyard/);
        const listed = await context.newPage();
        await listed.goto(`${sandbox.op.issuer}/.well-known/openid-configuration`);
        const read = await listed.evaluate(async (address) => {
          const answers = [];
          for (const mode of ['cors', 'no-cors']) {
            answers.push(await fetch(address, { mode, credentials: 'include' })
              .then(async (answer) => (await answer.text()).length, () => 0));
          }
          return answers;
        }, page.href);
        assert.deepEqual(read, [0, 0]);
      } finally {
        await browser.close();
      }
    });

    await t.test('what else listens on this computer gets no cookie of it, and takes none away', async () => {
      const heard = [];
      const elsewhere = createServer((request, answer) => {
        heard.push(request.headers.cookie);
        answer.setHeader('Set-Cookie', ['lanyard-status=x', `lanyard-status=${'A'.repeat(43)}`, `lanyard-status=${'B'.repeat(43)}; Path=/status`]);
        answer.end('<h1>Elsewhere</h1>');
      });
      await once(elsewhere.listen(0, '127.0.0.1'), 'listening');
      const browser = await launchChromium();
      try {
        const looking = await browser.newPage();
        await looking.goto((await client.request('agent.openStatus')).url);
        const own = looking.url();
        for (const path of ['/', '/status', '/status/']) {
          await looking.setContent(`<a href="http://127.0.0.1:${elsewhere.address().port}${path}">look</a>`);
          await looking.click('a');
          assert.equal(await looking.innerText('h1'), 'Elsewhere');
        }
        assert.ok(heard.length >= 3 && !heard.some((cookies) => /lanyard-status=(?!x|A{43}|B{43})/.test(cookies)), heard.join());
        await looking.goto(own);
        assert.match(await looking.innerText('h1'), /Lanyard/);
      } finally {
        await browser.close();
        elsewhere.close();
      }
    });

    await t.test('what cards, services and callers say is text', async () => {
      await client.request('agent.openStatus', {
        doctor: { healthy: false, findings: [{ code: 'LY-1', severity: 'error', meaning: '<b>x</b>\u202e"&', cure: "'" }] },
      });
      const visit = (await get((await client.request('agent.openStatus')).url)).headers;
      const { body } = await get(new URL(visit.location, url), { cookie: visit['set-cookie'][0].split(';')[0] });
      assert.match(body, /&lt;b&gt;x&lt;\/b&gt;\?&quot;&amp;/);
      await assert.rejects(client.request('agent.openStatus', { doctor: { findings: 1 } }), { code: -32602 });
    });
    await client.close();
  });
});

test('a browser is started where there is one, and where none gets in that is said', async () => {
  await atDesk({}, async ({ sandbox }) => {
    const client = await connectNative(sandbox);
    await doorIs(client, 'open');
    const said = join(sandbox.directory, 'browser-said');
    const program = join(sandbox.directory, 'browser');
    await writeFile(program, `#!/bin/sh\nprintf '%s\\n' "$@" > '${said}.new' && mv '${said}.new' '${said}'\n`);
    await chmod(program, 0o700);
    const URL_OF_PAGE = 'http://127\\.0\\.0\\.1:\\d+/status\\?token=[\\w-]{43}';
    const starts = async (browser, words, complaint = /^$/) => {
      const run = await lanyard(sandbox, ['open', ...HELPERS], { BROWSER: browser }).end;
      assert.deepEqual([run.status, run.out], [0, ''], run.err);
      assert.match(run.err, complaint);
      const heard = await becomes('the browser to be started', () => readFile(said, 'utf8').catch(() => null));
      assert.match(heard, new RegExp(`^${words.join('\n')}\n$`));
      await rm(said);
    };
    await starts(program, [URL_OF_PAGE]);
    await starts(`${program} --new-tab`, ['--new-tab', URL_OF_PAGE]);
    await starts(`${program}  --new-tab --url=%s end`, ['--new-tab', `--url=${URL_OF_PAGE}`, 'end']);
    await starts(`/no/such/browser:/bin/false %s::${program}:${program} second`, [URL_OF_PAGE],
      /^lanyard: \/no\/such\/browser could not open the browser: No such file[^\n]*\nlanyard: \/bin\/false could not open the browser\n$/);

    for (const [browser, complaint] of [
      ['/bin/false', 'lanyard: /bin/false could not open the browser\n'],
      ["sh -c 'kill' %s", 'lanyard: sh could not open the browser\n'],
    ]) {
      const failed = await lanyard(sandbox, ['open', ...HELPERS], { BROWSER: browser }).end;
      assert.equal(failed.status, 1);
      assert.match(failed.out, new RegExp(`^${URL_OF_PAGE}\n$`));
      assert.equal(failed.err, `${complaint}Open it in a browser of this desktop within a minute; it is good once.\n`);
    }

    const stays = join(sandbox.directory, 'stays'); // as a browser does that is started
    await writeFile(stays, `#!/bin/sh\necho $$ > '${said}.new' && mv '${said}.new' '${said}'\nexec sleep 600\n`, { mode: 0o700 });
    const going = await lanyard(sandbox, ['open', ...HELPERS], { BROWSER: stays }).end;
    process.kill(Number(await readFile(said, 'utf8')));
    assert.deepEqual([going.status, going.out, going.err], [0, '', '']);

    const none = await lanyard(sandbox, ['open'], { BROWSER: '', DISPLAY: '', WAYLAND_DISPLAY: '' }).end;
    assert.match(none.out, /^http:/);
    assert.match(none.err, /good once/);

    await sandbox.broker.stop();
    await doorIs(client, 'no-broker');
    await client.close();
    const { status, err } = await lanyard(sandbox, ['open']).end;
    assert.equal(status, 1);
    assert.match(err, /LY-1408/);
  });
});

test('who chose it from a menu reads on the desktop why there is no page', { skip }, () => withDesktop(async ({ session, env, folder }) => {
  const notified = async () => JSON.parse((await session.services.next(/^Notify (.*)$/))[1]).slice(3, 5);
  const open = async (...words) => (await lanyard({ runtime: folder }, ['open', ...words], { ...env, BROWSER: '/bin/true' }).end).status;
  await session.do('notifications = Notifications("body", "body-markup")');
  assert.equal(await open('--print'), 3);
  assert.equal(await open(), 3);
  assert.deepEqual(await notified(), ["Lanyard, this computer's sign-in program, cannot be reached.",
    'Log in to this computer again, or ask your IT service desk. (LY-1406)']);
  assert.equal(session.services.heard.filter((line) => line.startsWith('Notify')).length, 1, 'a terminal needs none');
  await session.do('notifications.leave()');
  assert.equal(await open(), 3);
}));
