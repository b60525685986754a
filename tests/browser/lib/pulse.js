/** A sound server of our own with a sink that goes nowhere: Firefox keeps WebAudio suspended without a sound device. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.js';

const BINARY = '/usr/bin/pulseaudio';

/** @returns {Promise<{ env: Record<string, string>, stop(): void } | null>} null where there is no pulseaudio. */
export async function startPulse() {
  if (!existsSync(BINARY)) return null;
  const home = mkdtempSync(join(tmpdir(), 'colloquy-pulse-'));
  const socket = join(home, 'native');
  const child = spawn(BINARY, [
    '-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=-1', '--log-level=error',
    `--load=module-native-protocol-unix socket=${socket} auth-anonymous=1`,
    '--load=module-null-sink rate=48000',
  ], { env: { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, PULSE_RUNTIME_PATH: home }, stdio: 'ignore' });
  await until('the sound server is up', () => existsSync(socket));
  return {
    env: { PULSE_SERVER: `unix:${socket}` },
    stop() {
      child.kill('SIGKILL');
      rmSync(home, { recursive: true, force: true });
    },
  };
}
