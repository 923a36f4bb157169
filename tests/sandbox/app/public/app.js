// SPDX-License-Identifier: MIT
//
// Leaves the signed-in page as soon as the session ends elsewhere (back-channel logout).

const events = new EventSource('/events');
events.addEventListener('ended', () => {
  events.close();
  location.replace('/?problem=ended');
});
