/** The lobby's own microphone and camera, which the call takes over without asking again. */
import { captureBoth, captureCamera, captureMicrophone, ColloquyError, mediaError, type Captured } from '@colloquy/sdk';
import type { Device } from '../lib/mediaText.js';
import { devices } from './devices.svelte.js';
import { prefs, savePrefs } from './prefs.svelte.js';

export class Preview {
  microphone = $state.raw<MediaStreamTrack | null>(null);
  camera = $state.raw<MediaStreamTrack | null>(null);
  microphoneError = $state.raw<ColloquyError | null>(null);
  cameraError = $state.raw<ColloquyError | null>(null);
  starting = $state(false);

  async start(): Promise<void> {
    this.starting = true;
    const { microphone, camera } = await captureBoth(prefs.microphoneId, prefs.cameraId);
    this.starting = false;
    this.#take('microphone', microphone);
    this.#take('camera', camera);
    await this.#forgetUnknown();
    // Labels can be read only now that there is a permission.
    await devices.refresh();
  }

  async toggle(device: Device): Promise<void> {
    if (this[device] === null) await this.open(device);
    else this.#stop(device);
  }

  async open(device: Device): Promise<void> {
    this.#stop(device);
    const captured = device === 'microphone' ? captureMicrophone(prefs.microphoneId) : captureCamera(prefs.cameraId);
    this.#take(device, await captured.catch(mediaError));
    await devices.refresh();
  }

  /** Hands the tracks over: from here on they are the caller's. */
  release(): { microphone: MediaStreamTrack | null; camera: MediaStreamTrack | null } {
    const { microphone, camera } = this;
    this.microphone = null;
    this.camera = null;
    return { microphone, camera };
  }

  stop(): void {
    this.#stop('microphone');
    this.#stop('camera');
  }

  #stop(device: Device): void {
    this[device]?.stop();
    this[device] = null;
    this[`${device}Error`] = null;
  }

  #take(device: Device, captured: Captured): void {
    if (captured instanceof ColloquyError) {
      this[`${device}Error`] = captured;
      return;
    }
    this[`${device}Error`] = null;
    this[device] = captured;
    captured.addEventListener('ended', () => {
      if (this[device] !== captured) return;
      this[device] = null;
      this[`${device}Error`] = new ColloquyError('media.not_found', 'The device was disconnected.');
    });
  }

  /** A device that was chosen last time may be gone: then the default will do. */
  async #forgetUnknown(): Promise<void> {
    for (const device of ['microphone', 'camera'] as const) {
      const error = this[`${device}Error`];
      if (error?.code !== 'media.overconstrained' || prefs[`${device}Id`] === '') continue;
      prefs[`${device}Id`] = '';
      savePrefs();
      await this.open(device);
    }
  }
}
