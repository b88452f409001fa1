import { Duplex, Readable, Transform, type Writable } from 'readable-stream'

/**
 * A Writable that can take an item within the call, where nothing waits in it, as `write` would and at less cost: false where
 * something does, and then it is to be written. It never throws for what is wrong with an item: that destroys it, as in a write.
 */
export interface Taker {
  takeNow(item: unknown): boolean
}

const taker = Symbol('taker')

/** What items go to, as a Taker, if it is one. */
export const asTaker = (to: object): Taker | undefined => ('takeNow' in to ? (to as Taker) : undefined)

/**
 * A turn of the machinery of streams costs more than most that is done to a message. So a direct Readable that is piped into a
 * Taker hands over in person what it pushes, while nothing waits between the two and nobody else reads along; else all is as ever.
 */
// biome-ignore lint/suspicious/noExplicitAny: a mixin's constructor is any
function direct<Base extends new (...args: any[]) => Readable>(base: Base): Base {
  return class extends base {
    [taker]: Taker | undefined

    override pipe<To extends NodeJS.WritableStream>(to: To, options?: { end?: boolean }): To {
      this[taker] = asTaker(to)
      return super.pipe(to as never, options) as unknown as To
    }

    override unpipe(from?: NodeJS.WritableStream): this {
      this[taker] = undefined
      return super.unpipe(from as never)
    }

    override push(item: unknown, encoding?: BufferEncoding): boolean {
      return (item !== null && clearTakerOf(this)?.takeNow(item)) || super.push(item, encoding)
    }
  }
}

export const DirectReadable: typeof Readable = direct(Readable)
export const DirectDuplex: typeof Duplex = direct(Duplex)
export const DirectTransform: typeof Transform = direct(Transform)

/** The Taker it is piped into, if it is piped into one. */
export const takerOf = (from: Readable): Taker | undefined => (from as Direct)[taker]

/** The same, while nothing waits on the way there, and the pipe is all that reads. It may have no room itself. */
export function clearTakerOf(from: Readable): Taker | undefined {
  const to = takerOf(from)
  if (to === undefined || from.readableLength > 0 || from.readableFlowing !== true) return undefined
  return from.listenerCount('data') === 1 ? to : undefined
}

/** Whether a Writable can have an item as it is; of what goes into one of bytes `write` makes Buffers first, or refuses it. */
export const isReadyFor = (to: Writable, item: unknown): boolean =>
  to.writableObjectMode || (item instanceof Buffer && item.length > 0)

type Direct = Readable & { [taker]?: Taker | undefined }
