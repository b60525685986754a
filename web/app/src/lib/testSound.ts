/** Two soft notes on the chosen output, made here so that no sound file is shipped. */
export async function playTestSound(speakerId: string): Promise<void> {
  const context = new AudioContext();
  const gain = context.createGain();
  const sink = context.createMediaStreamDestination();
  gain.connect(sink);
  [523.25, 659.25].forEach((frequency, i) => {
    const start = context.currentTime + i * 0.22;
    const note = new OscillatorNode(context, { frequency });
    const envelope = new GainNode(context, { gain: 0 });
    envelope.gain.setValueAtTime(0, start);
    envelope.gain.linearRampToValueAtTime(0.25, start + 0.03);
    envelope.gain.exponentialRampToValueAtTime(0.001, start + 0.6);
    note.connect(envelope).connect(gain);
    note.start(start);
    note.stop(start + 0.65);
  });
  const element = new Audio();
  element.srcObject = sink.stream;
  try {
    if (speakerId !== '') await element.setSinkId?.(speakerId);
    await element.play();
  } catch {
    // No output is an answer to the test as well.
  }
  setTimeout(() => void context.close(), 1_500);
}
