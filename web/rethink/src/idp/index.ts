import type { Bus, Configuration } from '@colloquy/sdk/hyperty/message';
import { ColloquyIdpProxy } from './proxy.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: ColloquyIdpProxy } {
  return { name: 'ColloquyIdpProxy', instance: new ColloquyIdpProxy(url, bus, configuration) };
}
