/**
 * Who somebody is: accounts made and signed in to on our own pages, a name bound to the media by a signed claim (Chromium) and by WebRTC identity
 * (Firefox, with the identity proxy of the server), and a fingerprint that was swapped on its way, refused in both.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expectCall } from '../lib/matrix.js';
import { RESULTS } from '../lib/server.js';
import { until } from '../lib/until.js';

export const name = 'Identity';

const PASSWORD = 'correct horse battery';

export async function scene(stage) {
  const server = await stage.ownServer({ HTTP__DEV_TLS: 'true' });
  const folder = join(RESULTS, stage.room);
  mkdirSync(folder, { recursive: true });
  const shoot = async (person, what) => {
    const path = join(folder, `page-${what}.png`);
    await person.page.screenshot({ path, fullPage: true });
    stage.say(`looked at: ${path}`);
  };

  const anne = await stage.visitor({ name: 'Anne' });

  await stage.step('somebody makes an account and signs in', async () => {
    await anne.on('signed-in').filter({ hasText: 'take your word' }).waitFor();
    await anne.page.goto(`${server.url}/identity/login`);
    await shoot(anne, 'login');
    await anne.page.goto(`${server.url}/identity/register`);
    await shoot(anne, 'register');
    await register(anne, server, 'anne@example.org', 'Anne', () => shoot(anne, 'choose-password'));
    await shoot(anne, 'account');
    await anne.open();
    await anne.on('signed-in').filter({ hasText: 'anne@localhost' }).waitFor();
    await shoot(anne, 'lobby');
  });

  const ben = await stage.visitor({ kind: 'firefox', name: 'Ben' });

  await stage.step('in a call the other sees that her name is vouched for, and his is not', async () => {
    await anne.join(stage.room);
    await ben.join(stage.room);
    stage.say(await expectCall([anne, ben]));
    await ben.people();
    await ben.page.locator(`[data-testid="trust-${anne.id}"][data-colour="green"]`).waitFor();
    await ben.on(`identity-${anne.id}`).filter({ hasText: 'anne@localhost' }).waitFor();
    if (await ben.on(`trust-${ben.id}`).count() !== 0) throw new Error('somebody vouches for Ben');
    await shoot(ben, 'people');
    const listed = await inRoom(ben, stage.room);
    const identity = listed.find(({ id }) => id === anne.id).identity;
    if (identity?.identity !== 'anne@localhost' || identity.colour !== 'green') throw new Error(JSON.stringify(listed));
    await anne.leave();
    await ben.leave();
    await stage.gone(ben);
  });

  const page = await stage.stranger({ name: 'Clara', index: 2, granted: true });

  await stage.step('in Chromium: a signed claim beside the offer', async () => {
    await signUp(page, server, 'clara@example.org', 'Clara');
    const told = await page.page.evaluate(byClaim, { room: 'claims', swapped: false });
    if (told.status !== 201) throw new Error(`${told.status} ${told.body}`);
    await expectIdentity(page, 'claims', 'clara@localhost', 'green');
  });

  await stage.step('in Chromium: a claim for another certificate is refused', async () => {
    expectRefused(await page.page.evaluate(byClaim, { room: 'swapped', swapped: true }));
    await stage.gone(page);
  });

  const fox = await stage.stranger({ kind: 'firefox', name: 'David', index: 3 });

  await stage.step('in Firefox: the identity proxy of the server puts an assertion into the offer', async () => {
    const before = await fox.page.evaluate(byProxy, { room: 'foxes' });
    if (!before.loginUrl?.startsWith(`${server.url}/identity/proxy/login`)) throw new Error(`nobody is signed in: ${JSON.stringify(before)}`);
    await signUp(fox, server, 'david@example.org', 'David');
    const told = await asserted(fox, stage, { room: 'foxes' });
    stage.say(`the other side's browser says ${told.peer}`);
    if (told.status !== 201) throw new Error(JSON.stringify(told));
    if (told.peer !== 'david@localhost') throw new Error(`the other side is told ${told.peer}`);
    await expectIdentity(fox, 'foxes', 'david@localhost', 'green');
  });

  await stage.step('in Firefox: an offer whose fingerprint was swapped is refused', async () => {
    expectRefused(await asserted(fox, stage, { room: 'swapped', swap: true }));
  });

  await stage.step('an assertion that was taken back is red', async () => {
    const told = await asserted(fox, stage, { room: 'revoked', revoke: true });
    if (told.status !== 201) throw new Error(JSON.stringify(told));
    await expectIdentity(fox, 'revoked', undefined, 'red');
  });
}

/** Fills the pages in, with the link of the mail, which without a mail server is in the log. */
async function register(person, server, email, name, look = () => undefined) {
  const { page } = person;
  const mails = () => [...readFileSync(server.log, 'utf8').matchAll(/\/identity\/verify\?token=([\w-]+)/g)];
  const before = mails().length;
  await page.goto(`${server.url}/identity/register`);
  await page.fill('input[name=email]', email);
  await page.click('form button');
  await page.getByRole('heading', { name: 'Look into your mail' }).waitFor();
  const [, token] = await until('a mail has come', () => mails()[before]);
  await page.goto(`${server.url}/identity/verify?token=${token}`);
  await look();
  await page.fill('input[name=name]', name);
  await page.fill('input[name=password]', PASSWORD);
  await page.click('form button');
  await page.waitForURL('**/identity/account');
}

/** The same of a stranger, who is on his empty page afterwards. */
async function signUp(person, server, email, name) {
  await register(person, server, email, name);
  await person.page.goto(`${server.url}/lab-page`);
  await person.page.evaluate(() => { window.labConnections = []; });
}

function inRoom(person, room) {
  return person.page.evaluate(async (path) => (await fetch(path)).json(), `/api/v1/rooms/${room}/participants`);
}

/** Nothing is shown before the media is up: only the one with the key gets that far. */
async function expectIdentity(person, room, identity, colour) {
  let last;
  await until(() => `${room} shows ${colour} ${identity}: ${JSON.stringify(last)}`, async () => {
    [last] = await inRoom(person, room);
    return last?.identity?.colour === colour && last.identity.identity === identity;
  });
}

function expectRefused({ status, body }) {
  if (status !== 403 || JSON.parse(body).code !== 'identity.refused') throw new Error(`${status} ${body}`);
}

/** Publishes with an assertion: by the cookie, or, where the browser keeps that from the proxy, by the ticket of the window in which one signs in. */
async function asserted(person, stage, wish) {
  const told = await person.page.evaluate(byProxy, wish);
  if (told.loginUrl === undefined) return told;
  const window = await person.context.newPage();
  await window.goto(told.loginUrl);
  let seen = '';
  const ticket = await until(() => `the window has a ticket: ${seen}`, async () => {
    seen = await window.evaluate(() => `${location.href}: ${document.body.innerText}`);
    return await window.evaluate(() => new URLSearchParams(location.search).get('code'));
  });
  await window.close();
  stage.say('the browser keeps the cookie from the proxy: by a ticket');
  return await person.page.evaluate(byProxy, { ...wish, ticket });
}

/** Runs in the page: publishes by WHIP, with a claim for its own certificate, or for that of another connection. */
async function byClaim({ room, swapped }) {
  const connect = async () => {
    const pc = new RTCPeerConnection();
    window.labConnections.push(pc);
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    pc.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
    await pc.setLocalDescription();
    return pc;
  };
  const pc = await connect();
  const asserted = swapped ? await connect() : pc;
  const [, digest] = /a=fingerprint:sha-256 (\S+)/.exec(asserted.localDescription.sdp);
  const contents = JSON.stringify({ fingerprint: [{ algorithm: 'sha-256', digest }] });
  const answer = await fetch('/identity/assertion', {
    method: 'POST', headers: { 'content-type': 'application/json', 'x-colloquy-identity': '1' }, body: JSON.stringify({ contents }),
  });
  const { assertion } = await answer.json();
  const headers = { 'content-type': 'application/sdp', 'colloquy-identity': assertion };
  const response = await fetch(`/api/v1/whip/${room}`, { method: 'POST', headers, body: pc.localDescription.sdp });
  const body = await response.text();
  if (response.status === 201) await pc.setRemoteDescription({ type: 'answer', sdp: body });
  return { status: response.status, body };
}

/** Runs in the page (W3C WebRTC identity). Without an assertion it gives where to sign in. */
async function byProxy({ room, swap = false, revoke = false, ticket = null }) {
  const pc = new RTCPeerConnection();
  window.labConnections.push(pc);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  pc.addTransceiver(stream.getAudioTracks()[0], { direction: 'sendonly', streams: [stream] });
  pc.setIdentityProvider(location.host, { protocol: 'colloquy', ...(ticket === null ? {} : { usernameHint: `ticket=${ticket}` }) });
  const offer = await pc.createOffer().catch(() => null);
  if (offer === null) return { loginUrl: pc.idpLoginUrl };
  await pc.setLocalDescription(offer);
  let { sdp } = pc.localDescription;
  const found = /a=identity:(\S+)/.exec(sdp);
  if (found === null) return { body: 'no a=identity in the offer', status: 0 };
  let peer = null;
  if (swap) {
    const other = (digit) => (digit === 'A' ? 'B' : 'A');
    sdp = sdp.replaceAll(/(a=fingerprint:sha-256 )(\S)/g, (_, before, digit) => before + other(digit));
  } else {
    const far = new RTCPeerConnection();
    await far.setRemoteDescription({ type: 'offer', sdp });
    peer = (await far.peerIdentity).name;
    far.close();
  }
  if (revoke) {
    const { assertion } = JSON.parse(atob(found[1]));
    const headers = { 'content-type': 'application/json', 'x-colloquy-identity': '1' };
    await fetch('/identity/assertion/revoke', { method: 'POST', headers, body: JSON.stringify({ assertion }) });
  }
  const response = await fetch(`/api/v1/whip/${room}`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: sdp });
  const body = await response.text();
  if (response.status === 201) await pc.setRemoteDescription({ type: 'answer', sdp: body });
  return { peer, status: response.status, body };
}
