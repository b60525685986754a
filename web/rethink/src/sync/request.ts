/** Requests over a bus. */
import { type Bus, type Message, codeOf, textOf } from '../api.js';

/** An answer with another code than 200. */
export class Failed extends Error {
  constructor(readonly code: number, why: string) {
    super(why);
  }
}

/** The final answer to a request; a provisional one (100, 183) is passed over. The bus itself answers with 408 where nobody does. */
export function request(bus: Bus, message: Message): Promise<Message> {
  return new Promise((resolve, reject) => {
    bus.postMessage(message, (answer) => {
      const code = codeOf(answer);
      if (code < 200) return;
      if (code < 300) resolve(answer);
      else reject(new Failed(code, textOf(answer.body, 'desc') ?? textOf(answer.body, 'description') ?? `the answer is ${code}`));
    });
  });
}

/** The domain of an address such as `hyperty://d/uuid`. */
export function domainOf(address: string): string {
  return address.split('://')[1]?.split('/')[0] ?? '';
}

/** The descriptor of a schema in the catalogue of a domain. */
export function schemaOf(domain: string, name: string): string {
  return `hyperty-catalogue://catalogue.${domain}/.well-known/dataschema/${name}`;
}
