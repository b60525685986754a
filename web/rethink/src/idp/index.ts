import type { Bus, Configuration } from '../api.js';
import { ColloquyIdpProxy } from './proxy.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: ColloquyIdpProxy } {
  return { name: 'ColloquyIdpProxy', instance: new ColloquyIdpProxy(url, bus, configuration) };
}
