/** Each codec that Chromium can send is forwarded, and decoded at the other end. */
import { expectHearing, expectSeeing } from '../lib/matrix.js';
import { until } from '../lib/until.js';
import { received } from '../lib/video.js';

export const name = 'Codecs';

const CODECS = ['VP8', 'VP9', 'H264', 'AV1'];

export async function scene(stage) {
  const anne = await stage.person();
  for (const [n, codec] of CODECS.entries()) {
    await stage.step(`${codec} is published by one Chromium and seen by another`, async () => {
      const ben = await stage.person({ index: 1 + n, script: `(${publishOnly})(${JSON.stringify(codec)});` });
      await expectSeeing([anne], (one, other) => other === ben, [ben]);
      const seen = await until(`Anne decodes ${codec}`, () => received(anne, ben));
      if (seen.codec !== `video/${codec}`) throw new Error(`Ben was to send ${codec}, and Anne gets ${seen.codec}`);
      await until('more frames are decoded', async () => (await received(anne, ben)).framesDecoded > seen.framesDecoded + 15);
      stage.say(`${seen.codec}, ${seen.decoder}, ${seen.width}x${seen.height}`);
      await ben.leave();
      await anne.tile(ben).waitFor({ state: 'detached' });
      await stage.gone(ben);
    });
  }

  await stage.step('sound with redundancy is published by one Chromium and heard by another, and by Firefox, which has none', async () => {
    const ben = await stage.person({ index: 1, query: '?red=1' });
    const clara = await stage.person({ index: 2, kind: 'firefox' });
    await expectHearing([anne, ben, clara]);
    // Chromium names Opus in its figures whatever is around it: that each packet brings the one before it again tells by its size.
    const bytes = (person) => person.page.evaluate(async () => {
      const { bytesSent, packetsSent } = (await window.lab.stats()).find((entry) => entry.type === 'outbound-rtp' && entry.kind === 'audio');
      return bytesSent / packetsSent;
    });
    const [plain, redundant] = [await bytes(anne), await bytes(ben)];
    stage.say(`${plain.toFixed(0)} bytes a packet without, ${redundant.toFixed(0)} with redundancy`);
    if (redundant < 1.5 * plain) throw new Error('Ben was to send redundancy, and does not');
  });
}

/** Runs in the page: video is offered for sending in one codec only, with what helps it. */
function publishOnly(codec) {
  const original = RTCPeerConnection.prototype.addTransceiver;
  RTCPeerConnection.prototype.addTransceiver = function addTransceiver(trackOrKind, init) {
    const transceiver = original.call(this, trackOrKind, init);
    if (trackOrKind instanceof MediaStreamTrack && trackOrKind.kind === 'video') {
      const wanted = [`video/${codec}`, 'video/rtx'];
      transceiver.setCodecPreferences(RTCRtpReceiver.getCapabilities('video').codecs.filter(({ mimeType }) => wanted.includes(mimeType)));
    }
    return transceiver;
  };
}
