/** What browsers measure of pictures: what is decoded of somebody, and what is encoded for each quality. */
import { until } from './until.js';

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

/** Writes down, from now on, each picture that is shown of `sender`: call `longestGapMs` for what was the longest wait. */
export function watchGaps(watcher, sender) {
  return watcher.page.evaluate((id) => {
    const video = document.querySelector(`video[data-participant="${id}"][data-source=camera]`);
    const gaps = { last: null, longest: 0, frames: 0, own: window.lab.ticks, ownLongest: 0, ownLast: performance.now() };
    (window.labGaps ??= {})[id] = gaps;
    const onFrame = (now) => {
      if (gaps.last !== null) gaps.longest = Math.max(gaps.longest, now - gaps.last);
      gaps.last = now;
      gaps.frames += 1;
      video.requestVideoFrameCallback(onFrame);
    };
    video.requestVideoFrameCallback(onFrame);
    // A page that itself stands still says nothing of the network: that is written down too.
    setInterval(() => {
      const now = performance.now();
      gaps.ownLongest = Math.max(gaps.ownLongest, now - gaps.ownLast);
      gaps.ownLast = now;
    }, 20);
  }, sender.id);
}

export function gaps(watcher, sender) {
  return watcher.page.evaluate((id) => {
    const { longest, frames, ownLongest, last } = window.labGaps[id];
    return { longestMs: Math.max(longest, performance.now() - last), frames, stalledMs: ownLongest };
  }, sender.id);
}

/** Samples of sound heard and made up for what did not come, over all that `watcher` receives. */
export async function sound(watcher) {
  const stats = await watcher.page.evaluate(() => window.lab.stats());
  const sum = { total: 0, concealed: 0 };
  for (const entry of stats) {
    if (entry.type !== 'inbound-rtp' || entry.kind !== 'audio') continue;
    sum.total += entry.totalSamplesReceived ?? 0;
    // Silence made of nothing (somebody muted) is no loss.
    sum.concealed += (entry.concealedSamples ?? 0) - (entry.silentConcealedSamples ?? 0);
  }
  return sum;
}
