/** Three people, two engines, one call, and everything that changes who hears and sees whom. */
import { expectCall, expectHearing, expectSeeing } from '../lib/matrix.js';
import { until } from '../lib/until.js';

export const name = 'A call of three';

export async function scene(stage) {
  const anne = await stage.person();
  const ben = await stage.person();
  const clara = await stage.person({ kind: 'firefox' });
  const people = [anne, ben, clara];
  /** Everybody but oneself, and nobody this one. */
  const without = (missing) => (one, other) => one !== other && other !== missing;

  await stage.step('everyone hears and sees everyone else, and nobody themselves', async () => {
    stage.say(await expectCall(people));
  });

  await stage.step('the media is encrypted', async () => {
    for (const person of people) {
      const stats = await person.page.evaluate(() => window.lab.stats());
      const transports = stats.filter((entry) => entry.type === 'transport');
      if (transports.length > 1) throw new Error(`${person.name} has ${transports.length} transports in place of one`);
      const [transport] = transports;
      if (transport.dtlsState !== 'connected') throw new Error(`DTLS of ${person.name} is ${transport.dtlsState}`);
      if (!/^SRTP_AEAD_AES_(128|256)_GCM$/.test(transport.srtpCipher)) throw new Error(`SRTP of ${person.name} is ${transport.srtpCipher}`);
      const pair = stats.find((entry) => entry.id === transport.selectedCandidatePairId);
      const remote = stats.find((entry) => entry.id === pair?.remoteCandidateId);
      stage.say(`${person.name}: DTLS ${transport.tlsVersion} ${transport.dtlsCipher}, SRTP ${transport.srtpCipher}, by ${remote?.protocol} to ${remote?.address}:${remote?.port}`);
    }
  });

  await stage.step('who mutes himself is not heard, seen as before, and shown as muted', async () => {
    await ben.press('mic-button');
    stage.say(await expectHearing(people, without(ben)));
    await expectSeeing(people);
    for (const person of people) await person.until('Ben is shown as muted', shown, { id: ben.id, muted: true });
  });

  await stage.step('the server keeps him silent even when his page sends on', async () => {
    await ben.room((room) => { room.localTrack('microphone').media.enabled = true; });
    const sent = () => packets(ben, 'outbound-rtp');
    // What was on its way when he muted has come by now.
    const before = { sent: await sent(), received: await packets(anne, 'inbound-rtp', ben.id) };
    await until('Ben sends on: the silence is the server\'s', async () => (await sent()) > before.sent + 50);
    await expectHearing(people, without(ben));
    const received = await packets(anne, 'inbound-rtp', ben.id);
    if (received !== before.received) throw new Error(`Anne got ${received - before.received} packets of the muted Ben`);
  });

  await stage.step('unmuting restores him', async () => {
    await ben.press('mic-button');
    await expectHearing(people);
    for (const person of people) await person.until('Ben is not shown as muted', shown, { id: ben.id, muted: false });
  });

  await stage.step('a moderator mutes another, who cannot lift it himself', async () => {
    await anne.people();
    await anne.press(`mute-${ben.id}`);
    await expectHearing(people, without(ben));
    await ben.press('mic-button');
    await ben.on('toast').first().waitFor();
    await expectHearing(people, without(ben));
    if (await ben.on(`mute-${clara.id}`).count()) throw new Error('Ben is no moderator, and yet may mute Clara');
    await anne.press(`mute-${ben.id}`);
    await anne.press('participants-button');
    await expectHearing(people);
  });

  await stage.step('a camera goes off and on', async () => {
    await clara.press('camera-button');
    stage.say(await expectSeeing(people, without(clara)));
    await expectHearing(people);
    await clara.press('camera-button');
    await expectSeeing(people);
  });

  await stage.step('a shared screen appears at the others beside the cameras, and ends', async () => {
    await ben.press('share-button');
    stage.say(await expectSeeing(people, (one, other) => one !== other && other === ben, people, 'screen'));
    await expectSeeing(people);
    await ben.press('share-button');
    await expectSeeing(people, () => false, people, 'screen');
    await expectCall(people);
  });

  await stage.step('who leaves is gone, and nobody else', async () => {
    await ben.leave();
    await ben.on('ended-left').waitFor();
    stage.say(await expectHearing([anne, clara], without(ben), people));
    await expectSeeing([anne, clara], without(ben), people);
    for (const person of [anne, clara]) await person.tile(ben).waitFor({ state: 'detached' });
    await ben.press('rejoin-button');
    await ben.inCall();
    await expectCall(people);
  });

  await stage.step('who reloads the page leaves at once and comes back with Join', async () => {
    const old = ben.id;
    await ben.page.reload();
    for (const person of [anne, clara]) await person.on(`tile-${old}`).waitFor({ state: 'detached' });
    await expectHearing([anne, clara], without(ben), people);
    // Name and room are still there.
    await ben.press('join-button');
    await ben.inCall();
    await expectCall(people);
  });

  await stage.step('everyone is shown as connected to everyone, themselves too', async () => {
    for (const person of people) {
      await person.until('all are connected', () => {
        const states = [...window.colloquy.room.participants.values()].map(({ state }) => state);
        return states.length === 3 && states.every((state) => state === 'connected');
      });
    }
  });
}

/** How many packets of sound were sent, or received of one participant. */
function packets(person, type, of) {
  return person.page.evaluate(async (what) => {
    const track = what.of && document.querySelector(`audio[data-participant="${what.of}"]`).srcObject.getAudioTracks()[0].id;
    const entry = (await window.lab.stats()).find((one) => one.type === what.type && one.kind === 'audio' && (!track || one.trackIdentifier === track));
    return entry.packetsSent ?? entry.packetsReceived;
  }, { type, of });
}

/** Runs in the page. */
function shown({ id, muted }) {
  return document.querySelector(`[data-testid="tile-${id}"]`)?.dataset.muted === String(muted);
}
