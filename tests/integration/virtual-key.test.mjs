// SPDX-License-Identifier: MIT
//
// The virtual security key before its judges: libfido2's own tools, which know nothing of ours, talk
// to it through the made-up machine and verify what it signs; and a raw connection, as a remote-desktop
// session's key is met.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeFolder, removeFolder } from '../sandbox/folder.mjs';
import { startKeys } from '../sandbox/key.mjs';
import { inTime } from '../sandbox/patience.mjs';
import { makePeople } from '../sandbox/people.mjs';
import { run, start } from '../sandbox/processes.mjs';


const missing = !existsSync('/usr/bin/fido2-token') && 'not installed: fido2-tools';

// Runs `play` with keys of its own, which are gone afterwards, whatever happened.
async function withKeys(list, play) {
  const folder = await makeFolder('virtual-key');
  const people = await makePeople();
  const keys = await startKeys({ directory: folder, people, keys: list });
  try {
    await play({ folder, people, keys, ...toolsFor(keys, folder) });
  } finally {
    await keys.close();
    await removeFolder(folder);
  }
}

// A tool asks for PINs at the terminal, and where there is none, on its standard input: so it runs in
// a session without one, and not as its leader, to which the key's own terminal would be given.
function toolsFor(keys, folder) {
  async function fido(tool, args, pins = []) {
    const part = await start('setsid', ['-w', 'sh', '-c', '"$@"; exit $?', 'sh', `fido2-${tool}`, ...args],
      { env: keys.environment, input: true });
    part.child.stdin.on('error', () => {}); // it may have ended without asking
    part.child.stdin.end(pins.map((pin) => `${pin}\n`).join(''));
    const { code } = await inTime(part.ended, `fido2-${tool} ${args.join(' ')}`, () => part.output);
    if (code !== 0) throw new Error(part.output);
    return part.output;
  }

  const file = (name) => join(folder, name);
  const write = (name, lines) => writeFile(file(name), `${lines.join('\n')}\n`);
  const clean = (...names) => Promise.all(names.map((name) => rm(file(name), { force: true })));
  const random = () => randomBytes(32).toString('base64');

  return {
    fido,
    file,
    // Makes a credential, has fido2-cred verify it, attestation and all, and resolves with its id and
    // the file of its public key.
    async make({ key = '/dev/hidraw0', rp = 'op.sandbox.example', user = 'alice', type = 'es256', options = [], verify = [], pins } = {}) {
      await write('make', [random(), rp, user, Buffer.from(user).toString('base64')]);
      await clean('made', 'credential'); // the tools leave what is longer than their own
      await fido('cred', ['-M', ...options, '-i', file('make'), '-o', file('made'), key, type], pins);
      await fido('cred', ['-V', ...verify, '-i', file('made'), '-o', file('credential'), type]);
      const [id, ...pem] = (await readFile(file('credential'), 'utf8')).split('\n');
      const publicKey = file(`public-${id.replaceAll('/', '_')}`);
      await writeFile(publicKey, pem.join('\n'));
      return { id, publicKey, type, rp };
    },
    // Has it sign, and fido2-assert verify that. Resolves with the lines of the answer.
    async get({ id, publicKey, type, rp }, { key = '/dev/hidraw0', options = [], verify = [], salt, pins } = {}) {
      await write('get', [random(), rp, ...(id ? [id] : []), ...(salt ? [salt] : [])]);
      await clean('got');
      await fido('assert', ['-G', ...options, '-i', file('get'), '-o', file('got'), key], pins);
      await fido('assert', ['-V', ...verify, '-i', file('got'), publicKey, type]);
      return (await readFile(file('got'), 'utf8')).trim().split('\n');
    },
  };
}

const refused = (code, done) => assert.rejects(done, new RegExp(code));

test('a key signs with each of its algorithms, and vouches for what it made', { skip: missing }, async (t) => {
  await withKeys(['key-0'], async ({ keys, make, get, people, file }) => {
    for (const type of ['es256', 'eddsa', 'rs256']) {
      await t.test(type, async () => {
        const credential = await make({ type });
        await get(credential);
        await get(credential);
      });
    }
    await t.test('by a certificate of its maker', async () => {
      await make();
      const lines = (await readFile(file('made'), 'utf8')).trim().split('\n');
      await writeFile(file('x5c.der'), Buffer.from(lines.at(-1), 'base64'));
      await run('openssl', ['x509', '-in', file('x5c.der'), '-out', file('x5c.pem')]);
      await run('openssl', ['verify', '-CAfile', join(people.ca, 'maker.cert.pem'), file('x5c.pem')]);
    });
    await t.test('or by the credential itself', async () => {
      await keys.ctl('option', 'key-0', 'self-attestation', 'on');
      await make();
    });
    await t.test('a wrong signature is found out', async () => {
      const credential = await make();
      await keys.ctl('fault', 'key-0', 'signature', 'at', 'get');
      await refused('fido2-assert', get(credential));
    });
  });
});

test('U2F', { skip: missing }, async () => {
  await withKeys(['key-0'], async ({ keys, make, get }) => {
    await keys.ctl('option', 'key-0', 'u2f-only', 'on');
    await get(await make({ options: ['-u'] }));
  });
});

test('PIN: set, changed, wrong three times, wrong eight times', { skip: missing }, async () => {
  await withKeys(['key-0'], async ({ keys, fido, make, get }) => {
    const tries = async () => (await keys.state('key-0')).tries;
    await refused('invalid PIN length', fido('token', ['-S', '/dev/hidraw0'], ['123', '123']));
    await fido('token', ['-S', '/dev/hidraw0'], ['2580', '2580']);
    await fido('token', ['-C', '/dev/hidraw0'], ['2580', 'fünfzig', 'fünfzig']);
    const credential = await make({ options: ['-r', '-v'], verify: ['-v'], pins: ['fünfzig'] });
    await get(credential, { options: ['-v'], verify: ['-v'], pins: ['fünfzig'] });

    const wrong = () => make({ options: ['-r', '-v'], pins: ['0000'] });
    await refused('PIN_INVALID', wrong());
    assert.equal(await tries(), 7);
    await refused('PIN_INVALID', wrong());
    await refused('PIN_AUTH_BLOCKED', wrong());
    await refused('PIN_AUTH_BLOCKED', make({ options: ['-r', '-v'], pins: ['fünfzig'] }));
    assert.equal(await tries(), 5, 'a key that must be pulled out takes no more tries');
    await keys.ctl('unplug', 'key-0');
    await keys.ctl('plug', 'key-0');
    await make({ options: ['-r', '-v'], pins: ['fünfzig'] });
    assert.equal(await tries(), 8);

    await keys.ctl('pin', 'key-0', 'tries', '1');
    await refused('PIN_BLOCKED', wrong());
    await refused('PIN_BLOCKED', make({ options: ['-r', '-v'], pins: ['fünfzig'] }));
    await fido('token', ['-R', '/dev/hidraw0']);
    assert.equal((await keys.state('key-0')).pin, 'none');
  });
});

test('a PIN that must be longer, or another', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', pin: '2580' }], async ({ keys, fido, make }) => {
    await fido('token', ['-S', '-l', '6', '/dev/hidraw0'], ['2580']);
    const { owed, minimum } = await keys.state('key-0');
    assert.deepEqual({ owed, minimum }, { owed: 1, minimum: 6 });
    await refused('PIN_POLICY', make({ options: ['-r', '-v'], pins: ['2580'] }));
    await refused('PIN_POLICY', fido('token', ['-C', '/dev/hidraw0'], ['2580', '25801', '25801']));
    await fido('token', ['-C', '/dev/hidraw0'], ['2580', '258025', '258025']);
    await make({ options: ['-r', '-v'], pins: ['258025'] });
    await fido('token', ['-S', '-u', '/dev/hidraw0'], ['258025']);
    assert.equal((await keys.state('key-0'))['always-uv'], 1);
  });
});

test('a finger in the place of the PIN', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', finger: true }], async ({ keys, make, get }) => {
    const byFinger = ['-t', 'uv=true'];
    const credential = await make({ options: ['-v'], verify: ['-v'] });
    await get(credential, { options: byFinger, verify: ['-v'] });
    await keys.ctl('finger', 'key-0', 'wrong', '5');
    for (let left = 4; left >= 0; left--) {
      await refused('fido2-assert', get(credential, { options: byFinger }));
      assert.equal((await keys.state('key-0'))['uv-tries'], left);
    }
    await keys.ctl('finger', 'key-0', 'wrong', '0');
    await refused('fido2-assert', get(credential, { options: byFinger }));
  });
});

test('resident credentials are listed, renamed, deleted, and kept over a restart', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', pin: '2580' }], async ({ keys, fido, folder, people, make, get }) => {
    const pins = ['2580'];
    const alice = await make({ options: ['-r', '-v'], pins });
    await make({ user: 'bob', options: ['-r', '-v'], pins });
    await make({ rp: 'elsewhere.example', options: ['-r', '-v'], pins });
    assert.match(await fido('token', ['-L', '-r', '/dev/hidraw0'], pins), /elsewhere\.example[^]*op\.sandbox|op\.sandbox[^]*elsewhere/);
    const list = () => fido('token', ['-L', '-k', alice.rp, '/dev/hidraw0'], pins);
    assert.equal((await list()).match(/es256/g).length, 2);
    await fido('token', ['-S', '-c', '-i', alice.id, '-k', Buffer.from('alice').toString('base64'),
      '-n', 'alice', '-p', 'Dr Alice', '/dev/hidraw0'], pins);
    assert.match(await list(), /Dr Alice/);
    await keys.close();
    const again = await startKeys({ directory: folder, people, keys: ['key-0'] });
    try {
      const tools = toolsFor(again, folder);
      await tools.get(alice);
      await tools.fido('token', ['-D', '-i', alice.id, '/dev/hidraw0'], pins);
      await refused('NO_CREDENTIALS', tools.get(alice));
      assert.equal((await again.state('key-0')).resident, 2);
    } finally {
      await again.close();
    }
  });
});

test('hmac-secret gives the same for the same salt, and another with the PIN', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', pin: '2580' }], async ({ make, get }) => {
    const credential = await make({ options: ['-h'], verify: ['-h'] });
    const secret = async (salt, how) => (await get(credential, { options: ['-h', ...how], verify: ['-h', ...how], salt, pins: ['2580'] })).at(-1);
    const salts = [randomBytes(32), randomBytes(32)].map((salt) => salt.toString('base64'));
    const first = await secret(salts[0], []);
    assert.equal(Buffer.from(first, 'base64').length, 32);
    assert.equal(await secret(salts[0], []), first);
    assert.notEqual(await secret(salts[1], []), first);
    assert.notEqual(await secret(salts[0], ['-v']), first);
  });
});

test('large blobs', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', pin: '2580' }], async ({ fido, file, make }) => {
    const pins = ['2580'];
    const credential = await make({ options: ['-r', '-b', '-v'], pins });
    const names = ['-n', credential.rp, '-i', credential.id];
    const blob = randomBytes(3000); // in several pieces
    await writeFile(file('blob'), blob);
    await fido('token', ['-S', '-b', ...names, file('blob'), '/dev/hidraw0'], [...pins, ...pins]);
    await fido('token', ['-G', '-b', ...names, file('blob-read'), '/dev/hidraw0'], pins);
    assert.deepEqual(await readFile(file('blob-read')), blob);
    await fido('token', ['-D', '-b', ...names, '/dev/hidraw0'], [...pins, ...pins]);
    await refused('fido2-token', fido('token', ['-G', '-b', ...names, file('blob-read'), '/dev/hidraw0'], pins));
  });
});

test('keys come and go, and the one that is not touched is left alone', { skip: missing }, async () => {
  await withKeys([{ name: 'key-0', delay: 'command' }, { name: 'key-1', plugged: false }], async ({ keys, fido, make }) => {
    const list = async () => (await fido('token', ['-L'])).match(/hidraw\d/g);
    assert.deepEqual(await list(), ['hidraw0']);
    await keys.ctl('plug', 'key-1');
    assert.deepEqual((await list()).sort(), ['hidraw0', 'hidraw1']);
    const made = make();
    await keys.ctl('blinks', 'key-0');
    await keys.ctl('touch', 'key-0');
    await made;
    const pulled = refused('fido2-cred', make());
    await keys.ctl('blinks', 'key-0');
    await keys.ctl('unplug', 'key-0');
    await pulled;
    assert.deepEqual(await list(), ['hidraw1']);
    await keys.ctl('patience', 'key-1', '10');
    await keys.ctl('delay', 'key-1', 'never');
    await refused('ACTION_TIMEOUT', make({ key: '/dev/hidraw1' }));
  });
});

test('a credential that was made elsewhere is taken in, and handed out', { skip: missing }, async () => {
  await withKeys(['key-0', 'key-1'], async ({ keys, make, get }) => {
    const credential = await make();
    const line = await keys.ctl('export', 'key-0', credential.id.replaceAll('+', '-').replaceAll('/', '_').replace('=', ''));
    const { id, rp, private: key } = Object.fromEntries(line.split(' ').map((word) => word.split('=')));
    await keys.ctl('import', 'key-1', rp, id, key, '-', 'listed', '41');
    await get(credential, { key: '/dev/hidraw1' });
    assert.match(await keys.ctl('credentials', 'key-1'), /counter=42/);
  });
});

test('each kind of trouble is an error of the client, and over with it', { skip: missing }, async (t) => {
  const troubles = ['busy', 'noise', 'truncated', 'garbage', 'non-canonical', 'cbor-length', 'empty', 'status 7f',
    'sequence', 'disconnect'];
  await withKeys(['key-0'], async ({ keys, make }) => {
    for (const trouble of troubles) {
      await t.test(trouble, async () => {
        await keys.ctl('fault', 'key-0', ...trouble.split(' '), 'at', 'make');
        const lenient = trouble === 'non-canonical'; // libcbor reads it
        await (lenient ? make() : refused('fido2-cred', make()));
        await keys.ctl('clear', 'key-0');
        if (trouble === 'disconnect') await keys.ctl('plug', 'key-0');
        await make();
      });
    }
  });
});

test('a redirected key at its socket', async (t) => {
  await withKeys([{ name: 'key-0', kind: 'socket', delay: 'never' }], async ({ keys }) => {
    const path = keys.path('key-0');
    const one = await openReports(path);
    const nonce = randomBytes(8);
    const init = await one.ask(0xffffffff, 0x06, nonce);
    assert.deepEqual(init.data.subarray(0, 8), nonce);
    const channel = init.data.readUInt32BE(8);

    await t.test('messages in pieces come back whole', async () => {
      const long = randomBytes(1000);
      assert.deepEqual((await one.ask(channel, 0x01, long)).data, long);
    });
    await t.test('it says who it is', async () => {
      const { data } = await one.ask(channel, 0x10, Buffer.from([4]));
      assert.equal(data[0], 0);
      assert.ok(data.includes('Lanyard-virtualk'));
    });
    await t.test('a channel of nobody, an unknown command, a wrong length', async () => {
      assert.deepEqual([...(await one.ask(0x12345678, 0x01, Buffer.alloc(1))).data], [0x0b]);
      assert.deepEqual([...(await one.ask(channel, 0x2a, Buffer.alloc(1))).data], [0x01]);
      assert.deepEqual([...(await one.ask(channel, 0x06, Buffer.alloc(7))).data], [0x03]);
    });
    await t.test('while it blinks another hears that it is busy, and CANCEL ends it', async () => {
      one.say(channel, 0x10, Buffer.from([0x0b]));
      assert.deepEqual([(await one.next()).command, (await one.next()).data[0]], [0x3b, 2]);
      const two = await openReports(path);
      const other = (await two.ask(0xffffffff, 0x06, randomBytes(8), 0x06)).data.readUInt32BE(8);
      assert.deepEqual([...(await two.ask(other, 0x01, Buffer.alloc(1), 0x3f)).data], [0x06]);
      one.say(channel, 0x11, Buffer.alloc(0));
      assert.deepEqual([...(await one.until(channel, 0x10)).data], [0x2d]);
      two.close();
      assert.equal((await keys.state('key-0')).blinking, 0);
    });
    await t.test('pulled out: end of file, and no socket', async () => {
      await keys.ctl('unplug', 'key-0');
      await one.ended;
      assert.equal(existsSync(path), false);
      await keys.ctl('plug', 'key-0');
      (await openReports(path)).close();
    });
  });
});

// CTAPHID at a socket, without a library: { say, next, ask, until, ended, close }.
async function openReports(path) {
  const socket = connect(path);
  const reports = [];
  let more = () => {};
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    for (rest = Buffer.concat([rest, chunk]); rest.length >= 64; rest = rest.subarray(64)) reports.push(rest.subarray(0, 64));
    more();
  });
  const ended = inTime(new Promise((resolve) => { socket.once('close', resolve); }), 'the end of the connection');
  await inTime(new Promise((resolve, reject) => { socket.once('connect', resolve).once('error', reject); }), path);

  const report = async () => {
    while (reports.length === 0) await inTime(new Promise((resolve) => { more = resolve; }), 'a report');
    return reports.shift();
  };
  const client = {
    ended,
    close: () => socket.destroy(),
    say(channel, command, data) {
      const head = Buffer.alloc(7);
      head.writeUInt32BE(channel);
      head[4] = command | 0x80;
      head.writeUInt16BE(data.length, 5);
      const write = (...parts) => socket.write(Buffer.concat([...parts, Buffer.alloc(64)]).subarray(0, 64));
      write(head, data.subarray(0, 57));
      for (let at = 57, sequence = 0; at < data.length; at += 59, sequence++) {
        write(head.subarray(0, 4), Buffer.from([sequence]), data.subarray(at, at + 59));
      }
    },
    async next() {
      const first = await report();
      const size = first.readUInt16BE(5);
      const pieces = [first.subarray(7)];
      for (let at = 57; at < size; at += 59) pieces.push((await report()).subarray(5));
      return { channel: first.readUInt32BE(0), command: first[4] & 0x7f, data: Buffer.concat(pieces).subarray(0, size) };
    },
    async until(channel, command) {
      for (;;) {
        const message = await client.next();
        if ((channel === undefined || message.channel === channel) && (command === undefined || message.command === command)) return message;
      }
    },
    ask(channel, command, data, answer) {
      client.say(channel, command, data);
      return client.until(channel, answer);
    },
  };
  return client;
}
