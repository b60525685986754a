/**
 * All words of the page. A translation is a file beside `en.ts` of the type `Messages`, and one line in `locales`;
 * `fr`, `pt` and `de` are meant to come. The page is built once per load, so the language is chosen once.
 */
import { en } from './en.js';

export type Messages = typeof en;

const locales: Readonly<Record<string, Messages>> = { en };

/** The first of the person's languages that we have. */
export function choose(wanted: readonly string[]): string {
  return wanted.map((tag) => tag.toLowerCase().split('-')[0] ?? '').find((tag) => tag in locales) ?? 'en';
}

export const locale = choose(navigator.languages ?? ['en']);
export const t: Messages = locales[locale] ?? en;
