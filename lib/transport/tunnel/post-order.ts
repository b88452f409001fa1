/** How many numbers early a post may arrive, and how many may wait in total, repeated ones included. */
const AHEAD = 4
const HELD = 8

/**
 * Orders the posts of one tunnel session, which may arrive on several connections, by their sequence numbers: 0 is the
 * first after `open`. It knows nothing of the contents of a post.
 */
export class PostOrder<Post> {
  #next = 0
  #held: { sequence: number; post: Post }[] = []

  /**
   * Adds a post. `'held'` if it waits for its turn, which may be now; `'again'` if its number is that of the last one
   * processed; `'off'` if it is too far out of sequence.
   */
  place(sequence: number, post: Post): 'held' | 'again' | 'off' {
    if (sequence === this.#next - 1) return 'again'
    if (sequence < this.#next || sequence > this.#next + AHEAD || this.#held.length === HELD) return 'off'
    this.#held.push({ sequence, post })
    return 'held'
  }

  /** Removes and returns the next post in order; undefined if it has not arrived. */
  due(): Post | undefined {
    const at = this.#held.findIndex(({ sequence }) => sequence === this.#next)
    return at < 0 ? undefined : this.#held.splice(at, 1)[0]!.post
  }

  /** The current post is processed. Returns the posts that repeat it. */
  done(): Post[] {
    const done = this.#next++
    return this.#leave(({ sequence }) => sequence === done)
  }

  /** Removes a post, if it is held: its connection has closed. */
  drop(post: Post): void {
    this.#leave(held => held.post === post)
  }

  /** Removes all posts. */
  clear(): Post[] {
    return this.#leave(() => true)
  }

  #leave(goes: (held: { sequence: number; post: Post }) => boolean): Post[] {
    const going = this.#held.filter(goes)
    this.#held = this.#held.filter(held => !going.includes(held))
    return going.map(({ post }) => post)
  }
}
