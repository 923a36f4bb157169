// SPDX-License-Identifier: MIT
//
// oidc-provider set up to look like CIS2 from outside: its issuer path and endpoints, its scopes
// and claims, authorisation code with PKCE only, private_key_jwt, RS256 ID tokens, back-channel
// logout. What an application learns of a person it learns from the CIS session (sessions.mjs) that
// the browser's own session is linked to: the role as it is at that moment, and when the PIN was typed.
//
// Two ways lead out. An application that signs somebody out (RP-initiated logout) ends the browser's
// session here and with it every application that was opened from this browser; the CIS session goes
// on, because it is the desktop's: whoever leaves the desk takes the card out or signs out of Lanyard,
// and that ends the CIS session with every browser's session that is linked to it. Either way each
// application is told by back-channel logout.

import { randomBytes, randomUUID } from 'node:crypto';
import Provider from 'oidc-provider';
import { makeKeyPair } from '../keys.mjs';
import { claimsOf } from './accounts.mjs';
import { makeMemory } from './memory.mjs';
import { errorPage, gonePage, signedOutPage, signOutPage } from './pages.mjs';
import { makePolicy } from './policy.mjs';
import { ACR } from './sessions.mjs';

export const ISSUER_PATH = '/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare';
// What a sign-in is good for with a card, and with a security key where those are taken. The
// applications are told the first of either.
const ATTAINABLE = [ACR, 'AAL3_SMARTCARD', 'AAL3_ANY', 'AAL2_OR_AAL3_ANY'];
const ATTAINABLE_WITH_KEYS = ['AAL3_FIDO2', ...ATTAINABLE];

const CLAIMS = {
  openid: ['sub', 'azp', 'acr', 'amr', 'auth_time', 'sid', 'realm', 'auditTrackingId',
    'id_assurance_level', 'authentication_assurance_level', 'selected_roleid'],
  profile: ['name', 'display_name', 'given_name', 'family_name', 'title',
    'initials'],
  email: ['email'],
  nhsperson: ['uid', 'nhsid_useruid', 'idassurancelevel'],
  associatedorgs: ['nhsid_user_orgs'],
  nationalrbacaccess: ['nhsid_nrbac_roles'],
  professionalmemberships: [],
  organisationalmemberships: ['nhsid_org_memberships'],
  selectedrole: ['selected_roleid'],
};

// The sample program (tests/sandbox/native-app), which is registered without being asked for: it has
// no address of its own. A program on somebody's desktop keeps no secret, so PKCE is all there is,
// and it comes back to a port that is another one each time (RFC 8252).
export const NATIVE_APP = {
  clientId: '120000000003.apps.sandbox', native: true, redirectUri: 'http://127.0.0.1/callback',
};

// clients: the applications, each { clientId, jwks, redirectUri, signedOutUri, logoutUri }. keys:
// whether security keys are taken.
export function makeProvider({ origin, accounts, clients, sessions, keys = false, clock, report }) {
  const { life } = sessions.limits;
  const attainable = keys ? ATTAINABLE_WITH_KEYS : ATTAINABLE;
  const provider = new Provider(origin + ISSUER_PATH, {
    adapter: makeMemory(),
    clients: [...clients, NATIVE_APP].map(clientMetadata),
    jwks: { keys: [signingKey()] },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    routes: {
      authorization: '/authorize',
      token: '/access_token',
      userinfo: '/userinfo',
      jwks: '/connect/jwk_uri',
      end_session: '/connect/endSession',
    },
    scopes: Object.keys(CLAIMS),
    claims: CLAIMS,
    acrValues: attainable,
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: ['private_key_jwt', 'none'],
    enabledJWA: {
      clientAuthSigningAlgValues: ['RS512', 'RS256'],
      idTokenSigningAlgValues: ['RS256'],
    },
    pkce: { methods: ['S256'], required: () => true },
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => show(ctx, signOutPage(form)),
        postLogoutSuccessSource: (ctx) => show(ctx, signedOutPage()),
      },
    },
    ttl: {
      AccessToken: 3599, AuthorizationCode: 60, IdToken: 3600,
      Interaction: 1800, Session: life, Grant: life,
    },
    interactions: {
      policy: makePolicy({ sessions, clock, attainable }),
      url: (ctx, interaction) => `/sign-in/${interaction.uid}`,
    },
    loadExistingGrant: (ctx) => grantOf(ctx, sessions),
    findAccount: (ctx, uid, token) => accountOf(accounts.find(uid), token, sessions),
    renderError: (ctx, out, error) =>
      show(ctx, error.name === 'SessionNotFound' ? gonePage() : errorPage(out)),
  });
  for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error']) {
    provider.on(event, (ctx, error) => report(error.error === 'access_denied'
      ? 'somebody went back to the application without signing in'
      : `${event}: ${error.error_description ?? error.message}`));
  }
  provider.on('end_session.success', ({ oidc: { session } }) => {
    if (session.destroyed) sessions.unlink(session.uid);
  });
  provider.on('authorization.error', ({ oidc: { entities, session } }) => {
    if (entities.Interaction?.result?.notMe) endSessionOf(session.uid, sessions);
  });
  return provider;
}

function endSessionOf(browser, sessions) {
  const session = sessions.ofBrowser(browser);
  if (session) sessions.end(session, 'it is somebody else who sits there');
}

// The CIS session of the browser that sends a request; undefined where nobody is signed in there.
export async function sessionOfBrowser(provider, sessions, request, response) {
  const { uid } = await provider.Session.get({ req: request, res: response });
  return sessions.ofBrowser(uid);
}

// Ends a browser's session at the provider: no token that came from it works any more, and each
// application is told (OpenID Connect Back-Channel Logout 1.0).
export async function endBrowserSession(provider, browser, report) {
  const session = await provider.Session.findByUid(browser);
  await session?.destroy();
  const applications = Object.entries(session?.authorizations ?? {});
  await Promise.all(applications.map(async ([clientId, { sid, grantId }]) => {
    await (await provider.Grant.find(grantId))?.destroy();
    const client = await provider.Client.find(clientId);
    if (!client.backchannelLogoutUri) return;
    await client.backchannelLogout(session.accountId, sid).catch((error) =>
      report(`${clientId} could not be told of the end: ${error.message}`));
  }));
}

function clientMetadata({ clientId, native, jwks, redirectUri, signedOutUri, logoutUri }) {
  const metadata = {
    client_id: clientId,
    redirect_uris: [redirectUri],
    id_token_signed_response_alg: 'RS256',
    require_auth_time: true,
  };
  if (native) {
    return { ...metadata, application_type: 'native', token_endpoint_auth_method: 'none' };
  }
  return {
    ...metadata,
    jwks,
    post_logout_redirect_uris: [signedOutUri],
    backchannel_logout_uri: logoutUri,
    backchannel_logout_session_required: true,
    token_endpoint_auth_method: 'private_key_jwt',
  };
}

// One for all providers of this process: making an RSA key takes longer than all else they need.
let key = null;

function signingKey() {
  key ??= {
    ...makeKeyPair('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }),
    kid: randomUUID(), use: 'sig', alg: 'RS256',
  };
  return key;
}

// CIS2 asks nobody for consent, since its applications are assured before they are connected: so
// there is a grant for whoever is signed in. This is also where a browser's session is linked to the
// CIS session that its page has just proved, and where it learns when the PIN was last typed.
async function grantOf(ctx, sessions) {
  const { client, session: browser, result, provider } = ctx.oidc;
  const proved = result?.login && sessions.find(result.login.cis);
  if (proved) sessions.link(proved, browser.uid);
  const session = sessions.ofBrowser(browser.uid);
  if (!session) return undefined;
  browser.loginTs = Math.floor(session.authTime / 1000);
  const known = await provider.Grant.find(browser.grantIdFor(client.clientId));
  if (known) return known;
  const grant = new provider.Grant({ accountId: browser.accountId, clientId: client.clientId });
  grant.addOIDCScope(Object.keys(CLAIMS).join(' '));
  await grant.save();
  return grant;
}

function accountOf(person, token, sessions) {
  if (!person) return undefined;
  const roleFor = (scope) => scope.split(' ').includes('selectedrole')
    ? sessions.ofBrowser(token?.sessionUid)?.role ?? undefined : undefined;
  return {
    accountId: person.uid,
    claims: (use, scope) => ({
      ...claimsOf(person, roleFor(scope), token?.clientId),
      auditTrackingId: randomUUID(),
    }),
  };
}

function show(ctx, page) {
  ctx.type = 'html';
  ctx.set('Content-Security-Policy', "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; frame-ancestors 'none'");
  ctx.body = String(page);
}
