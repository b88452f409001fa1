import type { Readable } from 'node:stream'
import { Duplex, Readable as ReadableBase, Transform } from 'readable-stream'
import type { DuplexClass, ReadableClass, TransformClass } from './typed.ts'

/**
 * A Writable with the fast path: `takeNow` takes an item synchronously, as `write` would; or returns false, and the item has to be
 * written. It never throws for an item: an error destroys the stream, as in a write. See taking.ts.
 */
export interface Taker {
  takeNow(item: unknown): boolean
}

/** The same stream as a Taker, if it is one. */
export const asTaker = (to: object): Taker | undefined => ('takeNow' in to ? (to as Taker) : undefined)

/**
 * The readable half of the fast path. A buffered item costs two turns of the streams' machinery, which is more than most of what is
 * done to a message. So `push` calls `takeNow` of the Taker that the stream is piped into, if nothing is buffered and nobody else
 * listens to `'data'`; else it buffers, as every Readable does, and backpressure is that of the pipe.
 *
 *     push ─┬→ takeNow of the destination        nothing is buffered, and the pipe is the only consumer
 *           └→ buffer → 'data' → pipe → write    otherwise
 */
// biome-ignore lint/suspicious/noExplicitAny: a mixin's constructor is any
function direct<Base extends new (...args: any[]) => Readable>(base: Base): Base {
  return class extends base {
    // names, and neither private nor symbols: many classes share these, and V8 caches only named properties across classes
    _taker: Taker | undefined
    _isOwed = false
    _isAlone = false
    _from: Readable | undefined

    override pipe<To extends NodeJS.WritableStream>(to: To, options?: { end?: boolean }): To {
      handTo(this, asTaker(to))
      if ('_from' in to) to._from = this
      return super.pipe(to as never, options) as unknown as To
    }

    override unpipe(from?: NodeJS.WritableStream): this {
      handTo(this, undefined)
      return super.unpipe(from as never)
    }

    override read(size?: number): unknown {
      const item = super.read(size)
      if (this._isOwed && this.readableLength === 0 && !this.destroyed) {
        this._isOwed = false
        this._read(this.readableHighWaterMark)
      }
      return item
    }

    override push(item: unknown, encoding?: BufferEncoding): boolean {
      return (item !== null && clearTakerOf(this)?.takeNow(item)) || super.push(item, encoding)
    }
  }
}

export const DirectReadable: ReadableClass = direct(ReadableBase) as unknown as ReadableClass
export const DirectDuplex: DuplexClass = direct(Duplex) as unknown as DuplexClass
export const DirectTransform: TransformClass = direct(Transform) as unknown as TransformClass

/** A Writable that is told what is piped into it. */
export interface Fed {
  _from: Readable | undefined
}

/** The stream that items come from in the first place, through all Transforms that are piped one into the other. */
export function sourceOf({ _from }: Fed): Readable | undefined {
  let source = _from
  while (source instanceof Transform && (source as Direct)._from !== undefined) source = (source as Direct)._from
  return source
}

/** Another consumer may listen from now on. */
function lookAnew(this: Direct, event: string | symbol): void {
  if (event === 'data') this._isAlone = false
}

/** The Taker that a stream is piped into, if it is piped into one. */
export const takerOf = (from: Readable): Taker | undefined => (from as Direct)._taker

/** The same, if nothing is buffered before it, and the pipe is the only consumer. `takeNow` tells whether it has room. */
export function clearTakerOf(from: Readable): Taker | undefined {
  const to = takerOf(from)
  if (to === undefined || from.readableLength > 0 || from.readableFlowing !== true) return undefined
  const direct = from as Direct
  // kept, since counting listeners for each item costs as much as the call itself
  direct._isAlone ||= from.listenerCount('data') === 1
  return direct._isAlone ? to : undefined
}

/** Sets the Taker that items go to, as `pipe` does. A caller that listens to `'data'` instead of a pipe has to do the same there. */
export function handTo(from: object, to: Taker | undefined): void {
  if (!('_taker' in from)) return
  const direct = from as Direct
  direct._taker = to
  direct._isAlone = false
  // again each time: an application may have removed all listeners
  direct.off('newListener', lookAnew)
  if (to !== undefined) direct.on('newListener', lookAnew)
}

/**
 * Whether a `_read` is deferred until the buffer is empty; it is called again then. An item that is pushed after a buffered one must be
 * buffered too, so a stream that fills its buffer at every `_read` would never return to the fast path.
 */
export function isTooEarly(from: Readable): boolean {
  const isIt = takerOf(from) !== undefined && from.readableLength > 0 && from.readableFlowing === true
  if (isIt) (from as Direct)._isOwed = true
  return isIt
}

type Direct = Readable & {
  _taker?: Taker | undefined
  _isOwed?: boolean
  _isAlone?: boolean
  _from?: Readable | undefined
}
