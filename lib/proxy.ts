import { type Duplex, finished } from 'node:stream'
import { type Clock, systemClock } from './clock.ts'
import { Refused, RtmpError } from './errors.ts'
import { type Limits, limitsWith } from './limits.ts'
import { amfCommandParser } from './message/amf-command-parser.ts'
import { amfCommandSerializer } from './message/amf-command-serializer.ts'
import {
  type Command,
  commandMessage,
  errorCommand,
  isCommand,
  isCommandType,
  onStatus,
  readCommand
} from './message/command.ts'
import type { Message } from './message/message.ts'
import { stage } from './stream/stage.ts'
import type { DuplexLike } from './stream/typed.ts'

/** Options of proxy(). */
export interface ProxyOptions {
  /** A stage of Messages on the way back, from far to near. */
  back?: DuplexLike<Message, Message>
  /** Milliseconds for far to answer near's connect: 10,000. */
  timeoutMs?: number
  /** Closes both sides when it is aborted, and informs near. */
  signal?: AbortSignal
  /** Limits that differ from the defaults: see Limits. `lingerMs` applies. */
  limits?: Partial<Limits>
  /** The clock to use; the system's by default. */
  clock?: Clock
}

const TIMEOUT_MS = 10_000

/**
 * Connects two wires at the waist: near, the connection of a client, and far, the connection to its server. Both
 * directions are forwarded; messages that are not changed leave with the bytes they arrived with. `transform` is a
 * stage of Messages and Commands on the way to far: see CommandRewriter, or `stage`.
 *
 * When one side ends, what it sent still reaches the other, which is closed at most `limits.lingerMs` later. When far
 * fails or does not answer, near receives the reason in an `_error` or an onStatus. The promise settles when both are
 * closed, with the error that closed them if there was one; it never rejects.
 */
export function proxy(
  near: DuplexLike<Message, Message>,
  far: DuplexLike<Message, Message>,
  transform?: DuplexLike<Message | Command, Message | Command>,
  options: ProxyOptions = {}
): Promise<Error | undefined> {
  return new Promise(resolve => new Joint(near, far, options, resolve).join(transform, options.back))
}

/** One direction of a proxy. */
interface Way {
  readonly from: Duplex
  readonly stages: readonly Duplex[]
  readonly to: Duplex
}

/** The two wires, and the state needed to end them in order. */
class Joint {
  readonly #near: Duplex
  readonly #far: Duplex
  readonly #limits: Limits
  readonly #clock: Clock
  readonly #timeoutMs: number
  readonly #signal: AbortSignal | undefined
  readonly #done: (reason: Error | undefined) => void
  #ways: readonly Way[] = []
  /** Near's connect, until far has answered it. */
  #connect: Command | undefined
  /** The message streams that near publishes or plays on, at most `limits.messageStreams`. */
  readonly #messageStreamIds = new Set<number>()
  #stopTimer: (() => void) | undefined
  #stopLinger: (() => void) | undefined
  #reason: Error | undefined

  constructor(near: Duplex, far: Duplex, options: ProxyOptions, done: (reason: Error | undefined) => void) {
    const { limits, clock = systemClock, timeoutMs = TIMEOUT_MS, signal } = options
    this.#near = near
    this.#far = far
    this.#limits = limitsWith(limits)
    this.#clock = clock
    this.#timeoutMs = timeoutMs
    this.#signal = signal
    this.#done = done
  }

  /** `.pipe()`, not a pipeline: a pipeline would destroy near before it receives the reason. */
  join(transform: Duplex | undefined, back: Duplex | undefined): void {
    const limits = { limits: this.#limits }
    const hearNear = stage<Message | Command, Message | Command>((item, push) => {
      if (isCommand(item)) this.#asked(item)
      else if (isCommandType(item.type)) this.#asked(readCommand(item, limits))
      push(item)
    })
    const hearFar = stage<Message, Message>((message, push) => {
      if (this.#connect !== undefined && isCommandType(message.type)) this.#answered(readCommand(message, limits))
      push(message)
    })
    // without a transform no Commands are needed
    const there = transform ? [amfCommandParser(limits), hearNear(), transform, amfCommandSerializer()] : [hearNear()]
    this.#ways = [
      { from: this.#near, stages: there, to: this.#far },
      { from: this.#far, stages: [hearFar(), ...(back ? [back] : [])], to: this.#near }
    ]
    for (const { from, stages, to } of this.#ways) {
      for (const each of stages) each.once('error', failure => this.#over(failure))
      ;[from, ...stages, to].reduce((last, next) => last.pipe(next))
      from.once('end', () => this.#over())
      finished(from, failure => {
        this.#over(failure ?? undefined, from)
        if (to.closed) this.#close()
      })
    }
    this.#signal?.addEventListener('abort', this.#abort, { once: true })
    if (this.#signal?.aborted) this.#abort()
  }

  readonly #abort = (): void => this.#over(this.#signal?.reason)

  #asked({ name, messageStreamId, ...rest }: Command): void {
    const isRoom = this.#messageStreamIds.size < this.#limits.messageStreams
    if ((name === 'publish' || name === 'play') && isRoom) this.#messageStreamIds.add(messageStreamId)
    if (name !== 'connect') return
    this.#stopTimer?.()
    this.#connect = { name, messageStreamId, ...rest }
    const late = () => this.#over(new RtmpError('ERR_RTMP_ANSWER_TIMEOUT', `connect, ${this.#timeoutMs} ms`))
    this.#stopTimer = this.#clock.after(this.#timeoutMs, late)
  }

  #answered({ name, transactionId }: Command): void {
    if (transactionId !== this.#connect?.transactionId || (name !== '_result' && name !== '_error')) return
    this.#connect = undefined
    this.#stopTimer?.()
  }

  /** A side or a stage between them has ended or failed: ends the rest in time. */
  #over(reason?: NodeJS.ErrnoException, failed?: Duplex): void {
    const isFirst = this.#stopLinger === undefined
    this.#stopTimer?.()
    this.#stopLinger ??= this.#clock.after(this.#limits.lingerMs, () => {
      this.#near.destroy()
      this.#far.destroy()
    })
    if (reason === undefined || this.#reason !== undefined) return
    // a side that closes after its peer disconnected, or is destroyed above, has not failed
    if (!isFirst && reason.code === 'ERR_STREAM_PREMATURE_CLOSE') return
    this.#reason = reason
    for (const way of this.#ways) if (way.to !== failed) this.#leave(way, failed, reason)
  }

  /**
   * Ends the destination of a direction: after what was in transit, if the other side has failed; otherwise after the
   * reason.
   */
  #leave({ from, stages, to }: Way, failed: Duplex | undefined, reason: Error): void {
    if (from === failed && to === this.#far) {
      stages[0]!.end()
    } else {
      stages.at(-1)!.unpipe(to)
      if (to === this.#near) this.#tell(reason)
      to.end()
    }
    // its remaining output has no receiver, and must not delay its end
    to.unpipe()
    to.resume()
  }

  #tell(reason: Error): void {
    if (!this.#near.writable) return
    const { status, description } = reason instanceof Refused ? reason : closed(reason)
    const say = (item: Command) => this.#near.write(commandMessage(item))
    if (this.#connect !== undefined)
      say(errorCommand(this.#connect, null, { level: 'error', code: status, description }))
    else for (const id of [0, ...this.#messageStreamIds]) say(onStatus(id, status, description, 'error'))
  }

  #close(): void {
    this.#stopLinger?.()
    this.#signal?.removeEventListener('abort', this.#abort)
    for (const { stages } of this.#ways) for (const each of stages) each.destroy()
    this.#done(this.#reason)
  }
}

const closed = (reason: Error) => ({ status: 'NetConnection.Connect.Closed', description: reason.message })
