// SPDX-License-Identifier: MIT
//
// The two browsers of the tests, started headless with an empty profile of their own, talking to
// nobody but the sandbox. Chromium through Playwright, Firefox through puppeteer over WebDriver
// BiDi. CHROMIUM and FIREFOX name other programs than those found on the PATH.
//
// `publicSite` { name, port } makes a browser count a sandbox page on 127.0.0.2 as one from the
// internet, under a made-up name: only then does it guard the way to this computer (Local Network
// Access).

import { chromium } from 'playwright-core';
import puppeteer from 'puppeteer-core';
import { findProgram } from './programs.mjs';

const QUIET = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const chromiumProgram = () => process.env.CHROMIUM ?? findProgram('chromium');
export const firefoxProgram = () => process.env.FIREFOX ?? findProgram('firefox-esr', 'firefox');

// wrapper: a program that starts Chromium in surroundings of its own.
export function launchChromium({ publicSite, headless = true, wrapper, env } = {}) {
  const args = [...QUIET];
  if (publicSite) {
    args.push(`--host-resolver-rules=MAP ${publicSite.name} 127.0.0.2`,
      `--ip-address-space-overrides=127.0.0.2:${publicSite.port}=public`);
  }
  return chromium.launch({
    executablePath: wrapper ?? chromiumProgram(), headless, args, env: { ...process.env, ...env },
  });
}

export function launchFirefox({ publicSite, program = firefoxProgram() } = {}) {
  const site = publicSite && {
    'network.dns.forceResolve': '127.0.0.2',
    'network.lna.enabled': true,
    'network.lna.blocking': true,
    'network.lna.websocket.enabled': true,
    'network.lna.address_space.public.override': `127.0.0.2:${publicSite.port}`,
  };
  return puppeteer.launch({
    browser: 'firefox',
    executablePath: program,
    headless: true,
    acceptInsecureCerts: true,
    extraPrefsFirefox: { 'app.normandy.enabled': false, 'toolkit.telemetry.enabled': false, ...site },
  });
}
