import { describe, expect, it } from 'vitest';
import { contentModeOf } from '../../../src/transports/nats/content-mode.ts';

const modeOf = (...lines: string[]) =>
  contentModeOf(new TextEncoder().encode(['NATS/1.0', ...lines, '', ''].join('\r\n')));

describe('contentModeOf', () => {
  it.each([
    ['structured', ['Content-Type: application/cloudevents+json']],
    ['structured', ['Content-Type: application/cloudevents+json', 'Nats-Msg-Id: 1']],
    ['structured', ['Nats-Msg-Id: 1', 'content-type:application/cloudevents+json; charset=UTF-8']],
    ['structured', ['CONTENT-TYPE: \tAPPLICATION/CLOUDEVENTS+JSON;charset=utf-8']],
    ['structured', ['Content-Type: application/cloudevents']],
    ['structured', ['ce-specversion: 1.0', 'Content-Type: application/cloudevents+json']],
    ['batch', ['Content-Type: application/cloudevents-batch+json']],
    ['batch', ['content-type: Application/CloudEvents-Batch+JSON; charset=utf-8']],
    ['foreign', ['Content-Type: application/cloudevents+protobuf']],
    ['foreign', ['Content-Type: application/cloudevents+json5']],
    ['foreign', ['Content-Type: application/cloudevents-batch+avro']],
    ['binary', ['ce-specversion: 1.0', 'ce-id: 1']],
    ['binary', ['ce-id: 1', 'CE-SpecVersion: 1.0', 'Content-Type: application/json']],
    ['binary', ['Content-Type: application/xcloudevents', 'ce-specversion:1.0']],
    ['broken', ['ce-id: 1', 'Content-Type: text/plain']],
    ['broken', ['ce-specversions: 1.0']],
    ['unmarked', []],
    ['unmarked', ['Nats-Msg-Id: 1']],
    ['unmarked', ['Content-Type: application/json', 'c: d', 'ces: x']],
    ['unmarked', ['X-Content-Type: application/cloudevents+json']],
    ['unmarked', ['Note: Content-Type: application/cloudevents+json']],
  ])('is %s for %j', (mode, lines) => {
    expect(modeOf(...lines)).toBe(mode);
  });

  it('is unmarked without a block, and for one that is cut off', () => {
    const block = new TextEncoder().encode('NATS/1.0\r\nContent-Type: application/cloudevents+json\r\n\r\n');

    expect(contentModeOf(undefined)).toBe('unmarked');
    expect(contentModeOf(block.subarray(0, 30))).toBe('unmarked');
    expect(contentModeOf(new Uint8Array(0))).toBe('unmarked');
  });
});
