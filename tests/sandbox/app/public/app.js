// SPDX-License-Identifier: MIT
//
// Leaves the signed-in page as soon as the session ends elsewhere (back-channel logout). Whoever
// signs out here is on the way to the provider and hears of it there.

const events = new EventSource('/events');
events.addEventListener('ended', () => {
  events.close();
  location.replace('/?problem=ended');
});
document.getElementById('sign-out').addEventListener('submit', () => events.close());
