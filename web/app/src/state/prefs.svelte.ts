/** What the person chose once and should not have to choose again; kept in this browser only. */

import type { AudioMode, VideoMode } from '@colloquy/sdk';

export type Theme = 'auto' | 'light' | 'dark';

interface Stored {
  name: string;
  theme: Theme;
  mirror: boolean;
  microphoneId: string;
  cameraId: string;
  speakerId: string;
  /** Faces at most, those who spoke last; 0 for all. */
  lastN: number;
  /** Others are heard each by himself, mixed by the server, or as it finds best. */
  audioMode: AudioMode;
  /** Others are seen each by himself, or all on one canvas that the server draws. */
  videoMode: VideoMode;
}

const KEY = 'colloquy.prefs';
const DEFAULTS: Stored = { name: '', theme: 'auto', mirror: true, microphoneId: '', cameraId: '', speakerId: '', lastN: 0, audioMode: 'forward', videoMode: 'forward' };

function load(): Stored {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return { ...DEFAULTS, ...(stored as Partial<Stored>) };
  } catch {
    // Private windows may have no storage.
    return { ...DEFAULTS };
  }
}

export const prefs = $state<Stored>(load());

export function savePrefs(): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(prefs));
  } catch {
    // Then the choice lasts as long as the page.
  }
}

const dark = matchMedia('(prefers-color-scheme: dark)');

/** Puts the chosen theme on the document, and follows the system's while it is automatic. */
export function applyTheme(): void {
  const theme = prefs.theme === 'auto' ? (dark.matches ? 'dark' : 'light') : prefs.theme;
  document.documentElement.dataset['theme'] = theme;
}

export function setTheme(theme: Theme): void {
  prefs.theme = theme;
  savePrefs();
  applyTheme();
}

dark.addEventListener('change', applyTheme);
applyTheme();
