// SPDX-License-Identifier: MIT
//
// The sample application's one page: signed out, with a button; signed in, with what Care Identity
// said about the person, the role and the way they signed in.

import { html } from '../http.mjs';

const PROBLEMS = {
  left: 'You were not signed in. Start again when you are ready; if your smartcard does not work, ' +
    'ask your Registration Authority.',
  required: 'Care Identity needs you for that. Sign in to go on.',
  assurance: 'Care Identity cannot sign you in as strongly as this application asks for.',
  lost: 'That sign-in had already ended. Please start again.',
  ended: 'You have been signed out: your smartcard was taken out, or you signed out elsewhere on this computer.',
  out: 'You have signed out. Take your smartcard with you.',
};

// name: the application's.
export function homePage({ name, claims, problem }) {
  const body = claims ? signedIn(claims) : signedOut(name, problem);
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>${claims ? 'Signed in' : 'Sign in'} - ${name}</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/app.css">
  ${claims && html`<script type="module" src="/app.js"></script>`}
</head>
<body>
  <header><span class="name">${name}</span><span class="tag">sample application</span></header>
  <main>${body}</main>
</body>
</html>
`;
}

function signedOut(name, problem) {
  return html`
    <section class="panel welcome">
      <h1>${name}</h1>
      <p>The patients you look after, on one page.</p>
      ${Object.hasOwn(PROBLEMS, problem ?? '') && html`<p class="notice" role="status">${PROBLEMS[problem]}</p>`}
      <a class="button" id="sign-in" href="/sign-in">Sign in with Care Identity</a>
    </section>`;
}

function signedIn(claims) {
  const role = claims.nhsid_nrbac_roles?.find((each) => each.person_roleid === claims.selected_roleid);
  const org = claims.nhsid_user_orgs?.find((each) => each.org_code === role?.org_code);
  const roleName = role?.role_name.match(/"([^"]*)"$/)[1];
  const rows = [
    ['Role', 'role', roleName ?? 'None'],
    ['Organisation', 'organisation', org ? `${org.org_name} (${org.org_code})` : 'None'],
    ['User ID', 'uid', claims.sub.replace(/(\d{4})(?=\d)/g, '$1 ')],
    ['Signed in', 'auth-time', timeOf(claims.auth_time)],
    ['Assurance', 'acr', claims.acr],
    ['Signed in with', 'amr', claims.amr?.join(', ')],
  ];
  return html`
    <section class="panel">
      <p class="hello">You are signed in as</p>
      <h1 id="who">${claims.display_name}</h1>
      <dl>${rows.map(([name, id, value]) => html`<dt>${name}</dt><dd id="${id}">${value}</dd>`)}</dl>
      <div class="actions">
        <form method="post" action="/sign-out" id="sign-out"><button class="button">Sign out</button></form>
        <ul>
          <li><a id="refresh" href="/refresh">Update</a> (your role may have changed)</li>
          <li><a id="again" href="/sign-in?prompt=login">Sign in again</a> (asks for your PIN)</li>
        </ul>
      </div>
    </section>`;
}

function timeOf(seconds) {
  const date = new Date(seconds * 1000);
  const shown = date.toLocaleString('en-GB', { dateStyle: 'long', timeStyle: 'medium' });
  return html`<time datetime="${date.toISOString()}">${shown}</time>`;
}
