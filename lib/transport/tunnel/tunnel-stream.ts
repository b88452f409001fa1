import { ByteQueue } from '../../bytes/byte-queue.ts'
import { type Clock, Countdown, systemClock } from '../../clock.ts'
import { RtmpError } from '../../errors.ts'
import { type Limits, limitsWith } from '../../limits.ts'
import { sides } from '../../stream/sides.ts'
import { TypedDuplex } from '../../stream/typed.ts'

/** Options of both ends of a tunnel. */
export interface TunnelOptions {
  /** The limits that differ from the defaults: see Limits. Those whose names begin with `tunnel` are heeded. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

/**
 * What both ends of a tunnel are: a Duplex of bytes that travel in the bodies of HTTP posts and of the replies to them. What is
 * written waits until a body takes it; then the write's callback comes. When nothing has come for `limits.tunnelIdleMs`, and not
 * because we did not read, it is destroyed with `ERR_RTMP_TUNNEL_IDLE`.
 */
export abstract class TunnelStream extends TypedDuplex<Buffer, Buffer> {
  protected readonly limits: Limits
  protected readonly clock: Clock
  readonly #waiting = new ByteQueue()
  /** The callback of what waits. */
  #written: ((error?: Error | null) => void) | undefined
  #isFull = false
  #isOver = false
  /** What becomes of what is written when it is over. */
  #lost: Error | undefined
  /** Begins anew with every sign of life. */
  readonly #idle: Countdown

  constructor({ limits, clock = systemClock }: TunnelOptions = {}) {
    super(sides({ from: 'bytes', to: 'bytes' }))
    this.limits = limitsWith(limits)
    this.clock = clock
    const expired = () => this.destroy(new RtmpError('ERR_RTMP_TUNNEL_IDLE'))
    this.#idle = new Countdown(clock, this.limits.tunnelIdleMs, { expired, isExcused: () => this.#isFull })
    this.#idle.begin()
  }

  /** Whether the reader wants no more for now; `emptied` tells when it does. */
  protected get isFull(): boolean {
    return this.#isFull
  }

  /** Whether the peer has left. */
  protected get isOver(): boolean {
    return this.#isOver
  }

  /** Something was written, and waits to be drawn. */
  protected filled(): void {}

  /** The reader, which was full, wants more. */
  protected emptied(): void {}

  /** The peer has given a sign of life. */
  protected heard(): void {
    if (this.#idle.isRunning) this.#idle.begin()
  }

  /** Hands what came to the reader; false if it is full now. */
  protected deliver(bytes: Buffer): boolean {
    this.heard()
    this.#isFull = !this.push(bytes)
    return !this.#isFull
  }

  /**
   * The peer has left. What came may still be read, however long it takes. What is written finds nobody: that is no error, unless
   * it is said to be one.
   */
  protected over(lost?: Error): void {
    this.#idle.stop()
    this.#isOver = true
    this.#lost = lost
    this.#waiting.rest()
    this.push(null)
    this.#taken(lost)
  }

  /** Takes what waits, at most so many bytes. A writer that has waited for this may write more within it, which is taken too. */
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
