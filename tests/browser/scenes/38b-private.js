/**
 * What the audience matrix promises, measured: how soon, how whole, how unseen. Everybody's sound is recorded at the customer, decoded, in
 * frames of 20 ms. `COLLOQUY_LONG=1` plays it as long as the figures are promised for: a picture that stands for 30 s, 50 times aside and
 * back, 60 s of whisper with 100 changes.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { expectHearing, expectSeeing } from '../lib/matrix.js';
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { sleep, until } from '../lib/until.js';
import { examine } from './50-access.js';
import { openMore, pictureOf, shots, unknownTo } from './38-audience.js';

export const name = 'Private';

const RECORDER = readFileSync(new URL('../lab/recorder.js', import.meta.url), 'utf8');
/** As an address: what a page loads by itself is not intercepted. */
const WORKLET = `data:text/javascript;base64,${readFileSync(new URL('../lab/frames.worklet.js', import.meta.url)).toString('base64')}`;

const LONG = process.env.COLLOQUY_LONG === '1';
const FROZEN_MS = LONG ? 30_000 : 2_000;
const TOGGLES = LONG ? 50 : 6;
const FLIPS = LONG ? 100 : 20;
const WHISPER_MS = LONG ? 60_000 : 16_000;
const BEATS = LONG ? 9 : 5;
const SETTLE_MS = 3_000;

/** A live tone has -10 dBFS in a frame. One that is 15 dB softer is still a leak, and what the edges of other tones spill is less. */
const LOUD_DBFS = -25;
/**
 * What is promised, on a machine that does nothing else. Longer times are told, and fail from {@link PATIENCE} times as much on where the machine
 * has little else to do. That nothing comes through is asserted always.
 */
const SILENT_MS = 150;
const STEP_MS = 200;
const LATE_MS = 1_000;
const PATIENCE = 5;
/** Between sound and picture, more than before: what people notice (ITU-R BT.1359). */
const SYNC_MS = 45;
const SAME_COLOUR = 12;

export async function scene(stage) {
  await stage.ownServer(GUARDED);
  const frames = [];
  const enter = async (name, grants, options = {}, as = '') => {
    const token = tokenFor(stage.room, name, grants);
    const person = await stage.visitor({ name, bypassCSP: true, query: `?token=${token}${as === '' ? '' : `&as=${as}`}`, ...options });
    if (name === 'Pierre') person.page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => frames.push(payload)));
    await person.join(stage.room);
    await person.page.evaluate(`(${RECORDER})(${JSON.stringify(WORKLET)})`);
    await person.page.evaluate(() => window.recorder.start());
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'agent');
  const clients = [pierre, anne];
  await expectHearing(clients);
  await expectSeeing(clients);
  const manuel = await enter('Manuel', 'supervise', {}, 'helper');
  const among = (some) => (one, other) => one !== other && some.includes(one) && some.includes(other);
  await expectHearing([...clients, manuel], among(clients));
  await pierre.page.evaluate((id) => window.recorder.watch(id), anne.id);

  await stage.step('the customer is told the same, byte for byte, whether a monitor is there or not', async () => {
    await settled(pierre, frames);
    const before = await told(pierre, frames);
    const sofia = await enter('Sofia', 'supervise', {}, 'monitor');
    await expectHearing([pierre, anne, sofia], (one, other) => one !== other && other !== sofia);
    for (const verb of ['coach', 'backstage', 'listen']) await act(sofia, { verb, ...(verb === 'coach' ? { agent: anne.id } : {}) });
    await sleep(1_000);
    const after = await told(pierre, frames);
    for (const [what, text] of Object.entries(after)) {
      if (text !== before[what]) throw new Error(`${what} was ${before[what]} and is ${text}`);
    }
    stage.say(`the same bytes: ${Object.entries(after).map(([what, text]) => `${what} ${text.length}`).join(', ')}`);
    await unknownTo(pierre, sofia);
  });
  const sofia = stage.people.find(({ name }) => name === 'Sofia');

  await stage.step('each step of a supervisor takes effect at once, and nobody renegotiates', async () => {
    const described = () => pierre.page.evaluate(() => window.colloquy.room.peerConnection.remoteDescription.sdp);
    const before = await described();
    const steps = [
      ['whisper', sofia, { verb: 'coach', agent: anne.id }, anne, sofia, true],
      ['listen', sofia, { verb: 'listen' }, anne, sofia, false],
    ];
    for (const step of steps) await timed(stage, step);
    if (await described() !== before) throw new Error('the customer\'s session was described anew');
    await timed(stage, ['barge', sofia, { verb: 'barge' }, pierre, sofia, true]);
    for (const mid of await placesOf(pierre, sofia)) {
      if (!before.includes(`a=mid:${mid}\r\n`)) throw new Error(`the customer had to offer place ${mid} for who joined in`);
    }
    await timed(stage, ['monitor', sofia, { verb: 'monitor' }, pierre, sofia, false]);
    await timed(stage, ['take over', sofia, { verb: 'take_over', from: anne.id }, pierre, anne, false]);
    await anne.on('stance').filter({ hasText: 'took over from you' }).waitFor();
    await timed(stage, ['the agent is back', anne, { verb: 'turn_back' }, pierre, anne, true]);
    await anne.on('stance').waitFor({ state: 'detached' });
    await act(sofia, { verb: 'monitor' });
    stage.say(await expectHearing([pierre, anne, sofia], (one, other) => one !== other && other !== sofia));
  });

  await stage.step(`${WHISPER_MS / 1000} s of whisper, changed ${FLIPS} times: no frame of it comes to anybody else`, async () => {
    await act(sofia, { verb: 'coach', agent: anne.id });
    await expectHearing([...clients, manuel, sofia], (one, other) => (one === sofia && clients.includes(other)) || (clients.includes(one) && clients.includes(other) && one !== other) || (one === anne && other === sofia));
    for (const one of [pierre, anne, manuel]) await one.page.evaluate(() => window.recorder.rewind());
    const began = Date.now();
    for (let flip = 0; flip < FLIPS; flip++) {
      await act(sofia, [{ verb: 'listen' }, { verb: 'coach', agent: anne.id }, { verb: 'backstage' }, { verb: 'coach', agent: anne.id }][flip % 4]);
      await sleep(Math.max(0, began + ((flip + 1) * WHISPER_MS) / FLIPS - Date.now()));
    }
    const at = (person, index) => person.page.evaluate(([i, dbfs]) => window.recorder.tell(i, dbfs), [index, LOUD_DBFS]);
    const [pierres, manuels, annes] = [await at(pierre, sofia.index), await at(manuel, sofia.index), await at(anne, sofia.index)];
    const [voice, longest] = [await at(pierre, anne.index), await pierre.page.evaluate(([i, dbfs]) => window.recorder.pause(i, dbfs), [anne.index, LOUD_DBFS])];
    stage.say(`of ${pierres.frames} frames at Pierre ${pierres.loud} have Sofia's tone (loudest ${pierres.loudest} dBFS), of ${manuels.frames} at Manuel ${manuels.loud} (${manuels.loudest}), of ${annes.frames} at Anne ${annes.loud} (${annes.loudest})`);
    stage.say(`Anne's tone is in ${voice.loud} of ${voice.frames} frames at Pierre; longest without ${longest.toFixed(0)} ms`);
    if (pierres.loud + manuels.loud > 0) throw new Error('something of the whisper came through');
    if (pierres.frames < (WHISPER_MS / 10) * 0.9) throw new Error(`only ${pierres.frames} frames were recorded`);
    if (annes.loud < annes.frames / 4) throw new Error('Anne hardly heard it');
  });

  await stage.step(`an agent who turned away is silent at once, and stands still for ${FROZEN_MS / 1000} s`, async () => {
    await act(sofia, { verb: 'listen' });
    await openMore(anne, manuel);
    await pierre.page.evaluate(() => window.recorder.rewind());
    await manuel.page.evaluate(() => window.recorder.rewind());
    const began = await act(anne, { verb: 'turn_aside', with: manuel.id });
    await pierre.on(`frozen-${anne.id}`).waitFor();
    // A browser that has too much to do shows what it received before for a while.
    let still = await pictureOf(pierre, anne, 2);
    await until('her picture stands', async () => {
      const before = still.counter;
      await sleep(400);
      still = await pictureOf(pierre, anne, 2);
      return still.counter === before;
    });
    await sleep(FROZEN_MS);
    const later = await pictureOf(pierre, anne, 2);
    const [silence, setUp] = await Promise.all([
      pierre.page.evaluate(([i, dbfs]) => window.recorder.tell(i, dbfs), [anne.index, LOUD_DBFS]),
      manuel.page.evaluate(([i, dbfs]) => window.recorder.tell(i, dbfs), [anne.index, LOUD_DBFS]),
    ]);
    const silentMs = Math.max(0, (silence.last ?? began) - began);
    const lastMs = (await lastPacket(pierre)) - began;
    stage.say(`the last packet of her sound came to Pierre's browser ${lastMs.toFixed(0)} ms after; silent there after ${silentMs.toFixed(0)} ms${over(silentMs, SILENT_MS)}; heard at Manuel after ${(setUp.first - began).toFixed(0)} ms; counter ${still.counter} and ${later.counter}, colour ${still.rgb} and ${later.rgb}`);
    if (silentMs > SILENT_MS * PATIENCE && calm()) throw new Error('she was heard on');
    if (still.index !== anne.index || later.counter !== still.counter) throw new Error('she does not stand still');
    if (later.rgb.some((value, c) => Math.abs(value - still.rgb[c]) > SAME_COLOUR)) throw new Error('her colour changed');
    await act(anne, { verb: 'turn_back' });
    await expectSeeing(clients);
  });

  await stage.step(`${TOGGLES} times aside and back: sound and picture are together as before`, async () => {
    // A browser that starts a picture anew takes some seconds to find out how far it is from the sound.
    await sleep(SETTLE_MS);
    await anne.page.evaluate(() => { window.lab.beats = true; });
    const before = await apart(stage, pierre, anne);
    for (let toggle = 0; toggle < TOGGLES; toggle++) {
      await act(anne, { verb: 'turn_aside', with: manuel.id });
      await sleep(300);
      await act(anne, { verb: 'turn_back' });
      await sleep(500);
    }
    await sleep(SETTLE_MS);
    const after = await apart(stage, pierre, anne);
    await anne.page.evaluate(() => { window.lab.beats = false; });
    const drift = Math.abs(after - before);
    stage.say(`the sound comes ${before.toFixed(0)} ms after the picture before, ${after.toFixed(0)} ms after it then: ${drift.toFixed(0)} ms more or less${over(drift, SYNC_MS)}`);
    if (drift > SYNC_MS * PATIENCE && calm()) throw new Error('sound and picture went apart');
  });

  await stage.step('backstage: monitors and who is let in hear each other, the customer nobody', async () => {
    await manuel.room((room) => room.act({ verb: 'monitor' }));
    await openMore(sofia, anne);
    await sofia.press(`confide-${anne.id}`);
    await anne.on('stance').filter({ hasText: 'Monitors have let you in' }).waitFor();
    for (const one of [sofia, manuel]) await act(one, { verb: 'backstage' });
    const all = [...clients, sofia, manuel];
    const hears = (one, other) => one !== other && (other === pierre || (other === anne) || one !== pierre);
    stage.say(await expectHearing(all, hears));
    await pierre.page.evaluate(() => window.recorder.rewind());
    await anne.press('stance-turn-backstage');
    await anne.on('stance').filter({ hasText: 'Only the monitors' }).waitFor();
    stage.say(await expectHearing(all, (one, other) => one !== other && (other === pierre || one !== pierre)));
    const leaks = await Promise.all([sofia, manuel].map((one) => pierre.page.evaluate(([i, dbfs]) => window.recorder.tell(i, dbfs), [one.index, LOUD_DBFS])));
    stage.say(`of ${leaks[0].frames} frames at Pierre ${leaks[0].loud} have Sofia's tone and ${leaks[1].loud} Manuel's`);
    if (leaks.some(({ loud }) => loud > 0)) throw new Error('something of backstage came through');
    // Her name he knows, from when she took part.
    const known = await pierre.page.evaluate(() => [...window.colloquy.room.participants.keys()]);
    if (known.includes(sofia.id) || known.includes(manuel.id)) throw new Error(`Pierre knows ${known}`);
    await shots(stage, [anne, sofia], 'backstage');
    await sofia.press('stance-wall');
    await sofia.page.locator('[data-testid=stance-wall][aria-pressed=true]').waitFor();
    await shots(stage, [sofia], 'wall');
    await examine(stage, sofia, 'a wall of small pictures');
    await anne.page.emulateMedia({ colorScheme: 'dark' });
    await anne.page.setViewportSize({ width: 390, height: 780 });
    await openMore(anne, anne);
    await examine(stage, anne, 'an agent backstage, at a telephone in the dark');
    await shots(stage, [anne], 'phone-dark');
  });

  await stage.gone(manuel);
  await stage.gone(sofia);

  await stage.step('who comes while she is away sees her last picture within a second', async () => {
    const claire = await enter('Claire', '', { index: 3 });
    const began = Date.now();
    await until('Claire sees Anne', async () => (await pictureOf(claire, anne, 0)).index === anne.index, { everyMs: 20 });
    const tookMs = Date.now() - began;
    stage.say(`seen ${tookMs} ms after she was in the call${over(tookMs, LATE_MS)}`);
    if (tookMs > LATE_MS * PATIENCE && calm()) throw new Error('it took too long');
    await expectHearing([pierre, anne, claire], (one, other) => one !== other && (other !== anne));
    await shots(stage, [claire], 'late');
  });

  await stage.step('people are moved to a conversation of their own, and back', async () => {
    await anne.press('stance-back');
    const claire = stage.people.find(({ name }) => name === 'Claire');
    await anne.page.setViewportSize({ width: 1280, height: 720 });
    await openMore(anne, claire);
    await anne.on(`circle-${claire.id}`).selectOption('1');
    await claire.on('stance').filter({ hasText: 'Circle 1' }).waitFor();
    await pierre.tile(claire).waitFor({ state: 'detached' });
    stage.say(await expectHearing([pierre, anne, claire], among(clients)));
    await anne.on(`circle-${anne.id}`).selectOption('1');
    await claire.tile(anne).waitFor();
    stage.say(await expectHearing([pierre, anne, claire], among([anne, claire])));
    await shots(stage, [anne], 'circle');
    await anne.press('stance-back');
    await expectHearing([pierre, anne, claire], among(clients));
  });
}

/** Does it, and gives the moment at which it was asked for. */
function act(person, change) {
  return person.page.evaluate(async (wish) => {
    const began = Date.now();
    await window.colloquy.room.act(wish);
    return began;
  }, change);
}

/** The places in which one receives another, by their mid. */
function placesOf(person, other) {
  return person.page.evaluate((id) => {
    const { room } = window.colloquy;
    const media = room.participants.get(id).tracks.map((track) => room.media(track.id)).filter((one) => one !== null);
    if (media.length === 0) throw new Error('nothing is received');
    return room.peerConnection.getTransceivers().filter(({ receiver }) => media.includes(receiver.track)).map(({ mid }) => mid);
  }, other.id);
}

/** When the last packet of any sound came, by the browser's own account. */
function lastPacket(person) {
  return person.page.evaluate(async () => {
    const sounds = (await window.lab.stats()).filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    return Math.max(...sounds.map(({ lastPacketReceivedTimestamp = 0 }) => lastPacketReceivedTimestamp));
  });
}

/** A change, and how long until one hears another, or does not any more. */
async function timed(stage, [what, who, change, listener, speaker, comes]) {
  await listener.page.evaluate(() => window.recorder.rewind());
  const began = await act(who, change);
  const tell = () => listener.page.evaluate(([i, dbfs, since]) => window.recorder.tell(i, dbfs, since), [speaker.index, LOUD_DBFS, began]);
  let tookMs;
  if (comes) {
    tookMs = (await until(`${listener.name} hears ${speaker.name}`, async () => (await tell()).first, { everyMs: 50 })) - began;
  } else {
    await sleep(700);
    tookMs = Math.max(0, ((await tell()).last ?? began) - began);
  }
  stage.say(`${what}: ${listener.name} ${comes ? 'hears' : 'no longer hears'} ${speaker.name} after ${tookMs.toFixed(0)} ms${over(tookMs, STEP_MS)}`);
  if (tookMs > STEP_MS * PATIENCE && calm()) throw new Error(`${what} took ${tookMs.toFixed(0)} ms`);
}

/** Whether the machine has so little else to do that a clock of its says something. */
function calm() {
  return loadavg()[0] < 2 * availableParallelism();
}

function over(ms, promised) {
  return ms > promised ? ` (more than the ${promised} promised, on a machine that does other work as well)` : '';
}

/** How long after a picture is shown the sound comes that belongs to it, in ms: the middle one of some beats. */
async function apart(stage, viewer, sender) {
  await viewer.page.evaluate(() => window.recorder.rewind());
  let told = null;
  const found = await until(() => `beats are heard and seen: ${JSON.stringify(told)}`, async () => {
    told = await viewer.page.evaluate(([index, dbfs]) => {
      const { frames, flashes } = window.recorder;
      const { BEAT } = window.lab;
      // The picture of the beat, or the next where that one was not drawn.
      const shown = flashes.filter(({ counter }, i) => counter !== null && counter % BEAT < 2 && !(counter % BEAT === 1 && flashes[i - 1]?.counter === counter - 1)).map(({ at, counter }) => at - (counter % BEAT) * (1000 / 15));
      const heard = frames.filter(({ levels }, i) => i > 20 && levels[index] >= dbfs && frames.slice(i - 20, i).every(({ levels }) => levels[index] < dbfs)).map(({ at }) => at);
      const pairs = heard.map((at) => shown.map((seen) => at - seen).sort((a, b) => Math.abs(a) - Math.abs(b))[0]).filter((ms) => Math.abs(ms) < 450);
      return { heard: heard.length, shown: shown.length, pictures: flashes.length, pairs: pairs.sort((a, b) => a - b).map(Math.round) };
    }, [sender.index, LOUD_DBFS]);
    if (told.pairs.length >= BEATS) stage.say(`beats: ${JSON.stringify(told.pairs)}`);
    return told.pairs.length >= BEATS && `${told.pairs[Math.floor(told.pairs.length / 2)]}`;
  });
  return Number(found);
}

/** What comes without anybody's doing, and is no news. */
const PERIODIC = ['speakers', 'quality', 'shown', 'encodings', 'stats'];

/** Everything from which a page could learn of others, as text that must not change. */
async function told(person, frames) {
  const page = await person.page.evaluate(async () => {
    const { room } = window.colloquy;
    const pc = room.peerConnection;
    const stats = await window.lab.stats();
    return {
      roster: JSON.stringify([...room.participants.values()].map(({ id, name, tracks }) => [id, name, tracks])),
      local: pc.localDescription.sdp,
      remote: pc.remoteDescription.sdp,
      sources: JSON.stringify(pc.getReceivers().map((receiver) => [receiver.getContributingSources().map(({ source }) => source), receiver.getSynchronizationSources().map(({ source }) => source)])),
      stats: JSON.stringify(stats.filter(({ type }) => !['candidate-pair', 'local-candidate', 'remote-candidate'].includes(type)).map(({ id, type, ssrc, kind }) => [id, type, ssrc, kind]).sort()),
      page: document.querySelector('header').innerText.replace(/\d+:\d+/, ''),
    };
  });
  const news = frames.filter((text) => !PERIODIC.includes(JSON.parse(text).type) && JSON.parse(text).id === undefined);
  return { ...page, news: JSON.stringify(news) };
}

/** Waits until nothing is news any more. */
async function settled(person, frames) {
  let last = '';
  await until('the customer is told nothing new', async () => {
    const now = JSON.stringify(await told(person, frames));
    const same = now === last;
    last = now;
    return same;
  }, { everyMs: 1_500 });
}
