import { processSignals, service } from 'millrace';
import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { follow, serviceRig } from './rig.ts';

describe('processSignals', () => {
  it('listens while it is subscribed, and emits the names', () => {
    const before = [process.listenerCount('SIGUSR2'), process.listenerCount('SIGHUP')];
    const names: string[] = [];

    const signals = processSignals('SIGUSR2', 'SIGHUP');
    process.emit('SIGHUP', 'SIGHUP'); // nobody listens yet
    const subscription = signals.subscribe((name) => names.push(name));
    process.emit('SIGHUP', 'SIGHUP');
    process.emit('SIGUSR2', 'SIGUSR2');
    subscription.unsubscribe();
    process.emit('SIGHUP', 'SIGHUP');

    expect(names).toEqual(['SIGHUP', 'SIGUSR2']);
    expect([process.listenerCount('SIGUSR2'), process.listenerCount('SIGHUP')]).toEqual(before);
  });

  it('wants to know which', () => {
    expect(() => processSignals()).toThrow(TypeError);
  });

  it('is listened to by a service from its start to its end, and not before and after', async () => {
    const { time } = serviceRig();
    const count = () => process.listenerCount('SIGUSR2');
    const before = count();
    const stopOn = processSignals('SIGUSR2');
    const app = service({ pipelines: { a: () => NEVER } }, { stopOn, scheduler: time, grace: 100 });
    expect(count()).toBe(before);

    const run = follow(app);
    expect(count()).toBe(before + 1);
    process.emit('SIGUSR2', 'SIGUSR2');
    await time.advanceBy(99);
    expect(count()).toBe(before + 1);
    await time.advanceBy(1);

    expect(run.report.reason).toEqual({ kind: 'stopOn', value: 'SIGUSR2' });
    expect(count()).toBe(before);
  });
});
