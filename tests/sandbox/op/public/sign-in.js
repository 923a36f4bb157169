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
// Whatever Lanyard waits for is said in a sentence that a screen reader speaks too, and whatever
// fails ends in its own sentence, the advice that goes with it and "Try again". There is no state
// in which this page waits without saying for what.

import { Lanyard, LanyardError } from './lanyard.js';

const ALGORITHMS = ['ES256', 'ES384', 'PS256', 'RS256'];

const WAITING = {
  permission: ['Your browser asks you a question',
    'Choose Allow, so that this site can reach the smartcard reader of this computer.'],
  turn: ['Another sign-in came first', 'Finish or cancel it. Yours follows by itself.'],
  reader: ['Connect a smartcard reader', 'No reader is connected to this computer.'],
  card: ['Insert your smartcard', 'Push it into the reader, chip first, until it stops.'],
  choice: ['Say which card is yours', 'Several cards are inserted. Choose yours in the Lanyard window.'],
  pin: ['Enter your PIN', 'Type it in the Lanyard window. No web page ever asks for it.'],
  'pin-pad': ['Enter your PIN on the reader', 'Type it on the keys of the reader itself.'],
  signature: ['Signing you in', 'Leave your smartcard in the reader.'],
  provider: ['Signing you in', 'Waiting for Care Identity to answer.'],
  role: ['Choose your role', 'Choose in the Lanyard window which role you work in now.'],
};
const LAST_TRY = 'This is the last try: confirm it in the Lanyard window, then type the PIN. ' +
  'Another wrong PIN blocks the card.';

// The card itself stands in the way: another one helps, or another way, and not the same again.
const CARD_IS_NO_USE = ['pin-blocked', 'no-certificate', 'certificate-expired', 'certificate-revoked'];
// Nothing went wrong, so nobody needs a code.
const NO_FAULT = ['cancelled', 'timed-out'];
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

const element = (id) => document.getElementById(id);
const { path, port, format, by, interaction, maxAge } = element('sign-in').dataset;
let attempt = null; // the AbortController of the sign-in under way

async function signIn() {
  attempt = new AbortController();
  const { signal } = attempt;
  showProgress('Starting', 'This takes a moment.');
  let agent;
  try {
    agent = await Lanyard.connect({ port: Number(port), signal, onWaiting: showWaiting });
    const next = await WAYS[by](agent, signal);
    location.replace(next);
  } catch (error) {
    showFailure(inWords(error, signal));
  } finally {
    agent?.close();
  }
}

// Each resolves with where to go on.
const WAYS = { proof, begin, card };

async function begin(agent, signal) {
  const { state } = await agent.status({ signal });
  return ['none', 'ended'].includes(state) ? card(agent, signal) : proof(agent, signal);
}

async function proof(agent, signal) {
  let how = { interaction, ...(maxAge && { maxAge: Number(maxAge) }) };
  for (let first = true; ; first = false) {
    try {
      const { challenge } = await post('challenge', {}, signal);
      const proved = await agent.prove({ challenge, ...how, signal, onWaiting: showWaiting });
      showProgress('Checking', 'Care Identity checks who you are. One moment.');
      return (await post('proof', proved, signal)).next;
    } catch (error) {
      if (error.reason === 'no-session') return card(agent, signal);
      const again = first && ONCE_MORE[error.reason];
      if (!again) throw error;
      how = await again(agent, how, signal);
    }
  }
}

async function card(agent, signal) {
  const { challenge } = await post('challenge', {}, signal);
  const signed = await agent.signIn(
    { challenge, format, algorithms: ALGORITHMS, signal, onWaiting: showWaiting });
  showProgress('Checking', 'Your smartcard has signed. One moment.');
  const { next, sid } = await post('token', { ...signed, challenge }, signal);
  if (sid) await agent.begin({ sid, signal, onWaiting: showWaiting });
  return next;
}

async function post(what, body, signal) {
  const response = await fetch(`${path}/${what}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  });
  const answer = await response.json();
  if (answer.refused) throw Object.assign(new Error(), answer.refused, { code: answer.refused.reason });
  if (!response.ok) throw new Error(`${what}: ${response.status}`);
  return answer;
}

// Lanyard and the provider bring their own words; the rest is the network between page and provider.
function inWords(error, signal) {
  if (error.sentence) return error;
  if (signal.aborted) return new LanyardError('cancelled');
  return {
    sentence: 'Care Identity cannot be reached.',
    advice: 'Check this computer\'s network connection and start again.',
    code: error.message,
  };
}

function showWaiting({ for: what, triesLeft, reader }) {
  const [heading, text] = WAITING[what] ?? WAITING.signature;
  const details = [what === 'pin' && triesLeft === 1 ? LAST_TRY : text];
  if (what === 'pin-pad' && triesLeft === 1) details.push('This is the last try: a wrong PIN blocks the card.');
  else if (triesLeft === 2) details.push('You have 2 tries left.');
  if (reader && what !== 'signature') details.push(`Reader: ${reader}.`);
  showProgress(heading, ...details);
}

function showProgress(heading, ...paragraphs) {
  element('failure').hidden = true;
  element('progress').hidden = false;
  preferOtherWays(false);
  const title = document.createElement('h2');
  title.className = 'busy';
  title.textContent = heading;
  element('status').replaceChildren(title, ...paragraphs.map((text) => {
    const paragraph = document.createElement('p');
    paragraph.textContent = text;
    return paragraph;
  }));
  document.title = `${heading} - Care Identity sandbox`;
}

function showFailure({ sentence, advice, code, reason }) {
  element('progress').hidden = true;
  element('status').replaceChildren();
  element('sentence').textContent = sentence;
  element('advice').textContent = advice;
  element('code').textContent = code;
  element('code').parentElement.hidden = NO_FAULT.includes(reason);
  preferOtherWays(CARD_IS_NO_USE.includes(reason));
  element('failure').hidden = false;
  element('failure').focus();
  document.title = `${sentence} - Care Identity sandbox`;
}

// The link to the other ways stands below everything, or first among what can be done.
function preferOtherWays(preferred) {
  const [link, again, ways] = ['other-ways', 'again', 'ways'].map(element);
  if (preferred) again.before(link);
  else ways.prepend(link);
  ways.hidden = preferred;
  link.className = preferred ? 'button' : '';
  again.className = preferred ? 'plain' : '';
  again.textContent = preferred ? 'Try with another card' : 'Try again';
}

element('cancel').addEventListener('click', () => attempt.abort());
element('again').addEventListener('click', signIn);
signIn();
