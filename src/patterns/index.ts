export { type RedriveOptions, redrive } from './redrive.ts';
