export { UNDECODABLE, type UndecodableOptions, undecodable } from '../../core/undecodable.ts';
