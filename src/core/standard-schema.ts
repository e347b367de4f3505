import type { SchemaIssue } from './errors.ts';

/**
 * A schema of any library that implements Standard Schema, version 1 (Zod, Valibot, ArkType and others).
 *
 * Only what millrace uses of the interface; a schema may be an object or a function.
 *
 * @see https://standardschema.dev
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  readonly '~standard': StandardSchemaProps<Input, Output>;
}

/** What a schema carries under `~standard`. */
export interface StandardSchemaProps<Input = unknown, Output = Input> {
  readonly version: 1;
  /** The library that made the schema. */
  readonly vendor: string;
  /** Exists for the compiler alone. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  /** Answers at once or with a promise; it should not throw. */
  readonly validate: (value: unknown) => StandardSchemaResult<Output> | Promise<StandardSchemaResult<Output>>;
}

/** A schema's answer: the value, which it may have transformed, or its complaints. */
export type StandardSchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** The type that a schema takes. */
export type InferInput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['input'];

/** The type that a schema yields. */
export type InferOutput<S extends StandardSchemaV1> = NonNullable<S['~standard']['types']>['output'];
