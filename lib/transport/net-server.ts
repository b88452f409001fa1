import * as net from 'node:net'
import type { Duplex } from 'node:stream'
import type { EmitterEvents, EventArguments, EventName, Listener } from '../stream/typed.ts'

/** Events of a net.Server. */
export interface NetServerEvents extends EmitterEvents {
  /** It is closed, and so are its connections. */
  close: []
  /** A connection has come: a net.Socket, or another Duplex of bytes that was handed in. */
  connection: [bytes: Duplex]
  /** It has as many connections as it may, and has closed this one. */
  drop: [from?: net.DropArgument]
  /** It cannot listen, or has failed. */
  error: [error: NodeJS.ErrnoException]
  /** It listens. */
  listening: []
}

/** A net.Server with these events and no others. */
export interface NetServerOf<Events> extends net.Server {
  addListener<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  on<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  once<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  off<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  removeListener<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  prependListener<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  prependOnceListener<Name extends EventName<Events>>(event: Name, listener: Listener<Events, Name>): this
  emit(event: never, ...args: never[]): boolean
  emit<Name extends EventName<Events>>(event: Name, ...args: EventArguments<Events, Name>): boolean
  removeAllListeners(event?: EventName<Events>): this
  // biome-ignore lint/suspicious/noExplicitAny: as in Node's own declarations
  listenerCount(event: EventName<Events>, listener?: (...args: any[]) => void): number
  listeners(event: EventName<Events>): ReturnType<net.Server['listeners']>
  rawListeners(event: EventName<Events>): ReturnType<net.Server['listeners']>
}

/** The constructor of a base class: `Own` are the events that a class adds. */
export interface NetServerClass {
  new <Own = unknown>(options?: net.ServerOpts): NetServerOf<NetServerEvents & Own>
}

export const TypedNetServer: NetServerClass = net.Server as unknown as NetServerClass
