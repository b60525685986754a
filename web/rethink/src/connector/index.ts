import type { Bus, Configuration } from '@colloquy/sdk/hyperty/message';
import { Connector } from './connector.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: Connector } {
  return { name: 'Connector', instance: new Connector(url, bus, configuration) };
}
