import { service } from 'millrace';
import { of } from 'rxjs';
import { describe, expect, it } from 'vitest';

describe('service, given what it cannot use', () => {
  const pipelines = { a: of(1) };

  it.each<[unknown, unknown, string]>([
    [{}, {}, "'pipelines' must be an object of Observables"],
    [{ pipelines: { a: Promise.resolve() } }, {}, "'pipelines.a' must be an Observable"],
    [{ pipelines, transports: [{ name: 'x' }] }, {}, "'transports[0]' has no 'drain'"],
    [{ pipelines, resources: { pool: { end: () => undefined } } }, {}, "'resources.pool' has neither 'close' nor"],
    [{ pipelines }, { stopOn: ['SIGTERM'] }, "'stopOn' must be an Observable"],
    [{ pipelines }, { stopWhen: 'never' }, "'stopWhen' must be one of"],
    [{ pipelines }, { grace: -1 }, "'grace' must be"],
    [{ pipelines }, { closeTime: Number.NaN }, "'closeTime' must be"],
  ])('says what is wrong: %#', (parts, options, message) => {
    expect(() => service(parts as never, options as never)).toThrow(message);
  });

  it('refuses a grace that is none when it is drained', () => {
    expect(() => service({ pipelines }).drain({ grace: -1 })).toThrow("'grace' must be");
  });
});
