/** Pictures drawn together by the server: who is on a canvas, in both codecs and layouts, with a camera switched off, hold and a side talk. */
import { GUARDED, tokenFor } from '../lib/tokens.js';
import { sleep, until } from '../lib/until.js';
import { RESULTS } from '../lib/server.js';

export const name = 'Canvas';

/** Pixels of somebody's colour, in percent of the canvas, from which on he is seen. */
const SEEN_PCT = 3;

export async function scene(stage) {
  await stage.ownServer({ ...GUARDED, MIX__VIDEO__WIDTH: '640', MIX__VIDEO__HEIGHT: '360', MIX__VIDEO__FPS: '15' });
  const enter = async (name, grants, options = {}) => {
    const person = await stage.visitor({ name, query: `?token=${tokenFor(stage.room, name, grants)}`, ...options });
    await person.join(stage.room);
    return person;
  };
  const pierre = await enter('Pierre', '');
  const anne = await enter('Anne', 'agent');
  const manuel = await enter('Manuel', 'agent');
  const all = [pierre, anne, manuel];
  const viewer = await stage.stranger();
  const token = tokenFor(stage.room, 'Viewer', '');
  const open = (query, codec) => viewer.page.evaluate(watch, [stage.room, token, query, codec]);
  const hues = await viewer.page.evaluate((count) => [...Array(count).keys()].map((i) => window.lab.hueOf(i)), 8);
  const onCanvas = async () => {
    const shares = await viewer.page.evaluate(look, all.map(({ index }) => hues[index]));
    return all.filter((_, i) => shares[i] >= SEEN_PCT).map(({ name }) => name);
  };
  const expectOnCanvas = async (names) => {
    let seen = [];
    await until(() => `the canvas shows ${names.join(', ')}; it shows ${seen.join(', ')}`, async () => {
      seen = await onCanvas();
      return seen.join() === names.join();
    });
    // And it stays so.
    for (let i = 0; i < 5; i++) {
      await sleep(200);
      seen = await onCanvas();
      if (seen.join() !== names.join()) throw new Error(`then the canvas shows ${seen.join(', ')}`);
    }
  };

  await stage.step('a viewer with one place sees everybody on one canvas', async () => {
    await open('', null);
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
    let got = {};
    // Until it is known what his path carries, he has the smaller of its sizes.
    await until(() => `a canvas of 640x360; it is ${got.width}x${got.height}`, async () => {
      got = await viewer.page.evaluate(received);
      return got.width === 640 && got.height === 360;
    });
    stage.say(`${got.codec} ${got.width}x${got.height}, ${got.frames} pictures`);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-grid.png` });
  });

  await stage.step('who is held is not on it', async () => {
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: true }), pierre.id);
    await expectOnCanvas(['Anne', 'Manuel']);
    await anne.room((room, who) => room.act({ verb: 'hold', participant: who, held: false }), pierre.id);
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
  });

  await stage.step('a camera that is switched off is an avatar', async () => {
    await manuel.press('camera-button');
    await expectOnCanvas(['Pierre', 'Anne']);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-avatar.png` });
    await manuel.press('camera-button');
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
  });

  await stage.step('the same in H.264 and with the speaker large', async () => {
    await viewer.page.evaluate(() => window.watching.close());
    await open('?layout=speaker', 'video/H264');
    await expectOnCanvas(['Pierre', 'Anne', 'Manuel']);
    const { codec } = await viewer.page.evaluate(received);
    if (codec !== 'video/H264') throw new Error(`it is ${codec}`);
    await viewer.page.screenshot({ path: `${RESULTS}canvas-speaker.png` });
  });
}

/** Runs in the page: watches a room's pictures in one place. */
async function watch([room, token, query, codec]) {
  const pc = new RTCPeerConnection();
  window.watching = pc;
  const place = pc.addTransceiver('video', { direction: 'recvonly' });
  if (codec) {
    const known = RTCRtpReceiver.getCapabilities('video').codecs;
    place.setCodecPreferences(known.filter(({ mimeType }) => mimeType === codec || mimeType === 'video/rtx'));
  }
  let video = document.querySelector('video.canvas');
  if (!video) {
    video = document.createElement('video');
    video.className = 'canvas';
    Object.assign(video, { autoplay: true, muted: true });
    Object.assign(video.style, { position: 'fixed', inset: '0', width: '100%', height: '100%', background: '#000', zIndex: '9' });
    document.body.append(video);
  }
  video.srcObject = new MediaStream([place.receiver.track]);
  await pc.setLocalDescription(await pc.createOffer());
  const response = await fetch(`/api/v1/whep/${room}${query}`, {
    method: 'POST', body: pc.localDescription.sdp, headers: { 'content-type': 'application/sdp', authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  await pc.setRemoteDescription({ type: 'answer', sdp: await response.text() });
}

/** Runs in the page: how much of the canvas, in percent, has each of these hues. */
function look(hues) {
  const video = document.querySelector('video.canvas');
  const canvas = new OffscreenCanvas(160, 90);
  const brush = canvas.getContext('2d', { willReadFrequently: true });
  brush.drawImage(video, 0, 0, 160, 90);
  const { data } = brush.getImageData(0, 0, 160, 90);
  const counts = hues.map(() => 0);
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b] = [data[at], data[at + 1], data[at + 2]];
    const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
    if (most - least < 90) continue;
    const span = most - least;
    const sixth = most === r ? (g - b) / span : most === g ? (b - r) / span + 2 : (r - g) / span + 4;
    const hue = (sixth * 60 + 360) % 360;
    hues.forEach((wanted, i) => { if (Math.min(Math.abs(hue - wanted), 360 - Math.abs(hue - wanted)) < 13) counts[i] += 1; });
  }
  return counts.map((count) => (count * 100) / (data.length / 4));
}

/** Runs in the page. */
async function received() {
  const stats = [...(await window.watching.getStats()).values()];
  const inbound = stats.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  const codec = stats.find(({ id }) => id === inbound.codecId);
  return { codec: codec?.mimeType, width: inbound.frameWidth, height: inbound.frameHeight, frames: inbound.framesDecoded };
}
