export type { Answer, AnswerCounts, AnswersEnd, EndReason } from './answer.ts';
export { allOf, anyOf } from './combined-until.ts';
export { type RequestManyOptions, requestMany } from './request-many.ts';
export { count, deadline, predicate, quorum, sentinel, stall } from './terminators.ts';
export type { Until } from './until.ts';
