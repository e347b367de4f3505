export * from './core/index.ts';
export * from './operators/index.ts';
export * from './patterns/index.ts';
