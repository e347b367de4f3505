import { encodeBase64 } from '../../core/base64.ts';

/** A text that two values share if they are equal by value: whatever the order of their fields, and whoever made them. */
export function agreementKey(value: unknown): string {
  if (typeof value !== 'object' || value === null) return `${typeof value} ${String(value)}`;
  if (value instanceof Uint8Array) return `bytes ${encodeBase64(value)}`;
  return `json ${JSON.stringify(value, inOrder)}`;
}

function inOrder(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return agreementKey(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (value instanceof Uint8Array) return agreementKey(value);
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
