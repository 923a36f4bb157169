// SPDX-License-Identifier: MIT
//
// Who can sign in and what CIS2 says about them. The people are those of the sandbox's cards
// (people.json, written with the cards); their roles stand in roles.json by the card's name, and
// whoever is not listed there has the first role of alice. Organisations are made up. The names of
// claims are CIS2's own.

import { readFile } from 'node:fs/promises';

const ORGANISATIONS = {
  W0001: 'Willow Surgery',
  W0002: 'Northwick General Hospital',
  W0003: 'Harbour Street Pharmacy',
  W0004: 'Elmfield Community Trust',
  W0005: 'Ashdown Mental Health Centre',
  W0006: 'Three Rivers Integrated Care Board',
};

// Resolves with find(uid) -> person or undefined. A person may have several cards; the first one's
// roles count. `strangers`: people that the file does not know are let in too, nameless and with
// one role, for trying a real card.
export async function readAccounts(peopleFile, { strangers = false } = {}) {
  const people = JSON.parse(await readFile(peopleFile, 'utf8'));
  const roles = JSON.parse(await readFile(new URL('roles.json', import.meta.url), 'utf8'));
  const accounts = new Map();
  for (const person of people) {
    if (!accounts.has(person.uid)) accounts.set(person.uid, accountOf(person, roles));
  }
  const stranger = (uid) => accountOf(
    { uid, title: '', given_name: 'Unknown', family_name: 'Person', card: 'stranger' }, roles);
  return { find: (uid) => accounts.get(uid) ?? (strangers ? stranger(uid) : undefined) };
}

function accountOf({ uid, title, given_name: givenName, family_name: familyName, card }, roles) {
  const held = roles[card] ?? roles.alice.slice(0, 1);
  return {
    uid, title, givenName, familyName, roles: held.map((role, index) => roleOf(uid, role, index)),
  };
}

// rights: what CIS2 says of a role besides, each member there only where a role has some: activities,
// activity_codes, workgroups, workgroups_codes, aow, aow_codes.
function roleOf(uid, { org, code, group, subgroup, role, rights }, index) {
  return {
    id: `${uid.slice(-9)}${String(index + 1).padStart(3, '0')}`,
    personOrgId: `${uid.slice(-9)}${org.slice(-3)}`,
    orgCode: org,
    orgName: ORGANISATIONS[org],
    name: role,
    fullName: `"${group}":"${subgroup}":"${role}"`,
    code,
    rights,
  };
}

export function displayName({ title, givenName, familyName }) {
  return `${title} ${givenName} ${familyName}`.trim();
}

// The claims of one person with the session's role (undefined for none).
export function claimsOf(person, roleId, clientId) {
  const organisations = new Map(person.roles.map((role) => [role.orgCode, role]));
  return {
    sub: person.uid,
    azp: clientId,
    realm: '/NHSIdentity/Healthcare',
    id_assurance_level: '3',
    authentication_assurance_level: '3',
    selected_roleid: roleId,
    uid: person.uid,
    nhsid_useruid: person.uid,
    idassurancelevel: '3',
    name: `${person.familyName} ${person.givenName}`,
    display_name: displayName(person),
    given_name: person.givenName,
    family_name: person.familyName,
    title: person.title,
    initials: person.givenName[0],
    email: `${person.givenName}.${person.familyName}@sandbox.invalid`.toLowerCase(),
    nhsid_user_orgs: [...organisations.values()].map((role) =>
      ({ org_name: role.orgName, org_code: role.orgCode })),
    nhsid_org_memberships: [...organisations.values()].map((role) =>
      ({ person_orgid: role.personOrgId, org_name: role.orgName, org_code: role.orgCode })),
    nhsid_nrbac_roles: person.roles.map((role) => ({
      person_orgid: role.personOrgId,
      person_roleid: role.id,
      org_code: role.orgCode,
      role_name: role.fullName,
      role_code: role.code,
      ...role.rights,
    })),
  };
}
