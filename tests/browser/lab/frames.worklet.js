/** Cuts sound into frames of 20 ms and tells how loud each tone is in them (Goertzel's algorithm on a Hann window), every 100 ms. */
class Frames extends AudioWorkletProcessor {
  constructor({ processorOptions: { tones } }) {
    super();
    this.size = Math.round(sampleRate / 50);
    this.hop = this.size / 2;
    this.hann = Float64Array.from({ length: this.size }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.size));
    this.turns = tones.map((tone) => 2 * Math.cos((2 * Math.PI * tone) / sampleRate));
    this.held = new Float64Array(this.size);
    this.filled = 0;
    this.told = [];
  }

  process([[samples]]) {
    const quantum = samples ?? new Float32Array(128);
    for (let i = 0; i < quantum.length; i++) {
      this.held[this.filled++] = quantum[i];
      if (this.filled < this.size) continue;
      this.told.push([(currentFrame + i + 1 - this.size) / sampleRate, ...this.turns.map((turn) => this.level(turn))]);
      this.held.copyWithin(0, this.hop);
      this.filled -= this.hop;
    }
    if (this.told.length >= 10) this.port.postMessage(this.told.splice(0));
    return true;
  }

  level(turn) {
    let [one, two] = [0, 0];
    for (let i = 0; i < this.size; i++) [one, two] = [this.held[i] * this.hann[i] + turn * one - two, one];
    // Of a sine of amplitude 1 the sum is a quarter of the frame's length; its level is -3 dBFS, as an analyser's are peaks: 0.
    const amplitude = Math.sqrt(Math.max(0, one * one + two * two - turn * one * two)) / (this.size / 4);
    return Math.max(-200, Math.round(200 * Math.log10(amplitude + 1e-12)) / 10);
  }
}

registerProcessor('frames', Frames);
