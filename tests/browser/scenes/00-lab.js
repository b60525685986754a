/** The instruments alone: a call between two engines without a server. When this fails, the lab is at fault. */
import { expectCall } from '../lib/matrix.js';

export const name = 'The lab itself';

export async function scene(stage) {
  const anne = await stage.stranger({ granted: true });
  const clara = await stage.stranger({ kind: 'firefox' });
  const people = [anne, clara];
  for (const person of people) person.id = person.name;

  await stage.step('tones and colours are told apart after a call from Chromium to Firefox and back', async () => {
    const offer = await anne.page.evaluate(call, { others: clara.id });
    const answer = await clara.page.evaluate(call, { others: anne.id, offer });
    await anne.page.evaluate((sdp) => window.labConnections[0].setRemoteDescription({ type: 'answer', sdp }), answer);
    stage.say(await expectCall(people));
  });
}

/** Runs in the page: makes an offer, or answers one, with all candidates in it. */
async function call({ others, offer }) {
  const pc = new RTCPeerConnection();
  window.labConnections.push(pc);
  pc.ontrack = ({ track }) => {
    const element = document.createElement(track.kind);
    Object.assign(element.dataset, { participant: others, source: track.kind === 'video' ? 'camera' : 'microphone' });
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    void element.play();
  };
  if (offer) await pc.setRemoteDescription({ type: 'offer', sdp: offer });
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
  for (const track of stream.getTracks()) pc.addTrack(track, stream);
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete') {
    await new Promise((resolve) => {
      pc.onicegatheringstatechange = () => pc.iceGatheringState === 'complete' && resolve();
    });
  }
  return pc.localDescription.sdp;
}
