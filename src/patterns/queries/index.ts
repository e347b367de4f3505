export type { Answer, AnswerCounts, AnswersEnd, EndReason } from './answer.ts';
export type { DescribeError, Reply, RequestHandler, Served } from './answer-request.ts';
export { type BufferRepliesOptions, bufferReplies } from './buffer-replies.ts';
export { allOf, anyOf } from './combined-until.ts';
export { type RequestManyOptions, requestMany } from './request-many.ts';
export { type RequestHandlers, type ServeOptions, serve } from './serve.ts';
export { count, deadline, predicate, quorum, sentinel, stall } from './terminators.ts';
export type { Until } from './until.ts';
