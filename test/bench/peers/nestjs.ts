import 'reflect-metadata';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  type MicroserviceOptions,
  type NatsOptions,
  Transport,
} from '@nestjs/microservices';
import type { Event } from 'millrace';
import type { Order } from '../workload/orders.ts';

/** Has `handler` called with what is published, and returns what publishes. */
export type CoreLink = (
  url: string,
  handler: (event: Event<Order>) => void,
) => Promise<(event: Event<Order>) => unknown>;

/** NestJS' transport for NATS: a client proxy emits, and a microservice has a handler for the events. */
export function nestjs(address: string): CoreLink {
  return async (url, handler) => {
    class Orders {
      handle(event: Event<Order>): void {
        handler(event);
      }
    }
    class Shop {}
    Controller()(Orders);
    EventPattern(address)(Orders.prototype, 'handle', descriptorOf(Orders.prototype, 'handle'));
    Module({ controllers: [Orders] })(Shop);
    const connection: NatsOptions = { transport: Transport.NATS, options: { servers: [url] } };
    const service = await NestFactory.createMicroservice<MicroserviceOptions>(Shop, { ...connection, logger: false });
    await service.listen();
    const client = ClientProxyFactory.create(connection);
    await client.connect();
    return (event) => client.emit(address, event);
  };
}

function descriptorOf(target: object, name: string): PropertyDescriptor {
  const descriptor = Object.getOwnPropertyDescriptor(target, name);
  if (descriptor === undefined) throw new Error(`There is no ${name}`);
  return descriptor;
}
