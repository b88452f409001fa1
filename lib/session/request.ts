import { type Refused, RtmpError } from '../errors.ts'
import { callListeners } from '../listeners.ts'
import { type EmitterOf, type EventArguments, type EventName, TypedEmitter } from '../stream/typed.ts'

/**
 * A request of a peer that the application decides on: a connect, a publish or a play. Until the decision nothing is
 * answered and nothing more is read from the peer. Its states are, in this order: open; accepted, then granted (the
 * answer is sent); or refused.
 *
 * An acceptance is answered after the handler's turn, so an error thrown synchronously after `accept()` still refuses
 * the request: `pipeline(publish.accept(), live.input(), report)`, when the stream is already published.
 *
 * @example
 * ```ts
 * function deny(request: Request): void {
 *   if (request instanceof Publish || request instanceof Play) request.reject('NetStream.Failed', 'not today')
 * }
 * ```
 */
export abstract class Request<Own = unknown> extends TypedEmitter<Own> {
  /** Settles when the request is decided, either way. */
  readonly decided: Promise<void>
  /** Hears what a listener of this request throws or rejects with: set by its session. @internal */
  failed!: (thrown: unknown) => void
  #aborts: AbortController | undefined
  #isAbandoned = false
  #isOver = false
  #state: 'open' | 'accepted' | 'granted' | 'refused' = 'open'
  #settle!: () => void
  #refusal: Refused | undefined

  constructor() {
    super()
    this.decided = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** Aborted when the peer disconnects before the decision. Pass it to asynchronous look-ups. */
  get signal(): AbortSignal {
    this.#aborts ??= new AbortController()
    if (this.#isAbandoned) this.#aborts.abort()
    return this.#aborts.signal
  }

  /** Accepted, and the answer is sent. */
  get isGranted(): boolean {
    return this.#state === 'granted'
  }

  /** Refused, or its peer has disconnected. */
  get isRefused(): boolean {
    return this.#state === 'refused'
  }

  /** Whether the publish or play has ended, or will never begin. */
  get isOver(): boolean {
    return this.#isOver || this.isRefused
  }

  /** How it was decided. @internal */
  get outcome(): 'granted' | 'left' | Refused {
    return this.isGranted ? 'granted' : (this.#refusal ?? 'left')
  }

  /** Calls the listeners of an event of this request. */
  protected tell<Name extends EventName<Own>>(event: Name, ...args: EventArguments<Own, Name>): void {
    callListeners((this as EmitterOf<Own>).rawListeners(event), this, args, this.failed)
  }

  /** Sends the acceptance. */
  protected abstract granted(): void

  /** Sends the refusal. */
  protected abstract refused(refusal: Refused): void

  /** @throws RtmpError when the peer has disconnected, TypeError when the request is already decided. */
  protected take(): void {
    if (this.#isAbandoned) throw new RtmpError('ERR_RTMP_PREMATURE_CLOSE', 'peer disconnected')
    if (this.#state !== 'open') throw new TypeError(`request is already ${this.#state}`)
    this.#state = 'accepted'
    setImmediate(() => {
      if (this.#state !== 'accepted') return
      this.#state = 'granted'
      this.granted()
      this.#settle()
    })
  }

  /** Refuses the request unless it is answered already; false if it is too late. @internal */
  refuse(refusal: Refused): boolean {
    if (this.#state === 'granted' || this.#state === 'refused') return false
    this.#state = 'refused'
    this.#refusal = refusal
    this.refused(refusal)
    this.#settle()
    return true
  }

  /** The publish or play has ended, or the peer has disconnected. @internal */
  abandon(): void {
    this.#isOver = true
    if (this.#state === 'granted' || this.#state === 'refused') return
    this.#state = 'refused'
    this.#isAbandoned = true
    this.#aborts?.abort()
    this.#settle()
  }
}
