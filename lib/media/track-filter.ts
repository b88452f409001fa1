import type { Message } from '../message/message.ts'
import { Stage } from '../stream/stage.ts'
import { isMetadata, isSequenceHeader, MediaState, stateAt } from './media-state.ts'
import { RandomAccess } from './random-access.ts'
import { type TrackName, trackOf } from './track.ts'

/** Which tracks are wanted. */
export type TrackSelection = { readonly [Name in TrackName]?: boolean }

/**
 * Lets only the tracks through that are wanted: all of them unless told. A track that is let in again begins with the state
 * that it was sent meanwhile, at the timestamp of what follows: video at a keyframe behind its sequence headers, audio at its
 * next frame, metadata ahead of the next media. Messages that are neither audio, video nor data pass, and so do aggregates
 * (type 22) as they are, whatever they hold.
 */
export class TrackFilter extends Stage<Message, Message> {
  readonly #wanted = { audio: true, video: true, data: true }
  readonly #access = new RandomAccess(true)
  /** The state of each track that has lost something, since it did. */
  readonly #missed = new Map<TrackName, MediaState>()

  /** @throws TypeError for a choice that is no boolean. */
  constructor(tracks: TrackSelection = {}) {
    super({ layer: 'trackFilter' })
    this.select(tracks)
  }

  /**
   * Chooses anew, from the next message on that it takes. Tracks that are not named stay as they are.
   * @throws TypeError for a choice that is no boolean.
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
    if (!this.#begins(name, message)) return this.#miss(name, message)
    const metadata = this.#wanted.data ? this.#take('data') : []
    const { timestamp } = message
    // metadata that comes now takes the place of what was missed
    if (!isMetadata(message)) for (const state of metadata) this.push(stateAt(state, timestamp))
    for (const state of this.#take(name)) this.push(stateAt(state, timestamp))
    return this.push(message)
  }

  /** Whether the message goes through: its track is wanted, and goes on or begins again here. */
  #begins(name: TrackName, message: Message): boolean {
    if (!this.#wanted[name]) {
      if (name === 'video') this.#access.close()
      return false
    }
    return !this.#missed.has(name) || (!isSequenceHeader(message) && this.#access.passes(message))
  }

  #miss(name: TrackName, message: Message): void {
    const state = this.#missed.get(name) ?? new MediaState()
    state.note(message)
    this.#missed.set(name, state)
  }

  /** The state that the track has missed, once. */
  #take(name: TrackName): Message[] {
    const state = this.#missed.get(name)?.messages() ?? []
    this.#missed.delete(name)
    return state
  }
}

/**
 * A TrackFilter: Messages of the tracks that are wanted.
 * @throws TypeError for a choice that is no boolean.
 */
export const trackFilter = (tracks?: TrackSelection): TrackFilter => new TrackFilter(tracks)
