/** Single-key shortcuts that never fire while somebody types. */

export type Action = 'mic' | 'camera' | 'share' | 'layout' | 'people' | 'invite' | 'settings' | 'help' | 'close';

export const KEYS: readonly (readonly [key: string, action: Action])[] = [
  ['m', 'mic'], ['v', 'camera'], ['s', 'share'], ['g', 'layout'], ['p', 'people'], ['i', 'invite'], [',', 'settings'], ['?', 'help'], ['Escape', 'close'],
];

/** How a key is printed. */
export function keyName(key: string): string {
  return key === 'Escape' ? 'Esc' : key.toUpperCase();
}

export function keyOf(action: Action): string {
  return keyName(KEYS.find(([, a]) => a === action)?.[0] ?? '');
}

export function actionFor(event: KeyboardEvent): Action | null {
  // With a modifier it belongs to the browser; repeated, it would flicker.
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || event.defaultPrevented) return null;
  if (isTyping(event.target)) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  return KEYS.find(([k]) => k === key)?.[1] ?? null;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // In an open dialog keys are the dialog's.
  return target.isContentEditable || target.closest('input, textarea, select, dialog[open], [role="menu"]') !== null;
}
