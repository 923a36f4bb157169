// SPDX-License-Identifier: MIT
//
// The sign-in page at work: challenge from the provider, proof from Lanyard, proof to the provider,
// onwards. Lanyard proves at once where somebody is signed in on this desktop, and otherwise asks
// for card and PIN first. There are three ways, and the provider says which (data-by):
//
//   proof  Lanyard does all of it; one call. If it knows no session endpoint of this provider: begin.
//   begin  where nobody is signed in, the page has the card sign for it, and hands Lanyard the session
//          that the provider opens for that
//   card   for a provider without sessions: the card signs each time
//
// Where the provider takes security keys, a person may choose one instead of a card: Lanyard asks the
// key, or the browser does, where Lanyard cannot be reached or the person would rather have its window.
//
// Whatever Lanyard waits for is said in a sentence that a screen reader speaks too, and whatever
// fails ends in its own sentence, the advice that goes with it and "Try again". There is no state
// in which this page waits without saying for what.

import { credentials, Lanyard, LanyardError } from './lanyard.js';
import { element, inWords, post, showFailure, showProgress, showWaiting } from './telling.js';

const ALGORITHMS = ['ES256', 'ES384', 'PS256', 'RS256'];

// The card itself, or the key, stands in the way: another one helps, or another way, and not the same
// again.
const IS_NO_USE = ['pin-blocked', 'no-certificate', 'certificate-expired', 'certificate-revoked',
  'key-blocked', 'key-unable', 'key-unknown', 'key-copied'];
// What the provider refuses a proof with that another proof, made so, may put right.
const ONCE_MORE = {
  // The provider has ended the session that Lanyard still has: that one goes, a new one comes.
  'unknown-session': async (agent, how, signal) => {
    await agent.endSession({ signal });
    return how;
  },
  // The provider's idea of when the PIN was typed counts.
  'stale-authentication': async () => ({ interaction: 'force' }),
};

const { path, port, format, by, interaction, maxAge, session } = element('sign-in').dataset;
const browserKnowsKeys = typeof PublicKeyCredential === 'function';
let way = null; // the one that the person has chosen: the provider's own, or a key
let attempt = null; // the AbortController of the sign-in under way

async function signIn(chosen = way) {
  attempt?.abort();
  attempt = new AbortController();
  const { signal } = attempt;
  way = chosen;
  const withKey = way !== by;
  showChoice(withKey);
  showNow('Starting', 'This takes a moment.');
  let agent;
  try {
    agent = way === 'browser' ? null : await reach(signal);
    const next = await WAYS[way](agent, signal);
    location.replace(next);
  } catch (error) {
    if (attempt.signal !== signal) return; // the person has chosen another way meanwhile
    showEnd(signal.aborted ? new LanyardError('cancelled') : inWords(error), withKey);
  } finally {
    agent?.close();
  }
}

// Without Lanyard a key may still do, in the browser.
async function reach(signal) {
  try {
    return await Lanyard.connect({ port: Number(port), signal, onWaiting: showWhatToDo });
  } catch (error) {
    if (way === 'key' && browserKnowsKeys && error.kind) return null;
    throw error;
  }
}

// Each resolves with where to go on.
const WAYS = { proof, begin, card, key, browser: key };

async function begin(agent, signal) {
  const { state } = await agent.status({ signal });
  return ['none', 'ended'].includes(state) ? card(agent, signal) : proof(agent, signal);
}

async function proof(agent, signal) {
  let how = { interaction, ...(maxAge && { maxAge: Number(maxAge) }) };
  for (let first = true; ; first = false) {
    try {
      const { challenge } = await ask('challenge', {}, signal);
      const proved = await agent.prove({ challenge, ...how, signal, onWaiting: showWhatToDo });
      showNow('Checking', 'Care Identity checks who you are. One moment.');
      return (await ask('proof', proved, signal)).next;
    } catch (error) {
      if (error.reason === 'no-session') return card(agent, signal);
      const again = first && ONCE_MORE[error.reason];
      if (!again) throw error;
      how = await again(agent, how, signal);
    }
  }
}

async function card(agent, signal) {
  const { challenge } = await ask('challenge', {}, signal);
  const signed = await agent.signIn(
    { challenge, format, algorithms: ALGORITHMS, signal, onWaiting: showWhatToDo });
  showNow('Checking', 'Your smartcard has signed. One moment.');
  const { next, sid } = await ask('token', { ...signed, challenge }, signal);
  if (sid) await agent.begin({ sid, signal, onWaiting: showWhatToDo });
  return next;
}

async function key(agent, signal) {
  const publicKey = await ask('key-options', {}, signal);
  const credential = await credentials.get({
    publicKey, agent, use: agent ? 'agent' : 'browser', signal, onWaiting: showWhatToDo,
    ...(agent && session === 'agent' && { session: true }),
  });
  showNow('Checking', 'Your security key has signed. One moment.');
  const { next, sid } = await ask('assertion', { assertion: credential.toJSON() }, signal);
  if (sid) await agent.begin({ sid, signal, onWaiting: showWhatToDo });
  return next;
}

const ask = (what, body, signal) => post(`${path}/${what}`, body, signal);

function showWhatToDo(waiting) {
  preferOtherWays(false);
  showWaiting(waiting);
}

function showNow(...texts) {
  preferOtherWays(false);
  showProgress(...texts);
}

function showEnd(failure, withKey) {
  preferOtherWays(IS_NO_USE.includes(failure.reason), withKey);
  showFailure(failure);
}

// Card or key: what is not under way is offered, the key also where Lanyard takes either. A browser
// has a window of its own for keys.
function showChoice(withKey) {
  const either = element('with-key') && way === 'proof' ? 'smartcard or security key' : 'smartcard';
  element('title').textContent = `Sign in with your ${withKey ? 'security key' : either}`;
  element('in-browser').hidden = way !== 'key' || !browserKnowsKeys;
  if (!element('with-key')) return;
  element('with-key').hidden = withKey;
  element('with-card').hidden = !withKey;
}

// The link to the other ways stands below everything, or first among what can be done.
function preferOtherWays(preferred, withKey = false) {
  const [link, again, ways] = ['other-ways', 'again', 'ways'].map(element);
  if (preferred) again.before(link);
  else ways.prepend(link);
  ways.hidden = preferred;
  link.className = preferred ? 'button' : '';
  again.className = preferred ? 'plain' : '';
  again.textContent = preferred ? `Try with another ${withKey ? 'key' : 'card'}` : 'Try again';
}

element('cancel').addEventListener('click', () => attempt.abort());
element('again').addEventListener('click', () => signIn());
element('with-key')?.addEventListener('click', () => signIn('key'));
element('with-card')?.addEventListener('click', () => signIn(by));
element('in-browser').addEventListener('click', () => signIn('browser'));
signIn(location.hash === '#key' && element('with-key') ? 'key' : by);
