/**
 * Runs in a page that has the lab: records what comes of everybody's sound, decoded, without a pause (`window.recorder`). Each track that
 * the page receives is cut into frames of 20 ms, a new one every 10 ms, and of each the level of every tone of the lab is kept. So a
 * single frame that was not for this listener is found, whenever it came.
 */
(worklet) => {
  /** How loud a tone is in each frame, in dBFS, for the first so many people. */
  const PEOPLE = 4;
  let context = null;
  let node = null;
  const taps = new Map();
  let frames = [];
  let flashes = [];

  async function start() {
    context = new AudioContext();
    await context.audioWorklet.addModule(worklet);
    const tones = Array.from({ length: PEOPLE }, (_, index) => window.lab.toneOf(index));
    // All tracks in one sum: no voice hides from it, and an element that is muted hides none.
    node = new AudioWorkletNode(context, 'frames', { numberOfOutputs: 0, channelCount: 1, channelCountMode: 'explicit', processorOptions: { tones } });
    node.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      const epoch = performance.timeOrigin + performanceTime - contextTime * 1000;
      for (const [at, ...levels] of data) frames.push({ at: epoch + at * 1000, levels });
    };
    tap();
    setInterval(tap, 50);
  }

  function tap() {
    for (const receiver of window.colloquy?.room?.peerConnection?.getReceivers() ?? []) {
      const { track } = receiver;
      if (track.kind !== 'audio' || track.readyState === 'ended' || taps.has(track)) continue;
      const source = context.createMediaStreamSource(new MediaStream([track]));
      source.connect(node);
      taps.set(track, source);
    }
  }

  /** From now on, each picture of this participant's that is drawn: its counter, and when it was shown. The page may draw it elsewhere later. */
  function watch(participant) {
    const watched = new WeakSet();
    setInterval(() => {
      for (const element of document.querySelectorAll(`video[data-participant="${participant}"]`)) {
        if (watched.has(element)) continue;
        watched.add(element);
        const look = (_, { expectedDisplayTime }) => {
          flashes.push({ at: performance.timeOrigin + expectedDisplayTime, counter: window.lab.counterOf(element) });
          element.requestVideoFrameCallback(look);
        };
        element.requestVideoFrameCallback(look);
      }
    }, 50);
  }

  window.recorder = {
    start, watch,
    /** Forgets what was recorded. */
    rewind() { frames = []; flashes = []; },
    get frames() { return frames; },
    get flashes() { return flashes; },
    /** Of one tone since a time: frames in all, how many of them are as loud as `dbfs`, and the loudest. */
    tell(index, dbfs, since = 0) {
      const some = frames.filter(({ at }) => at >= since);
      const loud = some.filter(({ levels }) => levels[index] >= dbfs);
      return {
        frames: some.length, loud: loud.length, loudest: some.reduce((most, { levels }) => Math.max(most, levels[index]), -200),
        first: loud[0]?.at ?? null, last: loud.at(-1)?.at ?? null,
      };
    },
    /** The longest time without a tone, in ms. */
    pause(index, dbfs) {
      let [longest, since] = [0, frames[0]?.at ?? 0];
      for (const { at, levels } of frames) {
        if (levels[index] >= dbfs) since = at;
        longest = Math.max(longest, at - since);
      }
      return longest;
    },
  };
}
