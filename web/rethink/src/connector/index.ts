import type { Bus, Configuration } from '../api.js';
import { Connector } from './connector.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: Connector } {
  return { name: 'Connector', instance: new Connector(url, bus, configuration) };
}
