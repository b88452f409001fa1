import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { isMetadata, isSequenceHeader, MediaState, stateAt } from './media-state.ts'
import { RandomAccess } from './random-access.ts'
import { type TrackName, trackOf } from './track.ts'

/** The selected tracks. */
export type TrackSelection = { readonly [Name in TrackName]?: boolean }

/**
 * Passes only the selected tracks, by default all. A track that is selected again starts with the state that it missed,
 * at the timestamp of what follows: video at a keyframe after its sequence headers (see RandomAccess), audio at its
 * next frame, metadata before the next media. Messages other than audio, video and data pass, and so do aggregates (type 22), unchanged and
 * whatever they contain.
 */
export class TrackFilter extends Stage<Message, Message> {
  readonly #wanted = { audio: true, video: true, data: true }
  readonly #access = new RandomAccess(true)
  /** The state of each track that has missed messages, since then. */
  readonly #missed = new Map<TrackName, MediaState>()

  /** @throws TypeError for a selection that is not a boolean. */
  constructor(tracks: TrackSelection = {}) {
    super({ layer: 'trackFilter' })
    this.select(tracks)
  }

  /**
   * Changes the selection, from the next message on. Tracks that are not named stay as they are.
   * @throws TypeError for a selection that is not a boolean.
   */
  select({ audio = this.#wanted.audio, video = this.#wanted.video, data = this.#wanted.data }: TrackSelection): void {
    for (const [name, wanted] of Object.entries({ audio, video, data })) {
      if (typeof wanted !== 'boolean') throw new TypeError(`${name} must be true or false, not ${wanted}`)
    }
    Object.assign(this.#wanted, { audio, video, data })
  }

  protected override turn(message: Message): boolean | void {
    const name = trackOf(message)
    if (name === undefined) return this.push(message)
    this.#access.note(message)
    if (this.#misses(name, message)) return this.#miss(name, message)
    if (!this.#access.passes(message)) return
    const metadata = this.#wanted.data ? this.#take('data') : []
    const { timestamp } = message
    // metadata that arrives now replaces what was missed
    if (!isMetadata(message)) for (const state of metadata) this.push(stateAt(state, timestamp))
    for (const state of this.#take(name)) this.push(stateAt(state, timestamp))
    return this.push(message)
  }

  /** Whether its track misses the message: it is not selected, or was not, and does not restart here. */
  #misses(name: TrackName, message: Message): boolean {
    if (!this.#wanted[name]) {
      if (name === 'video') this.#access.close()
      return true
    }
    return this.#missed.has(name) && (isSequenceHeader(message) || !this.#access.passes(message))
  }

  #miss(name: TrackName, message: Message): void {
    const state = this.#missed.get(name) ?? new MediaState()
    state.note(message)
    this.#missed.set(name, state)
  }

  /** Removes and returns the state that the track has missed. */
  #take(name: TrackName): Message[] {
    const state = this.#missed.get(name)?.messages() ?? []
    this.#missed.delete(name)
    return state
  }
}

/**
 * A TrackFilter: Messages of the selected tracks.
 * @throws TypeError for a selection that is not a boolean.
 *
 * @example
 * ```ts
 * pipeline(live.subscribe(), trackFilter({ video: false }), flvFile('sound.flv'), report)
 * ```
 */
export const trackFilter = (tracks?: TrackSelection): TrackFilter => new TrackFilter(tracks)
