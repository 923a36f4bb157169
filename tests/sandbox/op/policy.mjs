// SPDX-License-Identifier: MIT
//
// When an application's request leads to a page of ours, in oidc-provider's terms: `login` where a
// proof of who it is is owed, then `role` where the application asks for a role (scope selectedrole)
// and the session has none of several. With prompt=none the first becomes login_required and the
// second interaction_required.
//
// A browser's session at the provider counts only as long as the CIS session that it is linked to.

import { errors, interactionPolicy } from 'oidc-provider';

const { Check, Prompt } = interactionPolicy;

// attainable: the acr values that a sign-in here can answer.
export function makePolicy({ sessions, clock, attainable }) {
  const sessionOf = ({ oidc }) => sessions.ofBrowser(oidc.session.uid);
  const signedInJustNow = ({ oidc }) => Boolean(oidc.result?.login);

  // The page asks the agent for this, and the answer is held against `notBefore`, in milliseconds.
  function owed({ oidc }) {
    const force = oidc.prompts.has('login');
    const maxAge = maxAgeOf(oidc);
    const age = force ? 0 : maxAge ?? Infinity;
    return { force, maxAge, notBefore: Math.max(0, clock.now() - age * 1000) };
  }

  const login = new Prompt({ name: 'login', requestable: true }, owed,
    new Check('acr', 'The requested assurance cannot be reached.', ({ oidc }) => {
      const { value, values = value && [value] } = oidc.claims.id_token?.acr ?? {};
      if (!values || values.some((acr) => attainable.includes(acr))) return false;
      throw new errors.CustomOIDCProviderError('unmet_authentication_requirements',
        `none of the requested acr values can be reached: ${values.join(' ')}`);
    }),
    new Check('no_session', 'End-User authentication is required', (ctx) => !sessionOf(ctx)),
    new Check('max_age', 'End-User authentication is too long ago', (ctx) => {
      const [session, maxAge] = [sessionOf(ctx), maxAgeOf(ctx.oidc)];
      if (!session || maxAge === undefined || signedInJustNow(ctx)) return false;
      return clock.now() - session.authTime > maxAge * 1000;
    }),
    // Somebody else than the application expects: a sign-in may help, but not a second one.
    new Check('other_person', 'Another End-User is signed in', (ctx) => {
      const { session, entities, claims } = ctx.oidc;
      const expected = [entities.IdTokenHint?.payload.sub, claims.id_token?.sub?.value];
      const other = session.accountId && expected.some((sub) => sub && sub !== session.accountId);
      if (other && signedInJustNow(ctx)) throw new errors.LoginRequired('another End-User has signed in');
      return Boolean(other);
    }));

  const role = new Prompt({ name: 'role' },
    new Check('no_role', 'a role has to be chosen', (ctx) => {
      const session = sessionOf(ctx);
      return ctx.oidc.requestParamScopes.has('selectedrole') && session?.role === null &&
        session.person.roles.length > 1;
    }));

  return [login, role];
}

// OpenID Connect's max_age, in seconds.
function maxAgeOf(oidc) {
  return oidc.params.max_age === undefined ? undefined : Number(oidc.params.max_age);
}
