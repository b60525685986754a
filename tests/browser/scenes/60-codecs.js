/** Each codec that Chromium can send is forwarded, and decoded at the other end. */
import { expectSeeing } from '../lib/matrix.js';
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
