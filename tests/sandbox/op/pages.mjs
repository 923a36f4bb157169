// SPDX-License-Identifier: MIT
//
// The provider's pages as HTML. Every page has the same frame; all text that a person reads before
// any script runs is here, and what changes while signing in is in public/sign-in.js.

import { html } from '../http.mjs';

function frame(title, main, { scripts = [] } = {}) {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${title} - Care Identity sandbox</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/care-identity.css">
  ${scripts.map((src) => html`<script type="module" src="${src}"></script>`)}
</head>
<body>
  <a class="skip" href="#main">Skip to main content</a>
  <header>
    <div class="width">
      <span class="wordmark">Care Identity</span>
      <span class="tag">sandbox</span>
    </div>
  </header>
  <main id="main" class="width">${main}</main>
  <footer>
    <div class="width">A stand-in for trying things out. The people and cards here are made up.</div>
  </footer>
</body>
</html>
`;
}

// What waits for the person; sign-in.js fills the status as things happen. by: proof, begin or card,
// the three ways in sign-in.js; force, maxAge (seconds): how fresh the PIN has to be; keys: whether a
// security key will do; bound: whether an agent may have the session.
export function signInPage({ path, port, format, by, force, maxAge, keys, bound }) {
  return frame('Sign in with your smartcard', html`
    <h1 id="title">Sign in with your smartcard</h1>
    <div id="sign-in" data-path="${path}" data-port="${port}" data-format="${format}"
      data-by="${by}" data-interaction="${force ? 'force' : 'if-needed'}"
      data-max-age="${maxAge}" data-session="${bound ? 'agent' : 'browser'}">
      <section class="card" id="progress">
        <div id="status" role="status">
          <h2 class="busy">Starting</h2>
          <p>This takes a moment.</p>
        </div>
        <div class="actions">
          <button type="button" class="plain" id="cancel">Cancel</button>
          <button type="button" class="plain" id="in-browser" hidden>Use this browser's own window</button>
        </div>
      </section>
      <section class="card failed" id="failure" tabindex="-1" aria-labelledby="sentence" hidden>
        <h2 id="sentence"></h2>
        <p id="advice"></p>
        <div class="actions"><button type="button" id="again">Try again</button></div>
        <p class="code">For your IT service desk: <span id="code"></span></p>
      </section>
      <noscript>
        <section class="card failed">
          <h2>This page needs JavaScript to reach your smartcard</h2>
          <p>Ask your IT service desk to allow it for this site, or sign in another way.</p>
        </section>
      </noscript>
    </div>
    ${otherWaysLink(path, keys)}`, { scripts: ['/sign-in.js'] });
}

function otherWaysLink(path, keys) {
  return html`
    ${keys && html`
    <nav class="ways" aria-label="Card or key">
      <button type="button" class="plain" id="with-key">Use a security key</button>
      <button type="button" class="plain" id="with-card" hidden>Use your smartcard</button>
    </nav>`}
    <nav class="ways" id="ways" aria-label="Other ways to sign in">
      <a id="other-ways" href="${path}/other-ways">Other ways to sign in</a>
      <p>Without your card, or when it does not work</p>
    </nav>`;
}

const OTHER_WAYS = [
  ['Security key', 'A FIDO2 key with a PIN, plugged in or held to the reader.'],
  ['NHSmail', 'Your NHSmail address and its second step.'],
  ['Authenticator app', 'A code from the app on your phone.'],
];

export function otherWaysPage({ path, keys }) {
  return frame('Other ways to sign in', html`
    <h1>Other ways to sign in</h1>
    <p class="lead">Care Identity offers these when a smartcard is not at hand. This sandbox signs
      people in with ${keys ? 'smartcards and security keys' : 'smartcards'} only, so it shows what
      they are and goes no further.</p>
    <ul class="list">
      ${OTHER_WAYS.slice(keys ? 1 : 0).map(([name, text]) => html`<li><strong>${name}</strong><span>${text}</span></li>`)}
    </ul>
    <div class="actions">
      <a class="button" id="smartcard" href="${path}">Use your smartcard</a>
      ${keys && html`<a class="button" id="key" href="${path}#key">Use a security key</a>`}
      <form method="post" action="${path}/leave">
        <button class="plain">Go back to the application</button>
      </form>
    </div>`);
}

// Two to five roles: a list. More: a list with a search field.
export function rolePage({ path, person }) {
  const many = person.roles.length > 5;
  return frame('Choose your role', html`
    <h1>Choose your role</h1>
    <p class="lead">${person.givenName} ${person.familyName}, which role do you work in now?
      It holds until you sign out.</p>
    ${many && html`
      <label for="search">Search by role or organisation</label>
      <input id="search" type="search" autocomplete="off">
      <p id="found" class="found" role="status">${person.roles.length} roles</p>`}
    <form method="post" action="${path}/role">
      <ul class="list roles">
        ${person.roles.map((role) => html`<li><button name="role" value="${role.id}">
          <strong>${role.name}</strong><span>${role.orgName} (${role.orgCode})</span></button></li>`)}
      </ul>
    </form>
    <form method="post" action="${path}/leave" class="actions">
      <button class="plain" id="not-me">Not you? Go back without signing in</button>
    </form>`, { scripts: many ? ['/roles.js'] : [] });
}

// Where a person who is signed in registers security keys; security-keys.js does it.
export function keysPage({ path, port, person, registered }) {
  const [count, which, more] = [
    ['no security key', 'one', 'a'], ['one security key', 'it', 'another'],
  ][registered.length] ?? [`${registered.length} security keys`, 'one of them', 'another'];
  return frame('Your security keys', html`
    <h1>Your security keys</h1>
    <p class="lead">${person.givenName} ${person.familyName}, you have registered ${count} with Care
      Identity. With ${which} and its PIN you sign in without your smartcard.</p>
    <ul class="list" id="registered">
      ${registered.map(({ id, at }) => html`<li><strong>Security key ${id.slice(0, 8)}</strong>
        <span>registered on ${at.toISOString().slice(0, 10)}</span></li>`)}
    </ul>
    <div id="keys" data-path="${path}" data-port="${port}">
      <div class="actions"><button type="button" id="register">Register ${more} security key</button></div>
      <section class="card" id="progress" hidden>
        <div id="status" role="status"></div>
        <div class="actions">
          <button type="button" class="plain" id="cancel">Cancel</button>
          <button type="button" class="plain" id="in-browser" hidden>Use this browser's own window</button>
        </div>
      </section>
      <section class="card failed" id="failure" tabindex="-1" aria-labelledby="sentence" hidden>
        <h2 id="sentence"></h2>
        <p id="advice"></p>
        <div class="actions"><button type="button" id="again">Try again</button></div>
        <p class="code">For your IT service desk: <span id="code"></span></p>
      </section>
    </div>`, { scripts: ['/security-keys.js'] });
}

export function notSignedInPage() {
  return frame('Sign in first', html`
    <h1>Sign in first</h1>
    <p class="lead">A security key is registered by the person whose it is. Sign in to an application
      in this browser with your smartcard, then come back to this page.</p>`);
}

export function gonePage() {
  return frame('This sign-in has ended', html`
    <h1>This sign-in has ended</h1>
    <p class="lead">It was finished or it waited too long. Go back to the application and sign in
      from there.</p>`);
}

export function errorPage({ error, error_description: description }) {
  return frame('The application asked for something that is not possible', html`
    <h1>The application asked for something that is not possible</h1>
    <p class="lead">Go back to it and start again. If it persists, tell its makers what stands
      below.</p>
    <p class="code">${error}: ${description}</p>`);
}

// `form` is oidc-provider's own, already HTML.
export function signOutPage(form) {
  const page = frame('Sign out', html`
    <h1>Do you want to sign out of Care Identity?</h1>
    <p class="lead">Every application that you opened with it in this browser signs you out too.</p>
    FORM
    <div class="actions">
      <button form="op.logoutForm" name="logout" value="yes">Sign out</button>
      <button form="op.logoutForm" class="plain">Stay signed in</button>
    </div>`);
  return String(page).replace('FORM', () => form);
}

export function signedOutPage() {
  return frame('You have signed out', html`
    <h1>You have signed out</h1>
    <p class="lead">Take your smartcard with you.</p>`);
}
