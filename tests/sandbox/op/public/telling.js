// SPDX-License-Identifier: MIT
//
// How the provider's pages tell a person what is going on: what to do now, in a heading and a sentence
// that a screen reader speaks too, or what went wrong and what to do next. What the page says is also
// its title.

export const element = (id) => document.getElementById(id);

const WAITING = {
  permission: ['Your browser asks you a question',
    'Choose Allow, so that this site can reach the smartcard reader of this computer.'],
  turn: ['Another sign-in came first', 'Finish or cancel it. Yours follows by itself.'],
  reader: ['Connect a smartcard reader', 'No reader is connected to this computer.'],
  card: ['Insert your smartcard', 'Push it into the reader, chip first, until it stops.'],
  'card-or-key': ['Insert your smartcard or security key',
    'Push the card into the reader, chip first, or the key into a USB port.'],
  choice: ['Say which card is yours', 'Several cards are inserted. Choose yours in the Lanyard window.'],
  pin: ['Enter your PIN', 'Type it in the Lanyard window. No web page ever asks for it.'],
  'pin-pad': ['Enter your PIN on the reader', 'Type it on the keys of the reader itself.'],
  signature: ['Signing you in', 'Leave your smartcard in the reader.'],
  provider: ['Signing you in', 'Waiting for Care Identity to answer.'],
  role: ['Choose your role', 'Choose in the Lanyard window which role you work in now.'],
  'use-key': ['Use your security key',
    'Plug it in, and touch it when it blinks. A Lanyard window says what to do, and asks for the PIN.'],
  browser: ['Use your security key', 'Your browser shows what to do in a window of its own.'],
};
const LAST_TRY = 'This is the last try: confirm it in the Lanyard window, then type the PIN. ' +
  'Another wrong PIN blocks the card.';
const LAST_TRIES = {
  pin: LAST_TRY,
  'pin-pad': 'This is the last try: a wrong PIN blocks the card.',
};

// Nothing went wrong, so nobody needs a code.
const NO_FAULT = ['cancelled', 'timed-out'];

export function showWaiting({ for: what, triesLeft, reader }) {
  const [heading, text] = WAITING[what] ?? WAITING.provider;
  const last = triesLeft === 1 && LAST_TRIES[what];
  const details = what === 'pin' && last ? [] : [text];
  if (last) details.push(last);
  else if (triesLeft === 2) details.push(`You have ${triesLeft} tries left.`);
  if (reader && what !== 'signature') details.push(`Reader: ${reader}.`);
  showProgress(heading, ...details);
}

export function showProgress(heading, ...paragraphs) {
  element('failure').hidden = true;
  element('progress').hidden = false;
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

export function showFailure({ sentence, advice, code, reason }) {
  element('progress').hidden = true;
  element('status').replaceChildren();
  element('sentence').textContent = sentence;
  element('advice').textContent = advice;
  element('code').textContent = code;
  element('code').parentElement.hidden = NO_FAULT.includes(reason);
  element('failure').hidden = false;
  element('failure').focus();
  document.title = `${sentence} - Care Identity sandbox`;
}

// One request to the provider; what it refuses is thrown in its own words.
export async function post(url, body, signal) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.any([signal, AbortSignal.timeout(30_000)]),
  });
  const answer = await response.json();
  if (answer.refused) throw Object.assign(new Error(), answer.refused, { code: answer.refused.reason });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return answer;
}

// Lanyard and the provider bring their own words; the rest is the network between page and provider.
export function inWords(error) {
  if (error.sentence) return error;
  if (error.cause?.sentence) return error.cause;
  return {
    sentence: 'Care Identity cannot be reached.',
    advice: 'Check this computer\'s network connection and start again.',
    code: error.message,
  };
}
