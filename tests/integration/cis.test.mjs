// SPDX-License-Identifier: MIT
//
// A provider's session endpoint from the agent's side: what it sends, and what it makes of honest,
// busy, refusing, broken and hostile servers. Some tests run side by side, since the first of them
// wait for a deadline or for a pause to be over; not all at once, since the agent's deadlines are
// real, and a server on a busy machine should keep them.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import {
  authoritiesFile, callOnce, goodTls, readProof, serve, serveBytes, serveProxy, serveRaw,
  serverCertificate, session, SID, startClient, stranger, tlsServer, trusted, until, unusedPort,
} from './cis-rig.mjs';

const CHALLENGE = Buffer.alloc(32, 7).toString('base64url');
const DAY = 86_400_000;
const MINUTE = 60_000;
const dateOff = (ms) => new Date(Date.now() + ms).toUTCString();
const plain = { secure: null };
const nonceWanted = (nonce) => ({ 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': nonce });

// A server of which every request gets that answer, and the outcome of one call to it.
async function outcomeOf(t, [status, body, headers], [verb, ...words] = ['look', SID]) {
  const server = await serve(t, (request, reply) => reply(status, body, headers), plain);
  const answer = await callOnce(t, server.endpoint, verb, words);
  return { ...answer, requests: server.requests.length };
}

describe('a session endpoint', { concurrency: 4 }, () => {
  // ---- time ----

  test('is left alone for longer and longer when it does not say how long', async (t) => {
    const server = await serve(t, (request, reply) => reply(429), plain);
    const client = await startClient(t, server.endpoint);
    assert.deepEqual(await client.call('look', [SID]), { result: 'provider-busy', retryAfter: 30 });
    await sleep(30_500);
    assert.deepEqual(await client.call('look', [SID]), { result: 'provider-busy', retryAfter: 60 });
    await client.end();
    assert.equal(server.requests.length, 2);
  });

  test('that never answers, or answers too slowly, is given up after a while', async (t) => {
    const silent = await serve(t, () => {}, plain);
    const dripping = await serveRaw(t, (socket) => socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n');
      const drip = setInterval(() => socket.write('x'), 500);
      socket.on('close', () => clearInterval(drip));
    }));
    const mute = await serveRaw(t, (socket) => socket.on('data', () => {}));
    const client = await startClient(t, [silent.endpoint, dripping.endpoint, mute.tlsEndpoint]);
    const answers = await Promise.all([0, 1, 2].map((of) => client.call('look', [SID], { of })));
    for (const { result } of answers) assert.equal(result, 'provider-unreachable');
    await client.end();
  });

  test('that takes its time is waited for', async (t) => {
    const server = await serve(t, async (request, reply) => {
      await sleep(3000);
      reply(200, session());
    }, plain);
    assert.equal((await callOnce(t, server.endpoint, 'look', [SID])).result, 'ok');
  });

  // ---- what is sent ----

  test('gets every request as the protocol has it, over TLS', async (t) => {
    const answers = {
      'POST /session/challenge': [200, { challenge: CHALLENGE }],
      'POST /session': [201, session()],
      [`GET /session/${SID}`]: [200, session({ role: null })],
      [`PUT /session/${SID}/role`]: [200, session({ role: 'r2' })],
      [`POST /session/${SID}/authentication`]: [200, session({ auth_time: 1_790_000_100 })],
      'POST /session/end': [204],
    };
    const server = await serve(t, ({ method, path }, reply) => reply(...answers[`${method} ${path}`] ?? [500]));
    const client = await startClient(t, server.endpoint, { authorities: await authoritiesFile(t) });

    assert.deepEqual(await client.call('challenge'), { result: 'ok', retryAfter: 0, challenge: CHALLENGE, algorithms: 4 });
    const opened = await client.call('open', ['a.card.token']);
    assert.equal(opened.result, 'ok');
    assert.deepEqual(opened.session, session());
    assert.equal((await client.call('look', [SID])).session.role, undefined);
    assert.equal((await client.call('role', [SID, 'r2'])).session.role, 'r2');
    assert.equal((await client.call('authenticate', [SID, 'b.card.token'])).session.auth_time, 1_790_000_100);
    assert.equal((await client.call('end', ['an.end.statement'])).result, 'ok');
    await client.end();

    assert.deepEqual(server.requests.map(({ method, path }) => `${method} ${path}`), Object.keys(answers));
    assert.deepEqual(server.requests.map(({ body }) => body && JSON.parse(body)), [
      {}, { token: 'a.card.token' }, '', { role: 'r2' }, { token: 'b.card.token' }, { statement: 'an.end.statement' },
    ]);
    for (const { headers, method } of server.requests) {
      assert.equal(headers.accept, 'application/json');
      assert.match(headers['user-agent'], /^Lanyard\/\d/);
      assert.equal(headers['content-type'], method === 'GET' ? undefined : 'application/json');
      for (const name of ['accept-encoding', 'cookie', 'authorization', 'expect', 'te', 'upgrade'])
        assert.equal(headers[name], undefined, name);
    }
    const [challenge, ...rest] = server.requests;
    const end = rest.pop();
    for (const { headers } of [challenge, end]) assert.equal(headers.dpop, undefined);
    const proofs = rest.map((request) => readProof(request, server.endpoint, client.key));
    assert.equal(new Set(proofs.map(({ jti }) => jti)).size, proofs.length, 'each proof is its own');
    for (const proof of proofs) assert.equal(proof.nonce, undefined);
  });

  test('is spoken to over TLS whose secrets go into no file, whatever SSLKEYLOGFILE says', async (t) => {
    const server = await serve(t, (request, reply) => reply(200, session()));
    const authorities = await authoritiesFile(t);
    const file = join(dirname(authorities), 'secrets');
    const answer = await callOnce(t, server.endpoint, 'look', [SID], { authorities, env: { SSLKEYLOGFILE: file } });
    assert.equal(answer.result, 'ok', answer.log);
    assert.equal(existsSync(file), false);
  });

  test('is reached as 127.0.0.1 and localhost without TLS, past any proxy', async (t) => {
    const dead = `http://127.0.0.1:${await unusedPort()}`;
    for (const name of ['127.0.0.1', 'localhost']) {
      const server = await serve(t, (request, reply) => reply(200, session()), { ...plain, name });
      const answer = await callOnce(t, server.endpoint, 'look', [SID],
        { proxy: dead, env: { http_proxy: dead, all_proxy: dead } });
      assert.equal(answer.result, 'ok', answer.log);
    }
  });

  test('is asked over one connection as long as that lasts, and over another when it has gone', async (t) => {
    const server = await serve(t, (request, reply) => {
      if (request.number === 4) return request.socket.destroy(); // just as the request comes
      reply(200, session(), request.number === 2 ? { Connection: 'close' } : {});
    });
    const client = await startClient(t, server.endpoint, { authorities: await authoritiesFile(t) });
    for (let i = 0; i < 4; i++) assert.equal((await client.call('look', [SID])).result, 'ok', client.log());
    await client.end();
    assert.deepEqual(server.requests.map(({ connection }) => connection), [1, 1, 2, 2, 3]);
  });

  test('is not sent a card token or a role twice, whatever becomes of the connection', async (t) => {
    const server = await serve(t, (request, reply) => {
      if (request.method === 'GET') return reply(200, session());
      request.socket.destroy(); // and who knows what the server has done
    });
    const client = await startClient(t, server.endpoint, { authorities: await authoritiesFile(t) });
    for (const call of [['open', ['a.b.c']], ['role', [SID, 'r1']], ['authenticate', [SID, 'a.b.c']]]) {
      assert.equal((await client.call('look', [SID])).result, 'ok', client.log());
      assert.equal((await client.call(...call)).result, 'provider-unreachable', client.log());
    }
    await client.end();
    assert.deepEqual(server.requests.map(({ method }) => method), ['GET', 'POST', 'GET', 'PUT', 'GET', 'POST']);
  });

  test('is not asked at all about what is no sid', async (t) => {
    const server = await serve(t, (request, reply) => reply(200, session()), plain);
    const client = await startClient(t, server.endpoint);
    for (const sid of ['.', '..', 'a/b', 'a?b', 'a#b', '%2e%2e', 'x'.repeat(129), 'é'])
      assert.equal((await client.call('look', [sid])).result, 'no-session', sid);
    await client.end();
    assert.equal(server.requests.length, 0);
  });

  // ---- the server's nonce ----

  test('may ask for a nonce once, and change it with any answer', async (t) => {
    const nonces = ['first', 'second', 'third'];
    const server = await serve(t, (request, reply) => {
      if (request.number === 1) return reply(401, '', nonceWanted(nonces[0]));
      reply(200, session(), request.number === 2 ? { 'DPoP-Nonce': nonces[1] } : {});
    }, plain);
    const other = await serve(t, (request, reply) => reply(200, session()), plain);
    const client = await startClient(t, [server.endpoint, other.endpoint]);
    for (let i = 0; i < 3; i++) assert.equal((await client.call('look', [SID])).result, 'ok');
    assert.equal((await client.call('look', [SID], { of: 1 })).result, 'ok');
    await client.end();
    const proofs = server.requests.map((request) => readProof(request, server.endpoint, client.key));
    assert.deepEqual(proofs.map(({ nonce }) => nonce), [undefined, 'first', 'second', 'second']);
    assert.equal(new Set(proofs.map(({ jti }) => jti)).size, 4);
    assert.equal(readProof(other.requests[0], other.endpoint, client.key).nonce, undefined, 'a server\'s nonce is its own');
  });

  test('that asks for a nonce again and again has refused', async (t) => {
    const answer = await outcomeOf(t, [401, '', nonceWanted('again')]);
    assert.equal(answer.result, 'provider-refused');
    assert.equal(answer.requests, 2);
  });

  test('that asks for a nonce and gives none has refused', async (t) => {
    const { result, requests } = await outcomeOf(t, [401, '', { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"' }]);
    assert.deepEqual({ result, requests }, { result: 'provider-refused', requests: 1 });
  });

  test('gets no nonce back that could be more than one', async (t) => {
    const hostile = ['a"b', 'a\\b', 'a b', 'x'.repeat(257), 'caf\xe9', 'a\x01b', '', 'a\r\n b', 'a\r\nDPoP-Nonce: c', 'a\0b'];
    for (const nonce of hostile) {
      let sent = '';
      const body = JSON.stringify(session());
      const server = await serveRaw(t, (socket) => socket.on('data', (text) => {
        sent += text;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nDPoP-Nonce: ${nonce}\r\n\r\n${body}`, 'latin1');
      }));
      const client = await startClient(t, server.endpoint);
      await client.call('look', [SID]);
      await client.call('look', [SID]);
      await client.end();
      const proofs = [...sent.matchAll(/^DPoP: \S+\.(\S+)\.\S+\r$/gm)];
      assert.ok(proofs.length >= 2, JSON.stringify(nonce));
      for (const [, payload] of proofs)
        assert.equal(JSON.parse(Buffer.from(payload, 'base64url')).nonce, undefined, JSON.stringify(nonce));
    }
  });

  // ---- refusals ----

  test('has its refusals told apart', async (t) => {
    const expected = {
      'certificate-revoked': 'certificate-revoked', 'certificate-expired': 'certificate-expired',
      'certificate-not-yet-valid': 'certificate-not-yet-valid', 'issuer-unknown': 'issuer-unknown',
      'person-unknown': 'person-unknown', 'stale-challenge': 'timed-out',
      'key-unknown': 'key-not-registered', 'key-unverified': 'key-unverified', 'another-person': 'card-changed',
      'anything-else': 'provider-refused', ok: 'provider-refused',
    };
    for (const [error, result] of Object.entries(expected))
      assert.equal((await outcomeOf(t, [403, { error }], ['open', 'a.b.c'])).result, result, error);
    for (const body of ['', 'not json', '[]', '{"error":7}', '{"error":"pin-wrong"}', '{"error":"person-unknown","error":"x"}'])
      assert.equal((await outcomeOf(t, [403, body], ['open', 'a.b.c'])).result, 'provider-refused', body);
    assert.equal((await outcomeOf(t, [401, ''], ['look', SID])).result, 'provider-refused');
    assert.equal((await outcomeOf(t, [403, ''], ['end', 'a.b.c'])).result, 'provider-refused');
  });

  test('that refuses by a clock minutes from ours shows that a clock is wrong', async (t) => {
    for (const minutes of [5, -5]) {
      const headers = { Date: dateOff(minutes * MINUTE) };
      assert.equal((await outcomeOf(t, [401, '', headers])).result, 'clock-wrong');
      assert.equal((await outcomeOf(t, [403, { error: 'whatever' }, headers])).result, 'clock-wrong');
      assert.equal((await outcomeOf(t, [403, { error: 'person-unknown' }, headers])).result, 'person-unknown');
      assert.equal((await outcomeOf(t, [200, session(), headers])).result, 'ok');
    }
    for (const Date of [dateOff(MINUTE), 'yesterday, or so', ''])
      assert.equal((await outcomeOf(t, [401, '', { Date }])).result, 'provider-refused', Date);
  });

  test('knows a session no more, or is none', async (t) => {
    for (const call of [['look', SID], ['role', SID, 'r1'], ['authenticate', SID, 'a.b.c']])
      assert.equal((await outcomeOf(t, [404], call)).result, 'no-session');
    for (const call of [['challenge'], ['open', 'a.b.c'], ['end', 'a.b.c']])
      assert.equal((await outcomeOf(t, [404], call)).result, 'provider-unreachable');
  });

  // ---- pauses ----

  for (const [form, after] of [
    ['seconds', () => ({ 'Retry-After': '5' })],
    ['a date', () => ({ Date: dateOff(5 * MINUTE), 'Retry-After': dateOff(5 * MINUTE + 5000) })],
  ]) {
    test(`is left alone as long as it says in ${form}, and no other with it`, async (t) => {
      let busy = true;
      const server = await serve(t, (request, reply) => busy ? reply(503, '', after()) : reply(200, session()), plain);
      const other = await serve(t, (request, reply) => reply(200, session()), plain);
      const client = await startClient(t, [server.endpoint, other.endpoint]);
      assert.deepEqual(await client.call('look', [SID]), { result: 'provider-busy', retryAfter: 5 });
      for (const call of [['look', [SID]], ['challenge'], ['end', ['a.b.c']]]) {
        const { result, retryAfter } = await client.call(...call);
        assert.equal(result, 'provider-busy');
        assert.ok(retryAfter > 0 && retryAfter <= 5, `${retryAfter} s`);
      }
      const freed = client.call('look', [SID]);
      client.free(freed.id);
      assert.match((await freed).result, /^(freed|provider-busy)$/);
      assert.equal((await client.call('look', [SID], { of: 1 })).result, 'ok');
      assert.equal(server.requests.length, 1, 'nothing was sent in the pause');
      busy = false;
      let answer;
      do {
        await sleep(200);
        answer = await client.call('look', [SID]);
      } while (answer.result === 'provider-busy');
      assert.equal(answer.result, 'ok');
      assert.equal(server.requests.length, 2);
      await client.end();
    });
  }

  test('cannot ask for more than an hour, nor for what is no time', async (t) => {
    for (const [value, seconds] of [
      ['99999999999999999999', 3600], [dateOff(DAY), 3600], [dateOff(-DAY), 30], ['0', 30], ['-5', 30],
      ['5 seconds', 30], ['', 30], ['soon', 30],
    ])
      assert.equal((await outcomeOf(t, [503, '', { 'Retry-After': value }])).retryAfter, seconds, value);
  });

  test('that is busy when it has asked for a nonce is not asked again', async (t) => {
    let second;
    const server = await serve(t, async ({ number }, reply) => {
      if (number === 1) { // answered when the other call has begun the pause
        await new Promise((resolve) => { second = resolve; });
        return reply(401, '', nonceWanted('n'));
      }
      reply(503, '', { 'Retry-After': '60' });
    }, plain);
    const client = await startClient(t, server.endpoint);
    const first = client.call('look', [SID]);
    await until(() => second, 'the first request');
    assert.equal((await client.call('look', [SID])).result, 'provider-busy');
    second();
    assert.equal((await first).result, 'provider-busy');
    assert.equal(server.requests.length, 2);
    await client.end();
  });

  // ---- nonsense ----

  test('that redirects is not followed', async (t) => {
    const target = await serve(t, (request, reply) => reply(200, session()), plain);
    for (const status of [301, 302, 303, 307, 308]) {
      const { result } = await outcomeOf(t, [status, '', { Location: `${target.endpoint}/${SID}` }]);
      assert.equal(result, 'provider-unreachable');
    }
    assert.equal(target.requests.length, 0);
  });

  test('is not believed what is not right in every detail', async (t) => {
    const good = JSON.stringify(session());
    const rows = [
      [[200, session({ sid: 'another' })]],
      [[200, '']], [[200, '{']], [[200, good.slice(0, -1)]], [[200, `${good} x`]], [[200, `${good.slice(0, -1)},"sid":"${SID}"}`]],
      [[200, gzipSync(good), { 'Content-Encoding': 'gzip' }]],
      [[201, session()]], [[204]], [[206, session()]], [[500, session()]], [[400, session()]], [[502]], [[101]],
      [[200, session()], ['open', 'a.b.c']],
      [[200, session({ role: 'r1' })], ['role', SID, 'r2']], [[200, session({ role: null })], ['role', SID, 'r2']],
      [[200], ['end', 'a.b.c']],
      ...[CHALLENGE.slice(0, -1), Buffer.alloc(31).toString('base64url'), Buffer.alloc(257).toString('base64url'),
        `${CHALLENGE}=`, `${CHALLENGE.slice(0, -1)}+`, '', 7, null, [CHALLENGE]].map((challenge) => [[200, { challenge }], ['challenge']]),
      [[200, { challenge: CHALLENGE, algorithms: [] }], ['challenge']],
      [[200, { challenge: CHALLENGE, algorithms: ['none', 'HS256'] }], ['challenge']],
    ];
    for (const [answer, call] of rows)
      assert.equal((await outcomeOf(t, answer, call)).result, 'provider-unreachable', JSON.stringify([answer, call]));
  });

  test('may grow', async (t) => {
    const more = { later: { more: [1, 2, 3] } };
    assert.equal((await outcomeOf(t, [200, session(more)])).result, 'ok');
    assert.equal((await outcomeOf(t, [200, { challenge: CHALLENGE, algorithms: ['EdDSA', 'ES256', 'ES256', 7], ...more }], ['challenge'])).algorithms, 1);
  });

  test('has its answer in pieces, behind interim answers and before trailers', async (t) => {
    const body = JSON.stringify(session());
    const chunks = body.match(/.{1,7}/g).map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('');
    let sent = '';
    const server = await serveRaw(t, (socket) => socket.on('data', (text) => {
      sent += text;
      socket.write(['HTTP/1.1 103 Early Hints', 'DPoP-Nonce: interim', 'Retry-After: 7', '',
        'HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', 'Trailer: DPoP-Nonce', '', `${chunks}0`, 'DPoP-Nonce: trailer', '', ''].join('\r\n'));
    }));
    const client = await startClient(t, server.endpoint);
    for (let i = 0; i < 2; i++) {
      const answer = await client.call('look', [SID]);
      assert.equal(answer.result, 'ok', client.log());
      assert.deepEqual(answer.session, session());
    }
    await client.end();
    for (const [, payload] of sent.matchAll(/^DPoP: \S+\.(\S+)\.\S+\r$/gm))
      assert.equal(JSON.parse(Buffer.from(payload, 'base64url')).nonce, undefined);
  });

  test('may answer with 256 KiB and with no more', async (t) => {
    const filled = (size) => {
      const text = JSON.stringify(session({ filler: '' }));
      return text.replace('"filler":""', `"filler":"${'x'.repeat(size - text.length)}"`);
    };
    assert.equal((await outcomeOf(t, [200, filled(256 * 1024)])).result, 'ok');
    for (const headers of [{}, { 'Content-Length': 256 * 1024 + 1 }])
      assert.equal((await outcomeOf(t, [200, filled(256 * 1024 + 1), headers])).result, 'provider-unreachable');
  });

  test('that writes without end is hung up on', async (t) => {
    const endless = [
      ['HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(10_000)],
      ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `2710\r\n${'x'.repeat(10_000)}\r\n`],
      ['HTTP/1.1 200 OK\r\n', 'X-Filler: 1\r\n'],
      ['HTTP/1.1 200 OK\r\nX-Filler: ', 'x'.repeat(10_000)],
      ['HTTP/1.1 103 Early Hints\r\n\r\n', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
    ];
    for (const [head, more] of endless) {
      let hungUp;
      const gone = new Promise((resolve) => { hungUp = resolve; });
      const server = await serveRaw(t, (socket) => socket.once('data', () => {
        const write = (error) => error || setImmediate(() => socket.writable && socket.write(more, write));
        socket.on('close', hungUp);
        socket.write(head, write);
      }));
      assert.equal((await callOnce(t, server.endpoint, 'look', [SID])).result, 'provider-unreachable', head);
      await gone;
    }
  });

  test('that is cut, or speaks something else, is as good as none', async (t) => {
    const body = JSON.stringify(session());
    const head = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n`;
    const cut = [
      '', 'HTTP/1.1 200', head, `${head}\r\n`, `${head}\r\n${body.slice(0, 20)}`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n`,
      `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n${body}`,
      `${head}Content-Length: 5\r\n\r\n${body}`, `HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n${body}`,
      body, 'SSH-2.0-OpenSSH_9.2\r\n', `HTTP/1.1 099 Odd\r\n\r\n${body}`, `HTTP/9.9 200 OK\r\n\r\n${body}`,
    ];
    for (const bytes of cut) {
      const server = await serveBytes(t, bytes);
      assert.equal((await callOnce(t, server.endpoint, 'look', [SID])).result, 'provider-unreachable', JSON.stringify(bytes));
    }
    const reset = await serveBytes(t, `${head}\r\n${body.slice(0, 20)}`, (socket) => socket.resetAndDestroy());
    assert.equal((await callOnce(t, reset.endpoint, 'look', [SID])).result, 'provider-unreachable');
    const nobody = `http://127.0.0.1:${await unusedPort()}/session`;
    const refused = await callOnce(t, nobody, 'look', [SID]);
    assert.equal(refused.result, 'provider-unreachable');
    assert.match(refused.log, /127\.0\.0\.1: .*connect/i, 'the administrator reads why');
    assert.ok(!refused.log.includes(SID), 'and no session\'s name');
  });

  // ---- calls that nobody waits for ----

  test('is hung up on when a call is freed, and holds up no other', async (t) => {
    let hungUp;
    const gone = new Promise((resolve) => { hungUp = resolve; });
    const server = await serve(t, (request, reply) => {
      if (request.number > 1) return reply(200, session());
      request.socket.on('close', hungUp);
    }, plain);
    const client = await startClient(t, server.endpoint);
    const freed = client.call('look', [SID]);
    await until(() => server.requests.length === 1, 'the request');
    client.free(freed.id);
    assert.equal((await freed).result, 'freed');
    await gone;
    assert.equal((await client.call('look', [SID])).result, 'ok');
    await client.end();
    assert.deepEqual(client.answers, [freed.id + 1], 'the freed call has had no answer');
  });

  test('may answer while its calls are being freed', async (t) => {
    const server = await serve(t, (request, reply) => reply(200, session()), plain);
    const client = await startClient(t, server.endpoint);
    const calls = [];
    for (let i = 0; i < 120; i++) {
      calls.push(client.call('look', [SID]));
      if (i % 7 === 0) await sleep(1);
      if (i % 3 !== 0) client.free(calls[i].id);
    }
    for (const { result } of await Promise.all(calls)) assert.match(result, /^(ok|freed|provider-unreachable)$/); // the last: all too slow
    assert.equal((await client.call('look', [SID])).result, 'ok');
    await client.end();
  });

  test('does not hold up the end of the agent', async (t) => {
    const server = await serve(t, () => {}, plain);
    const client = await startClient(t, server.endpoint);
    const calls = Array.from({ length: 12 }, () => client.call('look', [SID])); // more than are sent at once
    await until(() => server.requests.length === 8, 'the requests');
    await client.end();
    for (const { result } of await Promise.all(calls)) assert.equal(result, 'ended');
    assert.deepEqual(client.answers, []);
  });

  // ---- TLS and names ----

  test('must show a certificate that is in order', async (t) => {
    const authorities = await authoritiesFile(t);
    const at = (ms) => new Date(Date.now() + ms);
    const wrong = {
      'of an unknown authority': serverCertificate({ by: stranger }),
      'of its own': serverCertificate(),
      'of another name': serverCertificate({ by: trusted, names: ['cis.example.test'] }),
      'that has expired': serverCertificate({ by: trusted, from: at(-2 * DAY), until: at(-DAY) }),
      'that is not valid yet': serverCertificate({ by: trusted, from: at(DAY), until: at(2 * DAY) }),
      'without a name': serverCertificate({ by: trusted, names: [] }),
      'with old TLS': { ...goodTls, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    };
    for (const [what, secure] of Object.entries(wrong)) {
      const server = await serve(t, (request, reply) => reply(200, session()), { secure });
      const answer = await callOnce(t, server.endpoint, 'look', [SID], { authorities });
      assert.equal(answer.result, 'provider-untrusted', `${what}: ${answer.log}`);
      assert.equal(server.requests.length, 0, what);
      assert.match(answer.log, /127\.0\.0\.1: \S/, 'the administrator reads why');
    }
  });

  test('is not trusted by the system\'s authorities where its own are named, nor without theirs', async (t) => {
    const server = await serve(t, (request, reply) => reply(200, session()));
    for (const authorities of ['', '/nowhere/authorities.pem', '/dev/null'])
      assert.equal((await callOnce(t, server.endpoint, 'look', [SID], { authorities })).result, 'provider-untrusted');
    assert.equal(server.requests.length, 0);
  });

  test('that speaks no TLS where it should is not trusted; one that is cut off is not reached', async (t) => {
    const text = await serveBytes(t, 'HTTP/1.1 400 Bad Request\r\n\r\n');
    assert.equal((await callOnce(t, text.tlsEndpoint, 'look', [SID])).result, 'provider-untrusted');
    for (const then of [(socket) => socket.end(), (socket) => socket.resetAndDestroy()]) {
      const cut = await serveBytes(t, '', then);
      const answer = await callOnce(t, cut.tlsEndpoint, 'look', [SID]);
      assert.equal(answer.result, 'provider-unreachable', answer.log);
    }
  });

  test('cut under TLS is as good as none', async (t) => {
    const { port } = await tlsServer(t, {}, (socket) => socket.once('data', () =>
      socket.write('HTTP/1.1 200 OK\r\n\r\n{"sid":', () => socket.destroy())));
    const answer = await callOnce(t, `https://localhost:${port}/session`, 'look', [SID], { authorities: await authoritiesFile(t) });
    assert.equal(answer.result, 'provider-unreachable');
  });

  test('elsewhere is not reached without TLS, nor with anything but HTTP', async (t) => {
    const seen = await serveRaw(t, (socket) => socket.end('HTTP/1.1 200 OK\r\n\r\n'));
    const proxy = `http://127.0.0.1:${seen.port}`;
    for (const endpoint of [
      `http://cis.example.test:${seen.port}/e`, `http://127.0.0.1.example.test:${seen.port}/e`, `http://localhost.:${seen.port}/e`,
      `http://0.0.0.0:${seen.port}/e`, `http://127.0.0.2:${seen.port}/e`, `http://someone@127.0.0.1:${seen.port}/e`,
      `http://127.0.0.1:${seen.port}@cis.example.test/e`, `http://[::ffff:127.0.0.1]:${seen.port}/e`,
      `ftp://127.0.0.1:${seen.port}/e`, `gopher://127.0.0.1:${seen.port}/e`, 'file:///etc/hostname', '/e', '', `127.0.0.1:${seen.port}/e`,
    ]) {
      const answer = await callOnce(t, endpoint, 'look', [SID], { proxy, env: { http_proxy: proxy, all_proxy: proxy, ftp_proxy: proxy } });
      assert.equal(answer.result, 'provider-untrusted', endpoint);
    }
    assert.equal(seen.connections, 0);
  });

  // ---- proxies ----

  test('is reached through the configured proxy or the environment\'s, which says nothing itself', async (t) => {
    const authorities = await authoritiesFile(t);
    const secure = serverCertificate({ by: trusted, names: ['cis.example.test'] });
    const server = await serve(t, (request, reply) => reply(200, session()), { secure });
    const endpoint = server.endpoint.replace('127.0.0.1', 'cis.example.test');
    const proxy = await serveProxy(t, server.port, ['HTTP/1.1 200 OK', 'DPoP-Nonce: the-proxys', 'Retry-After: 9']);
    for (const way of [{ proxy: proxy.url }, { env: { https_proxy: proxy.url } }]) {
      const client = await startClient(t, endpoint, { authorities, ...way });
      for (let i = 0; i < 2; i++) assert.equal((await client.call('look', [SID])).result, 'ok', client.log());
      for (const request of server.requests.splice(0)) assert.equal(readProof(request, endpoint, client.key).nonce, undefined);
      await client.end();
    }
    assert.deepEqual(proxy.targets, Array(2).fill(`cis.example.test:${server.port}`));

    const refusing = await serveProxy(t, server.port, ['HTTP/1.1 407 Proxy Authentication Required', 'Content-Length: 0']);
    assert.equal((await callOnce(t, endpoint, 'look', [SID], { authorities, proxy: refusing.url })).result, 'provider-unreachable');
    const lying = await serve(t, (request, reply) => reply(200, session()), { secure: serverCertificate({ by: stranger, names: ['cis.example.test'] }) });
    const diverting = await serveProxy(t, lying.port);
    assert.equal((await callOnce(t, endpoint, 'look', [SID], { authorities, proxy: diverting.url })).result, 'provider-untrusted');
    assert.equal(lying.requests.length, 0);
  });
});
