/** Publishing and watching by WHIP and WHEP, with nothing but `fetch`. */
import { expectCall, expectHearing, expectSeeing } from '../lib/matrix.js';
import { until } from '../lib/until.js';

export const name = 'WHIP and WHEP';

export async function scene(stage) {
  const { url } = stage.server;
  const anne = await stage.stranger({ granted: true });
  const api = async (path) => (await fetch(`${url}/api/v1/${path}`)).json();
  const inRoom = async () => {
    const body = await api(`rooms/${stage.room}/participants`);
    return body.participants ?? body;
  };

  await stage.step('a page publishes by WHIP', async () => {
    const session = await anne.page.evaluate(publish, stage.room);
    expectCreated(session);
    await anne.until('the connection is up', () => window.labConnections[0].connectionState === 'connected');
    const found = await until('the publisher is in the room', async () => (await inRoom()).find(({ tracks }) => tracks.length === 2));
    anne.id = found.id;
    anne.session = session.location;
    anne.etag = session.etag;
  });

  const ben = await stage.person();

  await stage.step('somebody in the call hears and sees the publisher', async () => {
    stage.say(await expectHearing([ben], (one, other) => other === anne, [anne, ben]));
    await expectSeeing([ben], (one, other) => other === anne, [anne, ben]);
  });

  await stage.step('the publisher trickles a candidate and restarts ICE by PATCH', async () => {
    const { trickled, stale, unconditional, restarted, etag } = await anne.page.evaluate(patch, { session: anne.session, etag: anne.etag });
    const got = { trickled, stale, unconditional, restarted };
    const wanted = { trickled: 204, stale: 412, unconditional: 428, restarted: 200 };
    if (JSON.stringify(got) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(got)} in place of ${JSON.stringify(wanted)}`);
    if (etag === anne.etag) throw new Error('the ETag is the old one');
    await anne.until('the new ICE session is up', () => ['connected', 'completed'].includes(window.labConnections[0].iceConnectionState));
    await expectHearing([ben], (one, other) => other === anne, [anne, ben]);
    await expectSeeing([ben], (one, other) => other === anne, [anne, ben]);
  });

  const clara = await stage.stranger();
  clara.id = 'viewer';

  await stage.step('a WHEP viewer of a named participant gets that one and nobody else', async () => {
    const session = await clara.page.evaluate(watch, { path: `${stage.room}/${ben.id}`, who: ben.id });
    expectCreated(session);
    const only = (one, other) => other === ben;
    stage.say(`${await expectHearing([clara], only, [anne, ben, clara])}\n${await expectSeeing([clara], only, [anne, ben, clara])}`);
    await end(clara, session);
    await until('his connection is over', () => clara.page.evaluate(ended));
  });

  const david = await stage.stranger();
  david.id = 'viewer';

  await stage.step('a WHEP viewer of the room, and the end of the publication', async () => {
    await ben.leave();
    await until('Ben has left', async () => (await inRoom()).every(({ id }) => id !== ben.id));
    const session = await david.page.evaluate(watch, { path: stage.room, who: anne.id });
    expectCreated(session);
    const only = (one, other) => other === anne;
    await expectHearing([david], only, [anne, david]);
    await expectSeeing([david], only, [anne, david]);
    await end(anne, { location: anne.session });
    await expectHearing([david], () => false, [anne, david]);
    await expectSeeing([david], () => false, [anne, david]);
    await until('the publisher has left the room', async () => (await inRoom().catch(() => [])).every?.(({ id }) => id !== anne.id) ?? true);
  });

  await stage.step('what is not there is refused in the words of the RFC', async () => {
    const post = (path, type, body) => fetch(`${url}/api/v1/${path}`, { method: 'POST', headers: { 'content-type': type }, body });
    const answers = {
      'WHEP of a room that is not there': [await post('whep/nobody-is-here', 'application/sdp', 'v=0\r\n'), 404],
      'WHIP with JSON': [await post('whip/x', 'application/json', '{}'), 415],
      'WHIP with a body that is no SDP': [await post('whip/x', 'application/sdp', 'hello'), 400],
      'DELETE of a session that is over': [await fetch(new URL(anne.session, url), { method: 'DELETE' }), 404],
    };
    for (const [what, [response, status]] of Object.entries(answers)) {
      if (response.status !== status) throw new Error(`${what}: ${response.status} in place of ${status}: ${await response.text()}`);
      const type = response.headers.get('content-type');
      if (!type?.startsWith('application/problem+json')) throw new Error(`${what}: the answer is ${type}`);
    }
  });
}

function expectCreated({ status, location, etag, type, body }) {
  if (status !== 201) throw new Error(`${status} in place of 201: ${body}`);
  if (!location) throw new Error('no Location');
  if (!/^"[^"]+"$/.test(etag ?? '')) throw new Error(`ETag is ${etag}`);
  if (!type?.startsWith('application/sdp')) throw new Error(`Content-Type is ${type}`);
}

async function end(person, { location }) {
  const status = await person.page.evaluate(async (to) => (await fetch(to, { method: 'DELETE' })).status, location);
  if (status !== 200) throw new Error(`DELETE gave ${status}`);
}

/** Runs in the page: the server told by DTLS or ICE that it is over, or nothing comes any more. */
async function ended() {
  const pc = window.labConnections[0];
  if (['closed', 'failed', 'disconnected'].includes(pc.connectionState)) return true;
  const bytes = async () => [...(await pc.getStats()).values()].filter(({ type }) => type === 'inbound-rtp').reduce((sum, entry) => sum + entry.bytesReceived, 0);
  const before = await bytes();
  await window.lab.wait(15);
  return (await bytes()) === before;
}

/** Runs in the page. */
async function publish(room) {
  const pc = new RTCPeerConnection();
  window.labConnections.push(pc);
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: 'sendonly', streams: [stream] });
  await pc.setLocalDescription();
  const response = await fetch(`/api/v1/whip/${room}`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
  const sdp = await response.text();
  if (response.status === 201) await pc.setRemoteDescription({ type: 'answer', sdp });
  return {
    status: response.status, location: response.headers.get('location'), etag: response.headers.get('etag'),
    type: response.headers.get('content-type'), body: sdp,
  };
}

/** Runs in the page (RFC 9725 section 4.3). */
async function patch({ session, etag }) {
  const [pc] = window.labConnections;
  const send = (body, condition) => fetch(session, {
    method: 'PATCH', body,
    headers: { 'content-type': 'application/trickle-ice-sdpfrag', ...(condition ? { 'if-match': condition } : {}) },
  });
  const credentials = (sdp) => ['ice-ufrag', 'ice-pwd'].map((name) => new RegExp(`a=${name}:\\S+`).exec(sdp)[0]);
  const fragment = (sdp) => [...credentials(sdp), 'm=audio 9 UDP/TLS/RTP/SAVPF 0', 'a=mid:0', 'a=candidate:1 1 udp 2130706431 192.0.2.77 50000 typ host', ''].join('\r\n');
  const now = fragment(pc.localDescription.sdp);
  const [trickled, stale, unconditional] = [await send(now, etag), await send(now, '"no-such-session"'), await send(now)];

  pc.restartIce();
  await pc.setLocalDescription();
  const restarted = await send(fragment(pc.localDescription.sdp), '*');
  const [ufrag, pwd] = credentials(await restarted.text());
  const sdp = pc.remoteDescription.sdp.replaceAll(/a=ice-ufrag:\S+/g, ufrag).replaceAll(/a=ice-pwd:\S+/g, pwd);
  await pc.setRemoteDescription({ type: 'answer', sdp });
  return {
    trickled: trickled.status, stale: stale.status, unconditional: unconditional.status, restarted: restarted.status,
    etag: restarted.headers.get('etag'),
  };
}

/** Runs in the page. */
async function watch({ path, who }) {
  const pc = new RTCPeerConnection();
  window.labConnections.push(pc);
  for (const kind of ['audio', 'video']) {
    const { receiver } = pc.addTransceiver(kind, { direction: 'recvonly' });
    const element = document.createElement(kind);
    Object.assign(element.dataset, { participant: who, source: kind === 'video' ? 'camera' : 'microphone' });
    element.srcObject = new MediaStream([receiver.track]);
    document.body.append(element);
    void element.play();
  }
  await pc.setLocalDescription();
  const response = await fetch(`/api/v1/whep/${path}`, { method: 'POST', headers: { 'content-type': 'application/sdp' }, body: pc.localDescription.sdp });
  const sdp = await response.text();
  if (response.status === 201) await pc.setRemoteDescription({ type: 'answer', sdp });
  return {
    status: response.status, location: response.headers.get('location'), etag: response.headers.get('etag'),
    type: response.headers.get('content-type'), body: sdp,
  };
}
