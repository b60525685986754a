/** The devices of this machine, kept up to date while they come and go. */
import { listDevices } from '@colloquy/sdk';

class Devices {
  all = $state.raw<readonly MediaDeviceInfo[]>([]);
  #watching = false;

  get microphones(): MediaDeviceInfo[] { return this.#of('audioinput'); }
  get cameras(): MediaDeviceInfo[] { return this.#of('videoinput'); }
  get speakers(): MediaDeviceInfo[] { return this.#of('audiooutput'); }

  async refresh(): Promise<void> {
    if (!this.#watching) {
      this.#watching = true;
      navigator.mediaDevices?.addEventListener?.('devicechange', () => void this.refresh());
    }
    this.all = await listDevices();
  }

  #of(kind: MediaDeviceKind): MediaDeviceInfo[] {
    return this.all.filter((d) => d.kind === kind);
  }
}

export const devices = new Devices();
