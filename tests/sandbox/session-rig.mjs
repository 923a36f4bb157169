// SPDX-License-Identifier: MIT
//
// A provider with sessions and two applications, and everybody else played: an agent that holds a
// session's key and signs with a card's key file, a browser without a window, and a clock that a test
// moves. For what the provider accepts and refuses of agents, which no honest agent would try.

import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { startApp } from './app/app.mjs';
import { makeKeyPair } from './keys.mjs';
import { makeCardToken, readCard } from './make-token.mjs';
import { startOp } from './op/op.mjs';
import { inTime } from './patience.mjs';
import { makePeople, trustOf } from './people.mjs';

// Resolves with { op, apps, clock, people, agent(card), browser(), lines, close }. options: of startOp.
// register(registration): how an application registers, if not as it would itself.
export async function startSessionRig({ register = (registration) => registration, ...options } = {}) {
  const people = await makePeople();
  const clock = makeClock();
  const lines = [];
  const op = await startOp({
    people: people.file,
    trust: await trustOf(people),
    agentPort: 9, // nobody
    clock,
    report: (line) => lines.push(line),
    ...options,
  });
  const apps = [
    await startApp(),
    await startApp({ name: 'Prescriptions', clientId: '120000000002.apps.sandbox' }),
  ];
  op.register(...apps.map(({ registration }) => register(registration)));
  for (const app of apps) await app.connect(op.issuer);
  return {
    op,
    apps,
    clock,
    people,
    lines,
    agent: async (card) => makeAgent({ op, clock, card: await readCard(people, card) }),
    browser: makeBrowser,
    close: async () => {
      for (const part of [op, ...apps]) await part.close();
    },
  };
}

// op/clock.mjs says what a clock is; this one stands still until advance(seconds).
export function makeClock() {
  let now = Date.now();
  const timers = new Set();
  return {
    now: () => now,
    after(milliseconds, what) {
      const timer = { at: now + milliseconds, what };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(seconds) {
      now += seconds * 1000;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        if (timers.delete(timer)) timer.what();
      }
    },
  };
}

// What signs for a session. Each request resolves with { status, body, headers }.
export function makeAgent({ op, clock, card, keys = makeKeyPair('ec', { namedCurve: 'P-256' }) }) {
  const jwk = keys.publicKey.export({ format: 'jwk' });
  const seconds = () => Math.floor(clock.now() / 1000);
  const sign = (claims, header, key = keys.privateKey) =>
    new SignJWT(claims).setProtectedHeader({ alg: 'ES256', ...header }).sign(key);
  let nonce;

  // An honest DPoP proof, except for what is given.
  const proof = (method, url, { claims, header, key } = {}) => sign(
    { htm: method, htu: url, iat: seconds(), jti: randomUUID(), nonce, ...claims },
    { typ: 'dpop+jwt', jwk, ...header }, key);

  // dpop: the proof to send; undefined: an honest one, and another with the server's nonce where it
  // asks for one (unless `once`); null: none.
  async function request(method, path, { body, dpop, type = 'application/json', once = false } = {}) {
    const url = op.sessionEndpoint + path;
    const given = dpop === undefined ? await proof(method, url) : dpop;
    const response = await fetch(url, {
      method,
      body: body && (typeof body === 'string' ? body : JSON.stringify(body)),
      headers: { ...(given && { DPoP: given }), ...(body && { 'Content-Type': type }) },
      redirect: 'error',
    });
    nonce = response.headers.get('dpop-nonce') ?? nonce;
    const text = await response.text();
    if (dpop === undefined && !once && text.includes('use_dpop_nonce')) {
      return request(method, path, { body, type, once: true });
    }
    return { status: response.status, body: text && JSON.parse(text), headers: response.headers };
  }

  const agent = {
    jwk,
    keys,
    sid: null,
    proof,
    request,
    get nonce() { return nonce; },

    challenge: async () =>
      (await request('POST', '/challenge', { body: {}, dpop: null })).body.challenge,

    // A card token for that challenge, or for one of the endpoint's.
    token: async ({ challenge, claims, ...more } = {}) => makeCardToken(more.card ?? card, {
      origin: op.origin,
      nonce: challenge ?? await agent.challenge(),
      at: new Date(clock.now()),
      claims: { cnf: { jwk }, ...claims },
      ...more,
    }),

    async open() {
      const answer = await request('POST', '', { body: { token: await agent.token() } });
      agent.sid = answer.body.sid;
      return answer;
    },
    look: () => request('GET', `/${agent.sid}`),
    role: (role) => request('PUT', `/${agent.sid}/role`, { body: { role } }),
    authenticate: async (how) =>
      request('POST', `/${agent.sid}/authentication`, { body: { token: await agent.token(how) } }),

    // An honest session proof and an honest end statement, except for what is given.
    prove: (challenge, { claims, header, key } = {}) => sign({
      aud: op.origin, nonce: challenge, iat: seconds(), exp: seconds() + 120, sid: agent.sid, ...claims,
    }, { typ: 'lanyard-session+jwt', ...header }, key),
    statement: ({ claims, header, key } = {}) => sign(
      { aud: op.sessionEndpoint, sid: agent.sid, iat: seconds(), ...claims },
      { typ: 'lanyard-end+jwt', ...header }, key),
    end: async (statement) => request('POST', '/end',
      { body: { statement: statement ?? await agent.statement() }, dpop: null }),
  };
  return agent;
}

// Follows redirects, keeps cookies as a browser does (by host and path), runs no script.
export function makeBrowser() {
  const jar = []; // { host, path, name, value }

  const cookies = ({ hostname, pathname }) => jar
    .filter(({ host, path }) => host === hostname && pathname.startsWith(path))
    .map(({ name, value }) => `${name}=${value}`).join('; ');

  function keep({ hostname }, header) {
    const [pair, ...attributes] = header.split('; ');
    const [name, value] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
    const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? '/';
    const old = jar.findIndex((each) => each.host === hostname && each.name === name && each.path === path);
    if (old >= 0) jar.splice(old, 1);
    if (value) jar.push({ host: hostname, path, name, value });
  }

  async function send(target, { method = 'GET', form, json, origin, signal } = {}) {
    const url = new URL(target);
    const response = await fetch(url, {
      method,
      signal,
      body: form ? new URLSearchParams(form) : json && JSON.stringify(json),
      headers: {
        accept: 'text/html,application/json', cookie: cookies(url),
        ...(origin && { origin }), ...(json && { 'content-type': 'application/json' }),
      },
      redirect: 'manual',
    });
    for (const header of response.headers.getSetCookie()) keep(url, header);
    return response;
  }

  // Ends at the first answer that leads nowhere else: { url, status, text }.
  async function go(target, how) {
    let response = await send(target, how);
    let url = new URL(target);
    for (let left = 20; response.headers.get('location') && left > 0; left--) {
      await response.body?.cancel();
      url = new URL(response.headers.get('location'), url);
      response = await send(url);
    }
    return { url: url.href, status: response.status, text: await response.text() };
  }

  const post = async (url, json) => {
    const response = await send(url, { method: 'POST', json, origin: new URL(url).origin });
    return { status: response.status, body: await response.json() };
  };

  const browser = {
    go,
    post,
    send,

    // To the provider's page: { page, url }, and what its script would do there.
    async start(app, query = '') {
      const page = await go(`${app.origin}/sign-in${query}`);
      const data = Object.fromEntries(
        [...page.text.matchAll(/data-([\w-]+)="([^"]*)"/g)].map(([, key, value]) => [key, value]));
      const { origin } = new URL(page.url);
      return {
        ...page,
        data,
        challenge: async () => (await post(`${page.url}/challenge`, {})).body.challenge,
        prove: (proof) => post(`${page.url}/proof`, { proof }),
        token: (token) => post(`${page.url}/token`, { format: 'jws', token }),
        chooseRole: (role) => go(`${page.url}/role`, { method: 'POST', form: { role }, origin }),
        leave: () => go(`${page.url}/leave`, { method: 'POST', origin }),
      };
    },

    // All the way by a session proof; resolves with where that ends.
    async signIn(app, agent, query) {
      const page = await browser.start(app, query);
      const { status, body } = await page.prove(await agent.prove(await page.challenge()));
      if (status !== 200) throw Object.assign(new Error(JSON.stringify(body)), { refused: body.refused });
      return go(body.next);
    },

    // What the application's page says: { who, role, ... }, or { notice }.
    async sees(app, path = '/') {
      const { text } = await go(app.origin + path);
      const found = [...text.matchAll(/<(?:dd|h1) id="([\w-]+)">(?:<[^>]*>)?([^<]*)/g)];
      const notice = /class="notice"[^>]*>([^<]*)/.exec(text)?.[1];
      return { ...Object.fromEntries(found.map(([, id, value]) => [id, value])), ...(notice && { notice }) };
    },

    // Listens as the application's page does: { ended }, a promise of the end of the session there.
    async listen(app) {
      const response = await send(`${app.origin}/events`);
      return { ended: inTime(untilEnded(response), 'the application to hear of the end') };
    },
  };
  return browser;
}

async function untilEnded(response) {
  const decoder = new TextDecoder();
  let text = '';
  for await (const part of response.body) {
    text += decoder.decode(part, { stream: true });
    if (text.includes('event: ended')) return;
  }
  throw new Error('the application hung up');
}
