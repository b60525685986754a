/**
 * Runs in every page before the page's own scripts (`window.lab`). It takes the place of the devices, so that everybody
 * is known by what they send: person i is a sine of 400 + 240 i Hz and a flat colour with a frame counter. And it reads
 * back what the page plays and shows: who is heard, who is seen.
 *
 * The file is one function, called with { index, devices: 'ok' | 'refused' | 'none' | 'no-camera', busy, voice }. Flat colours cost an
 * encoder next to nothing; `busy` adds strips of noise, so that each encoding takes the bits that it may. A codec for speech keeps, in each
 * packet, what it takes to make up for one that was lost (RFC 6716 section 2.1.7), but takes a tone that never changes for noise: `voice` is
 * something like a voice instead.
 */
(options) => {
  const WIDTH = 640;
  const HEIGHT = 360;
  const FPS = 15;
  const COUNTER_BITS = 16;
  /** Colours are 30 degrees apart: those of cameras at even places, those of screens at odd ones. */
  const HUE_STEP = 30;
  const SCREEN = 0.5;

  const toneOf = (index) => 400 + 240 * index;
  const hueOf = (index) => (index * 2 * HUE_STEP) % 360;

  // ---- what is sent -------------------------------------------------------------------------------------------------

  let context = null;
  let volume = null;

  function audio() {
    context ??= new AudioContext();
    if (context.state === 'suspended') void context.resume();
    return context;
  }

  function tone() {
    const oscillator = new OscillatorNode(audio(), { frequency: toneOf(options.index) });
    oscillator.start();
    return oscillator;
  }

  /** Of a voice: resonances in Hz and how loud they are, how often its syllables come, and how its pitch wavers, in Hz. */
  const FORMANTS = [[600, 4], [1100, 2.4], [2500, 1.2]];
  const SYLLABLES = 3.7;
  const WAVERS = [[0.9, 25], [2.3, 12]];
  const HISS = 5_000;

  /** Something that moves as slowly as `frequency`, by `depth` up and down. */
  function sway(parameter, frequency, depth) {
    const slow = new OscillatorNode(audio(), { frequency });
    slow.connect(new GainNode(audio(), { gain: depth })).connect(parameter);
    slow.start();
  }

  /** Loud, up to `most`, in one half of each turn of `slow`, and silent in the other. */
  function halfOf(slow, sign, most) {
    const loudness = new GainNode(audio(), { gain: 0 });
    slow.connect(new GainNode(audio(), { gain: sign })).connect(new WaveShaperNode(audio(), { curve: [0, 0, most] })).connect(loudness.gain);
    return loudness;
  }

  function hiss() {
    const buffer = new AudioBuffer({ length: 2 * audio().sampleRate, sampleRate: audio().sampleRate });
    buffer.getChannelData(0).forEach((_, at, samples) => { samples[at] = 2 * Math.random() - 1; });
    const source = new AudioBufferSourceNode(audio(), { buffer, loop: true });
    source.start();
    return source.connect(new BiquadFilterNode(audio(), { type: 'bandpass', frequency: HISS, Q: 0.7 }));
  }

  /**
   * Something like a voice: vowels, and consonants that hiss between them. Without these Opus takes it for music as soon as a busy machine
   * leaves a gap in it (measured with libopus 1.5), and music has no in-band FEC. Nobody can be told by it.
   */
  function voice() {
    const spoken = new GainNode(audio());
    const syllables = new OscillatorNode(audio(), { frequency: SYLLABLES });
    const [vowels, consonants] = [halfOf(syllables, 1, 0.5), halfOf(syllables, -1, 0.3)];
    const pitch = new OscillatorNode(audio(), { type: 'sawtooth', frequency: 130 });
    for (const [frequency, depth] of WAVERS) sway(pitch.frequency, frequency, depth);
    for (const [frequency, gain] of FORMANTS) {
      const resonance = new BiquadFilterNode(audio(), { type: 'bandpass', frequency, Q: 7 });
      sway(resonance.frequency, 1.3 + frequency / 1000, frequency / 4);
      pitch.connect(resonance).connect(new GainNode(audio(), { gain })).connect(vowels);
    }
    hiss().connect(consonants);
    for (const sound of [vowels, consonants]) sound.connect(spoken);
    for (const source of [pitch, syllables]) source.start();
    return spoken;
  }

  function microphone() {
    if (volume === null) {
      volume = new GainNode(audio(), { gain: 0.3 });
      volume.out = new MediaStreamAudioDestinationNode(audio(), { channelCount: 1 });
      (options.voice ? voice() : tone()).connect(volume).connect(volume.out);
    }
    // A clone, so that stopping the track, as pages do, does not end the device.
    return volume.out.stream.getAudioTracks()[0].clone();
  }

  /** With `beats`, a tone sounds as each picture is drawn whose counter is a multiple of this, and at no other time. */
  const BEAT = 15;
  const BEEP_S = 0.1;
  let beats = false;

  function beep() {
    microphone().stop();
    const now = audio().currentTime;
    volume.gain.setValueAtTime(0.3, now);
    volume.gain.setValueAtTime(0, now + BEEP_S);
  }

  const pictures = new Map();
  let ticks = 0;

  /** Between the counter and the colour, and below it: out of what `glance` reads. */
  const NOISE_STRIPS = [[HEIGHT * 0.18, HEIGHT * 0.14], [HEIGHT * 0.9, HEIGHT * 0.1]];
  const noise = Object.assign(document.createElement('canvas'), { width: WIDTH / 4, height: 16 });

  function drawNoise(brush) {
    const pen = noise.getContext('2d');
    const image = pen.createImageData(noise.width, noise.height);
    for (let i = 0; i < image.data.length; i++) image.data[i] = i % 4 === 3 ? 255 : Math.random() * 256;
    pen.putImageData(image, 0, 0);
    for (const [top, height] of NOISE_STRIPS) brush.drawImage(noise, 0, top, WIDTH, height);
  }

  /** One canvas for each index, drawn for as long as the page lives. */
  function picture(index) {
    let canvas = pictures.get(index);
    if (canvas === undefined) {
      canvas = Object.assign(document.createElement('canvas'), { width: WIDTH, height: HEIGHT });
      const brush = canvas.getContext('2d');
      let counter = 0;
      canvas.draw = () => {
        counter = (counter + 1) % 2 ** COUNTER_BITS;
        brush.fillStyle = `hsl(${hueOf(index)} 100% 50%)`;
        brush.fillRect(0, 0, WIDTH, HEIGHT);
        const block = WIDTH / COUNTER_BITS;
        for (let bit = 0; bit < COUNTER_BITS; bit++) {
          brush.fillStyle = (counter >> bit) & 1 ? '#fff' : '#000';
          brush.fillRect(bit * block, 0, block, HEIGHT / 6);
        }
        if (options.busy) drawNoise(brush);
        if (beats && index === options.index && counter % BEAT === 0) beep();
      };
      canvas.draw();
      pictures.set(index, canvas);
    }
    return canvas.captureStream(FPS).getVideoTracks()[0];
  }

  setInterval(() => {
    ticks += 1;
    for (const canvas of pictures.values()) canvas.draw();
  }, 1000 / FPS);

  const refusal = (name) => new DOMException(`the lab plays ${name}`, name);

  function getUserMedia({ audio: wantsAudio, video: wantsVideo } = {}) {
    if (options.devices === 'refused') return Promise.reject(refusal('NotAllowedError'));
    if (options.devices === 'none') return Promise.reject(refusal('NotFoundError'));
    if (options.devices === 'no-camera' && wantsVideo) return Promise.reject(refusal('NotFoundError'));
    const tracks = [...(wantsAudio ? [microphone()] : []), ...(wantsVideo ? [picture(options.index)] : [])];
    return Promise.resolve(new MediaStream(tracks));
  }

  function enumerateDevices() {
    const device = (kind, label) => ({ deviceId: `lab-${kind}`, groupId: 'lab', kind, label, toJSON() { return this; } });
    if (options.devices === 'none') return Promise.resolve([device('audiooutput', 'Lab speaker')]);
    return Promise.resolve([
      device('audioinput', 'Lab microphone'),
      ...(options.devices === 'no-camera' ? [] : [device('videoinput', 'Lab camera')]),
      device('audiooutput', 'Lab speaker'),
    ]);
  }

  if (navigator.mediaDevices) {
    Object.defineProperties(MediaDevices.prototype, {
      getUserMedia: { configurable: true, value: getUserMedia },
      getDisplayMedia: { configurable: true, value: () => Promise.resolve(new MediaStream([picture(options.index + SCREEN)])) },
      enumerateDevices: { configurable: true, value: enumerateDevices },
    });
  }

  // ---- what is received ---------------------------------------------------------------------------------------------

  /** For levels: 16384 gives bins of 3 Hz. With 8192 an absent tone beside a present one reads 13 dB louder. */
  const FFT = 16384;
  const TONE_HALF_WIDTH_HZ = 12;
  const ears = new Map();

  function elements(selector) {
    return [...document.querySelectorAll(selector)].filter((element) => element.srcObject instanceof MediaStream);
  }

  function facts(element) {
    const { participant = null, source = null, track = null } = element.dataset;
    return { participant, source, track };
  }

  function ear(track) {
    let analyser = ears.get(track);
    if (analyser === undefined) {
      analyser = new AnalyserNode(audio(), { fftSize: FFT, smoothingTimeConstant: 0 });
      analyser.input = audio().createMediaStreamSource(new MediaStream([track]));
      analyser.input.connect(analyser);
      ears.set(track, analyser);
    }
    return analyser;
  }

  /** What the page itself sends to the speakers by Web Audio, for each node that it has connected there: an ear on either side. */
  const spoken = new Map();
  const { connect, disconnect } = AudioNode.prototype;

  /** An ear on either side of a node. What has one channel is in both. */
  function bothEars(node) {
    const both = new GainNode(node.context, { channelCount: 2, channelCountMode: 'explicit', channelInterpretation: 'speakers' });
    const splitter = new ChannelSplitterNode(node.context, { numberOfOutputs: 2 });
    connect.call(node, both);
    connect.call(both, splitter);
    return [0, 1].map((side) => {
      const analyser = new AnalyserNode(node.context, { fftSize: FFT, smoothingTimeConstant: 0 });
      connect.call(splitter, analyser, side);
      return analyser;
    });
  }

  AudioNode.prototype.connect = function (to, ...rest) {
    if (to instanceof AudioDestinationNode && !(to.context instanceof OfflineAudioContext)) spoken.set(this, bothEars(this));
    return connect.call(this, to, ...rest);
  };
  AudioNode.prototype.disconnect = function (...rest) {
    spoken.delete(this);
    return disconnect.call(this, ...rest);
  };

  /** The level of each of the first `count` tones, in dBFS. */
  function levelsAt(analyser, count) {
    const bins = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(bins);
    const width = analyser.context.sampleRate / FFT;
    return Array.from({ length: count }, (_, index) => {
      const [low, high] = [-TONE_HALF_WIDTH_HZ, TONE_HALF_WIDTH_HZ].map((offset) => (toneOf(index) + offset) / width);
      // JSON has no infinity: -200 is digital silence.
      return Math.max(-200, ...bins.subarray(Math.ceil(low), Math.floor(high) + 1));
    });
  }

  /** The tracks that a person at this page hears from elements, each with its ear. */
  function audible() {
    const playing = elements('audio, video').filter((element) => !element.muted && !element.paused && element.volume > 0);
    return playing.flatMap((element) => element.srcObject.getAudioTracks().map((track) => ({ element, analyser: ear(track) })));
  }

  /**
   * What sounded in the third of a second before now: the level of each of the first `count` tones in each element that a person at
   * this page hears, in dBFS, and in what the page plays without an element (`sides`: the left ear and the right one).
   */
  function hearNow(count) {
    const heard = audible().map(({ element, analyser }) => ({ ...facts(element), levels: levelsAt(analyser, count) }));
    for (const analysers of spoken.values()) {
      const sides = analysers.map((analyser) => levelsAt(analyser, count));
      heard.push({ participant: null, source: 'graph', track: null, levels: sides[0].map((level, index) => Math.max(level, sides[1][index])), sides });
    }
    return heard;
  }

  /** Lets time go by for as long as the analysers look back. @returns whether it did: where WebAudio does not run, silence means nothing. */
  async function listen() {
    const from = audio().currentTime;
    const patience = ticks + 5 * FPS;
    const listened = () => audio().currentTime - from >= 1.2 * (FFT / audio().sampleRate);
    while (!listened() && ticks < patience) await wait(1);
    return listened();
  }

  /** Listens to what {@link hearNow} gives, so that all that is measured sounded after the call. */
  async function hear(count) {
    // An ear that is made later has heard nothing yet.
    audible();
    return { listened: await listen(), heard: hearNow(count) };
  }

  /** The level of each of the first `count` tones in the left ear and in the right one, for each element that a person at this page hears. */
  async function hearSides(count) {
    const both = audible().map(({ element, analyser }) => ({ element, sides: bothEars(analyser) }));
    const listened = await listen();
    return { listened, heard: both.map(({ element, sides }) => ({ ...facts(element), sides: sides.map((side) => levelsAt(side, count)) })) };
  }

  const glass = Object.assign(document.createElement('canvas'), { width: 160, height: 90 });
  const lens = glass.getContext('2d', { willReadFrequently: true });

  function average(x, y, width, height) {
    const { data } = lens.getImageData(x, y, width, height);
    const sum = [0, 0, 0];
    for (let i = 0; i < data.length; i += 4) for (let c = 0; c < 3; c++) sum[c] += data[i + c];
    return sum.map((value) => Math.round((value * 4) / data.length));
  }

  function hue([r, g, b]) {
    const max = Math.max(r, g, b);
    const span = max - Math.min(r, g, b);
    // Grey and black have none: no picture of the lab.
    if (span < 100) return null;
    const sixth = max === r ? (g - b) / span : max === g ? (b - r) / span + 2 : (r - g) / span + 4;
    return Math.round(((sixth + 6) % 6) * 60);
  }

  /** Whose picture has this colour: i, or i + 0.5 for the screen of i; null when it is none of the lab's. */
  function indexOf(degrees) {
    if (degrees === null) return null;
    const nearest = Math.round(degrees / HUE_STEP) * HUE_STEP;
    return Math.abs(degrees - nearest) <= 10 ? ((nearest % 360) / HUE_STEP) / 2 : null;
  }

  /** What one video element shows now. */
  function glance(element) {
    const track = element.srcObject.getVideoTracks()[0];
    const { videoWidth: width, videoHeight: height } = element;
    const shown = { ...facts(element), width, height, index: null, counter: null, rgb: null };
    if (!track || width === 0 || element.readyState < 2) return shown;
    return { ...shown, ...read(element) };
  }

  /** Whose picture it is, and which. */
  function read(picture) {
    lens.drawImage(picture, 0, 0, glass.width, glass.height);
    const rgb = average(10, 30, 140, 50);
    let counter = 0;
    for (let bit = 0; bit < COUNTER_BITS; bit++) {
      if (average(bit * 10 + 4, 4, 2, 6)[1] > 127) counter |= 1 << bit;
    }
    return { rgb, index: indexOf(hue(rgb)), counter };
  }

  /** The same of a still picture, with its sides. */
  async function still(blob) {
    const bitmap = await createImageBitmap(blob);
    return { ...read(bitmap), width: bitmap.width, height: bitmap.height };
  }

  function received() {
    const connections = [...(window.labConnections ?? []), window.colloquy?.room?.peerConnection].filter(Boolean);
    return new Set(connections.flatMap((pc) => pc.getReceivers()).map((receiver) => receiver.track));
  }

  /** Waits for `frames` frames of our own: the one clock that slows down with the machine. */
  async function wait(frames) {
    const until = ticks + frames;
    while (ticks < until) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  /**
   * What each video element shows, and by how many frames it advanced while `frames` of our own went by.
   * `remote` tells received video from our own preview.
   */
  async function see(frames = 15) {
    const before = new Map(elements('video').map((element) => [element, glance(element)]));
    await wait(frames);
    const remote = received();
    return elements('video').map((element) => {
      const [old, now] = [before.get(element), glance(element)];
      const same = old !== undefined && old.counter !== null && now.counter !== null;
      return {
        ...now,
        remote: element.srcObject.getVideoTracks().some((track) => remote.has(track)),
        advanced: same ? (now.counter - old.counter + 2 ** COUNTER_BITS) % 2 ** COUNTER_BITS : 0,
      };
    });
  }

  /** The numbers of `getStats` by type, for one connection. */
  async function stats(pc = window.colloquy?.room?.peerConnection) {
    const report = await pc.getStats();
    return [...report.values()];
  }

  window.lab = {
    options, toneOf, hueOf, hear, hearNow, hearSides, see, still, wait, stats, getUserMedia,
    /** Silence at the source, 0 to 1: the track goes on. */
    set loudness(value) { microphone(); volume.gain.value = 0.3 * value; },
    /** Sound and picture that belong together, to see how far apart they come. */
    set beats(on) { beats = on; microphone().stop(); volume.gain.cancelScheduledValues(0); volume.gain.value = on ? 0 : 0.3; },
    BEAT,
    counterOf: (element) => glance(element).counter,
    get ticks() { return ticks; },
  };
}
