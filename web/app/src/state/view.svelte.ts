/** What of the call is on the screen: layout, panels, dialogs. */
import type { Call } from './call.svelte.js';

/** Picture in picture is drawn by the server alone. */
export type Layout = 'grid' | 'speaker' | 'presentation' | 'picture_in_picture';
export type Dialog = 'settings' | 'shortcuts' | null;

export class View {
  people = $state(false);
  dialog = $state<Dialog>(null);
  #chosen = $state<Exclude<Layout, 'presentation'>>('grid');
  /** While somebody shares, the share is large until the person decides otherwise. */
  #presenting = $state(true);

  constructor(private readonly call: Call) {}

  get layout(): Layout {
    if (this.call.screens.length > 0 && this.#presenting) return 'presentation';
    return this.#chosen === 'picture_in_picture' && !this.call.composite ? 'speaker' : this.#chosen;
  }

  /** The next layout of those that make sense now. */
  cycle(): Layout {
    const sharing = this.call.screens.length > 0;
    const layouts: readonly Layout[] = [...(sharing ? ['presentation'] as const : []), 'grid', 'speaker', ...(this.call.composite ? ['picture_in_picture'] as const : [])];
    this.set(layouts[(layouts.indexOf(this.layout) + 1) % layouts.length] ?? 'grid');
    return this.layout;
  }

  set(layout: Layout): void {
    this.#presenting = layout === 'presentation';
    if (layout !== 'presentation') this.#chosen = layout;
  }

  /** A new share is shown large even if the last one was not wanted so. */
  shareStarted(): void {
    this.#presenting = true;
  }

  pin(id: string): void {
    this.call.pinned = this.call.pinned === id ? null : id;
    if (this.call.pinned !== null) this.set('speaker');
  }
}
