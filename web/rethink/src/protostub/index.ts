import type { Bus, Configuration } from '../api.js';
import { ColloquyProtoStub } from './stub.js';

export default function activate(url: string, bus: Bus, configuration: Configuration): { name: string; instance: ColloquyProtoStub } {
  return { name: 'ColloquyProtoStub', instance: new ColloquyProtoStub(url, bus, configuration) };
}
