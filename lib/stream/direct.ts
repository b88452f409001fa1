import type { Readable } from 'node:stream'
import { Duplex, Readable as ReadableBase, Transform } from 'readable-stream'
import type { DuplexClass, ReadableClass, TransformClass } from './typed.ts'

/**
 * A Writable that can take an item within the call, where nothing waits in it, as `write` would and at less cost: false where
 * something does, and then it is to be written. It never throws for what is wrong with an item: that destroys it, as in a write.
 */
export interface Taker {
  takeNow(item: unknown): boolean
  /** As `takeNow` for one object after the other, checked and called for once; how many of them it has taken. */
  takeRunNow?(items: readonly unknown[]): number
}

/** As many objects are handed over at once, at most: that is what may wait beyond a mark. */
const LONGEST_RUN = 64

/** What items go to, as a Taker, if it is one. */
export const asTaker = (to: object): Taker | undefined => ('takeNow' in to ? (to as Taker) : undefined)

/**
 * A turn of the machinery of streams costs more than most that is done to a message. So a direct Readable that is piped into a
 * Taker hands over in person what it pushes, while nothing waits between the two and nobody else reads along; else all is as ever.
 */
// biome-ignore lint/suspicious/noExplicitAny: a mixin's constructor is any
function direct<Base extends new (...args: any[]) => Readable>(base: Base): Base {
  return class extends base {
    // by names, and neither private nor symbols: many classes have them, and only a named one is found at once by whoever meets them all
    _taker: Taker | undefined
    _run: unknown[] | undefined
    _isHandingOver = false
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
      const gathered = this._run
      if (gathered === undefined)
        return (item !== null && clearTakerOf(this)?.takeNow(item)) || super.push(item, encoding)
      if (item === null && !this._isHandingOver) {
        handOver(this)
        return this.push(null)
      }
      if (gathered.push(item) < LONGEST_RUN) return true
      const isWanted = handOver(this)
      gather(this)
      return isWanted
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

/** Where what is written to it comes from in the first place, through all the transforms that are piped one into the other. */
export function sourceOf({ _from }: Fed): Readable | undefined {
  let source = _from
  while (source instanceof Transform && (source as Direct)._from !== undefined) source = (source as Direct)._from
  return source
}

/** Somebody else may read along from now on. */
function lookAnew(this: Direct, event: string | symbol): void {
  if (event === 'data') this._isAlone = false
}

/** The Taker it is piped into, if it is piped into one. */
export const takerOf = (from: Readable): Taker | undefined => (from as Direct)._taker

/** The same, while nothing waits on the way there, and the pipe is all that reads. It may have no room itself. */
export function clearTakerOf(from: Readable): Taker | undefined {
  const to = takerOf(from)
  if (to === undefined || from.readableLength > 0 || from.readableFlowing !== true) return undefined
  const direct = from as Direct
  // kept, since counting listeners for each item costs as much as handing it over
  direct._isAlone ||= from.listenerCount('data') === 1
  return direct._isAlone ? to : undefined
}

/** Says what takes what it gives, as a pipe does; beside a pipe, its listener to 'data' must do the same. */
export function handTo(from: object, to: Taker | undefined): void {
  if (!('_taker' in from)) return
  const direct = from as Direct
  direct._taker = to
  direct._isAlone = false
  // anew each time: an application may have removed all listeners
  direct.off('newListener', lookAnew)
  if (to !== undefined) direct.on('newListener', lookAnew)
}

/**
 * Whether a `_read` had better wait until the buffer is empty, and is then called again: for what is pushed behind something that waits
 * has to wait too, and nothing would ever be handed over in person again.
 */
export function isTooEarly(from: Readable): boolean {
  const isIt = takerOf(from) !== undefined && from.readableLength > 0 && from.readableFlowing === true
  if (isIt) (from as Direct)._isOwed = true
  return isIt
}

/** From now on what it pushes is gathered to be handed over in runs, where it can be. Who is told true has to hand over. */
export function gather(from: Readable): boolean {
  const direct = from as Direct
  if (direct._run !== undefined || !from.readableObjectMode || clearTakerOf(from)?.takeRunNow === undefined)
    return false
  direct._run = []
  return true
}

/** Hands over what was gathered, as far as it is taken now. Whether more is wanted, as a push tells. */
export function handOver(from: Readable): boolean {
  const direct = from as Direct
  if (direct._run === undefined || direct._isHandingOver) return true
  const items = direct._run
  // what is pushed meanwhile comes behind
  direct._run = []
  direct._isHandingOver = true
  const taken = items.length < 2 ? 0 : (clearTakerOf(from)?.takeRunNow?.(items) ?? 0)
  const left = taken === items.length ? direct._run : [...items.slice(taken), ...direct._run]
  direct._run = undefined
  direct._isHandingOver = false
  let isWanted = true
  for (const item of left) isWanted = from.push(item)
  return isWanted
}

/** Whether an item can be had as it is: where bytes are carried `write` or `push` makes a Buffer of it first, or refuses it. */
export const isReady = (item: unknown, isObjectMode: boolean): boolean =>
  isObjectMode || (item instanceof Buffer && item.length > 0)

type Direct = Readable & {
  _taker?: Taker | undefined
  _run?: unknown[] | undefined
  _isHandingOver?: boolean
  _isOwed?: boolean
  _isAlone?: boolean
  _from?: Readable | undefined
}
