/// <reference types="node" preserve="true" />
import { EventEmitter } from 'node:events'
import type {
  Duplex,
  DuplexOptions,
  Readable,
  ReadableOptions,
  TransformOptions,
  Writable,
  WritableOptions
} from 'node:stream'
import { Duplex as DuplexBase, Writable as WritableBase } from 'readable-stream'

/**
 * Types for Node's streams and emitters: what a stream carries, and which events an emitter has. At run time these are the classes
 * of Node and readable-stream, unchanged.
 *
 * A class declares its events in an interface of labelled tuples, `publish: [publish: Publish]`, and passes it to its base class:
 * `class LiveStream extends TypedEmitter<LiveStreamEvents>`, `class Tap<Item> extends Stage<Item, Item, TapEvents>`.
 *
 * `pipeline` and `finished` take a NodeJS.ReadableStream, which Node declares as a stream of strings and Buffers. A stream of
 * Messages is assignable to it by overloads with a parameter of type `never`. Nobody can call those.
 */

// biome-ignore lint/suspicious/noExplicitAny: as in Node's own declarations
type Anything = any

/** The names of events. */
export type EventName<Events> = keyof Events & (string | symbol)

/** The arguments of an event. */
export type EventArguments<Events, Name extends keyof Events> = Events[Name] extends Anything[] ? Events[Name] : never

/**
 * A listener to an event. Where the event has no arguments it may be the `resolve` of a promise. When the compiler compares these
 * methods with Node's own it puts `any` for the name, which takes both branches of the first condition.
 */
export type Listener<Events, Name extends keyof Events> = Name extends never
  ? (...args: Anything[]) => void
  : Events[Name] extends []
    ? (nothing?: undefined) => void
    : (...args: EventArguments<Events, Name>) => void

type Listeners = ReturnType<EventEmitter['listeners']>

/** Events of every emitter. */
export interface EmitterEvents {
  /** A listener is about to be added. */
  newListener: [event: string | symbol, listener: (...args: Anything[]) => void]
  /** A listener was removed. */
  removeListener: [event: string | symbol, listener: (...args: Anything[]) => void]
  /** As `'error'`, but it is no listener to that: an error that nobody else listens to is still thrown. */
  [EventEmitter.errorMonitor]: [error: NodeJS.ErrnoException]
}

/** Events of every stream. */
export interface StreamEvents extends EmitterEvents {
  /** It is over, and so are its resources. */
  close: []
  /** It has failed. */
  error: [error: NodeJS.ErrnoException]
}

/** Events of a Readable. */
export interface ReadableEvents<Out> extends StreamEvents {
  /** It gives an item; a listener makes it flow. */
  data: [item: Out]
  /** All has been read. */
  end: []
  /** It has been paused. */
  pause: []
  /** There is something to read, or the end. */
  readable: []
  /** It flows again. */
  resume: []
}

/** Events of a Writable. */
export interface WritableEvents extends StreamEvents {
  /** It has room again, after a `write` that returned false. */
  drain: []
  /** All that was written has been taken, behind `end()`. */
  finish: []
  /** A Readable is piped into it. */
  pipe: [from: Readable]
  /** A Readable is piped into it no more. */
  unpipe: [from: Readable]
}

/** Events of a Duplex. */
export interface DuplexEvents<Out> extends ReadableEvents<Out>, WritableEvents {}

/**
 * An EventEmitter with these events and no others. The interfaces of streams below repeat its methods, for an interface cannot
 * take `on` from one base and all else from another. Node declares that `events.once` gives `any[]`; the events give it a type:
 * `const [publish] = (await once(session, 'publish')) as ServerSessionEvents['publish']`.
 */
export interface EmitterOf<Events> extends EventEmitter {
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
  listenerCount(event: EventName<Events>, listener?: (...args: Anything[]) => void): number
  listeners(event: EventName<Events>): Listeners
  rawListeners(event: EventName<Events>): Listeners
}

/** What a stream of these items may be piped into. */
export interface Takes<Item> {
  // a property and not a method: parameters of methods are compared in both directions
  write: (item: Item) => boolean
}

/** Any Duplex, also one of Node's, that takes and gives such items: layers and proxies are laid over one. */
export type DuplexLike<In, Out> = Duplex & Takes<In> & AsyncIterable<Out>

/** What may be written for an item. Node makes Buffers of strings and of other bytes. */
export type Written<In> = In extends Buffer ? Uint8Array | string : In

type Done = (error: Error | null | undefined) => void
type EndOption = { end?: boolean | undefined }
type SignalOption = { signal?: AbortSignal | undefined }
type OperatorOptions = SignalOption & { concurrency?: number | undefined }

/** A promise that is assignable to any other, and adds nothing to the type that `await` gives of an intersection with it. */
interface Fits {
  then(done?: never, failed?: never): Promise<never>
  catch(failed?: never): Promise<never>
  finally(done?: never): Promise<never>
  readonly [Symbol.toStringTag]: string
}

/** The iterator that `for await` reads a stream by. */
export interface Items<Out> extends NodeJS.AsyncIterator<Out, undefined, Anything> {
  next(): Fits & Promise<IteratorResult<Out, undefined>>
  return(value?: undefined): Fits & Promise<IteratorResult<Out, undefined>>
  throw(error?: unknown): Fits & Promise<IteratorResult<Out, undefined>>
  [Symbol.asyncIterator](): this
}

/** A Readable of these items: `ReadableOf<Message>`. */
export interface ReadableOf<Out, Events = ReadableEvents<Out>> extends Readable {
  read(size: never): Anything
  read(size?: number): Out | null
  push(item: Out | null, encoding?: BufferEncoding): boolean
  pipe(to: never, ...rest: never[]): Anything
  pipe<To extends NodeJS.WritableStream & Takes<Out>>(to: To, options?: EndOption): To
  /** What `for await` reads it by. */
  [Symbol.asyncIterator](): Items<Out>
  iterator(options?: { destroyOnReturn?: boolean }): Items<Out>
  toArray(options?: SignalOption): Promise<Out[]>
  map<Made>(
    turn: (item: Out, options?: SignalOption) => Made | Promise<Made>,
    options?: OperatorOptions
  ): ReadableOf<Made>
  flatMap<Made>(
    turn: (item: Out, options?: SignalOption) => Iterable<Made> | AsyncIterable<Made> | Promise<Iterable<Made>>,
    options?: OperatorOptions
  ): ReadableOf<Made>
  filter<Kept extends Out>(
    keep: (item: Out, options?: SignalOption) => item is Kept,
    options?: OperatorOptions
  ): ReadableOf<Kept>
  filter(
    keep: (item: Out, options?: SignalOption) => boolean | Promise<boolean>,
    options?: OperatorOptions
  ): ReadableOf<Out>
  take(limit: number, options?: SignalOption): ReadableOf<Out>
  drop(limit: number, options?: SignalOption): ReadableOf<Out>
  find<Found extends Out>(
    wanted: (item: Out, options?: SignalOption) => item is Found,
    options?: OperatorOptions
  ): Promise<Found | undefined>
  find(
    wanted: (item: Out, options?: SignalOption) => boolean | Promise<boolean>,
    options?: OperatorOptions
  ): Promise<Out | undefined>
  some(
    wanted: (item: Out, options?: SignalOption) => boolean | Promise<boolean>,
    options?: OperatorOptions
  ): Promise<boolean>
  every(
    wanted: (item: Out, options?: SignalOption) => boolean | Promise<boolean>,
    options?: OperatorOptions
  ): Promise<boolean>
  forEach(see: (item: Out, options?: SignalOption) => void | Promise<void>, options?: OperatorOptions): Promise<void>
  _destroy(error: Error | null, done: (error: Error | null) => void): void

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
  listenerCount(event: EventName<Events>, listener?: (...args: Anything[]) => void): number
  listeners(event: EventName<Events>): Listeners
  rawListeners(event: EventName<Events>): Listeners
}

/** A Writable of these items: `WritableOf<Message>`. */
export interface WritableOf<In, Events = WritableEvents> extends Writable {
  write(item: never, ...rest: never[]): Anything
  write(item: Written<In>, encoding: BufferEncoding, done?: Done): boolean
  write(item: Written<In>, done?: Done): boolean
  end(item: never, ...rest: never[]): Anything
  end(item: Written<In>, encoding: BufferEncoding, done?: () => void): this
  end(item: Written<In>, done?: () => void): this
  end(done?: () => void): this
  _destroy(error: Error | null, done: (error: Error | null) => void): void

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
  listenerCount(event: EventName<Events>, listener?: (...args: Anything[]) => void): number
  listeners(event: EventName<Events>): Listeners
  rawListeners(event: EventName<Events>): Listeners
}

/** A Duplex that takes and gives such items: `DuplexOf<Chunk, Message>`. */
export interface DuplexOf<In, Out, Events = DuplexEvents<Out>> extends ReadableOf<Out, Events>, WritableOf<In, Events> {
  /** Whether its writable half stays open when its readable half has ended. */
  allowHalfOpen: boolean
  pipe(to: never, ...rest: never[]): Anything
  pipe<To extends NodeJS.WritableStream & Takes<Out>>(to: To, options?: EndOption): To
}

/** As DuplexOf, with what a Transform implements. */
export interface TransformOf<In, Out, Events = DuplexEvents<Out>> extends DuplexOf<In, Out, Events> {
  _transform(item: In, encoding: BufferEncoding, done: (error?: Error | null, made?: Out) => void): void
  _flush(done: (error?: Error | null, made?: Out) => void): void
}

/** The type of what a stream takes. */
export type InOf<Stream> = Stream extends { write(item: infer In, ...rest: Anything[]): Anything } ? In : never

/** The type of what a stream gives. */
export type OutOf<Stream> = Stream extends AsyncIterable<infer Out> ? Out : never

/** The constructors of base classes: `Own` are the events that a class adds. */
export interface EmitterClass {
  new <Own = unknown>(): EmitterOf<EmitterEvents & Own>
}
export interface ReadableClass {
  new <Out, Own = unknown>(options?: ReadableOptions): ReadableOf<Out, ReadableEvents<Out> & Own>
}
export interface WritableClass {
  new <In, Own = unknown>(options?: WritableOptions): WritableOf<In, WritableEvents & Own>
}
export interface DuplexClass {
  new <In, Out, Own = unknown>(options?: DuplexOptions): DuplexOf<In, Out, DuplexEvents<Out> & Own>
}
export interface TransformClass {
  new <In, Out, Own = unknown>(options?: TransformOptions): TransformOf<In, Out, DuplexEvents<Out> & Own>
}

export const TypedEmitter: EmitterClass = EventEmitter as unknown as EmitterClass
export const TypedWritable: WritableClass = WritableBase as unknown as WritableClass
export const TypedDuplex: DuplexClass = DuplexBase as unknown as DuplexClass
