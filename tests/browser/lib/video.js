/** What browsers measure of pictures: what is decoded of somebody, and what is encoded for each quality. */
import { sleep, until } from './until.js';

/**
 * A script for the page: its encoder gives up pictures rather than pixels when the machine is busy, so that a width tells of the server's
 * choice alone.
 */
export const STEADY_SIZE = `(${() => {
  const original = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function addTransceiver(...args) {
    const transceiver = original.apply(this, args);
    if (args[0] instanceof MediaStreamTrack && args[0].kind === 'video') {
      void transceiver.sender.setParameters({ ...transceiver.sender.getParameters(), degradationPreference: 'maintain-resolution' });
    }
    return transceiver;
  };
}})();`;

/** What `watcher` decodes of the camera (or screen) of `sender`; null while nothing is. */
export function received(watcher, sender, source = 'camera') {
  return watcher.page.evaluate(async ({ id, from }) => {
    const video = document.querySelector(`video[data-participant="${id}"][data-source=${from}]`);
    const track = video?.srcObject?.getVideoTracks()[0];
    const stats = await window.lab.stats();
    const inbound = stats.find((entry) => entry.type === 'inbound-rtp' && entry.trackIdentifier === track?.id);
    if (!inbound?.framesDecoded) return null;
    return {
      codec: stats.find((entry) => entry.id === inbound.codecId)?.mimeType, decoder: inbound.decoderImplementation,
      framesDecoded: inbound.framesDecoded, width: inbound.frameWidth, height: inbound.frameHeight,
      freezes: inbound.freezeCount ?? 0, frozenS: inbound.totalFreezesDuration ?? 0, packets: inbound.packetsReceived, bytes: inbound.bytesReceived,
    };
  }, { id: sender.id, from: source });
}

/**
 * Waits until `watcher` sees `sender` this wide, and that the pictures go on. @returns after how many ms the first such picture was there.
 * @param {(width: number) => boolean} fits
 */
export async function seesAtWidth(watcher, sender, fits, what) {
  const began = Date.now();
  let last = null;
  const look = async () => {
    last = await received(watcher, sender);
    return last !== null && fits(last.width) ? last : null;
  };
  const words = () => `${watcher.name} sees ${sender.name} ${what}; it is ${last === null ? 'nothing' : `${last.width}x${last.height}`}, and ${watcher.name} is shown ${last === null ? '?' : 'pictures'}`;
  const first = await until(words, look, { everyMs: 100 });
  const tookMs = Date.now() - began;
  await until(words, async () => ((await look())?.framesDecoded ?? 0) > first.framesDecoded + 5);
  return tookMs;
}

/** What a page encodes of its camera: one entry for each encoding, by rid. */
export async function encoded(person) {
  const entries = await person.page.evaluate(async () => {
    const { peerConnection } = window.colloquy.room;
    const camera = window.colloquy.room.localTrack('camera').media;
    const sender = peerConnection.getSenders().find(({ track }) => track === camera);
    return [...(await sender.getStats()).values()].filter(({ type }) => type === 'outbound-rtp')
      .map(({ rid = '', framesEncoded = 0, frameWidth = 0, active }) => ({ rid, frames: framesEncoded, width: frameWidth, active }));
  });
  return new Map(entries.map((entry) => [entry.rid, entry]));
}

/** Waits until an encoding's frames go on, or stop for as long as 15 of our own pictures take. @returns ms until it was so. */
export async function encodes(person, rid, goesOn) {
  const began = Date.now();
  let text = '';
  let took = 0;
  await until(() => `${person.name} ${goesOn ? 'encodes' : 'no longer encodes'} ${rid}: ${text}`, async () => {
    const before = (await encoded(person)).get(rid);
    took = Date.now() - began;
    if (before === undefined) throw new Error(`there is no encoding ${rid}`);
    await person.page.evaluate((frames) => window.lab.wait(frames), goesOn ? 3 : 15);
    const grown = ((await encoded(person)).get(rid)?.frames ?? 0) - before.frames;
    text = `${grown} frames more, active: ${before.active}`;
    return goesOn ? grown > 0 : grown === 0;
  }, { everyMs: 50 });
  return took;
}

/** What the server tells `watcher` that he is shown of `sender`. */
export function shown(watcher, sender, source = 'camera') {
  return watcher.room((room, { id, from }) => {
    const track = room.participants.get(id)?.tracks.find((one) => one.source === from);
    return track ? room.shown(track.id) : null;
  }, { id: sender.id, from: source });
}

/** How often a sender's page looks whether it encoded a picture, in ms. */
const MADE_EVERY_MS = 100;

/** Has a page write down the longest time, from now on, in which it encoded nothing of its camera's largest encoding. */
function watchMaking(sender) {
  return sender.page.evaluate((everyMs) => {
    clearInterval(window.labMaking?.timer);
    const camera = window.colloquy.room.localTrack('camera')?.media;
    const sending = window.colloquy.room.peerConnection.getSenders().find(({ track }) => camera && track === camera);
    const making = { longest: 0, last: performance.now(), frames: 0 };
    making.timer = setInterval(async () => {
      const stats = [...(await sending.getStats()).values()].filter(({ type }) => type === 'outbound-rtp');
      const largest = stats.reduce((a, b) => ((b.frameWidth ?? 0) > (a.frameWidth ?? 0) ? b : a), {});
      const now = performance.now();
      making.longest = Math.max(making.longest, now - making.last);
      if ((largest.framesEncoded ?? 0) > making.frames) [making.frames, making.last] = [largest.framesEncoded, now];
    }, everyMs);
    window.labMaking = making;
  }, MADE_EVERY_MS);
}

/** The longest that a sender whom nothing hinders made no picture of the largest encoding, since `watchPictures`, in ms, as far as it is known. */
export async function ownPause(sender) {
  const longest = await sender.page.evaluate(() => window.labMaking.longest);
  return Math.max(0, longest - MADE_EVERY_MS);
}

/** Writes down, from now on, when pictures of `sender` are shown at `watcher`; see `stoodStill`. */
export async function watchPictures(watcher, sender) {
  await Promise.all([watcher, sender].map(({ page }) => page.evaluate(() => {
    // A page that itself stands still says nothing of the network.
    clearInterval(window.labStall?.timer);
    const stall = { longest: 0, last: performance.now() };
    stall.timer = setInterval(() => {
      const now = performance.now();
      stall.longest = Math.max(stall.longest, now - stall.last);
      stall.last = now;
    }, 20);
    window.labStall = stall;
  })));
  sender.framesBefore = await framesEncoded(sender);
  await watchMaking(sender);
  await watcher.page.evaluate((id) => {
    const video = document.querySelector(`video[data-participant="${id}"][data-source=camera]`);
    if (video === null) throw new Error(`no picture of ${id} is shown: ${document.querySelector(`[data-testid="tile-${id}"]`)?.dataset.paused ?? 'and the tile does not say why'}`);
    const pictures = { last: performance.now(), longest: 0, frames: 0 };
    (window.labPictures ??= {})[id] = pictures;
    // A picture that was paused comes back in another element.
    const watched = new WeakSet();
    const follow = (element) => {
      watched.add(element);
      const onFrame = (now) => {
        if (window.labPictures[id] !== pictures) return;
        pictures.longest = Math.max(pictures.longest, now - pictures.last);
        pictures.last = now;
        pictures.frames += 1;
        element.requestVideoFrameCallback(onFrame);
      };
      element.requestVideoFrameCallback(onFrame);
    };
    follow(video);
    const looking = setInterval(() => {
      if (window.labPictures[id] !== pictures) return clearInterval(looking);
      const now = document.querySelector(`video[data-participant="${id}"][data-source=camera]`);
      if (now !== null && !watched.has(now)) follow(now);
    }, 50);
  }, sender.id);
}

/** Pictures of the camera that were encoded, in the encoding that has most. */
async function framesEncoded(sender) {
  return Math.max(0, ...[...(await encoded(sender)).values()].map(({ frames }) => frames));
}

/** The lab's cameras make a picture every 67 ms: a sender that encodes them further apart than this, in ms, has not the time for more. */
const SMOOTH_MS = 75;

/**
 * The longest wait for a picture since `watchPictures`, `watchedMs` ago, less what the two pages themselves stood still: what this machine
 * loses for want of time is not the network's. Nor is a pause of a sender whose own network is clean (`isClean`); of one whose is not, it is
 * the server's to bridge.
 */
export async function stoodStill(watcher, sender, { watchedMs = 0, isClean = false } = {}) {
  const stalls = await Promise.all([watcher, sender].map(({ page }) => page.evaluate(() => window.labStall.longest)));
  if (isClean) stalls.push(await ownPause(sender));
  const { longest, frames } = await watcher.page.evaluate((id) => {
    const pictures = window.labPictures[id];
    return { frames: pictures.frames, longest: Math.max(pictures.longest, performance.now() - pictures.last) };
  }, sender.id);
  const stalled = Math.max(...stalls);
  // Where the sender itself encodes seven pictures a second, one that is sent again is two intervals late by itself.
  const made = await framesEncoded(sender) - sender.framesBefore;
  const interval = made > 0 ? watchedMs / made : 0;
  const late = interval > SMOOTH_MS ? 2 * interval : 0;
  const ms = Math.max(0, longest - stalled - late);
  const text = `${watcher.name} saw ${frames} of ${made} pictures of ${sender.name}, the longest wait ${longest.toFixed(0)} ms; less ${stalled.toFixed(0)} ms that they themselves stood and ${late.toFixed(0)} ms that its encoder was behind, ${ms.toFixed(0)} ms`;
  return { ms, text };
}

/** Samples of sound heard and made up for what did not come, over all that `watcher` receives, how loud it was in sum, and packets that `speaker` sent. */
async function sound(watcher, speaker) {
  const sum = { total: 0, concealed: 0, energy: 0, spoken: 0 };
  const [heard, said] = await Promise.all([watcher, speaker].map(({ page }) => page.evaluate(() => window.lab.stats())));
  for (const entry of heard.filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio')) {
    sum.total += entry.totalSamplesReceived ?? 0;
    sum.energy += entry.totalAudioEnergy ?? 0;
    // Silence made of nothing (somebody muted) is no loss.
    sum.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
  }
  for (const entry of said.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'audio')) sum.spoken += entry.packetsSent;
  return sum;
}

/** Of the packets of 20 ms that a second of sound is, a browser that has the time sends all but so many. */
const UNEVEN = 4;

/**
 * Listens for some seconds. Those in which the speaker's browser, on a busy machine, did not send what it should, or sent what it had kept, and
 * those after them, say nothing of the network and do not count. @returns the part that was made up, 0 to 1, over how many seconds, and whether
 * anything was heard.
 */
export async function listen(watcher, speaker, seconds) {
  const sum = { total: 0, concealed: 0 };
  let [counted, energy, wasUneven] = [0, 0, false];
  let before = await sound(watcher, speaker);
  for (let second = 0; second < seconds; second++) {
    await sleep(1_000);
    const after = await sound(watcher, speaker);
    const grown = Object.fromEntries(Object.keys(after).map((key) => [key, after[key] - before[key]]));
    const isUneven = Math.abs(grown.spoken - grown.total / 960) > UNEVEN;
    if (!isUneven && !wasUneven) {
      counted += 1;
      for (const key of Object.keys(sum)) sum[key] += grown[key];
    }
    energy += grown.energy;
    [before, wasUneven] = [after, isUneven];
  }
  const share = sum.concealed / Math.max(1, sum.total);
  return { share, counted, isHeard: energy > 0, text: `${watcher.name}: ${(share * 100).toFixed(2)} % of the sound was made up (in ${counted} even seconds of ${seconds})` };
}
