// SPDX-License-Identifier: MIT
//
// oidc-provider set up to look like CIS2 from outside: its issuer path and endpoints, its scopes
// and claims, authorisation code with PKCE only, private_key_jwt, RS256 ID tokens, back-channel
// logout. A person chooses a role once; it holds for the session (a grant remembers it), and
// prompt=login chooses anew.

import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import Provider, { interactionPolicy } from 'oidc-provider';
import { claimsOf } from './accounts.mjs';
import { makeMemory } from './memory.mjs';
import { errorPage, signedOutPage, signOutPage } from './pages.mjs';

export const ISSUER_PATH = '/openam/oauth2/realms/root/realms/NHSIdentity/realms/Healthcare';
export const ACR = 'AAL3_CIS2_SMARTCARD';
export const AMR = ['CIS2_SMARTCARD'];

const SESSION = 36_000; // seconds: CIS2's ten hours

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

// `client`: the one registered application, { clientId, jwks, redirectUri, signedOutUri, logoutUri }.
export function makeProvider({ origin, accounts, client, report }) {
  const roleOfGrant = new Map();
  const provider = new Provider(origin + ISSUER_PATH, {
    adapter: makeMemory(),
    clients: [clientMetadata(client)],
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
    acrValues: [ACR, 'AAL3_SMARTCARD', 'AAL3_ANY', 'AAL2_OR_AAL3_ANY'],
    responseTypes: ['code'],
    subjectTypes: ['public'],
    clientAuthMethods: ['private_key_jwt'],
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
      Interaction: 1800, Session: SESSION, Grant: SESSION,
    },
    interactions: {
      policy: signInOnly(),
      url: (ctx, interaction) => `/sign-in/${interaction.uid}`,
    },
    loadExistingGrant: (ctx) => grantOf(ctx, roleOfGrant),
    findAccount: (ctx, uid, token) => accountOf(accounts.find(uid), token, roleOfGrant),
    renderError: (ctx, out) => show(ctx, errorPage(out)),
  });
  for (const event of ['server_error', 'grant.error', 'authorization.error', 'backchannel.error']) {
    provider.on(event, (ctx, error) => report(error.error === 'access_denied'
      ? 'somebody went back to the application without signing in'
      : `${event}: ${error.error_description ?? error.message}`));
  }
  return provider;
}

function clientMetadata({ clientId, jwks, redirectUri, signedOutUri, logoutUri }) {
  return {
    client_id: clientId,
    jwks,
    redirect_uris: [redirectUri],
    post_logout_redirect_uris: [signedOutUri],
    backchannel_logout_uri: logoutUri,
    backchannel_logout_session_required: true,
    token_endpoint_auth_method: 'private_key_jwt',
    id_token_signed_response_alg: 'RS256',
    require_auth_time: true,
  };
}

function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

// CIS2 asks nobody for consent: its applications are assured before they are connected.
function signInOnly() {
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return policy;
}

// A new grant at a real sign-in; otherwise the one there is; otherwise, for a further application
// in the same session, one with the role that the session already has.
async function grantOf(ctx, roleOfGrant) {
  const { client, session, result, provider } = ctx.oidc;
  const mine = session.grantIdFor(client.clientId);
  if (mine && !result?.login) return provider.Grant.find(mine);
  const grant = new provider.Grant({ accountId: session.accountId, clientId: client.clientId });
  grant.addOIDCScope(Object.keys(CLAIMS).join(' '));
  const others = Object.values(session.authorizations ?? {}).map(({ grantId }) => grantId);
  const held = others.map((id) => roleOfGrant.get(id)).find(Boolean);
  const id = await grant.save();
  roleOfGrant.set(id, result?.login ? result.role : held);
  return grant;
}

function accountOf(person, token, roleOfGrant) {
  if (!person) return undefined;
  return {
    accountId: person.uid,
    claims: () => ({
      ...claimsOf(person, roleOfGrant.get(token?.grantId), token?.clientId),
      auditTrackingId: randomUUID(),
    }),
  };
}

function show(ctx, page) {
  ctx.type = 'html';
  ctx.set('Content-Security-Policy', "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; frame-ancestors 'none'");
  ctx.body = String(page);
}
