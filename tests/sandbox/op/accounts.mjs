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

// Resolves with find(uid) -> person or undefined.
export async function readAccounts(peopleFile) {
  const people = JSON.parse(await readFile(peopleFile, 'utf8'));
  const roles = JSON.parse(await readFile(new URL('roles.json', import.meta.url), 'utf8'));
  const accounts = new Map(people.map((person) => [person.uid, {
    uid: person.uid,
    givenName: person.given,
    familyName: person.family,
    roles: (roles[person.card] ?? roles.alice.slice(0, 1)).map((role, index) =>
      roleOf(person.uid, role, index)),
  }]));
  return { find: (uid) => accounts.get(uid) };
}

function roleOf(uid, { org, code, group, subgroup, role }, index) {
  return {
    id: `${uid.slice(-9)}${String(index + 1).padStart(3, '0')}`,
    personOrgId: `${uid.slice(-9)}${org.slice(-3)}`,
    orgCode: org,
    orgName: ORGANISATIONS[org],
    name: role,
    fullName: `"${group}":"${subgroup}":"${role}"`,
    code,
  };
}

// The claims of one person with the role chosen at sign-in (undefined for none).
export function claimsOf(person, roleId, clientId) {
  const organisations = new Map(person.roles.map((role) => [role.orgCode, role]));
  const name = `${person.familyName} ${person.givenName}`;
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
    name,
    display_name: name,
    given_name: person.givenName,
    family_name: person.familyName,
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
    })),
  };
}
