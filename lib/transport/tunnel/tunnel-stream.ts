import { ByteQueue } from '../../bytes/byte-queue.ts'
import { type Clock, Countdown, systemClock } from '../../clock.ts'
import { RtmpError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import { sides } from '../../stream/sides.ts'
import { TypedDuplex } from '../../stream/typed.ts'

/** Options of both ends of a tunnel. */
export interface TunnelOptions {
  /** Limits that differ from the defaults: see Limits. Those whose names begin with `tunnel` apply. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
}

/**
 * The part that both ends of a tunnel share: a Duplex of bytes carried in the bodies of HTTP posts and of their
 * replies. Written data waits until a body carries it; then the write's callback is called. If nothing arrives for
 * `limits.tunnelIdleMs` although it is read, it is destroyed with `ERR_RTMP_TUNNEL_IDLE`.
 */
export abstract class TunnelStream extends TypedDuplex<Buffer, Buffer> {
  protected readonly limits: Limits
  protected readonly clock: Clock
  readonly #waiting = new ByteQueue()
  /** The callback of the waiting write. */
  #written: ((error?: Error | null) => void) | undefined
  #isFull = false
  #isOver = false
  /** How writes end after the tunnel has ended. */
  #lost: Error | undefined
  /** Restarts with every sign of life. */
  readonly #idle: Countdown

  constructor({ limits, clock = systemClock }: TunnelOptions = {}) {
    super(sides({ from: 'bytes', to: 'bytes' }))
    this.limits = limitsWith(limits)
    this.clock = clock
    const expired = () => this.destroy(new RtmpError('ERR_RTMP_TUNNEL_IDLE'))
    this.#idle = new Countdown(clock, this.limits.tunnelIdleMs, { expired, isExcused: () => this.#isFull })
    this.#idle.begin()
  }

  /** Whether the reader is full; `emptied` is called when it no longer is. */
  protected get isFull(): boolean {
    return this.#isFull
  }

  /** Whether the peer has ended. */
  protected get isOver(): boolean {
    return this.#isOver
  }

  /** Data was written and waits to be sent. */
  protected filled(): void {}

  /** The reader is no longer full. */
  protected emptied(): void {}

  /** The peer has given a sign of life. */
  protected heard(): void {
    if (this.#idle.isRunning) this.#idle.begin()
  }

  /** Passes received data to the reader; false if it is full now. */
  protected deliver(bytes: Buffer): boolean {
    this.heard()
    this.#isFull = !this.push(bytes)
    return !this.#isFull
  }

  /**
   * The peer has ended. Received data can still be read, however long it takes. Writes are discarded: that is not an
   * error, unless one is given.
   */
  protected over(lost?: Error): void {
    this.#idle.stop()
    this.#isOver = true
    this.#lost = lost
    this.#waiting.rest()
    this.push(null)
    this.#taken(lost)
  }

  /** Removes at most this many waiting bytes. The writer may write more in its callback, which is included. */
  protected draw(most: number): Buffer {
    const pieces: Buffer[] = []
    for (let left = most; left > 0 && this.#waiting.length > 0; left -= pieces.at(-1)!.length) {
      pieces.push(this.#waiting.take(Math.min(left, this.#waiting.length))!)
      if (this.#waiting.length === 0) this.#taken()
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    if (this.#isOver) {
      setImmediate(done, this.#lost)
      return
    }
    for (const { chunk } of chunks) this.#waiting.push(chunk)
    this.#written = done
    if (this.#waiting.length === 0) this.#taken()
    else this.filled()
  }

  override _read(): void {
    if (!this.#isFull) return
    this.#isFull = false
    this.heard()
    this.emptied()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#idle.stop()
    this.#waiting.rest()
    done(error)
    this.#taken(error ?? new RtmpError('ERR_RTMP_PREMATURE_CLOSE'))
  }

  #taken(error?: Error): void {
    const written = this.#written
    this.#written = undefined
    written?.(error)
  }
}
