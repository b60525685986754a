/** Short messages: toasts for the eye, announcements for the screen reader. */

export type Tone = 'neutral' | 'good' | 'bad';

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly detail: string;
  readonly tone: Tone;
}

const LASTS_MS: Readonly<Record<Tone, number>> = { neutral: 4_000, good: 4_000, bad: 9_000 };
/** More would cover the call; the oldest goes. */
const MOST = 3;

class Notices {
  toasts = $state.raw<readonly Toast[]>([]);
  /** What the live region says; the counter makes the same words be read twice. */
  spoken = $state.raw({ text: '', n: 0 });
  #next = 1;

  toast(text: string, tone: Tone = 'neutral', detail = ''): void {
    const id = this.#next++;
    this.toasts = [...this.toasts.filter((t) => t.text !== text), { id, text, detail, tone }].slice(-MOST);
    this.say(detail === '' ? text : `${text} ${detail}`);
    setTimeout(() => this.dismiss(id), LASTS_MS[tone]);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((t) => t.id !== id);
  }

  /** What was said of a call is of no use after it. */
  clear(): void {
    this.toasts = [];
  }

  say(text: string): void {
    this.spoken = { text, n: this.spoken.n + 1 };
  }
}

export const notices = new Notices();
