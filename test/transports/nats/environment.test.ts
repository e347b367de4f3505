import { describe, expect, it } from 'vitest';
import { natsOptionsFromEnvironment, natsSettingsFromEnvironment } from '../../../src/transports/nats/environment.ts';

describe('natsOptionsFromEnvironment', () => {
  it('reads nothing from an empty environment, and from empty variables', () => {
    expect(natsOptionsFromEnvironment({})).toEqual({});
    expect(natsOptionsFromEnvironment({ NATS_URL: '', NATS_MAX_RECONNECTS: ' ', NATS_PASSWORD: '' })).toEqual({});
  });

  it('reads servers, name and reconnects, with the wait in seconds', () => {
    const env = {
      NATS_URL: 'nats://a:4222,nats://b:4222',
      NATS_CLIENT_ID: 'billing',
      NATS_MAX_RECONNECTS: '6',
      NATS_RECONNECT_WAIT: '1.5',
    };

    expect(natsOptionsFromEnvironment(env)).toEqual({
      servers: 'nats://a:4222,nats://b:4222',
      name: 'billing',
      reconnect: { attempts: 6, wait: 1_500 },
    });
  });

  it('takes -1 reconnects for ever, and 0 for none', () => {
    expect(natsOptionsFromEnvironment({ NATS_MAX_RECONNECTS: '-1' })).toEqual({ reconnect: { attempts: Infinity } });
    expect(natsOptionsFromEnvironment({ NATS_MAX_RECONNECTS: '0', NATS_RECONNECT_WAIT: '2' })).toEqual({
      reconnect: false,
    });
  });

  it('reads each way of authenticating', () => {
    expect(natsOptionsFromEnvironment({ NATS_USER: 'a', NATS_PASSWORD: 'b' })).toEqual({ user: 'a', password: 'b' });
    expect(natsOptionsFromEnvironment({ NATS_TOKEN: 't' })).toEqual({ token: 't' });
    expect(natsOptionsFromEnvironment({ NATS_CREDS: '/x.creds' })).toEqual({ creds: '/x.creds' });
    expect(natsOptionsFromEnvironment({ NATS_NKEY: '/x.nk', NATS_JWT: '/x.jwt' })).toEqual({
      nkeySeed: '/x.nk',
      jwt: '/x.jwt',
    });
    expect(natsOptionsFromEnvironment({ NATS_CA: '/ca', NATS_CERT: '/cert', NATS_KEY: '/key' })).toEqual({
      tls: { ca: '/ca', cert: '/cert', key: '/key' },
    });
  });

  it.for([
    [{ NATS_TOKEN: 's3cret', NATS_USER: 'u', NATS_PASSWORD: 's3cret' }, "'NATS_TOKEN' and 'NATS_USER'"],
    [{ NATS_CREDS: 's3cret', NATS_NKEY: 's3cret' }, "'NATS_NKEY' and 'NATS_CREDS'"],
    [{ NATS_USER: 's3cret' }, "'NATS_USER' needs 'NATS_PASSWORD'"],
    [{ NATS_PASSWORD: 's3cret' }, "'NATS_PASSWORD' needs 'NATS_USER'"],
    [{ NATS_CERT: 's3cret' }, "'NATS_CERT' needs 'NATS_KEY'"],
    [{ NATS_KEY: 's3cret' }, "'NATS_KEY' needs 'NATS_CERT'"],
  ] as const)('refuses contradictory credentials by their names: %j', ([env, message]) => {
    const refusal = errorOf(() => natsOptionsFromEnvironment(env));

    expect(refusal).toBeInstanceOf(TypeError);
    expect(refusal.message).toContain(message);
    expect(refusal.message).not.toContain('s3cret');
  });

  it.for([
    [{ NATS_MAX_RECONNECTS: '-2' }, "NATS_MAX_RECONNECTS must be a whole number, or -1 for ever, not '-2'"],
    [{ NATS_MAX_RECONNECTS: 'many' }, 'NATS_MAX_RECONNECTS'],
    [{ NATS_RECONNECT_WAIT: '-1' }, 'NATS_RECONNECT_WAIT must be a number of seconds above 0'],
    [{ NATS_RECONNECT_WAIT: '2s' }, 'NATS_RECONNECT_WAIT'],
  ] as const)('refuses what is no number: %j', ([env, message]) => {
    expect(() => natsOptionsFromEnvironment(env)).toThrow(RangeError);
    expect(() => natsOptionsFromEnvironment(env)).toThrow(message);
  });

  it('reads the environment of this process if none is given', () => {
    process.env['NATS_CLIENT_ID'] = 'from process.env';

    expect(natsOptionsFromEnvironment().name).toBe('from process.env');

    delete process.env['NATS_CLIENT_ID'];
  });
});

describe('natsSettingsFromEnvironment', () => {
  it('reads what is not for the connection, with durations in seconds', () => {
    const env = {
      NATS_QUEUE_GROUP: 'workers',
      NATS_WILDCARD_SUBJECT: 'cyverse.>',
      NATS_REQUEST_TIMEOUT: '5',
      NATS_JS_WILDCARD_SUBJECT: 'events.>',
      NATS_JS_ACK_WAIT: '10',
      NATS_DURABLE_NAME: 'billing',
      NATS_EVENTS_TIMEOUT: '0.5',
    };

    expect(natsSettingsFromEnvironment(env)).toEqual({
      queue: 'workers',
      address: 'cyverse.>',
      requestTimeout: 5_000,
      filter: 'events.>',
      ackWait: 10_000,
      consumer: 'billing',
      publishTimeout: 500,
    });
    expect(natsSettingsFromEnvironment({})).toEqual({});
  });

  it('takes 10 minutes for a reply at most', () => {
    expect(natsSettingsFromEnvironment({ NATS_REQUEST_TIMEOUT: '600' })).toEqual({ requestTimeout: 600_000 });
    expect(() => natsSettingsFromEnvironment({ NATS_REQUEST_TIMEOUT: '601' })).toThrow(/NATS_REQUEST_TIMEOUT.*600 s/);
  });

  it.for(['NATS_REQUEST_TIMEOUT', 'NATS_JS_ACK_WAIT', 'NATS_EVENTS_TIMEOUT'])('refuses -1 for %s', (variable) => {
    expect(() => natsSettingsFromEnvironment({ [variable]: '-1' })).toThrow(variable);
  });
});

function errorOf(run: () => unknown): Error {
  try {
    run();
  } catch (error) {
    return error as Error;
  }
  throw new Error('It did not throw');
}
