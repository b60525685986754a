/** Words for media failures. */
import type { ColloquyError } from '@colloquy/sdk';
import { t } from '../i18n/index.js';

export type Device = 'microphone' | 'camera';
export interface Problem {
  readonly code: string;
  readonly title: string;
  readonly fix: string;
}

type Known = 'media.not_found' | 'media.not_allowed' | 'media.not_readable' | 'media.overconstrained' | 'media.insecure' | 'other';

export function problemOf(error: ColloquyError, device: Device): Problem {
  const key = error.code in t.media ? (error.code as Known) : 'other';
  return { code: error.code, title: t.media[key][device], fix: t.media[key].fix };
}

/** One notice in place of two when both devices failed alike. */
export function problemsOf(microphone: ColloquyError | null, camera: ColloquyError | null): Problem[] {
  if (microphone !== null && camera !== null && microphone.code === camera.code) {
    const both = t.media.both;
    const key = microphone.code in both ? (microphone.code as keyof typeof both) : 'other';
    return [{ code: microphone.code, title: both[key], fix: problemOf(microphone, 'camera').fix }];
  }
  return [
    ...(microphone === null ? [] : [problemOf(microphone, 'microphone')]),
    ...(camera === null ? [] : [problemOf(camera, 'camera')]),
  ];
}
