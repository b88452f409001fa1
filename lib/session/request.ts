import { type Refused, RtmpError } from '../errors.ts'
import { callListeners } from '../listeners.ts'
import { type EmitterOf, type EventArguments, type EventName, TypedEmitter } from '../stream/typed.ts'

/**
 * Something a peer asks for, that an application decides on: a connect, a publish, a play. Nothing is answered, and nothing
 * more is read from the peer, before it has decided; then it is over in this order: accepted, answered, or refused.
 *
 * An acceptance is answered once the handler's turn is over, so that a throw behind `accept()` in the same breath still
 * refuses: `pipeline(publish.accept(), live.input(), report)`, where somebody publishes already.
 */
export abstract class Request<Own = unknown> extends TypedEmitter<Own> {
  /** Settles when it is decided, either way. */
  readonly decided: Promise<void>
  /** Hears what a listener of this request throws or rejects with: set by its session. */
  failed!: (thrown: unknown) => void
  #aborts: AbortController | undefined
  #isAbandoned = false
  #isOver = false
  #state: 'open' | 'accepted' | 'granted' | 'refused' = 'open'
  #settle!: () => void

  constructor() {
    super()
    this.decided = new Promise(resolve => {
      this.#settle = resolve
    })
  }

  /** Aborted when the peer leaves before it is decided: hand it to what you wait for. */
  get signal(): AbortSignal {
    this.#aborts ??= new AbortController()
    if (this.#isAbandoned) this.#aborts.abort()
    return this.#aborts.signal
  }

  /** Accepted, and the peer told so. */
  get isGranted(): boolean {
    return this.#state === 'granted'
  }

  /** Refused, or its peer gone. */
  get isRefused(): boolean {
    return this.#state === 'refused'
  }

  /** Whether what it asked for is over, or will never begin. */
  get isOver(): boolean {
    return this.#isOver || this.isRefused
  }

  /** Calls the listeners of an event of this request. */
  protected tell<Name extends EventName<Own>>(event: Name, ...args: EventArguments<Own, Name>): void {
    callListeners((this as EmitterOf<Own>).rawListeners(event), this, args, this.failed)
  }

  /** Tells the peer that it may. */
  protected abstract granted(): void

  /** Tells the peer that it may not. */
  protected abstract refused(refusal: Refused): void

  /** @throws RtmpError when the peer has gone meanwhile, TypeError when it is decided already. */
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

  /** Refuses it, if it is not answered yet; whether it was in time. */
  refuse(refusal: Refused): boolean {
    if (this.#state === 'granted' || this.#state === 'refused') return false
    this.#state = 'refused'
    this.refused(refusal)
    this.#settle()
    return true
  }

  /** What it asked for is over, or its peer gone. */
  abandon(): void {
    this.#isOver = true
    if (this.#state === 'granted' || this.#state === 'refused') return
    this.#state = 'refused'
    this.#isAbandoned = true
    this.#aborts?.abort()
    this.#settle()
  }
}
