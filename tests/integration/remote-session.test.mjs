// SPDX-License-Identifier: MIT
//
// A session whose person is not at this computer: its readers and cards are not there, nobody is asked
// for a PIN, and everything says why. The key that allows it, a reader service of the session's own,
// and the moment in which the agent does not know yet.
//
// The computer's own reader service is the sandbox's, at the place of the system's in a mount namespace
// of the agent's.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { build } from '../sandbox/build.mjs';
import { ends, lanyard } from './cli-rig.mjs';
import { get } from './get.mjs';
import { skip, withDesktop } from './desktop-rig.mjs';
import { atDesk, becomes, cardsIn, newChallenge, QUIET, refusedWith } from './keeper-rig.mjs';

const uid = process.getuid();
const MOUNTS = 'mount -t tmpfs tmpfs /run && mkdir /run/pcscd && ln -s "$1" /run/pcscd/pcscd.comm && shift && exec "$@"';
// Whoever is not root is root in the first, and who they are in the second.
const NAMESPACE = ['unshare', ...(uid === 0 ? [] : ['--map-root-user']), '--mount', 'sh', '-c', MOUNTS, 'sh'];
const AGAIN = uid === 0 ? [] : ['unshare', `--map-user=${uid}`, `--map-group=${process.getgid()}`];
const [program, ...words] = [...NAMESPACE, '/nowhere', ...AGAIN, 'true'];
const noNamespace = skip || (spawnSync(program, words).status !== 0 && 'no mount namespace may be made here');

const ALLOWED = '[cards]\nremote-sessions = yes\n';

// A desk whose agent, once started, is on that bus; the reader service is the computer's own.
const atOwnDesk = (bus, play, options = {}) =>
  atDesk({ agent: false, environment: { DBUS_SYSTEM_BUS_ADDRESS: bus }, ...options }, async (desk) => {
    const { sandbox } = desk;
    const { PCSCLITE_CSOCK_NAME: socket } = sandbox.environment;
    delete sandbox.environment.PCSCLITE_CSOCK_NAME;
    sandbox.through = [...NAMESPACE, socket, ...AGAIN];
    await play(desk, socket);
  });

const withLogind = (play) => withDesktop(async ({ system, env, folder }) => {
  await system.do('logind = Logind()');
  await play({ system, folder, bus: env.DBUS_SYSTEM_BUS_ADDRESS });
});

const withheld = async (client) => (await client.request('agent.status')).readersWithheld;
const becomesWithheld = (client, reason) =>
  becomes(`readers to be withheld: ${reason}`, async () => await withheld(client) === reason);

// Other settings, which the agent that runs obeys.
async function reload(desk, settings) {
  const before = desk.sandbox.agent.output.length;
  await desk.configure(settings);
  desk.sandbox.agent.child.kill('SIGHUP');
  await becomes('the configuration to be read again', () =>
    desk.sandbox.agent.output.slice(before).includes('the configuration has been read again'));
}

test('a remote session, or one without a seat: this computer\'s card is not there', { skip: noNamespace }, async (t) => {
  for (const [name, session] of [['remote', 'remote=True'], ['without a seat', 'seat=""']]) {
    await t.test(name, () => withLogind(async ({ system, bus }) => {
      await system.do(`logind.session("c1", ${session})`);
      await atOwnDesk(bus, async (desk) => {
        await desk.configure('[desktop]\nlock = no\n'); // a card that is put in would be asked for its PIN
        await desk.sandbox.startAgent();
        const client = await desk.connect();
        await becomesWithheld(client, 'remote-session');

        await refusedWith('remote-session', desk.begin(client));
        await refusedWith('remote-session', desk.prove(client, { interaction: 'if-needed' }));
        await refusedWith('remote-session', client.request('card.signIn', { challenge: newChallenge(), origin: desk.origin }));
        await refusedWith('remote-session', client.request('card.changePin'));
        await desk.ctl('swap', 'reader-0', 'alice');
        await new Promise((resolve) => setTimeout(resolve, 500)); // time enough here to read a card
        assert.deepEqual(await client.request('card.list'), { readers: [], cards: [] });
        const { readers, cards, readerService } = await client.request('agent.status');
        assert.deepEqual({ readers, cards, readerService }, { readers: 0, cards: 0, readerService: 'up' });
        assert.ok(!client.notifications.some(({ method, params }) => method === 'card.changed' && params.readers.length > 0));
        assert.equal(desk.pinentry.dialogues.length, 0);

        for (const command of ['readers', 'cards'])
          await ends(lanyard(desk.sandbox, [command]), 6, /remote one.*belong to whoever sits at the computer\. \(LY-1305\)/);
        await ends(lanyard(desk.sandbox, ['pin', 'change']), 6, /LY-1305/);
        const status = lanyard(desk.sandbox, ['status']);
        assert.match(await ends(status, 0, /LY-1305/), /^readersWithheld: remote-session$/m);
        await becomes('the door for browsers to be open', async () => (await client.request('agent.status')).door.state === 'open');
        const [url] = (await ends(lanyard(desk.sandbox, ['open', '--print', '--helpers', join(build, 'bin')]), 0)).split('\n');
        const { location, 'set-cookie': [given] } = (await get(url)).headers;
        const { body } = await get(new URL(location, url), { cookie: given.split(';')[0] });
        assert.match(body, /belong to whoever sits at the computer.*LY-1305.*LY-2418/s);
        assert.doesNotMatch(desk.sandbox.agent.output, /Alice|Bob|55500000010/i);
      });
    }));
  }
});

test('the key allows it, and a reload is enough; whoever comes to the computer needs none', { skip: noNamespace }, async () => {
  await withLogind(async ({ system, bus }) => {
    await system.do('logind.session("c1", remote=True)');
    await atOwnDesk(bus, async (desk) => {
      await desk.sandbox.startAgent();
      const client = await desk.connect();
      await becomesWithheld(client, 'remote-session');
      await reload(desk, QUIET + ALLOWED);
      await cardsIn(client, (cards) => cards.length === 1);
      assert.equal(await withheld(client), null);
      const { sid } = await desk.signIn(client);
      await reload(desk, `${QUIET}${ALLOWED}pin-timeout = 60\n`);
      assert.equal((await desk.proves(client)).sid, sid);

      await reload(desk, QUIET); // the card is as if its reader had been unplugged
      assert.equal((await desk.changed(client, 'ended')).cause, 'card-removed');
      await desk.over(sid);
      await refusedWith('remote-session', desk.begin(client));

      await system.do('logind.session("c2")');
      await cardsIn(client, (cards) => cards.length === 1);
      await desk.signIn(client);
      await client.request('session.end');
    });
  });
});

test('a session that turns out to be remote loses the card that it was about to use', { skip: noNamespace }, async () => {
  await withLogind(async ({ system, bus }) => {
    await system.do('logind.session("c1")');
    await atOwnDesk(bus, async (desk) => {
      await desk.sandbox.startAgent();
      const client = await desk.connect();
      await cardsIn(client, (cards) => cards.length === 1);
      const pending = desk.begin(client);
      const dialogue = await desk.prompt(pending);
      await system.do('logind.session("c2", remote=True)');
      await refusedWith('card-removed', pending);
      await dialogue.gone;
      assert.deepEqual(await client.request('card.list'), { readers: [], cards: [] });
    });
  });
});

test('a reader service of the session\'s own is its own', { skip }, async () => {
  await withLogind(async ({ system, bus }) => {
    await system.do('logind.session("c1", remote=True, seat="")');
    await atDesk({ environment: { DBUS_SYSTEM_BUS_ADDRESS: bus } }, async (desk) => {
      const client = await desk.connect();
      await cardsIn(client, (cards) => cards.length === 1);
      assert.equal(await withheld(client), null);
      await desk.signIn(client);
      await client.request('session.end');
    });
  });
});

// logind answers when the file is there.
async function slowLogind(system, folder) {
  const file = join(folder, 'logind-answers');
  await system.do(`logind.method("GetUser", "u", "o", "while not rig.os.path.exists('${file}'): rig.GLib.usleep(10000)\\nret = rig.user_path(args[0])")`);
  return { answers: () => writeFile(file, ''), waits: () => rm(file, { force: true }) };
}

test('until logind has answered, no card is seen and nobody is asked', { skip }, async (t) => {
  await withLogind(async ({ system, folder, bus }) => {
    await system.do('logind.session("c1")');
    const logind = await slowLogind(system, folder);
    await atDesk({ agent: false, environment: { DBUS_SYSTEM_BUS_ADDRESS: bus } }, async (desk) => {
      await desk.configure('[desktop]\nlock = no\n');
      const begun = async () => {
        await desk.sandbox.startAgent();
        const client = await desk.connect();
        const answer = client.request('card.signIn', { challenge: newChallenge(), origin: desk.origin });
        answer.catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, 500)); // time enough here to read a card
        assert.deepEqual(await client.request('card.list'), { readers: [], cards: [] });
        return { client, answer };
      };

      await t.test('and it is another user who is in front', async () => {
        await system.do('logind.set("c1", Active=False)');
        const { client, answer } = await begun();
        await logind.answers();
        await refusedWith('cancelled', answer);
        await cardsUnseen(client);
        assert.equal(desk.pinentry.dialogues.length, 0);
        await system.do('logind.set("c1", Active=True)');
        await cardsIn(client, (cards) => cards.length === 1);
        await (await desk.pinentry.next()).cancel();
        await desk.sandbox.stopAgent();
      });

      await t.test('and it is this one', async () => {
        await logind.waits();
        const { answer } = await begun();
        await logind.answers();
        await (await desk.pinentry.next()).cancel();
        await refusedWith('cancelled', answer);
      });
    });
  });
});

// The agent knows whose the cards are, and has read them for itself.
async function cardsUnseen(client) {
  await becomes('the modules to be ready', async () =>
    (await client.request('agent.status')).modules.every(({ state }) => state === 'ready'));
  assert.deepEqual(await client.request('card.list'), { readers: [], cards: [] });
}
