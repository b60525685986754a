/** A canvas that the server draws, as a WHEP viewer or a page has it. All of it runs in the page. */

/** Runs in the page: watches a room's pictures in one place. */
export async function watch([room, token, query, codec]) {
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
export function look(hues) {
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
export async function received() {
  const stats = [...(await window.watching.getStats()).values()];
  const inbound = stats.find(({ type, kind }) => type === 'inbound-rtp' && kind === 'video');
  const codec = stats.find(({ id }) => id === inbound.codecId);
  return { codec: codec?.mimeType, width: inbound.frameWidth, height: inbound.frameHeight, frames: inbound.framesDecoded };
}

/**
 * Runs in the page: which of these hues is where, at points in hundredths of the canvas; -1 where none of them is. Bars beside the picture
 * are not counted.
 */
export function huesAt([hues, points, selector]) {
  const video = document.querySelector(selector ?? 'video.canvas');
  if (!video || video.videoWidth === 0) return points.map(() => -1);
  const canvas = new OffscreenCanvas(320, 180);
  const brush = canvas.getContext('2d', { willReadFrequently: true });
  brush.drawImage(video, 0, 0, 320, 180);
  return points.map(([x, y]) => {
    const { data: [r, g, b] } = brush.getImageData(Math.round(x * 3.19), Math.round(y * 1.79), 1, 1);
    const [most, least] = [Math.max(r, g, b), Math.min(r, g, b)];
    if (most - least < 90) return -1;
    const span = most - least;
    const sixth = most === r ? (g - b) / span : most === g ? (b - r) / span + 2 : (r - g) / span + 4;
    const hue = (sixth * 60 + 360) % 360;
    return hues.findIndex((wanted) => Math.min(Math.abs(hue - wanted), 360 - Math.abs(hue - wanted)) < 13);
  });
}
