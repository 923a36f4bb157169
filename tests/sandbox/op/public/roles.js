// SPDX-License-Identifier: MIT
//
// The search field above a long list of roles: shows the roles that contain every word typed, and
// says how many they are.

const roles = [...document.querySelectorAll('.roles li')];
const found = document.getElementById('found');

document.getElementById('search').addEventListener('input', ({ target }) => {
  const words = target.value.toLowerCase().split(/\s+/);
  let count = 0;
  for (const role of roles) {
    const text = role.textContent.toLowerCase();
    role.hidden = !words.every((word) => text.includes(word));
    count += role.hidden ? 0 : 1;
  }
  found.textContent = count === 1 ? '1 role' : `${count} roles`;
});
