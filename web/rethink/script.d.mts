/** What an object's code is made of. */
export interface Code {
  readonly entry: string;
  readonly className: string;
  readonly global?: string;
  readonly exports?: string;
}
/** By `<type>/<name>`. */
export const CODE: Readonly<Record<string, Code>>;
/** One script that leaves one name in the global scope. */
export function script(code: Code): Promise<string>;
