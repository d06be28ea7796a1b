import { systemClock } from '../../base/clock.ts';
import { objectStoreConformance } from '../object-store.conformance.ts';
import { MemoryObjectStore } from './memory-object-store.ts';

objectStoreConformance('memory', async () => new MemoryObjectStore('memory:', systemClock));
