// SPDX-License-Identifier: MIT
//
// The page where a person registers a security key: options from the provider, the key's answer from
// Lanyard or from the browser, and to the provider with it.

import { credentials, LanyardError } from './lanyard.js';
import { element, inWords, post, showFailure, showProgress, showWaiting } from './telling.js';

const { path, port } = element('keys').dataset;
const browserKnowsKeys = typeof PublicKeyCredential === 'function';
let use = 'agent'; // who asks the key
let attempt = null; // the AbortController of the registration under way

async function register() {
  attempt?.abort();
  attempt = new AbortController();
  const { signal } = attempt;
  element('register').hidden = true;
  element('in-browser').hidden = use === 'browser' || !browserKnowsKeys;
  showProgress('Starting', 'This takes a moment.');
  try {
    const publicKey = await post(`${path}/options`, {}, signal);
    const credential = await created(publicKey, signal);
    showProgress('Checking', 'Care Identity checks your security key. One moment.');
    const { next } = await post(`${path}/registration`, { registration: credential.toJSON() }, signal);
    location.replace(next);
  } catch (error) {
    if (attempt.signal !== signal) return; // the other way was chosen meanwhile
    showFailure(signal.aborted ? new LanyardError('cancelled',
      { sentence: 'The registration was cancelled.', advice: 'Start again when you are ready.' }) : inWords(error));
  }
}

// Without Lanyard the browser may do.
async function created(publicKey, signal) {
  const options = { publicKey, use, port: Number(port), signal, onWaiting: showWaiting };
  try {
    return await credentials.create(options);
  } catch (error) {
    if (use === 'browser' || !browserKnowsKeys || !error.cause?.kind) throw error;
    return credentials.create({ ...options, use: 'browser' });
  }
}

element('register').addEventListener('click', register);
element('again').addEventListener('click', register);
element('cancel').addEventListener('click', () => attempt.abort());
element('in-browser').addEventListener('click', () => {
  use = 'browser';
  register();
});
