import type { DuplexOptions, Writable as NodeWritable, TransformOptions, WritableOptions } from 'node:stream'
import { Writable } from 'readable-stream'
import { asError } from '../errors.ts'
import { DirectDuplex, DirectTransform } from './direct.ts'
import type { DuplexEvents, DuplexOf, TransformOf, WritableEvents, WritableOf } from './typed.ts'

type Done = (error?: Error | null) => void

/**
 * The writable half of the fast path. `takeNow(item)` does what `write(item)` does, synchronously, if no item is buffered and none is
 * being processed; else it returns false, and the item has to be written. This is the only place that decides which.
 *
 *     pipe, fast path    takeNow ──────────────┐
 *     pipe, buffered     write → _write ───────┴→ _take → true
 *                                                      → false … _taken, once it has been processed
 *     end()              _final (after the writes) → _takeEnd, in the same way
 *
 * One item is processed at a time. A write, or the end, that comes meanwhile is held until then. An error destroys the stream, on
 * either way, and nothing more is taken.
 */
export interface Taking<Item> {
  /** As `write`, synchronously; false if the item has to be written. It never throws for an item: an error destroys the stream. */
  takeNow(item: Item): boolean
  /** Whether an item is being processed. */
  readonly _isBusy: boolean
  /** Whether `takeNow` would take an item. */
  readonly _isClear: boolean
  /** Whether the next item may be processed, which is true unless overridden. When that changes, `_release` is to be called. */
  readonly _hasRoom: boolean
  /** Processes an item, and returns true; or returns false, and calls `_taken` later. May throw. */
  _take(item: Item): boolean
  /** As `_take`, for the end: all items have been processed. */
  _takeEnd(): boolean
  /** The item that was being processed is done with, or has failed. */
  _taken(error?: Error): void
  /** Calls `_taken` once a promise has settled; returns false, for `_take` to return. */
  _takenWhen(promise: PromiseLike<unknown>): false
  /** Processes the write that is held, if there is one and there is room. */
  _release(): void
  /** Forgets the write that is being processed or held, as `_destroy` does, and returns its callback. */
  _drop(): Done | undefined
}

/** Stands for the end among items. */
const END = Symbol('end')

/** Names the methods that a stream calls for a write and for its end: those of a Transform differ. */
// biome-ignore lint/suspicious/noExplicitAny: a mixin's constructor is any
function taking<Base extends new (...args: any[]) => NodeWritable>(base: Base, write: string, end: string) {
  return class extends base {
    // names, and neither private nor symbols: many classes share these, and V8 caches only named properties across classes
    _isBusy = false
    readonly _isObjectMode = this.writableObjectMode
    /** The callback of the write that is being processed; an item that was taken by `takeNow` has none. */
    _done: Done | undefined
    /** The write that is held. */
    _held: unknown
    _heldDone: Done | undefined

    get _hasRoom(): boolean {
      return true
    }

    get _isClear(): boolean {
      return !this._isBusy && this.writableLength === 0 && this._hasRoom && this.writable
    }

    takeNow(item: unknown): boolean {
      if (!this._isClear || !isReady(item, this._isObjectMode)) return false
      this._isBusy = true
      try {
        if (!this._take(item)) return true
      } catch (thrown) {
        this._taken(asError(thrown))
        return true
      }
      this._isBusy = false
      if (this._heldDone !== undefined) this._release()
      return true
    }

    [write](item: unknown, _encoding: string, done: Done): void {
      this._put(item, done)
    }

    [end](done: Done): void {
      this._put(END, done)
    }

    _put(item: unknown, done: Done): void {
      if (this._isBusy || !this._hasRoom) {
        this._held = item
        this._heldDone = done
        return
      }
      this._isBusy = true
      this._done = done
      try {
        if (!(item === END ? this._takeEnd() : this._take(item))) return
      } catch (thrown) {
        this._taken(asError(thrown))
        return
      }
      this._taken()
    }

    _take(_item: unknown): boolean {
      throw new TypeError('_take has to be implemented')
    }

    _takeEnd(): boolean {
      return true
    }

    _taken(error?: Error): void {
      const done = this._done
      this._done = undefined
      this._isBusy = error !== undefined
      if (done !== undefined) done(error)
      // as late as a write that fails destroys its stream: what is in the buffer may still be read
      else if (error !== undefined) process.nextTick(() => this.destroy(error))
      if (this._heldDone !== undefined) this._release()
    }

    _takenWhen(promise: PromiseLike<unknown>): false {
      promise.then(
        () => this._taken(),
        error => this._taken(asError(error))
      )
      return false
    }

    _release(): void {
      const done = this._heldDone
      if (done === undefined || this._isBusy) return
      const item = this._held
      this._held = undefined
      this._heldDone = undefined
      this._put(item, done)
    }

    _drop(): Done | undefined {
      const done = this._done ?? this._heldDone
      this._done = undefined
      this._held = undefined
      this._heldDone = undefined
      return done
    }

    override _destroy(error: Error | null, done: (error: Error | null) => void): void {
      this._drop()
      super._destroy(error, done as never)
    }
  }
}

/** The classes to extend; `Own` are the events of one's own. */
export interface TakingWritableClass {
  new <In, Own = unknown>(options?: WritableOptions): WritableOf<In, WritableEvents & Own> & Taking<In>
}
export interface TakingDuplexClass {
  new <In, Out, Own = unknown>(options?: DuplexOptions): DuplexOf<In, Out, DuplexEvents<Out> & Own> & Taking<In>
}
export interface TakingTransformClass {
  new <In, Out, Own = unknown>(options?: TransformOptions): TransformOf<In, Out, DuplexEvents<Out> & Own> & Taking<In>
}

export const TakingWritable: TakingWritableClass = taking(Writable as never, '_write', '_final') as never
export const TakingDuplex: TakingDuplexClass = taking(DirectDuplex as never, '_write', '_final') as never
export const TakingTransform: TakingTransformClass = taking(DirectTransform as never, '_transform', '_flush') as never

/** Whether `write` would pass an item on as it is: null is an error; where bytes are carried, all but a Buffer is converted or refused. */
export const isReady = (item: unknown, isObjectMode: boolean): boolean =>
  isObjectMode ? item !== null : item instanceof Buffer && item.length > 0
