import type { IncomingMessage } from 'node:http'
import { type Clock, systemClock } from '../clock.ts'
import { asError } from '../errors.ts'
import { type Limits, limitsWith } from '../limits.ts'
import { warnOfFailure } from '../listeners.ts'
import { Decisions } from '../session/decisions.ts'
import { namedPath, type StreamPath } from '../session/stream-path.ts'
import type { FlvAnswer } from './flv-answer.ts'
import { HttpPlay, type HttpPlayKind } from './http-play.ts'

/** Options of requests for FLV over HTTP, however they are answered. */
export interface FlvRequestOptions {
  /** Called with an error of `hearPlay`. By default a process warning reports it, once per place. */
  failed?: (error: Error) => void
  /** The limits that differ from the defaults: see Limits. `decisionMs` and `stallMs` are used. */
  limits?: Partial<Limits>
  /** The clock it measures time by: the system's. */
  clock?: Clock
}

const SUFFIX = '.flv'

/** Requests for `/live/film.flv`, which the application decides on. */
export class FlvRequests {
  readonly #hearPlay: (play: HttpPlay) => unknown
  readonly #failed: (error: Error) => void
  readonly #limits: Limits
  readonly #clock: Clock

  constructor(
    hearPlay: (play: HttpPlay) => unknown,
    { failed = warnOfFailure, limits, clock = systemClock }: FlvRequestOptions
  ) {
    this.#hearPlay = hearPlay
    this.#failed = failed
    this.#limits = limitsWith(limits)
    this.#clock = clock
  }

  /** Whether the path of a request is that of an FLV file. */
  static isFor({ url = '/' }: IncomingMessage): boolean {
    return url.split('?', 1)[0]!.endsWith(SUFFIX)
  }

  /** Passes the request to the application, or refuses one whose path has malformed escapes. */
  hear(request: IncomingMessage, kind: HttpPlayKind, answer: FlvAnswer): void {
    const where = streamOf(request.url!)
    if (where === undefined) {
      answer.refuse(400, 'malformed path')
      return
    }
    const { decisionMs, stallMs } = this.#limits
    const play = new HttpPlay(where, kind, request, answer, { clock: this.#clock, stallMs })
    const asked = {
      rawListeners: () => [this.#hearPlay],
      tellFailure: this.#failed,
      failedLate: (thrown: unknown) => {
        this.#failed(asError(thrown))
        answer.sink.destroy()
      }
    }
    void new Decisions(asked, this.#clock, decisionMs).ask('play', play)
  }
}

/** The stream that a URL names; undefined if its escapes are malformed. */
function streamOf(url: string): StreamPath | undefined {
  const [bare, ...queries] = url.split('?')
  const path = unescaped(bare!.slice(1, -SUFFIX.length))
  if (path === undefined) return undefined
  const slash = path.lastIndexOf('/')
  const app = { app: path.slice(0, Math.max(slash, 0)), query: new URLSearchParams(), rawQuery: '' }
  return namedPath(app, [path.slice(slash + 1).replaceAll('?', ''), ...queries].join('?'))
}

/** The path without its escapes; undefined if these are malformed. */
function unescaped(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    return undefined
  }
}
